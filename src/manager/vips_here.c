#include "manager/vips_here_int.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "log/log.h"
#include "manager/events.h"
#include "manager/manager.h"
#include "manager/members.h"
#include "net/inherited.h"
#include "net/loop.h"
#include "pool/vip.h"

enum { TICKS_PER_LEASE = 6, IDLE_TICK_MS = 100, NS_PER_MS = 1000000 };

static void follow(struct vips_here *h);

/* ---- one address ---- */

static struct vip_here *find(struct vips_here *h, const struct addr *address)
{
    for (unsigned i = 0; i < CLUSTER_VIPS_MAX; i++)
        if (h->list[i].address.family != 0 && addr_is_equal(&h->list[i].address, address))
            return &h->list[i];
    return NULL;
}

const struct vip_here *vips_here_find(const struct vips_here *h, const struct addr *address)
{
    return find((struct vips_here *)h, address);
}

static struct vip_here *find_or_add(struct vips_here *h, const struct addr *address)
{
    struct vip_here *v = find(h, address);

    for (unsigned i = 0; v == NULL && i < CLUSTER_VIPS_MAX; i++) {
        if (h->list[i].address.family == 0) {
            v = &h->list[i];
            *v = (struct vip_here){.address = *address};
        }
    }
    return v;
}

static const char *state_word(uint8_t state)
{
    static const char *const words[] = {
#define STATE(name, word) word,
#include "manager/vip_here_states.def"
#undef STATE
    };

    return words[state];
}

void vips_here_enter(struct vip_here *v, enum vip_here_state next, const char *why)
{
    char text[ADDR_TEXT_MAX];

    MUST(v->address.family != 0 && v->state != next);
    (void)addr_print_ip(&v->address, text);
    log_debug("virtual IP", LOG_S("address", text), LOG_S("from", state_word(v->state)),
              LOG_S("to", state_word(next)), LOG_S("why", why));
    v->state = (uint8_t)next;
}

void vips_here_let_go(struct vips_here *h, struct vip_here *v, const char *why)
{
    if (v->state != VIP_ASKED && !vips_here_has(v))
        return;
    vips_here_enter(v, VIP_LEAVING, why);
    vip_link_drop(&h->link, &v->address);
}

static void hold(struct vips_here *h, struct vip_here *v, const struct cluster_vip *now)
{
    MUST(v->state != VIP_LEAVING && v->is_described);
    if (v->state == VIP_IDLE) {
        v->epoch = now->epoch;
        v->asked_ns = clock_boot_ns();
        vips_here_enter(v, VIP_ASKED, "granted");
    }
    v->until_ns = now->lease_ns;
    vip_link_hold(&h->link, &v->address, now->lease_ns);
}

static bool has_link(const struct vips_here *h, const struct vip_here *v)
{
    const struct vip_link_row *row = vip_link_find(&h->link, &v->address);

    return row != NULL && row->link == VIP_LINK_UP;
}

/* What has failed is tried again by itself when it is granted anew, or has a link. */
static bool may_try(const struct vips_here *h, const struct vip_here *v,
                    const struct cluster_vip *now)
{
    return v->is_described && has_link(h, v) && (!v->has_failed || v->epoch != now->epoch);
}

/* ---- what has happened ---- */

static void tell_move(struct vips_here *h, struct vip_here *v, const struct cluster_vip *now)
{
    MUST(now->cause < CLUSTER_VIP_CAUSES);
    if (now->epoch <= v->told_epoch)
        return;
    const bool is_first = v->told_epoch == 0;

    if (!h->m->events->is_replaying) {
        h->counts.causes[now->cause].moves++;
        if (!is_first || now->cause != CLUSTER_VIP_FIRST)
            vip_events_tell(h->m, EVENT_VIP_MOVED, &v->address, v->told_holder, now->holder,
                            cluster_vip_cause_word(now->cause));
    }
    v->told_epoch = now->epoch;
    v->told_holder = now->holder;
}

