#include "manager/checks.h"

#include <stdlib.h>

#include "base/strb.h"
#include "health/hint.h"
#include "log/log.h"
#include "manager/check_settings.h"
#include "manager/probe.h"
#include "net/tlsio_sessions.h"
#include "pool/pool_code.h"

static const struct pool_server *find_server(const struct checks *c,
                                             const struct server_facts *f)
{
    const struct pool_server *server = pool_find_any_server(c->state, f->id, NULL);

    MUST(server != NULL); /* what leaves the pool is not checked any more before */
    return server;
}

static void get_effective(const struct checks *c, const struct pool_server *server,
                          struct pool_health *h)
{
    struct pool *p = NULL;

    MUST(pool_find_any_server(c->state, server->id, &p) != NULL);
    pool_health_effective(p, server, h);
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

static void print_reason(struct facts_addr *a)
{
    struct strb b;

    strb_init(&b, a->reason, sizeof(a->reason));
    if (a->rule.up)
        return;
    if (!a->has_result) {
        strb_add_str(&b, a->rule.was_down ? "was down before the restart, not checked since"
                                          : "waits for its first check");
        return;
    }
    strb_add_u64(&b, a->rule.failures);
    strb_add_str(&b, a->rule.failures == 1 ? " failed check: " : " failed checks: ");
    strb_add_str(&b, a->last.error);
}

static void tell_addrs(struct checks *c, struct server_facts *f)
{
    if (f->is_named)
        c->hooks.on_addrs(c->hooks.arg, f);
}

/* What follows for the server; its addresses are told before: one that comes back has one. */
static void judge(struct checks *c, struct server_facts *f, bool is_verdict)
{
    const bool is_first = is_verdict && (f->is_untried || f->is_recalled);
    const bool has_changed = facts_judge(f);

    if (is_first)
        f->is_untried = f->is_recalled = false;
    if (has_changed || is_first)
        c->hooks.on_change(c->hooks.arg, f);
}

static void note_change(struct facts_addr *a)
{
    a->since_us = loop_wall_us(a->checks->shared->loop);
    print_reason(a);
    if (a->server->is_named)
        a->checks->hooks.on_addr(a->checks->hooks.arg, a);
    tell_addrs(a->checks, a->server);
}

/* Those that were added together were checked together. The first pause ends anywhere within
 * the interval, so that they are not all at the manager and on the network at once for ever. */
static uint32_t pause_ms(struct facts_addr *a, const struct health_limits *limits,
                         bool is_first)
{
    struct rand_state *rand = &a->checks->rand;
    const uint32_t chance = (uint32_t)rand_u64(rand);
    const uint32_t ms = health_rule_delay_ms(&a->rule, limits, chance);

    if (!is_first || health_rule_is_between(&a->rule, limits))
        return ms;
    return (uint32_t)rand_below(rand, (uint64_t)ms + 1);
}

static void take_result(struct facts_addr *a, const struct pool_server *server,
                        const struct pool_health *h, const struct check_result *result)
{
    const struct health_limits limits = limits_of(h);
    const bool waits = a->rule.waits; /* so that only a pass is a verdict */
    const bool has_changed = health_rule_result(&a->rule, &limits, result->ok);
    const bool is_first = !a->has_result;

    a->has_result = true;
    a->last = *result;
    log_debug("health check", LOG_S("server", server->url), LOG_U("ok", result->ok),
              LOG_U("status", result->status), LOG_U("ms", result->took_ms));
    loop_timer_in(a->checks->shared->loop, &a->timer, pause_ms(a, &limits, is_first));
    if (has_changed)
        note_change(a);
    else if (!result->ok)
        print_reason(a);
    judge(a->checks, a->server, result->ok || !waits);
    if (result->ok)
        a->checks->hooks.on_pass(a->checks->hooks.arg, a->server);
}

/* ---- turns ---- */

static void on_done(void *arg, const struct check_result *result, int shortage);

/* That we are short of something is no failure of the server. */
static void put_off(struct facts_addr *a, const struct pool_server *server,
                    const struct pool_health *h, int shortage)
{
    log_warn("health check put off", LOG_S("server", server->url),
             LOG_S("reason",
                   shortage == WERR_ADDR_UNAVAILABLE ? "no local port" : werr_text(shortage)));
    loop_timer_in(a->checks->shared->loop, &a->timer, h->fast_interval_ms);
}

/* Those that were agreed on by other rules are of no use. */
static struct tlsio_sessions *sessions_of(struct facts_addr *a, uint32_t made)
{
    if (a->sessions_of != made) {
        tlsio_sessions_put(a->sessions);
        a->sessions = NULL;
    }
    if (a->sessions == NULL)
        a->sessions = tlsio_sessions_new();
    a->sessions_of = made;
    return a->sessions;
}

/* How an https server is verified. */
static void add_tls(struct facts_addr *a, struct probe_wish *wish)
{
    struct checks *c = a->checks;
    struct check_tls_found found = {0};
    struct pool *p = NULL;

    if (!wish->server->is_tls)
        return;
    MUST(pool_find_any_server(c->state, wish->server->id, &p) != NULL);
    wish->tls_name = p->tls.server_name;
    wish->tls_error = conn_use_tls(c->shared);
    if (wish->tls_error == 0)
        wish->tls_error = check_tls_get(&c->tls, c->state, p, &found);
    if (wish->tls_error < 0)
        return;
    wish->tls = found.context;
    wish->tls_sessions = sessions_of(a, found.made);
}

static void start_probe(struct facts_addr *a)
{
    struct checks *c = a->checks;
    const struct pool_server *server = find_server(c, a->server);
    struct pool_health h;
    struct probe_wish wish = {
        .shared = c->shared,
        .server = server,
        .to = &a->addr,
        .health = &h,
        .done = on_done,
        .arg = a,
        .open_n = &c->open_n,
    };

    MUST(a->probe == NULL && !a->is_waiting); /* one an address */
    get_effective(c, server, &h);
    if (h.type == POOL_HEALTH_NONE)
        return;
    add_tls(a, &wish);
    a->probe = probe_start(&wish);
    if (a->probe != NULL) {
        c->probes_n++;
        c->class_n[a->class]++;
        c->begun_n++;
        loop_defer(c->shared->loop, &c->begin_work);
        return;
    }
    put_off(a, server, &h, WERR_NOMEM);
}

static enum checks_class class_of(const struct facts_addr *a)
{
    if (!a->has_result)
        return CHECKS_DOUBTFUL;
    if (!a->last.has_timed_out)
        return CHECKS_ANSWERS;
    return a->rule.up ? CHECKS_DOUBTFUL : CHECKS_HUNG;
}

static void set_waiting(struct facts_addr *a, bool waits)
{
    if (a->is_waiting == waits)
        return;
    if (waits)
        a->class = (uint8_t)class_of(a);
    struct facts_addrs *queue = &a->checks->waiting[a->class];
    a->is_waiting = waits;
    if (waits)
        TAILQ_INSERT_TAIL(queue, a, waiting);
    else
        TAILQ_REMOVE(queue, a, waiting);
}

/* Is there a place for one more of this class? */
static bool has_place(const struct checks *c, unsigned class)
{
    static const unsigned quarters[CHECKS_CLASSES] = {4, 3, 2};
    unsigned n = 0;

    for (unsigned i = CHECKS_CLASSES; i-- > 0;) {
        n += c->class_n[i];
        if (i <= class && n >= c->probes_max / 4 * quarters[i])
            return false;
    }
    return true;
}

/* Who waits longest. */
static struct facts_addr *first_of(const struct checks *c, unsigned class)
{
    return has_place(c, class) ? TAILQ_FIRST(&c->waiting[class]) : NULL;
}

/* Mostly in the order of classes. The last places of a turn go the other way round: a crowd
 * that answers and is asked more often than can be done holds up nobody for ever either. */
static struct facts_addr *next_to_begin(const struct checks *c)
{
    const bool is_reversed = c->begun_n >= CHECKS_BEGUN_IN_ORDER;
    struct facts_addr *a = NULL;

