#include "manager/follow.h"

#include <string.h>

#include "log/log.h"
#include "manager/events.h"
#include "manager/expiry.h"
#include "manager/leaving.h"
#include "manager/listeners.h"
#include "manager/manager.h"
#include "manager/names.h"
#include "manager/sampler.h"
#include "manager/states.h"
#include "manager/usable.h"
#include "manager/views.h"
#include "manager/vip_view.h"

enum { REPAIR_MS = 200 };

/* ---- who is told ---- */

static void tell_server(struct manager *m, enum event_kind kind,
                        const struct pool_server *server, const struct pool *p)
{
    char id[24];

    (void)pool_id_print(server->id, id);
    events_tell(m, &(struct event_note){
                       .kind = kind, .pool = p->name, .server_id = id, .server = server->url});
}

static void tell_pool(struct manager *m, enum event_kind kind, const struct pool *p)
{
    events_tell(m, &(struct event_note){.kind = kind, .pool = p->name});
}

/* ---- servers ---- */

static void look_up(struct manager *m, const struct pool_server *server, struct server_facts *f)
{
    f->lacks_name = names_add(m, server, f) < 0;
    if (!f->lacks_name)
        return;
    log_warn("server's name is not looked up yet", LOG_S("server", server->url),
             LOG_S("error", werr_text(WERR_NOMEM)));
    if (!timer_is_set(&m->follow->repair))
        loop_timer_in(m->loop, &m->follow->repair, REPAIR_MS);
}

/* Names that there was no memory for when their servers were added. */
static void on_repair(struct timer *t)
{
    struct manager *m = ((struct follow *)((char *)t - offsetof(struct follow, repair)))->m;
    struct server_facts *f = NULL;

    while ((f = facts_next(&m->facts, f)) != NULL && !timer_is_set(t)) {
        if (f->lacks_name && f->removed == NULL)
            look_up(m, pool_find_any_server(m->pool, f->id, NULL), f);
    }
}

static struct server_facts *facts_of(struct manager *m, uint64_t server_id)
{
    struct server_facts *f = facts_find(&m->facts, server_id);

    MUST(f != NULL); /* no server is without */
    return f;
}

void follow_server_new(struct manager *m, const struct pool *p,
                       const struct pool_server *server)
{
    struct server_facts *f = facts_of(m, server->id);

    f->pool_id = p->id;
    if (f->stats_slot != STATS_NO_SLOT)
        stats_server_clear(m->stats, f->stats_slot);
    sampler_forget_server(m, f->stats_slot);
    f->weight = server->weight;
    states_begin(m, f);
    look_up(m, server, f);
    checks_add(&m->checks, server, f);
    views_follow(m, p, server, f);
    states_begin(m, f); /* how it begins is no transition */
    tell_server(m, EVENT_SERVER_ADDED, server, p);
}

static void follow_admin(struct manager *m, const struct pool_server *server,
                         struct server_facts *f)
{
    const uint8_t was = f->admin;

    if (was == server->admin && f->drain_ms == server->drain_ms)
        return;
    f->admin = server->admin;
    f->drain_ms = server->drain_ms;
    if (f->admin == POOL_ADMIN_ENABLED)
        leaving_end(m, f);
    else
        leaving_begin(m, f, f->drain_ms);
    /* In maintenance it is left alone. */
    if (f->admin == POOL_ADMIN_MAINTENANCE) {
        checks_remove(&m->checks, f);
    } else if (was == POOL_ADMIN_MAINTENANCE) {
        checks_add(&m->checks, server, f);
        publish_facts(&m->publish, f);
    }
}

void follow_server(struct manager *m, const struct pool_server *server)
{
    struct server_facts *f = facts_of(m, server->id);
    struct pool *p = NULL;

    MUST(pool_find_any_server(m->pool, server->id, &p) != NULL);
    f->weight = server->weight;
    follow_admin(m, server, f);
    checks_update(&m->checks, server, f);
    views_follow(m, p, server, f);
    states_note(m, f, NULL);
}

