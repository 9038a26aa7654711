#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cluster/raft_int.h"
#include "log/log.h"
#include "pool/levels.h"

/* Virtual IPs: brings the questions of members to the leader's grantor and its responses back,
 * has the leader's assignments committed, and tells the owner what has changed. What may be
 * done is decided in grantor.c and holding.c, which know nothing of messages and clocks.
 *
 * Nothing of this runs within libraft's callbacks, nor in those of the owner: they note that
 * there is something to do (engine_vips_touch), and it is done when libuv's loop has run. */

static uint64_t ms(uint64_t n)
{
    return n * 1000000;
}

static enum roster_profile profile_of(const struct engine *e)
{
    return (enum roster_profile)e->member.profile;
}

/* One that joins, or has joined, knows no roster yet; one that listens is about to make one. */
bool engine_vips_is_alone(const struct engine *e)
{
    return !roster_is_made(e->roster) && !e->member.has_joined && e->gate == NULL &&
           e->options.join.family == 0;
}

bool engine_vips_is_known(const struct engine *e)
{
    return roster_level(e->roster) >= LEVEL_VIPS;
}

/* Addresses are described or assigned, or this node has some to let go. */
static bool has_any(const struct engine *e)
{
    return e->vips.wish_n > 0 || roster_vip_n(e->roster) > 0 || e->vips.holding.n > 0;
}

/* It takes part: as a member, and with what is agreed on. */
static bool takes_part(const struct engine *e)
{
    return e->raft.data != NULL && !e->is_closing && !e->is_lost && !e->ballot.is_owed &&
           roster_is_made(e->roster) && engine_vips_is_known(e) && has_any(e) &&
           !engine_contact_may_be_past(e);
}

/* libraft may know better already than the engine's role tells. */
static bool leads(const struct engine *e)
{
    const struct grantor *g = &e->vips.grantor;

    return g->term != 0 && raft_state((struct raft *)&e->raft) == RAFT_LEADER &&
           raft_current_term((struct raft *)&e->raft) == g->term && !engine_is_behind(e);
}

/* While there are none, nothing wakes this node for them. */
static void arm(struct engine *e)
{
    struct timer *tick = &e->vips.tick;

    if (!timer_is_set(tick) && has_any(e) && !engine_vips_is_alone(e) && !e->is_closing)
        loop_timer_in(e->loop.loop, tick, roster_heartbeat_ms(profile_of(e)) / 2);
}

void engine_vips_touch(struct engine *e)
{
    e->vips.is_touched = true;
    arm(e);
    engine_kick(e);
}

static void set_servers(struct engine *e)
{
    const struct raft_configuration *c = &e->raft.configuration;
    struct grantor_server servers[ROSTER_MEMBERS_MAX];
    unsigned n = 0;

    for (unsigned i = 0; i < c->n && n < ROSTER_MEMBERS_MAX; i++) {
        if (c->servers[i].role != RAFT_SPARE)
            servers[n++] =
                (struct grantor_server){c->servers[i].id, c->servers[i].role == RAFT_VOTER};
    }
    grantor_set_servers(&e->vips.grantor, servers, n);
}

/* ---- this node asks ---- */

static void ask_self(struct engine *e)
{
    struct engine_vips *v = &e->vips;

    set_servers(e);
    holding_ask(&v->holding, e->roster, raft_current_term(&e->raft), clock_boot_ns(), &v->ask);
    memcpy(v->ask.digest, e->testament.digest, sizeof(v->ask.digest));
    grantor_ask(&v->grantor, e->self.id, &v->ask, clock_boot_ns(), &v->grant);
    v->is_touched |= holding_take(&v->holding, e->roster, &v->grant, clock_boot_ns());
}

static void ask_leader(struct engine *e)
{
    struct engine_vips *v = &e->vips;
    char bytes[VIP_ASK_BYTES_MAX];

    if (e->leader_link == NULL || e->link_leader != e->leader_id ||
        !link_is_open(e->leader_link) || link_is_congested(e->leader_link))
        return;
    holding_ask(&v->holding, e->roster, raft_current_term(&e->raft), clock_boot_ns(), &v->ask);
    memcpy(v->ask.digest, e->testament.digest, sizeof(v->ask.digest));
    const size_t len = vip_ask_encode(&v->ask, bytes);
    if (link_send(e->leader_link, PEER_VIP_ASK, span_from(bytes, len)) < 0)
        log_debug("the leader can't be asked for virtual IPs");
}

