#include "manager/checks.h"

#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/fault.h"
#include "base/strb.h"
#include "log/log.h"
#include "manager/probe.h"
#include "pool/pool_code.h"

enum { UNRESOLVED_MS = 100 };

struct check {
    struct checks *owner;
    struct server_facts *facts;
    struct timer timer;
    struct probe *probe;        /* in flight */
    uint64_t settings;          /* hash of the effective settings */
    TAILQ_ENTRY(check) waiting; /* its turn is over due */
    bool is_waiting;
};

static const struct pool_server *find_server(const struct check *k)
{
    return pool_find_server(&k->owner->state->pools[0], k->facts->id);
}

static void get_effective(const struct check *k, const struct pool_server *server,
                          struct pool_health *h)
{
    pool_health_effective(&k->owner->state->pools[0], server, h);
}

static struct health_limits limits_of(const struct pool_health *h)
{
    return (struct health_limits){
        .failures = h->failures,
        .passes = h->passes,
        .interval_ms = h->interval_ms,
        .fast_interval_ms = h->fast_interval_ms,
    };
}

/* ---- results ---- */

static void print_reason(struct server_facts *f)
{
    struct strb b;

    strb_init(&b, f->reason, sizeof(f->reason));
    if (f->rule.up)
        return;
    strb_add_u64(&b, f->rule.failures);
    strb_add_str(&b, f->rule.failures == 1 ? " failed check: " : " failed checks: ");
    strb_add_str(&b, f->last.error);
}

static void tell_change(struct check *k, const struct pool_server *server)
{
    struct server_facts *f = k->facts;

    if (f->rule.up)
        log_info("server is active", LOG_S("server", server->url));
    else
        log_warn("server is down", LOG_S("server", server->url),
                 LOG_U("failures", f->rule.failures), LOG_S("error", f->last.error));
    k->owner->on_change(k->owner->arg, f);
}

/* Those that were added together were checked together. The first pause ends anywhere within
 * the interval, so that they are not all at the manager and on the network at once for ever. */
static uint32_t pause_ms(struct check *k, const struct health_limits *limits, bool is_first)
{
    const uint32_t chance = (uint32_t)rand_u64(&k->owner->rand);
    const uint32_t ms = health_rule_delay_ms(&k->facts->rule, limits, chance);

    if (!is_first || health_rule_is_between(&k->facts->rule))
        return ms;
    return (uint32_t)rand_below(&k->owner->rand, (uint64_t)ms + 1);
}

static void take_result(struct check *k, const struct pool_server *server,
                        const struct pool_health *h, const struct check_result *result)
{
    const struct health_limits limits = limits_of(h);
    struct server_facts *f = k->facts;
    const bool changed = health_rule_result(&f->rule, &limits, result->ok);
    const bool is_first = !f->has_result;

    f->has_result = true;
    f->last = *result;
    log_debug("health check", LOG_S("server", server->url), LOG_U("ok", result->ok),
              LOG_U("status", result->status), LOG_U("ms", result->took_ms));
    loop_timer_in(k->owner->shared->loop, &k->timer, pause_ms(k, &limits, is_first));
    if (changed) {
        print_reason(f);
        tell_change(k, server);
    }
}

/* ---- turns ---- */

static void on_done(void *arg, const struct check_result *result);

static void start_probe(struct check *k)
{
    const struct pool_server *server = find_server(k);
    const struct addr *to = facts_next_addr(k->facts, server);
    struct pool_health h;

    get_effective(k, server, &h);
    if (h.type == POOL_HEALTH_NONE)
        return;
    if (to == NULL) { /* not resolved yet: nothing that a check could say */
        loop_timer_in(k->owner->shared->loop, &k->timer, UNRESOLVED_MS);
        return;
    }
    k->probe = probe_start(&(struct probe_wish){
        .shared = k->owner->shared,
        .server = server,
        .to = to,
        .health = &h,
        .done = on_done,
        .arg = k,
        .open_n = &k->owner->open_n,
    });
    if (k->probe != NULL) {
        k->owner->probes_n++;
        k->owner->begun_n++;
        loop_defer(k->owner->shared->loop, &k->owner->begin_work);
        return;
    }
    /* That we are short of something is no failure of the server. */
    log_warn("health check put off: out of memory or descriptors",
             LOG_S("server", server->url));
    loop_timer_in(k->owner->shared->loop, &k->timer, h.fast_interval_ms);
}