static void server_changed(struct manager *m, const struct pool_change *change)
{
    const struct pool_server *server = pool_find_server(change->pool, change->id);

    MUST(server != NULL); /* a removal is another type of change */
    tell_server(m, EVENT_SERVER_CHANGED, server, change->pool);
    follow_server(m, server);
}

void follow_server_gone(struct manager *m, struct pool_server *removed, const struct pool *p)
{
    struct server_facts *f = facts_of(m, removed->id);

    MUST(!f->is_checked); /* since before the workers heard of it */
    tell_server(m, EVENT_SERVER_REMOVED, removed, p);
    names_remove(m, f);
    facts_drain(&m->facts, f, removed);
    leaving_begin(m, f, p->drain_ms);
    states_note(m, f, p);
}

/* One of a list as a change of its own. */
static struct pool_change item_of(const struct pool_change *change, uint32_t i)
{
    const struct pool_change_item *item = &change->list[i];

    return (struct pool_change){.type = item->type,
                                .kind = KIND_SERVER,
                                .id = item->id,
                                .pool = change->pool,
                                .removed = item->removed};
}

static void one_before(struct manager *m, const struct pool_change *change)
{
    if (change->type == POOL_CHANGE_ADDED) {
        follow_server_new(m, change->pool, pool_find_server(change->pool, change->id));
        publish_facts(&m->publish, facts_of(m, change->id));
    } else if (change->type == POOL_CHANGE_REMOVED) {
        checks_remove(&m->checks, facts_of(m, change->id));
    }
}

static void server_before(struct manager *m, const struct pool_change *change)
{
    one_before(m, change);
    for (uint32_t i = 0; i < change->list_n; i++) {
        const struct pool_change item = item_of(change, i);

        one_before(m, &item);
    }
}

/* Of a list that was a copy of the pool: in maintenance, or draining. */
static void added_as_it_stood(struct manager *m, const struct pool_server *server)
{
    MUST(server != NULL);
    if (server->admin != POOL_ADMIN_ENABLED)
        follow_server(m, server);
}

static void one_after(struct manager *m, struct pool_change *change)
{
    if (change->type == POOL_CHANGE_ADDED) {
        added_as_it_stood(m, pool_find_server(change->pool, change->id));
    } else if (change->type == POOL_CHANGE_CHANGED) {
        server_changed(m, change);
    } else if (change->type == POOL_CHANGE_REMOVED) {
        follow_server_gone(m, change->removed, change->pool);
        change->removed = NULL;
    }
}

/* After the entry went out: its publish sequence is the one to wait for. */
static void server_after(struct manager *m, struct pool_change *change)
{
    one_after(m, change);
    for (uint32_t i = 0; i < change->list_n; i++) {
        struct pool_change item = item_of(change, i);

        one_after(m, &item);
        change->list[i].removed = item.removed;
    }
    usable_note(m, change->pool->id);
}

/* ---- pools ---- */

/* Whoever looks at a log must see it. */
void follow_verify(struct manager *m, const struct pool *p)
{
    struct pool_facts *f = facts_find_pool(&m->facts, p->id);

    MUST(f != NULL); /* no pool is without */
    if (f->is_unverified == !p->tls_settings.verify)
        return;
    f->is_unverified = !p->tls_settings.verify;
    if (f->is_unverified)
        log_warn("certificates of https servers are not verified", LOG_S("pool", p->name));
    else
        log_info("certificates of https servers are verified", LOG_S("pool", p->name));
}

void follow_pool_new(struct manager *m, const struct pool *p)
{
    const uint32_t slot = stats_slot_take(m->stats, STATS_OF_POOL, p->id);

    sampler_forget_pool(m, slot);
    if (slot == STATS_NO_SLOT)
        log_warn("no counters are free for the pool", LOG_S("pool", p->name));
}

static void pool_before(struct manager *m, const struct pool_change *change)
{
    const struct pool *removed = change->removed_pool;

    if (change->type == POOL_CHANGE_ADDED)
        follow_pool_new(m, change->pool);
    for (uint32_t i = 0; removed != NULL && i < removed->server_n; i++)
        checks_remove(&m->checks, facts_of(m, removed->servers[i]->id));
}

