#include "manager/resolve_int.h"

#include <stdio.h>
#include <stdlib.h>

enum { GRACE_MS = 50 /* RFC 8305 section 3: the resolution delay */ };

int resolve_compare_addrs(const void *a, const void *b)
{
    const struct addr *x = a;
    const struct addr *y = b;

    if (x->family != y->family) /* IPv4 first */
        return x->family == AF_INET ? -1 : 1;
    return memcmp(x->ip, y->ip, sizeof(x->ip));
}

unsigned resolve_sort_addrs(struct addr *addrs, unsigned n)
{
    unsigned kept = 0;

    qsort(addrs, n, sizeof(*addrs), resolve_compare_addrs);
    for (unsigned i = 0; i < n && kept < RESOLVE_ADDRS_MAX; i++)
        if (kept == 0 || !addr_is_equal(&addrs[kept - 1], &addrs[i]))
            addrs[kept++] = addrs[i];
    return kept;
}

void resolve_half_set(struct resolve_half *h, enum resolve_half_state state, const char *why)
{
    h->state = (uint8_t)state;
    snprintf(h->why, sizeof(h->why), "%s", why);
}

void resolve_half_empty(struct resolve_half *h, const char *why)
{
    free(h->addrs);
    h->addrs = NULL;
    h->addr_n = 0;
    resolve_half_set(h, HALF_NONE, why);
}

void resolve_half_fill(struct resolve_half *h, struct addr *addrs, unsigned n, uint32_t ttl_s)
{
    MUST(n > 0 && n <= RESOLVE_ADDRS_MAX); /* GOOD has addresses, as many as addr_n can say */
    free(h->addrs);
    h->addrs = addrs;
    h->addr_n = (uint8_t)n;
    h->until_ms = loop_now_ms(h->name->loop) + ttl_s * 1000ULL;
    resolve_half_set(h, HALF_GOOD, "");
}

/* ---- the answers together ---- */

static bool is_same_set(const struct resolve_name *n, const struct addr *addrs, unsigned addr_n)
{
    if (n->told_n != addr_n)
        return false;
    for (unsigned i = 0; i < addr_n; i++)
        if (!addr_is_equal(&n->told[i], &addrs[i]))
            return false;
    return true;
}

static bool is_any(const struct resolve_name *n, enum resolve_half_state state)
{
    return n->halves[HALF_V4].state == state || n->halves[HALF_V6].state == state;
}

bool resolve_name_is_asking(const struct resolve_name *n)
{
    return n->halves[HALF_V4].is_asking || n->halves[HALF_V6].is_asking;
}

/* A half of each state has its say: what failed has its old addresses. */
static unsigned join_halves(const struct resolve_name *n, struct addr *addrs)
{
    unsigned addr_n = 0;

    for (unsigned i = 0; i < HALVES; i++) {
        const struct resolve_half *h = &n->halves[i];

        if (h->addr_n > 0)
            memcpy(addrs + addr_n, h->addrs, h->addr_n * sizeof(*addrs));
        addr_n += h->addr_n;
    }
    return resolve_sort_addrs(addrs, addr_n);
}

static int tell_addrs(struct resolve_name *n, const struct addr *addrs, unsigned addr_n)
{
    const struct resolve_hooks *hooks = n->hooks;

    MUST(addr_n > 0);
    struct addr *told = malloc(addr_n * sizeof(*told));
    int rc =
        told != NULL ? hooks->on_addrs(hooks->arg, n->server_id, addrs, addr_n) : WERR_NOMEM;
    if (rc < 0) {
        free(told);
        return rc;
    }
    memcpy(told, addrs, addr_n * sizeof(*told));
    free(n->told);
    n->told = told;
    n->told_n = (uint8_t)addr_n;
    return 0;
}

static void tell_failure(struct resolve_name *n, const char *why)
{
    uint64_t delay_s = n->failures < 6 ? 1ULL << n->failures : RESOLVE_TTL_MAX_S;

    n->failures++;
    loop_timer_in(n->loop, &n->timer, delay_s * 1000);
    n->hooks->on_failure(n->hooks->arg, n->server_id, why, n->told_n > 0);
}

/* When the first of what is known grows old. */
static void plan_asking(struct resolve_name *n)
{
    uint64_t due_ms = UINT64_MAX;

    for (unsigned i = 0; i < HALVES; i++) {
        const struct resolve_half *h = &n->halves[i];

        if (h->state == HALF_GOOD && (n->is_by_hosts || !h->is_asking) && h->until_ms < due_ms)
            due_ms = h->until_ms;
    }
    if (due_ms != UINT64_MAX)
        timer_set(loop_timers(n->loop), &n->timer, due_ms);
}

void resolve_name_use_answers(struct resolve_name *n)
{
    const struct resolve_hooks *hooks = n->hooks;
    struct addr addrs[HALVES * RESOLVE_ADDRS_MAX];
    const unsigned addr_n = join_halves(n, addrs);
    const bool is_news = !is_same_set(n, addrs, addr_n);
    const int rc = is_news ? tell_addrs(n, addrs, addr_n) : 0;

    n->is_graced = false;
    if (rc < 0) {
        tell_failure(n, werr_text(rc));
        return;
    }
    if (!is_news && n->failures > 0)
        hooks->on_recovery(hooks->arg, n->server_id);
    n->failures = 0;
    plan_asking(n);
}

/* What failed says more than what is not there. */
static const char *find_why(const struct resolve_name *n)
{
    const struct resolve_half *v4 = &n->halves[HALF_V4];
    const struct resolve_half *v6 = &n->halves[HALF_V6];

    return v4->state != HALF_FAILED && v6->state == HALF_FAILED ? v6->why : v4->why;
}

/* The first AAAA may be a moment ahead of the A, which most networks can reach better. */
static bool is_early(const struct resolve_name *n)
{
    return n->told_n == 0 && n->halves[HALF_V4].is_asking && !n->is_by_hosts;
}

void resolve_name_settle(struct resolve_name *n)
{
    if (!is_any(n, HALF_GOOD)) {
        if (n->is_by_hosts || !resolve_name_is_asking(n))
            tell_failure(n, find_why(n));
    } else if (is_early(n)) {
        n->is_graced = true;
        loop_timer_in(n->loop, &n->timer, GRACE_MS);
    } else {
        resolve_name_use_answers(n);
    }
}

void resolve_name_free(struct resolve_name *n)
{
    MUST(!resolve_name_is_asking(n)); /* c-ares would come back to it */
    timer_stop(loop_timers(n->loop), &n->timer);
    for (unsigned i = 0; i < HALVES; i++)
        free(n->halves[i].addrs);
    free(n->told);
    free(n->host);
    free(n);
}
