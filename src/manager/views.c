#include "manager/views.h"

#include <string.h>

#include "log/log.h"
#include "manager/events.h"
#include "manager/manager.h"
#include "manager/members.h"
#include "manager/states.h"
#include "manager/usable.h"

enum {
    SOON_MS = 20, /* changes that come together go together */
    LOOK_MS = 1,
    SENDINGS_MISSED = 3
};
#define NOBODY UINT64_MAX

static bool is_alone(const struct manager *m)
{
    return m->cluster == NULL || m->cluster->ops->members(m->cluster, NULL, 0) <= 1;
}

/* ---- when to send ---- */

static void plan(struct views *v, uint64_t in_ms)
{
    v->due_ms = loop_now_ms(v->m->loop) + in_ms;
    loop_timer_in(v->m->loop, &v->send, in_ms);
}

static void send_soon(struct views *v)
{
    const uint64_t now_ms = loop_now_ms(v->m->loop), earliest_ms = v->sent_ms + VIEWS_MORE_MS;
    const uint64_t at_ms = earliest_ms > now_ms + SOON_MS ? earliest_ms : now_ms + SOON_MS;

    if (at_ms < v->due_ms)
        plan(v, at_ms - now_ms);
}

static void send_all(struct views *v)
{
    v->round_left = v->m->pool->server_n + v->m->facts.draining_n;
    send_soon(v);
}

/* Of more than there is room for all are sent: they are among them. */
static void send_changed(struct views *v, const struct server_facts *f)
{
    MUST(v->changed_n <= VIEWS_CHANGED_MAX);
    if (v->changed_n == VIEWS_CHANGED_MAX) {
        send_all(v);
        return;
    }
    v->changed[v->changed_n++] = f->id;
    send_soon(v);
}

/* ---- what this node sees ---- */

static enum health_view look_own(const struct server_facts *f)
{
    if (!f->is_checked || f->removed != NULL)
        return HEALTH_UNKNOWN;
    if (facts_has_no_addr(f))
        return f->name_error[0] != '\0' ? HEALTH_DOWN : HEALTH_UNKNOWN;
    if (f->is_untried || f->is_recalled)
        return HEALTH_UNKNOWN;
    return f->is_own_up ? HEALTH_UP : HEALTH_DOWN;
}

static void note_own(struct views *v, struct server_facts *f)
{
    const enum health_view view = look_own(f);

    if (view == (enum health_view)f->own_view)
        return;
    f->own_view = (uint8_t)view;
    f->own_since_us = loop_wall_us(v->m->loop);
    send_changed(v, f);
}

/* ---- the verdict ---- */

/* A server without an address gets no requests, whatever others see. */
static enum facts_verdict find_verdict(const struct views *v, struct server_facts *f)
{
    if (!f->is_agreed_on || !f->is_checked || facts_has_no_addr(f))
        return FACTS_OWN;
    const struct health_votes votes =
        health_votes_count(&f->views, &v->nodes, (enum health_view)f->own_view);
    const enum health_view most = health_votes_majority(votes);
    f->votes_n = (uint8_t)(most == HEALTH_UP ? votes.up : votes.down);
    f->voter_n = (uint8_t)(votes.up + votes.down);
    if (most == HEALTH_UNKNOWN || most == (enum health_view)f->own_view)
        return FACTS_OWN;
    return most == HEALTH_UP ? FACTS_AGREED_UP : FACTS_AGREED_DOWN;
}

static void tell(struct manager *m, const struct server_facts *f)
{
    const struct pool_server *server = pool_find_any_server(m->pool, f->id, NULL);
    const struct pool *p = pool_find_id(m->pool, f->pool_id);
    char id[24], reason[STATES_REASON_MAX];

    (void)pool_id_print(f->id, id);
    events_tell(
        m, &(struct event_note){
               .kind = f->is_overruled ? EVENT_SERVER_OVERRULED : EVENT_SERVER_OVERRULED_ENDED,
               .pool = p != NULL ? p->name : NULL,
               .server_id = id,
               .server = server != NULL ? server->url : NULL,
               .to = server_state_word(f->is_up ? SERVER_ACTIVE : SERVER_DOWN),
               .reason = states_reason(m, f, reason, sizeof(reason)),
           });
}

/* A node that has seen nothing yet follows the others without a word. */
static void note_overruled(struct manager *m, struct server_facts *f)
{
    const bool is_overruled = f->verdict != FACTS_OWN && f->own_view != HEALTH_UNKNOWN;

    if (f->is_overruled == is_overruled)
        return;
    f->is_overruled = is_overruled;
    tell(m, f);
}