static const char *cause_of(const struct vips_here *h, const struct vip_here *v)
{
    struct cluster *c = h->m->cluster;
    struct cluster_vip list[CLUSTER_VIPS_MAX];
    const unsigned n = c != NULL ? c->ops->vips(c, list, CLUSTER_VIPS_MAX) : 0;

    for (unsigned i = 0; i < n; i++)
        if (addr_is_equal(&list[i].address, &v->address))
            return cluster_vip_cause_word(list[i].cause);
    return cluster_vip_cause_word(CLUSTER_VIP_FIRST);
}

/* The engine may have gone. */
static uint64_t own_id(const struct vips_here *h)
{
    return h->m->cluster != NULL ? members_own_id(h->m->cluster) : 0;
}

static void took(struct vips_here *h, struct vip_here *v, const struct vip_link_row *row)
{
    const char *cause = cause_of(h, v);

    v->has_failed = false;
    vips_here_enter(v, VIP_HERE, row->ifname);
    v->is_taken = true;
    vip_events_tell(h->m, EVENT_VIP_TAKEN, &v->address, 0, own_id(h), cause);
    vip_hooks_run(&h->hooks, &v->address, true, cause);
}

static void on_held(void *arg, const struct vip_link_row *row)
{
    struct vips_here *h = arg;
    struct vip_here *v = find(h, &row->named.addr);

    if (v != NULL && v->state == VIP_ASKED)
        took(h, v, row);
}

static bool is_failure(enum vip_drop why)
{
    return why == VIP_DROP_NO_INTERFACE || why == VIP_DROP_FAILED || why == VIP_DROP_CONFLICT;
}

/* Of one that was told to be taken. */
static void tell_gone(struct vips_here *h, struct vip_here *v, const char *why)
{
    if (!v->is_taken)
        return;
    v->is_taken = false;
    vip_events_tell(h->m, EVENT_VIP_RELEASED, &v->address, own_id(h), 0, why);
    vip_hooks_run(&h->hooks, &v->address, false, why);
}

/* Also of one that is wished for still: it is taken again by itself then, but for a failure.
 * The helper would try that again by itself, until a lease is over that we may have given back
 * before. */
static void on_dropped(void *arg, const struct vip_link_row *row, enum vip_drop why, int error)
{
    struct vips_here *h = arg;
    struct vip_here *v = find(h, &row->named.addr);

    (void)error;
    if (v == NULL || v->state == VIP_IDLE)
        return;
    if (is_failure(why)) {
        vip_link_drop(&h->link, &v->address);
        v->has_failed = true;
        v->failure = vip_drop_word(why);
    } else if (v->state != VIP_LEAVING && why != VIP_DROP_LEASE_OVER) {
        return;
    }
    vips_here_enter(v, VIP_IDLE, vip_drop_word(why));
    vips_here_end_parting(h, v);
    tell_gone(h, v, vip_drop_word(why));
    if (!v->has_failed && h->m->cluster != NULL)
        h->m->cluster->ops->released(h->m->cluster, &v->address);
    follow(h);
}

static void on_conflict(void *arg, const struct vip_link_row *row, const uint8_t *mac)
{
    struct vips_here *h = arg;
    char text[32];

    (void)snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
                   mac[3], mac[4], mac[5]);
    h->counts.conflicts++;
    vip_events_tell(h->m, EVENT_VIP_CONFLICT, &row->named.addr, 0, 0, text);
}

static void on_link(void *arg, const struct vip_link_row *row)
{
    struct vips_here *h = arg;
    struct vip_here *v = find(h, &row->named.addr);

    if (v != NULL && row->link == VIP_LINK_UP)
        v->has_failed = false;
    follow(h);
}

static void on_state(void *arg)
{
    struct vips_here *h = arg;

    for (unsigned i = 0; h->link.state != VIP_HELPER_READY && i < CLUSTER_VIPS_MAX; i++) {
        struct vip_here *v = &h->list[i];

        if (v->address.family == 0 || v->state == VIP_IDLE)
            continue;
        vips_here_enter(v, VIP_IDLE, vip_link_word(&h->link));
        vips_here_end_parting(h, v);
        tell_gone(h, v, "helper_lost");
    }
    follow(h);
}

