/* Out of memory is told by hh.tbl, and not by the end of the program. */
#define HASH_NONFATAL_OOM    1
#define uthash_malloc(bytes) fault_malloc(bytes)
#include "manager/facts.h"

#include <stdlib.h>

#include "base/fault.h"
#include "base/fsm.h"
#include "net/tlsio_sessions.h"
#include "pool/server.h"

enum { SLOT_BITS = 64 };

static const struct fsm_state leave_states[LEAVE_STATES] = {
#define LEAVE_STATE(name, event, next) [LEAVE_##name] = {#name, next},
#include "manager/leave_states.def"
#undef LEAVE_STATE
};
static const struct fsm leave_fsm = {"leave", leave_states, LEAVE_STATES};

static const struct {
    enum server_state state;
    const char *finishing, *drained;
} causes[LEAVE_CAUSES] = {
#define LEAVE_CAUSE(name, state, finishing, drained) \
    [LEAVE_CAUSE_##name] = {SERVER_##state, finishing, drained},
#include "manager/leave_states.def"
#undef LEAVE_CAUSE
};

/* The macros of uthash count as ours, and the analyzer does not see that HASH_DELETE unlinks.
 * NOLINTBEGIN(readability-function-size,clang-analyzer-unix.Malloc) */
void facts_init(struct facts *f)
{
    memset(f, 0, sizeof(*f));
    TAILQ_INIT(&f->draining);
    TAILQ_INIT(&f->leaving);
}

void facts_fini(struct facts *f)
{
    struct server_facts *s, *next;

    for (s = facts_next(f, NULL); s != NULL; s = next) {
        next = facts_next(f, s);
        facts_drop(f, s);
    }
    while (f->pools != NULL)
        facts_drop_pool(f, f->pools);
}

struct server_facts *facts_next(const struct facts *f, const struct server_facts *after)
{
    return after == NULL ? f->by_id : after->hh.next;
}

static uint32_t take_slot(struct facts *f)
{
    for (unsigned i = 0; i < STATS_SERVERS_MAX / SLOT_BITS; i++) {
        if (f->slots[i] != UINT64_MAX) {
            const unsigned bit = (unsigned)__builtin_ctzll(~f->slots[i]);

            f->slots[i] |= 1ULL << bit;
            return i * SLOT_BITS + bit;
        }
    }
    return STATS_NO_SLOT;
}

static void give_slot(struct facts *f, uint32_t slot)
{
    const uint64_t bit = 1ULL << (slot % SLOT_BITS);

    if (slot == STATS_NO_SLOT)
        return;
    MUST((f->slots[slot / SLOT_BITS] & bit) != 0); /* two servers never share one */
    f->slots[slot / SLOT_BITS] &= ~bit;
}

struct facts_addr *facts_make_addr(const struct addr *addr, uint64_t now_us)
{
    struct facts_addr *a = fault_malloc(sizeof(*a));

    if (a == NULL)
        return NULL;
    *a = (struct facts_addr){.addr = *addr, .since_us = now_us};
    health_rule_init(&a->rule, false);
    return a;
}

static struct facts_addr *new_addr(struct server_facts *s, const struct addr *addr,
                                   uint64_t now_us)
{
    struct facts_addr *a = facts_make_addr(addr, now_us);

    if (a != NULL)
        a->server = s;
    return a;
}

void facts_free_addr(struct facts_addr *a)
{
    tlsio_sessions_put(a->sessions);
    free(a);
}

static void free_addrs(struct facts_addrs *list)
{
    struct facts_addr *a;

    while ((a = TAILQ_FIRST(list)) != NULL) {
        MUST(a->checks == NULL); /* else its probe or timer would come back to it */
        TAILQ_REMOVE(list, a, entry);
        facts_free_addr(a);
    }
}

static struct server_facts *new_facts(uint64_t id, const struct addr *addr, uint64_t now_us)
{
    struct server_facts *s = fault_malloc(sizeof(*s));

    if (s == NULL)
        return NULL;
    *s = (struct server_facts){.id = id,
                               .is_up = true,
                               .is_own_up = true,
                               .is_untried = true,
                               .is_named = addr->family == 0,
                               .weight = 1};
    server_record_init(&s->record, facts_state(s), now_us);
    TAILQ_INIT(&s->addrs);
    if (s->is_named)
        return s;
    struct facts_addr *a = new_addr(s, addr, now_us);
    if (a == NULL) {
        free(s);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&s->addrs, a, entry);
    s->addr_n = 1;
    return s;
}

static void free_facts(struct server_facts *s)
{
    free_addrs(&s->addrs);
    server_record_fini(&s->record);
    health_views_fini(&s->views);
    free(s);
}

struct server_facts *facts_add(struct facts *f, uint64_t id, const struct addr *addr,
                               uint64_t now_us)
{
    MUST(facts_find(f, id) == NULL); /* restore.c renews, it does not add again */
    struct server_facts *s = new_facts(id, addr, now_us);
    if (s == NULL)
        return NULL;
    HASH_ADD(hh, f->by_id, id, sizeof(s->id), s);
    if (s->hh.tbl == NULL) {
        free_facts(s);
        return NULL;
    }
    s->stats_slot = take_slot(f);
    return s;
}

struct server_facts *facts_find(const struct facts *f, uint64_t id)
{
    struct server_facts *s = NULL;

    HASH_FIND(hh, f->by_id, &id, sizeof(id), s);
    return s;
}

void facts_drain(struct facts *f, struct server_facts *s, struct pool_server *removed)
{
    MUST(s->removed == NULL && removed != NULL);
    s->removed = removed;
    s->drain_no = ++f->drain_no;
    TAILQ_INSERT_TAIL(&f->draining, s, draining);
    f->draining_n++;
}

struct server_facts *facts_next_draining(const struct facts *f, uint64_t id, uint64_t drain_no)
{
    struct server_facts *s = drain_no != 0 ? facts_find(f, id) : NULL;

    if (s != NULL && s->removed != NULL && s->drain_no == drain_no)
        return TAILQ_NEXT(s, draining);
    TAILQ_FOREACH (s, &f->draining, draining)
        if (s->drain_no > drain_no)
            return s;
    return NULL;
}

void facts_move_leave(struct facts *f, struct server_facts *s, enum leave_state next)
{
    const bool was_leaving = facts_is_leaving(s);

    fsm_move(&leave_fsm, &s->leave, next, s->id, "");
    if (facts_is_leaving(s) == was_leaving)
        return;
    if (!was_leaving)
        TAILQ_INSERT_TAIL(&f->leaving, s, leaving);
    else
        TAILQ_REMOVE(&f->leaving, s, leaving);
    f->leaving_n += was_leaving ? -1U : 1U;
    MUST((f->leaving_n == 0) == TAILQ_EMPTY(&f->leaving));
}

static void forget_leaving(struct facts *f, struct server_facts *s)
{
    if (s->removed != NULL) {
        pool_server_free(s->removed);
        TAILQ_REMOVE(&f->draining, s, draining);
        f->draining_n--;
    }
    s->removed = NULL;
    if (s->leave != LEAVE_STAYS)
        facts_move_leave(f, s, LEAVE_STAYS);
}

void facts_renew(struct facts *f, struct server_facts *s, struct facts_addr *first)
{
    const UT_hash_handle hh = s->hh;

    MUST(!s->is_checked);
    forget_leaving(f, s);
    free_addrs(&s->addrs);
    server_record_fini(&s->record);
    health_views_fini(&s->views);
    *s = (struct server_facts){.id = s->id,
                               .stats_slot = s->stats_slot,
                               .is_up = true,
                               .is_own_up = true,
                               .is_untried = true,
                               .is_named = first == NULL,
                               .weight = 1,
                               .hh = hh};
    TAILQ_INIT(&s->addrs);
    if (first == NULL)
        return;
    first->server = s;
    TAILQ_INSERT_TAIL(&s->addrs, first, entry);
    s->addr_n = 1;
}

void facts_drop(struct facts *f, struct server_facts *s)
{
    MUST(!s->is_checked);
    forget_leaving(f, s);
    give_slot(f, s->stats_slot);
    HASH_DELETE(hh, f->by_id, s);
    free_facts(s);
}

struct pool_facts *facts_add_pool(struct facts *f, uint64_t id)
{
    struct pool_facts *p = fault_malloc(sizeof(*p));

    if (p == NULL)
        return NULL;
    *p = (struct pool_facts){.id = id};
    HASH_ADD(hh, f->pools, id, sizeof(p->id), p);
    if (p->hh.tbl == NULL) {
        free(p);
        return NULL;
    }
    return p;
}

struct pool_facts *facts_find_pool(const struct facts *f, uint64_t id)
{
    struct pool_facts *p = NULL;

    HASH_FIND(hh, f->pools, &id, sizeof(id), p);
    return p;
}

void facts_set_fail_open(struct facts *f, struct pool_facts *p, bool is_fail_open)
{
    if (p->is_fail_open == is_fail_open)
        return;
    p->is_fail_open = is_fail_open;
    f->fail_open_n += is_fail_open ? 1U : -1U;
}

void facts_drop_pool(struct facts *f, struct pool_facts *p)
{
    facts_set_fail_open(f, p, false);
    HASH_DELETE(hh, f->pools, p);
    free(p);
}

/* NOLINTEND(readability-function-size,clang-analyzer-unix.Malloc) */

/* ---- addresses ---- */

static struct facts_addr *find_addr(const struct facts_addrs *list, const struct addr *addr)
{
    struct facts_addr *a;

    TAILQ_FOREACH (a, list, entry)
        if (addr_is_equal(&a->addr, addr))
            return a;
    return NULL;
}

/* First all that takes memory: entries for the addresses that are new. */
static int make_new(struct server_facts *s, const struct addr *addrs, unsigned n,
                    uint64_t now_us, struct facts_addrs *made)
{
    for (unsigned i = 0; i < n; i++) {
        if (find_addr(&s->addrs, &addrs[i]) != NULL)
            continue;
        struct facts_addr *a = new_addr(s, &addrs[i], now_us);
        if (a == NULL) {
            free_addrs(made);
            return WERR_NOMEM;
        }
        TAILQ_INSERT_TAIL(made, a, entry);
    }
    return 0;
}

/* The entry of this address, out of one list or the other. */
static struct facts_addr *take_addr(struct facts_addrs *old, struct facts_addrs *made,
                                    const struct addr *addr)
{
    struct facts_addr *a = find_addr(old, addr);
    struct facts_addrs *from = a != NULL ? old : made;

    if (a == NULL)
        a = find_addr(made, addr);
    MUST(a != NULL); /* make_new has seen to it */
    TAILQ_REMOVE(from, a, entry);
    return a;
}

int facts_set_addrs(struct server_facts *s, const struct addr *addrs, unsigned n,
                    uint64_t now_us, struct facts_addrs *gone)
{
    struct facts_addrs made = TAILQ_HEAD_INITIALIZER(made);

    MUST(n <= FRAME_ADDRS_N);
    TAILQ_INIT(gone);
    if (make_new(s, addrs, n, now_us, &made) < 0)
        return WERR_NOMEM;
    TAILQ_CONCAT(gone, &s->addrs, entry);
    for (unsigned i = 0; i < n; i++) {
        struct facts_addr *a = take_addr(gone, &made, &addrs[i]);

        TAILQ_INSERT_TAIL(&s->addrs, a, entry);
    }
    s->addr_n = (uint8_t)n;
    return 0;
}

static void settle(struct server_facts *s)
{
    s->is_up = s->verdict == FACTS_OWN ? s->is_own_up : s->verdict == FACTS_AGREED_UP;
}

void facts_set_own(struct server_facts *s, bool is_up)
{
    s->is_own_up = is_up;
    settle(s);
}

void facts_set_verdict(struct server_facts *s, enum facts_verdict verdict)
{
    s->verdict = (uint8_t)verdict;
    settle(s);
}

bool facts_judge(struct server_facts *s)
{
    const bool was_up = s->is_own_up;
    bool is_up = false;
    const struct facts_addr *a;

    MUST((s->addr_n == 0) == TAILQ_EMPTY(&s->addrs));
    if (s->addr_n == 0)
        return false;
    TAILQ_FOREACH (a, &s->addrs, entry)
        is_up = is_up || a->rule.up;
    facts_set_own(s, is_up);
    return is_up != was_up;
}

const struct facts_addr *facts_explain(const struct server_facts *s)
{
    const struct facts_addr *best = NULL;
    const struct facts_addr *a;

    TAILQ_FOREACH (a, &s->addrs, entry) {
        if (!a->has_result || a->rule.up != s->is_own_up)
            continue;
        if (best == NULL || a->last.at_us > best->last.at_us)
            best = a;
    }
    return best;
}

bool facts_has_no_addr(const struct server_facts *s)
{
    return s->is_named && s->addr_n == 0;
}

bool facts_is_waiting(const struct server_facts *s)
{
    return s->is_untried && !s->is_up && (s->verdict == FACTS_OWN || !s->is_own_up);
}

static enum leave_cause cause_of(const struct server_facts *s)
{
    static const enum leave_cause of_admin[] = {
        [POOL_ADMIN_ENABLED] = LEAVE_CAUSE_NONE,
        [POOL_ADMIN_DRAINING] = LEAVE_CAUSE_STOOD_DOWN,
        [POOL_ADMIN_MAINTENANCE] = LEAVE_CAUSE_MAINTENANCE,
    };

    MUST(s->admin < sizeof(of_admin) / sizeof(of_admin[0]));
    return s->removed != NULL ? LEAVE_CAUSE_REMOVED : of_admin[s->admin];
}

const char *facts_leave_reason(const struct server_facts *s)
{
    const enum leave_cause cause = cause_of(s);

    if (cause == LEAVE_CAUSE_NONE)
        return NULL;
    return facts_is_leaving(s) ? causes[cause].finishing : causes[cause].drained;
}

enum server_state facts_addr_state(const struct facts_addr *a)
{
    if (a->rule.up)
        return SERVER_ACTIVE;
    return a->rule.waits ? SERVER_INITIAL : SERVER_DOWN;
}

/* Nobody has tried it yet, and until then it gets nothing. */
static bool is_initial(const struct server_facts *s)
{
    if (facts_has_no_addr(s))
        return s->name_error[0] == '\0';
    return facts_is_waiting(s);
}

enum server_state facts_state(const struct server_facts *s)
{
    const enum leave_cause cause = cause_of(s);

    if (cause != LEAVE_CAUSE_NONE)
        return causes[cause].state;
    if (is_initial(s))
        return SERVER_INITIAL;
    if (!s->is_up || facts_has_no_addr(s))
        return SERVER_DOWN;
    if (s->weight == 0)
        return SERVER_STANDBY;
    return s->is_ejected ? SERVER_EJECTED : SERVER_ACTIVE;
}