void follow_pool_gone(struct manager *m, const struct pool *removed)
{
    struct pool_facts *f = facts_find_pool(&m->facts, removed->id);

    MUST(f != NULL); /* no pool is without */
    stats_slot_give(m->stats, STATS_OF_POOL, removed->id);
    facts_drop_pool(&m->facts, f);
    tell_pool(m, EVENT_POOL_REMOVED, removed);
}

static void pool_gone(struct manager *m, struct pool *removed)
{
    for (uint32_t i = 0; i < removed->server_n; i++)
        follow_server_gone(m, removed->servers[i], removed);
    removed->server_n = 0; /* the facts have them */
    follow_pool_gone(m, removed);
}

static void update_checks(struct manager *m, const struct pool *p)
{
    for (uint32_t i = 0; i < p->server_n; i++) {
        struct server_facts *f = facts_of(m, p->servers[i]->id);

        checks_update(&m->checks, p->servers[i], f);
        views_follow(m, p, p->servers[i], f);
    }
}

static void pool_after(struct manager *m, struct pool_change *change)
{
    if (change->type == POOL_CHANGE_REMOVED) {
        pool_gone(m, change->removed_pool);
        return;
    }
    tell_pool(m, change->type == POOL_CHANGE_ADDED ? EVENT_POOL_ADDED : EVENT_POOL_CHANGED,
              change->pool);
    follow_verify(m, change->pool);
    update_checks(m, change->pool);
    usable_note(m, change->id);
}

/* ---- listeners and rules ---- */

void follow_listener_new(struct manager *m, const struct listener *l)
{
    if (stats_slot_take(m->stats, STATS_OF_LISTENER, l->id) == STATS_NO_SLOT)
        log_warn("no counters are free for the listener", LOG_S("listener", l->name));
}

void follow_listener_gone(struct manager *m, uint64_t id)
{
    stats_slot_give(m->stats, STATS_OF_LISTENER, id);
}

static void listener_before(struct manager *m, const struct pool_change *change)
{
    if (change->type == POOL_CHANGE_ADDED)
        follow_listener_new(m, change->listener);
}

static void listener_after(struct manager *m, struct pool_change *change)
{
    static const enum event_kind told[] = {[POOL_CHANGE_ADDED] = EVENT_LISTENER_ADDED,
                                           [POOL_CHANGE_CHANGED] = EVENT_LISTENER_CHANGED,
                                           [POOL_CHANGE_REMOVED] = EVENT_LISTENER_REMOVED};
    const struct listener *l =
        change->listener != NULL ? change->listener : change->removed_listener;

    events_tell(m, &(struct event_note){.kind = told[change->type], .listener = l->name});
    if (change->type == POOL_CHANGE_REMOVED)
        follow_listener_gone(m, change->id);
    listeners_follow(m, l->name, change->listener);
}

static void rule_after(struct manager *m, struct pool_change *change)
{
    static const enum event_kind told[] = {[POOL_CHANGE_ADDED] = EVENT_RULE_ADDED,
                                           [POOL_CHANGE_CHANGED] = EVENT_RULE_CHANGED,
                                           [POOL_CHANGE_REMOVED] = EVENT_RULE_REMOVED};
    char id[24];

    (void)kind_id_print(KIND_RULE, change->id, id);
    events_tell(m, &(struct event_note){.kind = told[change->type],
                                        .listener = change->listener->name,
                                        .rule = id});
}

/* Listeners whose lists have lost one that was removed. */
static void tell_losers(struct manager *m, const struct pool_change *change)
{
    for (uint32_t i = 0; i < change->list_n; i++) {
        const struct listener *l = listener_find_id(m->pool, change->list[i].id);

        if (l != NULL)
            events_tell(
                m, &(struct event_note){.kind = EVENT_LISTENER_CHANGED, .listener = l->name});
    }
}

/* Of pools that show this certificate. */
static void update_checks_with(struct manager *m, const char *certificate)
{
    for (uint32_t i = 0; i < m->pool->pool_n; i++) {
        const struct pool *p = m->pool->pools[i];

        if (p->tls.certificate != NULL && strcmp(p->tls.certificate, certificate) == 0)
            update_checks(m, p);
    }
}