bool views_judge(struct manager *m, struct server_facts *f)
{
    MUST(f->removed == NULL); /* nobody looks at it any more */
    note_own(m->views, f);
    const enum facts_verdict verdict = find_verdict(m->views, f);
    const bool has_changed = verdict != (enum facts_verdict)f->verdict;
    if (has_changed)
        facts_set_verdict(f, verdict);
    note_overruled(m, f);
    return has_changed;
}

bool views_refresh(struct manager *m, struct server_facts *f)
{
    if (!views_judge(m, f))
        return false;
    publish_facts(&m->publish, f);
    states_note(m, f, NULL);
    return true;
}

void views_follow(struct manager *m, const struct pool *p, const struct pool_server *server,
                  struct server_facts *f)
{
    struct pool_health h;

    pool_health_effective(p, server, &h);
    f->is_agreed_on = h.agree == POOL_AGREE_MAJORITY && h.type != POOL_HEALTH_NONE;
    if (f->own_since_us == 0)
        f->own_since_us = loop_wall_us(m->loop);
    (void)views_refresh(m, f);
}

/* Of many servers: usable_note looks at all of a pool, so that is done once, behind them. */
static bool refresh_one(struct manager *m, struct server_facts *f)
{
    struct pool_facts *p = facts_find_pool(&m->facts, f->pool_id);

    MUST(p != NULL); /* no pool is without */
    if (!views_refresh(m, f))
        return false;
    p->is_unnoted = true;
    return true;
}

static void note_pools(struct manager *m)
{
    for (uint32_t i = 0; i < m->pool->pool_n; i++) {
        struct pool_facts *p = facts_find_pool(&m->facts, m->pool->pools[i]->id);

        MUST(p != NULL);
        if (!p->is_unnoted)
            continue;
        p->is_unnoted = false;
        usable_note(m, p->id);
    }
}

static void on_look(struct timer *t)
{
    struct views *v = (struct views *)((char *)t - offsetof(struct views, look));
    struct server_facts *f = facts_find(&v->m->facts, v->look_id);
    unsigned verdict_n = 0;

    log_gather(true);
    for (unsigned i = 0; i < VIEWS_LOOK_N && verdict_n < VIEWS_VERDICTS_N; i++) {
        f = facts_next(&v->m->facts, f);
        if (f == NULL)
            break;
        if (f->removed == NULL)
            verdict_n += refresh_one(v->m, f);
    }
    note_pools(v->m);
    log_gather(false);
    if (f == NULL)
        return;
    v->look_id = f->id;
    loop_timer_in(v->m->loop, t, LOOK_MS);
}

/* Somebody counts no more, or has said nothing yet of what counts, or there is too much to do
 * in a turn. Those that were judged are passed over quickly. */
static void look_at_all(struct views *v)
{
    v->look_id = NOBODY;
    loop_timer_in(v->m->loop, &v->look, LOOK_MS);
}

/* ---- out ---- */

static void add(struct views *v, const struct server_facts *f)
{
    if (f->removed == NULL)
        views_message_add(&v->out, &(struct views_message_item){.id = f->id,
                                                                .since_us = f->own_since_us,
                                                                .view = f->own_view});
}

static void add_changed(struct views *v)
{
    while (v->changed_n > 0 && !views_message_is_full(&v->out)) {
        const struct server_facts *f = facts_find(&v->m->facts, v->changed[--v->changed_n]);

        if (f != NULL)
            add(v, f);
    }
}

/* At most max of those that come next; behind the last one comes the first with the next
 * message. */
static void add_in_turn(struct views *v, uint32_t max)
{
    const struct server_facts *f = facts_find(&v->m->facts, v->round_id);

    for (uint32_t i = 0; i < max && !views_message_is_full(&v->out); i++) {
        f = facts_next(&v->m->facts, f);
        v->round_id = f != NULL ? f->id : NOBODY;
        if (f == NULL)
            return;
        add(v, f);
        if (v->round_left > 0)
            v->round_left--;
    }
}

static void send_message(struct views *v)
{
    struct cluster *c = v->m->cluster;

    views_message_begin(&v->out, v->life, v->asks);
    add_changed(v);
    add_in_turn(v, v->round_left > 0 ? v->round_left : VIEWS_QUIET_N);
    v->asks = false;
    v->sent_ms = loop_now_ms(v->m->loop);
    c->ops->share(c, views_message_bytes(&v->out));
}

static void forget_silent(struct views *v)
{
    struct cluster_status s = {0};

    if (v->m->cluster != NULL)
        v->m->cluster->ops->status(v->m->cluster, &s);
    const uint64_t limit_ms = (uint64_t)SENDINGS_MISSED * VIEWS_SEND_MS + s.election_ms;
    if (health_nodes_age(&v->nodes, loop_now_ms(v->m->loop), limit_ms))
        look_at_all(v);
}