/* ---- is this node fit ---- */

static bool has_any_link(const struct vips_here *h)
{
    bool is_any = false, has_one = false;

    for (unsigned i = 0; i < CLUSTER_VIPS_MAX; i++) {
        if (h->list[i].address.family == 0 || !h->list[i].is_described)
            continue;
        is_any = true;
        has_one = has_one || has_link(h, &h->list[i]);
    }
    return has_one || !is_any;
}

/* NULL: it has none. */
static const char *find_fault(const struct vips_here *h, enum cluster_fitness *fitness)
{
    *fitness = CLUSTER_UNFIT;
    if (h->link.state != VIP_HELPER_READY)
        return "helper";
    if (manager_is_leaving(h->m)) {
        *fitness = CLUSTER_LEAVING;
        return "leaving";
    }
    if (members_is_witness(h->m->cluster))
        return "witness";
    if (slots_count_serving(&h->m->supervisor.slots) == 0)
        return "no_worker_serves";
    if (!has_any_link(h))
        return "no_link";
    *fitness = CLUSTER_FIT;
    return NULL;
}

static void tell_fitness(struct vips_here *h)
{
    enum cluster_fitness fitness;
    const char *fault = find_fault(h, &fitness);
    const bool is_same =
        h->is_told &&
        (fault == NULL ? h->unfit == NULL : h->unfit != NULL && strcmp(fault, h->unfit) == 0);

    if (is_same)
        return;
    h->is_told = true;
    h->unfit = fault;
    log_debug("fit to hold virtual IPs", LOG_S("fault", fault != NULL ? fault : "-"));
    h->m->cluster->ops->set_fitness(h->m->cluster, fitness, fault);
}

/* ---- what follows ---- */

/* What has failed is given back, but not at once. */
static void give_back(struct vips_here *h, struct vip_here *v, const struct cluster_vip *now)
{
    const uint64_t age_ms = (clock_boot_ns() - v->asked_ns) / NS_PER_MS;

    if (v->epoch != now->epoch) { /* granted, and never tried */
        v->epoch = now->epoch;
        v->asked_ns = clock_boot_ns();
    } else if (age_ms >= VIPS_HERE_AGAIN_MS) {
        h->m->cluster->ops->released(h->m->cluster, &v->address);
        v->epoch = 0; /* an engine that has nobody else leaves it here: once more, then */
    }
}

/* A predecessor has held it, and its helper is ours now. */
static void take_over(struct vips_here *h, struct vip_here *v)
{
    const struct vip_link_row *row = vip_link_find(&h->link, &v->address);

    if (v->state == VIP_ASKED && row != NULL && row->is_held)
        took(h, v, row);
}

/* It is held on. What is not here yet need not come any more. */
static void follow_the_move(struct vips_here *h, struct vip_here *v,
                            const struct cluster_vip *now)
{
    if (now->is_parting && v->state == VIP_HERE)
        vips_here_part_with(h, v);
    else if (now->is_parting && v->state == VIP_ASKED)
        vips_here_let_go(h, v, "another node is to have it");
    else if (!now->is_parting && v->state == VIP_PARTING)
        vips_here_stay(h, v);
}

static bool may_hold(const struct vips_here *h, const struct vip_here *v,
                     const struct cluster_vip *now)
{
    return may_try(h, v, now) &&
           (vips_here_has(v) || (v->state != VIP_LEAVING && !now->is_parting));
}

/* While the log is read nothing is held: what it says may be undone by what it says next. */
static void follow_one(struct vips_here *h, struct vip_here *v, const struct cluster_vip *now)
{
    const bool is_mine =
        !h->m->events->is_replaying && now->is_self && now->lease_ns > clock_boot_ns();

    tell_move(h, v, now);
    if (is_mine)
        follow_the_move(h, v, now);
    if (is_mine && may_hold(h, v, now)) {
        hold(h, v, now);
        take_over(h, v);
    } else if (v->state == VIP_ASKED || vips_here_has(v)) {
        vips_here_let_go(h, v, is_mine ? "no link" : "lease over");
    } else if (is_mine && v->state == VIP_IDLE) {
        give_back(h, v, now);
    }
}