static void ask(struct engine *e)
{
    struct engine_vips *v = &e->vips;

    v->must_ask = false;
    if (engine_was_removed(e))
        v->is_touched |= holding_drop_all(&v->holding);
    if (!takes_part(e))
        return;
    if (leads(e))
        ask_self(e);
    else
        ask_leader(e);
}

void engine_vips_reach(struct engine *e)
{
    holding_forget_asks(&e->vips.holding);
    e->vips.must_ask = true;
    engine_vips_touch(e);
}

int engine_vips_from_leader(struct engine *e, uint8_t type, struct span payload)
{
    struct engine_vips *v = &e->vips;

    if (type == PEER_VIP_NUDGE) {
        ask(e);
        return 0;
    }
    if (vip_grant_decode(payload, &v->grant) < 0)
        return WERR_CORRUPT;
    /* The first word of a leader: it needs the acknowledgement to grant anything. */
    v->must_ask |= v->holding.stamp_term != v->grant.term;
    if (holding_take(&v->holding, e->roster, &v->grant, clock_boot_ns()) || v->must_ask)
        engine_vips_touch(e);
    return 0;
}

/* ---- the leader ---- */

int engine_vips_from_caller(const struct caller *c, struct span payload)
{
    struct engine *e = c->engine;
    struct engine_vips *v = &e->vips;
    char bytes[VIP_GRANT_BYTES_MAX];

    if (vip_ask_decode(payload, &v->ask) < 0)
        return WERR_CORRUPT;
    if (!takes_part(e) || !leads(e))
        return 0;
    set_servers(e);
    grantor_ask(&v->grantor, c->id, &v->ask, clock_boot_ns(), &v->grant);
    memcpy(v->grant.digest, e->testament.digest, sizeof(v->grant.digest));
    const size_t len = vip_grant_encode(&v->grant, bytes);
    engine_vips_touch(e);
    return link_send(c->link, PEER_VIP_GRANT, span_from(bytes, len)) < 0 ? WERR_NOMEM : 0;
}

static void nudge(struct engine *e)
{
    const struct grantor *g = &e->vips.grantor;
    const uint64_t now = clock_boot_ns();
    const struct caller *c;

    e->vips.must_ask |= grantor_must_nudge(g, e->self.id, now);
    LIST_FOREACH (c, &e->callers, entry)
        if (link_is_open(c->link) && !link_is_congested(c->link) &&
            grantor_must_nudge(g, c->id, now) &&
            link_send(c->link, PEER_VIP_NUDGE, SPAN_NONE) < 0)
            log_debug("a member can't be nudged", LOG_ID("id", c->id));
}

struct assigning {
    struct engine *engine;
    uint64_t term;
    struct roster_vip vip;
};

static void tell_assigned(const struct roster_vip *v)
{
    char text[ADDR_TEXT_MAX];

    (void)addr_print_ip(&v->address, text);
    if (v->holder == 0)
        log_info("a virtual IP is nobody's any more", LOG_S("address", text));
    else
        log_info("a virtual IP is assigned", LOG_S("address", text),
                 LOG_ID("holder", v->holder), LOG_U("epoch", v->epoch),
                 LOG_S("cause", cluster_vip_cause_word(v->cause)));
}

static void on_assigned(void *arg, int error, uint64_t index)
{
    struct assigning *a = arg;
    struct engine *e = a->engine;

    (void)index;
    if (error == 0)
        tell_assigned(&a->vip);
    if (error < 0 && e->vips.grantor.term == a->term)
        grantor_failed(&e->vips.grantor, &a->vip.address);
    if (!e->is_closing)
        engine_vips_touch(e);
    free(a);
}

static void assign(struct engine *e, const struct roster_vip *vip)
{
    const struct roster_command c = {
        .type = ROSTER_VIP, .vip = *vip, .now_us = loop_wall_us(e->loop.loop)};
    struct assigning *a = malloc(sizeof(*a));

    if (a != NULL)
        *a = (struct assigning){e, e->vips.grantor.term, *vip};
    if (a != NULL && engine_propose_roster(e, &c, on_assigned, a) == 0)
        return;
    free(a);
    grantor_failed(&e->vips.grantor, &vip->address); /* the next tick tries again */
}