static void on_send(struct timer *t)
{
    struct views *v = (struct views *)((char *)t - offsetof(struct views, send));

    forget_silent(v);
    if (is_alone(v->m))
        v->changed_n = v->round_left = 0;
    else
        send_message(v);
    plan(v, v->changed_n > 0 || v->round_left > 0 ? VIEWS_MORE_MS : VIEWS_SEND_MS);
}

/* ---- in ---- */

/* True: that differs from what it has said before. A server that is not known here yet will
 * come round again. */
static bool take_one(struct views *v, unsigned node, const struct views_message_item *item,
                     struct server_facts *f)
{
    return f != NULL && f->removed == NULL &&
           health_views_set(&f->views, &v->nodes, node, (enum health_view)item->view,
                            item->since_us) > 0;
}

static void take(struct views *v, unsigned node, struct views_message *message)
{
    struct views_message_item item;
    unsigned verdict_n = 0;

    while (views_message_next(message, &item)) {
        struct server_facts *f = facts_find(&v->m->facts, item.id);

        if (!take_one(v, node, &item, f))
            continue;
        if (verdict_n < VIEWS_VERDICTS_N)
            verdict_n += refresh_one(v->m, f);
        else
            look_at_all(v);
    }
    note_pools(v->m);
}

void views_on_shared(void *arg, uint64_t from, struct span bytes)
{
    struct views *v = ((struct manager *)arg)->views;
    struct views_message message;
    bool begins;

    if (views_message_read(bytes, &message) < 0) {
        log_debug("what a member says of health can't be read", LOG_ID("id", from));
        return;
    }
    const int node =
        health_nodes_hear(&v->nodes, from, message.life, loop_now_ms(v->m->loop), &begins);
    if (node < 0)
        return;
    if (begins)
        look_at_all(v);
    if (message.asks)
        send_all(v);
    log_gather(true);
    take(v, (unsigned)node, &message);
    log_gather(false);
}

void views_on_reach(void *arg)
{
    struct views *v = ((struct manager *)arg)->views;

    v->asks = true;
    send_all(v);
}

bool views_hears(const struct manager *m, uint64_t id)
{
    const struct health_node *list = m->views->nodes.list;

    for (unsigned i = 0; i < HEALTH_NODES_MAX; i++)
        if (list[i].id == id)
            return list[i].is_fresh;
    return false;
}

/* ---- to be shown ---- */

static const char *word(enum health_view view)
{
    if (view == HEALTH_UNKNOWN)
        return "unknown";
    return server_state_word(view == HEALTH_UP ? SERVER_ACTIVE : SERVER_DOWN);
}

static void put_in_order(struct views_shown *out, unsigned n, const struct views_shown *shown)
{
    MUST(n < VIEWS_SHOWN_MAX); /* this node, and the places of the others */
    while (n > 0 && out[n - 1].node > shown->node) {
        out[n] = out[n - 1];
        n--;
    }
    out[n] = *shown;
}

/* It stays the same, and is asked for each server that is shown. */
static uint64_t own_id(const struct manager *m)
{
    if (m->views->own_id == 0)
        m->views->own_id = members_own_id(m->cluster);
    return m->views->own_id;
}

unsigned views_show(const struct manager *m, const struct server_facts *f,
                    struct views_shown out[VIEWS_SHOWN_MAX])
{
    const struct views *v = m->views;
    const struct health_seen *s = NULL;
    unsigned n = 0;

    if (is_alone(m) || f->removed != NULL)
        return 0;
    put_in_order(out, n++,
                 &(struct views_shown){own_id(m), f->own_since_us, true,
                                       word((enum health_view)f->own_view)});
    while ((s = health_views_next(&f->views, &v->nodes, s)) != NULL)
        put_in_order(out, n++,
                     &(struct views_shown){v->nodes.list[s->node].id, s->since_us, false,
                                           word((enum health_view)s->view)});
    return n;
}

/* ---- life ---- */

void views_init(struct views *v, struct manager *m)
{
    memset(v, 0, sizeof(*v));
    v->m = m;
    v->life = rand_u64(&m->rand);
    v->round_id = v->look_id = NOBODY;
    m->views = v;
    timer_init(&v->send, on_send);
    timer_init(&v->look, on_look);
    plan(v, VIEWS_SEND_MS);
}

void views_fini(struct views *v)
{
    timer_stop(loop_timers(v->m->loop), &v->send);
    timer_stop(loop_timers(v->m->loop), &v->look);
}