static bool is_busy(const struct vips_here *h)
{
    for (unsigned i = 0; i < CLUSTER_VIPS_MAX; i++)
        if (h->list[i].address.family != 0 && h->list[i].state != VIP_IDLE)
            return true;
    return false;
}

static uint32_t tick_ms(const struct vips_here *h)
{
    struct cluster_status s;

    if (!is_busy(h))
        return IDLE_TICK_MS;
    h->m->cluster->ops->status(h->m->cluster, &s);
    return s.vip.lease_ms / TICKS_PER_LEASE;
}

static void follow_all(struct vips_here *h)
{
    const struct cluster *c = h->m->cluster;
    struct cluster_vip list[CLUSTER_VIPS_MAX];
    const unsigned n = c->ops->vips(c, list, CLUSTER_VIPS_MAX);

    for (unsigned i = 0; i < n; i++) {
        struct vip_here *v = find(h, &list[i].address);

        if (v != NULL)
            follow_one(h, v, &list[i]);
    }
}

static bool is_same(const struct vip_will *a, const struct vip_will *b)
{
    return a->to_n == b->to_n && a->len == b->len &&
           memcmp(a->to, b->to, a->to_n * sizeof(a->to[0])) == 0 &&
           memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* A holder loses its own with this process, and a leader those of all: their leases end sooner
 * than another one is elected by a timer. */
static bool will_be_missed(const struct vips_here *h)
{
    return is_busy(h) ||
           (h->m->pool->vip_n > 0 && h->m->cluster->ops->role(h->m->cluster) == CLUSTER_LEADER);
}

/* What the helper says should this process die. */
static void leave_will(struct vips_here *h)
{
    const struct cluster *c = h->m->cluster;
    struct cluster_testament said = {0};
    struct vip_will will = {0};

    if (will_be_missed(h) && c->ops->testament != NULL)
        c->ops->testament(c, &said);
    will.to_n = said.to_n;
    will.len = said.len;
    memcpy(will.to, said.to, said.to_n * sizeof(said.to[0]));
    memcpy(will.bytes, said.bytes, said.len);
    if (!is_same(&will, &h->link.will))
        vip_link_leave_will(&h->link, &will);
}

/* Within the engine's hooks and the helper's, which may come while it calls them. */
static void follow(struct vips_here *h)
{
    MUST(h->m != NULL);
    h->must_follow = true;
    if (h->is_following || h->m->cluster == NULL)
        return;
    h->is_following = true;
    while (h->must_follow) {
        h->must_follow = false;
        tell_fitness(h);
        follow_all(h);
    }
    h->is_following = false;
    leave_will(h);
    if (h->m->pool->vip_n > 0)
        loop_timer_in(h->m->loop, &h->tick, tick_ms(h));
}

void vips_here_on_vips(struct vips_here *h)
{
    if (h->m != NULL)
        follow(h);
}

static void on_tick(struct timer *t)
{
    follow((struct vips_here *)((char *)t - offsetof(struct vips_here, tick)));
}

/* ---- the description ---- */

static void name(const struct vips_here *h, const struct vip *vip, struct vip_named *out)
{
    *out = (struct vip_named){.addr = vip->addr,
                              .prefix = vip->prefix,
                              .policy = vip->conflict == VIP_CONFLICT_BACK_OFF
                                            ? VIP_POLICY_BACK_OFF
                                            : VIP_POLICY_HOLD};
    (void)snprintf(out->ifname, sizeof(out->ifname), "%s",
                   vip_interface_of(vip, members_own_id(h->m->cluster)));
}

/* One that is not described any more is gone when the helper has heard of it, which says no
 * more of that. First, so that there is room for what is new. */
static void forget_others(struct vips_here *h)
{
    for (unsigned i = 0; i < CLUSTER_VIPS_MAX; i++) {
        struct vip_here *v = &h->list[i];

        v->is_described = v->address.family != 0 && vip_find(h->m->pool, &v->address) != NULL;
        if (v->address.family == 0 || v->is_described)
            continue;
        vips_here_end_parting(h, v);
        tell_gone(h, v, "not_described");
        v->address.family = 0;
    }
}

static void described(void *arg)
{
    struct vips_here *h = arg;
    const struct pool_state *pool = h->m->pool;
    struct cluster_vip_wish wishes[CLUSTER_VIPS_MAX];
    struct vip_named named[CLUSTER_VIPS_MAX];

    MUST(pool->vip_n <= CLUSTER_VIPS_MAX);
    forget_others(h);
    for (unsigned i = 0; i < pool->vip_n; i++) {
        struct vip_here *v = find_or_add(h, &pool->vips[i]->addr);

        MUST(v != NULL);
        v->is_described = true;
        wishes[i].address = pool->vips[i]->addr;
        name(h, pool->vips[i], &named[i]);
    }
    if (!members_is_witness(h->m->cluster)) /* it has no helper */
        vip_link_configure(&h->link, named, pool->vip_n);
    h->m->cluster->ops->set_vips(h->m->cluster, wishes, pool->vip_n);
    if (pool->vip_n > 0)
        follow(h);
    else
        timer_stop(loop_timers(h->m->loop), &h->tick);
}

/* ---- life ---- */

static const struct vip_provider_ops provider_ops = {.describe = vips_here_describe,
                                                     .move = vips_here_move,
                                                     .forget = vips_here_forget,
                                                     .count = vips_here_count,
                                                     .described = described};

void vips_here_init(struct vips_here *h, struct manager *m)
{
    const struct vip_link_hooks hooks = {.on_held = on_held,
                                         .on_dropped = on_dropped,
                                         .on_conflict = on_conflict,
                                         .on_link = on_link,
                                         .on_state = on_state,
                                         .arg = h};

    MUST(m->vips_here == NULL && m->vip_provider == NULL);
    h->m = m;
    h->provider = (struct vip_provider){.ops = &provider_ops, .arg = h};
    h->counts.cause_n = CLUSTER_VIP_CAUSES;
    for (unsigned i = 0; i < CLUSTER_VIP_CAUSES; i++)
        h->counts.causes[i].cause = cluster_vip_cause_word((uint8_t)i);
    timer_init(&h->tick, on_tick);
    vip_hooks_init(&h->hooks, m);
    vip_link_init(&h->link, m->loop, &hooks);
    m->supervisor.parting.hooks = (struct parting_hooks){
        .on_shut = vips_here_on_shut, .is_shut = vips_here_is_shut, .arg = h};
    listenings_set_keep_out(&m->supervisor.listenings, vips_here_keep_out, h);
    m->vip_provider = &h->provider;
    m->vips_here = h;
}

void vips_here_start(struct vips_here *h, int exe_fd)
{
    const struct inherited_key key = {.use = INHERITED_HELPER};
    struct addr none;
    const int fd = inherited_take(&key, &none);

    if (fd >= 0)
        vip_link_open(&h->link, fd);
    else
        vip_link_start(&h->link, exe_fd);
}

void vips_here_yield(struct vips_here *h)
{
    if (h->m == NULL)
        return;
    timer_stop(loop_timers(h->m->loop), &h->tick);
    vips_here_end_all_parting(h); /* the successor has the sockets */
    vip_link_yield(&h->link);
}

void vips_here_reap(struct vips_here *h)
{
    vip_link_reap(&h->link);
    vip_hooks_reap(&h->hooks);
}

void vips_here_stop(struct vips_here *h)
{
    if (h->m == NULL)
        return;
    timer_stop(loop_timers(h->m->loop), &h->tick);
    vips_here_end_all_parting(h);
    h->m->supervisor.parting.hooks = (struct parting_hooks){.arg = NULL};
    listenings_set_keep_out(&h->m->supervisor.listenings, NULL, NULL);
    vip_link_stop(&h->link);
    vip_hooks_fini(&h->hooks);
    h->m->vip_provider = NULL;
    h->m->vips_here = NULL;
    h->m = NULL;
}