static void on_barrier(void *arg, int error, uint64_t index)
{
    struct engine *e = arg;
    struct engine_vips *v = &e->vips;

    (void)index;
    v->is_barred = false;
    if (error == 0 && v->barred_term == v->grantor.term)
        grantor_prove(&v->grantor);
    if (!e->is_closing)
        engine_vips_touch(e);
}

static void prove(struct engine *e)
{
    struct engine_vips *v = &e->vips;

    if (v->grantor.is_proven || v->is_barred)
        return;
    v->barred_term = v->grantor.term;
    v->is_barred = engine_barrier_here(e, on_barrier, e) == 0;
}

/* A new leader gives nothing away for a lease from here on: it is elected already. */
static void follow_the_lead(struct engine *e)
{
    struct grantor *g = &e->vips.grantor;
    const bool is_leader = e->role == CLUSTER_LEADER;
    const unsigned lease_ms = roster_lease_ms(profile_of(e));

    grantor_set_times(g, ms(lease_ms), ms(roster_holdoff_ms(profile_of(e)) - lease_ms));
    if (is_leader && g->term != e->term) {
        grantor_lead(g, e->term, clock_boot_ns());
        engine_testament_lead(e);
    } else if (!is_leader && g->term != 0) {
        grantor_stop(g);
        engine_vips_end_moves(e, WERR_OUTCOME_UNKNOWN);
    }
}

static void step(struct engine *e)
{
    struct roster_vip out[ROSTER_VIPS_MAX];

    if (!takes_part(e) || !leads(e))
        return;
    prove(e);
    set_servers(e);
    const unsigned n = grantor_step(&e->vips.grantor, clock_boot_ns(), out);
    for (unsigned i = 0; i < n; i++)
        assign(e, &out[i]);
    nudge(e);
    engine_vips_look_at_moves(e);
}

/* ---- what is told ---- */

static bool differ(const struct cluster_vip *a, const struct cluster_vip *b, uint64_t now)
{
    return !addr_is_equal(&a->address, &b->address) || a->holder != b->holder ||
           a->epoch != b->epoch || a->wait != b->wait || a->is_parting != b->is_parting ||
           (a->lease_ns > now) != (b->lease_ns != 0);
}

/* What was told is kept; of a lease, whether there was one. */
static bool note_news(struct engine *e)
{
    struct engine_vips *v = &e->vips;
    const uint64_t now = clock_boot_ns();
    struct cluster_vip list[CLUSTER_VIPS_MAX];
    const unsigned n = engine_vips(&e->cluster, list, CLUSTER_VIPS_MAX);
    bool is_new = n != v->told_n;

    for (unsigned i = 0; i < n; i++) {
        is_new = is_new || differ(&list[i], &v->told[i], now);
        v->told[i] = list[i];
        v->told[i].lease_ns = list[i].lease_ns > now;
    }
    v->told_n = n;
    return is_new;
}

static void tell(struct engine *e)
{
    if (note_news(e) && e->cluster.hooks.on_vips != NULL && !e->is_closing)
        e->cluster.hooks.on_vips(e->cluster.hooks.arg);
}

void engine_vips_look(struct engine *e)
{
    struct engine_vips *v = &e->vips;

    follow_the_lead(e);
    if (!v->is_touched || e->is_closing)
        return;
    v->is_touched = false;
    if (v->must_ask) /* what this node has let go is to be known in this step */
        ask(e);
    step(e);
    if (v->must_ask)
        ask(e);
    tell(e);
    if (v->is_touched)
        engine_kick(e);
}

/* Twice within a heartbeat, so that a question that is lost with its link costs no lease. */
static void on_tick(struct timer *t)
{
    struct engine *e = (struct engine *)((char *)t - offsetof(struct engine, vips.tick));

    ask(e);
    engine_vips_touch(e);
}

void engine_vips_init(struct engine *e)
{
    grantor_init(&e->vips.grantor, e->roster, e->self.id);
    timer_init(&e->vips.tick, on_tick);
    engine_testament_init(e);
}

void engine_vips_stop(struct engine *e)
{
    timer_stop(loop_timers(e->loop.loop), &e->vips.tick);
    engine_testament_stop(e);
}