    if (c->begun_n >= CHECKS_BEGUN_MAX)
        return NULL;
    for (unsigned i = 0; a == NULL && i < CHECKS_CLASSES; i++)
        a = first_of(c, is_reversed ? CHECKS_CLASSES - 1 - i : i);
    return a;
}

static void start_waiting(struct checks *c)
{
    struct facts_addr *a;

    while ((a = next_to_begin(c)) != NULL) {
        set_waiting(a, false);
        start_probe(a);
    }
}

static void take_turn(struct facts_addr *a)
{
    if (a->probe != NULL)
        return;
    set_waiting(a, true);
    start_waiting(a->checks);
}

static void begin_more(struct loop_work *work)
{
    struct checks *c = (struct checks *)((char *)work - offsetof(struct checks, begin_work));

    c->begun_n = 0;
    start_waiting(c);
}

static void forget_probe(struct facts_addr *a)
{
    MUST(a->probe != NULL && a->checks->class_n[a->class] > 0); /* of the class it began in */
    a->probe = NULL;
    a->checks->probes_n--;
    a->checks->class_n[a->class]--;
}

static void on_done(void *arg, const struct check_result *result, int shortage)
{
    struct facts_addr *a = arg;
    struct checks *c = a->checks;
    const struct pool_server *server = find_server(c, a->server);
    struct pool_health h;

    forget_probe(a);
    get_effective(c, server, &h);
    if (shortage < 0)
        put_off(a, server, &h, shortage);
    else
        take_result(a, server, &h, result);
    start_waiting(c);
}

static void on_turn(struct timer *t)
{
    take_turn((struct facts_addr *)((char *)t - offsetof(struct facts_addr, timer)));
}

static void stop(struct facts_addr *a)
{
    timer_stop(loop_timers(a->checks->shared->loop), &a->timer);
    set_waiting(a, false);
    if (a->probe != NULL) {
        probe_cancel(a->probe);
        forget_probe(a);
    }
}

/* ---- settings ---- */

/* No check will say any more of it: it counts as up. */
static void forgive(struct checks *c, struct server_facts *f)
{
    struct facts_addr *a;

    TAILQ_FOREACH (a, &f->addrs, entry) {
        const bool was_up = a->rule.up;

        health_rule_init(&a->rule, false);
        if (!was_up)
            note_change(a);
    }
    judge(c, f, true);
}

static bool makes_wait(const struct pool_health *h)
{
    return h->type != POOL_HEALTH_NONE && h->initial == POOL_INITIAL_DOWN;
}

/* What an address counts as that no check has judged. */
static void set_initial(const struct checks *c, struct facts_addr *a,
                        const struct pool_health *h)
{
    const struct server_facts *f = a->server;

    if (h->type != POOL_HEALTH_NONE && c->hints != NULL &&
        health_hints_find(c->hints, f->id, f->check_settings, &a->addr) != NULL)
        health_rule_recall(&a->rule);
    else
        health_rule_init(&a->rule, makes_wait(h));
    print_reason(a);
}

/* All of its addresses were down: that is known of it, though no check has judged it. */
static bool note_recalled(struct server_facts *f)
{
    const struct facts_addr *a;

    if (!f->is_untried || f->addr_n == 0)
        return false;
    TAILQ_FOREACH (a, &f->addrs, entry)
        if (!a->rule.was_down)
            return false;
    f->is_untried = false;
    f->is_recalled = true;
    return true;
}

/* The same for a server, and for its addresses that are still to be found. */
static void start_untried(const struct checks *c, struct server_facts *f,
                          const struct pool_health *h)
{
    struct facts_addr *a;

    TAILQ_FOREACH (a, &f->addrs, entry)
        set_initial(c, a, h);
    if (f->addr_n == 0)
        facts_set_own(f, !makes_wait(h));
    (void)facts_judge(f);
    (void)note_recalled(f);
}

static void start_over(struct checks *c, struct server_facts *f, const struct pool_health *h)
{
    struct facts_addr *a;

    if (f->is_untried) {
        start_untried(c, f, h);
        tell_addrs(c, f);
        c->hooks.on_change(c->hooks.arg, f);
    }
    TAILQ_FOREACH (a, &f->addrs, entry)
        take_turn(a);
}

void checks_update(struct checks *c, const struct pool_server *server,
                   struct server_facts *facts)
{
    struct facts_addr *a;
    struct pool_health h;

