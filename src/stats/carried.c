#include "stats/carried.h"

#include <string.h>
#include <sys/mman.h>

#include "stats/stats_int.h"
#include "stats/totals_int.h"

/* ---- added up ---- */

static void add_group(const struct stats *s, const struct stats_total_group *g, uint32_t slot,
                      uint64_t *out)
{
    for (unsigned i = 0; slot < g->slot_n && i < stats_life_n(s); i++) {
        const uint64_t *n = stats_group_numbers(stats_life(s, i), g, slot);

        for (unsigned k = 0; k < g->n; k++)
            out[k] += __atomic_load_n(&n[k], __ATOMIC_RELAXED);
    }
}

static bool has_any(const uint64_t *n, unsigned count)
{
    while (count > 0 && *n == 0) {
        n++;
        count--;
    }
    return count > 0;
}

/* A server or pool that has counted nothing has served nothing: memory of its other groups is
 * not touched (served.h). */
static bool is_idle(enum stats_total_kind kind, const uint64_t *n, unsigned count)
{
    return (kind == STATS_TOTAL_SERVER || kind == STATS_TOTAL_POOL) && !has_any(n, count);
}

static void drop_gauges(const struct stats_total_group *g, uint64_t *n)
{
    for (unsigned i = 0; g->words != NULL && i < g->n; i++)
        if (g->words[i] == NULL)
            n[i] = 0;
}

void stats_total_get(const struct stats *s, uint32_t slot, struct stats_total *out)
{
    const struct stats_total_group *g;
    unsigned at = 0;

    memset(out->n, 0, sizeof(out->n));
    if (out->kind == STATS_TOTAL_RULE) {
        out->n[0] = stats_sum_rule(s, out->id);
        return;
    }
    for (unsigned i = 0; (g = stats_total_group(out->kind, i)) != NULL; i++) {
        MUST(at + g->n <= STATS_TOTAL_MAX);
        add_group(s, g, slot, &out->n[at]);
        drop_gauges(g, &out->n[at]);
        at += g->n;
        if (i == 0 && is_idle(out->kind, out->n, g->n))
            return;
    }
}

/* ---- carried ---- */

/* Of its own, and large: memory that nobody writes costs nothing, and no core file has it. */
static int make_slot(struct stats *s)
{
    if (s->carried != NULL)
        return 0;
    void *made = mmap(NULL, sizeof(*s->carried), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made == MAP_FAILED)
        return WERR_NOMEM;
    (void)madvise(made, sizeof(*s->carried), MADV_DONTDUMP);
    s->carried = made;
    return 0;
}

static void put_group(struct stats_worker *w, const struct stats_total_group *g, uint32_t slot,
                      const uint64_t *from)
{
    uint64_t *n = slot < g->slot_n ? stats_group_numbers(w, g, slot) : NULL;

    for (unsigned k = 0; n != NULL && k < g->n; k++)
        if (n[k] != from[k]) /* zeros touch no memory */
            n[k] = from[k];
}

int stats_carry(struct stats *s, uint32_t slot, const struct stats_total *one)
{
    const struct stats_total_group *g;
    struct stats_total kept = *one;
    unsigned at = 0;
    const int rc = make_slot(s);

    if (rc < 0)
        return rc;
    if (one->kind == STATS_TOTAL_RULE) {
        rule_hits_set(&s->carried->rule_hits, one->id, one->n[0]);
        return 0;
    }
    for (unsigned i = 0; (g = stats_total_group(one->kind, i)) != NULL; i++) {
        drop_gauges(g, &kept.n[at]);
        put_group(s->carried, g, slot, &kept.n[at]);
        at += g->n;
    }
    return 0;
}
