#include "stats/rule_hits.h"

#include <stddef.h>

/* Ids are numbers that follow one another: multiplied, they are spread (Knuth, 6.4). */
static uint64_t home_of(uint64_t id)
{
    return id * 0x9e3779b97f4a7c15ULL >> (64 - RULE_HITS_BITS);
}

/* The i-th place of a rule. */
static const struct rule_hit *place(const struct rule_hits *h, uint64_t id, uint64_t i)
{
    return &h->at[(home_of(id) + i) % RULE_HITS_MAX];
}

/* Its own, or the first that was never used; NULL: all are taken by others. */
static const struct rule_hit *look_up(const struct rule_hits *h, uint64_t id)
{
    for (uint64_t i = 0; i < RULE_HITS_NEAR; i++) {
        const struct rule_hit *hit = place(h, id, i);
        const uint64_t key = __atomic_load_n(&hit->key, __ATOMIC_ACQUIRE);
        if (key == id + 1 || key == 0)
            return hit;
    }
    return NULL;
}

const struct rule_hit *rule_hits_find(const struct rule_hits *h, uint64_t id)
{
    const struct rule_hit *hit = look_up(h, id);
    return hit != NULL && hit->key != 0 ? hit : NULL;
}

/* One of them a request, so that a request never pays for all. NULL: its rule is still there.
 */
static const struct rule_hit *reuse(struct rule_hits *h, uint64_t id, rule_hits_gone_fn is_gone,
                                    const void *arg)
{
    const struct rule_hit *hit = place(h, id, h->looked_at++ % RULE_HITS_NEAR);
    return is_gone(arg, hit->key - 1) ? hit : NULL;
}

void rule_hits_add(struct rule_hits *h, uint64_t id, rule_hits_gone_fn is_gone, const void *arg)
{
    const struct rule_hit *found = look_up(h, id);
    if (found == NULL)
        found = reuse(h, id, is_gone, arg);
    if (found == NULL)
        return;
    struct rule_hit *hit = &h->at[found - h->at];
    if (hit->key != id + 1) { /* a reader of this id finds it when the number is right */
        __atomic_store_n(&hit->n, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&hit->key, id + 1, __ATOMIC_RELEASE);
    }
    hit->n += 1;
}