    if (!facts->is_checked)
        return;
    get_effective(c, server, &h);
    uint64_t settings = check_settings_hash(c->state, server, &h);
    if (settings == facts->check_settings)
        return;
    facts->check_settings = settings;
    TAILQ_FOREACH (a, &facts->addrs, entry)
        stop(a);
    if (h.type == POOL_HEALTH_NONE)
        forgive(c, facts);
    else
        start_over(c, facts, &h);
    start_waiting(c);
}

static unsigned count_recalled(const struct server_facts *f)
{
    const struct facts_addr *a;
    unsigned n = 0;

    TAILQ_FOREACH (a, &f->addrs, entry)
        n += a->rule.was_down;
    return n;
}

static bool has_result(const struct server_facts *f)
{
    const struct facts_addr *a;

    TAILQ_FOREACH (a, &f->addrs, entry)
        if (a->has_result)
            return true;
    return false;
}

bool checks_recall(struct checks *c, struct server_facts *facts)
{
    struct pool_health h;

    if (!facts->is_checked || !facts->is_untried || has_result(facts))
        return false;
    get_effective(c, find_server(c, facts), &h);
    start_untried(c, facts, &h);
    if (count_recalled(facts) == 0)
        return false;
    tell_addrs(c, facts);
    c->hooks.on_change(c->hooks.arg, facts);
    return true;
}

/* ---- life ---- */

static void begin(struct checks *c, struct facts_addr *a, const struct pool_health *h)
{
    MUST(a->checks == NULL);
    a->checks = c;
    timer_init(&a->timer, on_turn);
    if (h->type != POOL_HEALTH_NONE)
        take_turn(a);
}

static void end(struct facts_addr *a)
{
    stop(a);
    a->checks = NULL;
}

static unsigned count_probes(uint64_t fd_limit)
{
    const uint64_t kept = fd_limit / 2 < CHECKS_FDS_KEPT ? fd_limit / 2 : CHECKS_FDS_KEPT;
    const uint64_t n = fd_limit - kept;

    if (n > CHECKS_PROBES_MAX)
        return CHECKS_PROBES_MAX;
    return n > 4 ? (unsigned)n : 4;
}

void checks_init(struct checks *c, struct conn_shared *shared, const struct pool_state *state,
                 uint64_t seed, uint64_t fd_limit)
{
    memset(c, 0, sizeof(*c));
    c->shared = shared;
    c->state = state;
    rand_seed(&c->rand, seed);
    c->probes_max = count_probes(fd_limit);
    for (unsigned i = 0; i < CHECKS_CLASSES; i++)
        TAILQ_INIT(&c->waiting[i]);
    c->begin_work = (struct loop_work){.run = begin_more};
}

void checks_fini(struct checks *c)
{
    check_tls_fini(&c->tls);
}

void checks_set_state(struct checks *c, const struct pool_state *state)
{
    c->state = state;
}

void checks_on_change(struct checks *c, const struct checks_hooks *hooks)
{
    c->hooks = *hooks;
}

void checks_add(struct checks *c, const struct pool_server *server, struct server_facts *facts)
{
    struct facts_addr *a;
    struct pool_health h;

    MUST(!facts->is_checked && facts->removed == NULL);
    get_effective(c, server, &h);
    facts->check_settings = check_settings_hash(c->state, server, &h);
    facts->is_checked = true;
    if (facts->is_untried)
        start_untried(c, facts, &h);
    TAILQ_FOREACH (a, &facts->addrs, entry)
        begin(c, a, &h);
    if (h.type != POOL_HEALTH_NONE)
        return;
    facts->is_untried = false;
    forgive(c, facts);
}

void checks_remove(struct checks *c, struct server_facts *facts)
{
    struct facts_addr *a;

    if (!facts->is_checked)
        return;
    facts->is_checked = false;
    TAILQ_FOREACH (a, &facts->addrs, entry)
        end(a);
    start_waiting(c);
}

static void free_gone(struct facts_addrs *gone)
{
    struct facts_addr *a;

    while ((a = TAILQ_FIRST(gone)) != NULL) {
        TAILQ_REMOVE(gone, a, entry);
        if (a->checks != NULL)
            end(a);
        facts_free_addr(a);
    }
}

/* In maintenance they are only made ready. True: the server is down as it was before. */
static bool begin_new(struct checks *c, struct server_facts *f,
                      const struct pool_server *server)
{
    struct facts_addr *a;
    struct pool_health h;

    get_effective(c, server, &h);
    TAILQ_FOREACH (a, &f->addrs, entry) {
        if (a->checks != NULL || a->has_result)
            continue;
        set_initial(c, a, &h);
        if (f->is_checked)
            begin(c, a, &h);
    }
    return note_recalled(f);
}

int checks_set_addrs(struct checks *c, struct server_facts *facts, const struct addr *addrs,
                     unsigned n)
{
    const struct pool_server *server = find_server(c, facts);
    struct facts_addrs gone;

    if (facts_set_addrs(facts, addrs, n, loop_wall_us(c->shared->loop), &gone) < 0)
        return WERR_NOMEM;
    free_gone(&gone);
    const bool is_recalled = begin_new(c, facts, server);
    tell_addrs(c, facts);
    judge(c, facts, false);
    if (is_recalled)
        c->hooks.on_change(c->hooks.arg, facts);
    start_waiting(c);
    return 0;
}
