#include "stats/rule_hits.h"

#include <stddef.h>

/* Ids are numbers that follow one another: multiplied, they are spread (Knuth, 6.4). */
static uint64_t home_of(uint64_t id)
{
    return id * 0x9e3779b97f4a7c15ULL >> (64 - RULE_HITS_BITS);
}

/* The i-th place of a rule. */
static uint64_t place(uint64_t id, uint64_t i)
{
    return (home_of(id) + i) % RULE_HITS_MAX;
}

/* Its own place, or the first that was never used; RULE_HITS_MAX: all are taken by others. */
static uint64_t look_up(const struct rule_hits *h, uint64_t id)
{
    for (uint64_t i = 0; i < RULE_HITS_NEAR; i++) {
        const uint64_t key = __atomic_load_n(&h->at[place(id, i)].key, __ATOMIC_ACQUIRE);
        if (key == id + 1 || key == 0)
            return place(id, i);
    }
    return RULE_HITS_MAX;
}

const struct rule_hit *rule_hits_find(const struct rule_hits *h, uint64_t id)
{
    const uint64_t at = look_up(h, id);
    return at < RULE_HITS_MAX && h->at[at].key != 0 ? &h->at[at] : NULL;
}

/* One of them a request, so that a request never pays for all. RULE_HITS_MAX: its rule is still
 * there. */
static uint64_t reuse(struct rule_hits *h, uint64_t id, rule_hits_gone_fn is_gone,
                      const void *arg)
{
    const uint64_t at = place(id, h->looked_at++ % RULE_HITS_NEAR);
    return is_gone(arg, h->at[at].key - 1) ? at : RULE_HITS_MAX;
}

void rule_hits_add(struct rule_hits *h, uint64_t id, rule_hits_gone_fn is_gone, const void *arg)
{
    uint64_t at = look_up(h, id);
    if (at == RULE_HITS_MAX)
        at = reuse(h, id, is_gone, arg);
    if (at == RULE_HITS_MAX)
        return;
    struct rule_hit *hit = &h->at[at];
    if (hit->key != id + 1) { /* a reader of this id finds it when the number is right */
        __atomic_store_n(&hit->n, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&hit->key, id + 1, __ATOMIC_RELEASE);
    }
    hit->n += 1;
}

void rule_hits_set(struct rule_hits *h, uint64_t id, uint64_t n)
{
    const uint64_t at = look_up(h, id);

    if (at < RULE_HITS_MAX)
        h->at[at] = (struct rule_hit){id + 1, n};
}