static void set_waiting(struct check *k, bool waits)
{
    if (k->is_waiting == waits)
        return;
    k->is_waiting = waits;
    if (waits)
        TAILQ_INSERT_TAIL(&k->owner->waiting, k, waiting);
    else
        TAILQ_REMOVE(&k->owner->waiting, k, waiting);
}

static bool may_begin(const struct checks *c)
{
    return c->probes_n < CHECKS_PROBES_MAX && c->begun_n < CHECKS_BEGUN_MAX;
}

static void take_turn(struct check *k)
{
    if (k->probe != NULL)
        return;
    if (!may_begin(k->owner)) {
        set_waiting(k, true);
        return;
    }
    start_probe(k);
}

static void start_waiting(struct checks *c)
{
    struct check *k;

    while (may_begin(c) && (k = TAILQ_FIRST(&c->waiting)) != NULL) {
        set_waiting(k, false);
        start_probe(k);
    }
}

static void begin_more(struct loop_work *work)
{
    struct checks *c = (struct checks *)((char *)work - offsetof(struct checks, begin_work));

    c->begun_n = 0;
    start_waiting(c);
}

static void on_done(void *arg, const struct check_result *result)
{
    struct check *k = arg;
    const struct pool_server *server = find_server(k);
    struct pool_health h;

    k->probe = NULL;
    k->owner->probes_n--;
    get_effective(k, server, &h);
    take_result(k, server, &h, result);
    start_waiting(k->owner);
}

static void on_turn(struct timer *t)
{
    take_turn((struct check *)((char *)t - offsetof(struct check, timer)));
}

static void stop(struct check *k)
{
    timer_stop(loop_timers(k->owner->shared->loop), &k->timer);
    set_waiting(k, false);
    if (k->probe != NULL) {
        probe_cancel(k->probe);
        k->probe = NULL;
        k->owner->probes_n--;
    }
}

/* ---- settings ---- */

static uint64_t hash_settings(const struct pool_health *h)
{
    char *text = pool_code_health_json(h);
    uint64_t hash;

    if (text == NULL)
        return 0; /* differs from everything: the check just starts over */
    hash = XXH3_64bits(text, strlen(text));
    free(text);
    return hash;
}

static void forgive(struct check *k, const struct pool_server *server)
{
    struct server_facts *f = k->facts;
    const bool was_up = f->rule.up;

    health_rule_init(&f->rule);
    print_reason(f);
    if (!was_up)
        tell_change(k, server);
}

void checks_update(struct checks *c, const struct pool_server *server,
                   struct server_facts *facts)
{
    struct check *k = facts->check;
    struct pool_health h;
    uint64_t settings;

    if (k == NULL)
        return;
    get_effective(k, server, &h);
    settings = hash_settings(&h);
    if (settings == k->settings && settings != 0)
        return;
    k->settings = settings;
    stop(k);
    if (h.type == POOL_HEALTH_NONE)
        forgive(k, server);
    else
        take_turn(k);
    start_waiting(c);
}

/* ---- life ---- */

void checks_init(struct checks *c, struct conn_shared *shared, const struct pool_state *state,
                 uint64_t seed)
{
    memset(c, 0, sizeof(*c));
    c->shared = shared;
    c->state = state;
    rand_seed(&c->rand, seed);
    TAILQ_INIT(&c->waiting);
    c->begin_work = (struct loop_work){.run = begin_more};
}

void checks_on_change(struct checks *c, checks_fn fn, void *arg)
{
    c->on_change = fn;
    c->arg = arg;
}

int checks_add(struct checks *c, const struct pool_server *server, struct server_facts *facts)
{
    struct check *k = fault_malloc(sizeof(*k));
    struct pool_health h;

    if (k == NULL)
        return WERR_NOMEM;
    *k = (struct check){0};
    k->owner = c;
    k->facts = facts;
    facts->check = k;
    timer_init(&k->timer, on_turn);
    get_effective(k, server, &h);
    k->settings = hash_settings(&h);
    if (h.type == POOL_HEALTH_NONE)
        forgive(k, server);
    else
        take_turn(k);
    return 0;
}

void checks_remove(struct checks *c, struct server_facts *facts)
{
    struct check *k = facts->check;

    if (k == NULL)
        return;
    stop(k);
    facts->check = NULL;
    free(k);
    start_waiting(c);
}