static void certificate_after(struct manager *m, struct pool_change *change)
{
    static const enum event_kind kinds[] = {
        [POOL_CHANGE_ADDED] = EVENT_CERTIFICATE_ADDED,
        [POOL_CHANGE_CHANGED] = EVENT_CERTIFICATE_CHANGED,
        [POOL_CHANGE_REMOVED] = EVENT_CERTIFICATE_REMOVED,
    };
    const struct certificate *c =
        change->type == POOL_CHANGE_REMOVED ? change->removed_certificate : change->certificate;

    MUST(change->type <= POOL_CHANGE_REMOVED && c != NULL);
    events_tell(m, &(struct event_note){.kind = kinds[change->type], .certificate = c->name});
    tell_losers(m, change);
    update_checks_with(m, c->name);
    if (m->expiry != NULL && change->type != POOL_CHANGE_REMOVED)
        expiry_note(m->expiry, c);
}

/* ---- VIPs ---- */

static void vip_after(struct manager *m, struct pool_change *change)
{
    static const enum event_kind kinds[] = {
        [POOL_CHANGE_ADDED] = EVENT_VIP_ADDED,
        [POOL_CHANGE_CHANGED] = EVENT_VIP_CHANGED,
        [POOL_CHANGE_REMOVED] = EVENT_VIP_REMOVED,
    };
    const struct vip *vip =
        change->type == POOL_CHANGE_REMOVED ? change->removed_vip : change->vip;

    MUST(change->type <= POOL_CHANGE_REMOVED && vip != NULL);
    events_tell(m, &(struct event_note){.kind = kinds[change->type], .address = vip->address});
    vip_view_described(m);
}

/* ---- all ---- */

static const struct {
    void (*before)(struct manager *m, const struct pool_change *change);
    void (*after)(struct manager *m, struct pool_change *change);
} kinds[KIND_N] = {
    [KIND_POOL] = {pool_before, pool_after},
    [KIND_SERVER] = {server_before, server_after},
    [KIND_LISTENER] = {listener_before, listener_after},
    [KIND_RULE] = {NULL, rule_after},
    [KIND_CERTIFICATE] = {NULL, certificate_after},
    [KIND_VIP] = {NULL, vip_after},
};

/* Checks and workers know whom to believe before they hear of servers that need it. */
void follow_authorities(struct manager *m, bool is_needed)
{
    struct ca_bundle *b = &m->authorities;

    if (!is_needed || b->is_published)
        return;
    ca_bundle_look(b);
    if (b->pem == NULL)
        return;
    b->is_published = true;
    publish_authorities(&m->publish, ca_bundle_pem(b));
}

/* A server that was there before was looked at before. */
static bool needs_authorities(const struct pool_change *change)
{
    const struct pool *p = change->pool;

    if (change->type == POOL_CHANGE_NONE || p == NULL)
        return false;
    if (pool_change_is(change, KIND_SERVER, POOL_CHANGE_ADDED))
        return pool_find_server(p, change->id)->is_tls && ca_bundle_is_needed(p);
    return (change->kind == KIND_POOL || change->type == POOL_CHANGE_LIST) &&
           ca_bundle_is_needed(p);
}

void follow(struct manager *m, struct pool_change *change, struct span entry)
{
    const bool is_change = change->type != POOL_CHANGE_NONE;

    MUST(!is_change || (change->kind < KIND_N && kinds[change->kind].after != NULL));
    if (!m->authorities.is_published)
        follow_authorities(m, needs_authorities(change));
    if (is_change && kinds[change->kind].before != NULL)
        kinds[change->kind].before(m, change);
    publish_entry(&m->publish, m->pool, entry);
    if (is_change)
        kinds[change->kind].after(m, change);
}

void follow_init(struct follow *f, struct manager *m)
{
    *f = (struct follow){.m = m};
    timer_init(&f->repair, on_repair);
    m->follow = f;
}

void follow_fini(struct follow *f)
{
    timer_stop(loop_timers(f->m->loop), &f->repair);
}
