/* rule_hits.h - how many requests each rule took, by the id of the rule.
 *
 * A table of each worker, in its slot of the segment. Rules come and go and many take no
 * request, so a rule gets its place with its first request; the manager does nothing for it. A
 * place is one of RULE_HITS_NEAR that follow the hash of the id. When they are all taken, the
 * place of a rule that is gone is used again; with more rules than that, some are not counted.
 * One writer, the worker; readers look up each id.
 */
#ifndef WELDR_STATS_RULE_HITS_H
#define WELDR_STATS_RULE_HITS_H

#include <stdbool.h>
#include <stdint.h>

enum { RULE_HITS_BITS = 14, RULE_HITS_MAX = 1 << RULE_HITS_BITS, RULE_HITS_NEAR = 64 };

struct rule_hit {
    uint64_t key; /* the id and 1; 0: never used */
    uint64_t n;
};

struct rule_hits {
    struct rule_hit at[RULE_HITS_MAX];
    uint64_t looked_at; /* of the places that were full: which one is looked at next */
} __attribute__((aligned(64)));

/* Is the rule with this id gone? */
typedef bool (*rule_hits_gone_fn)(const void *arg, uint64_t id);

/* NULL: no request was counted for it. */
const struct rule_hit *rule_hits_find(const struct rule_hits *h, uint64_t id);
/* For the writer: one request more. */
void rule_hits_add(struct rule_hits *h, uint64_t id, rule_hits_gone_fn is_gone,
                   const void *arg);
/* For the writer: so many are of this rule; without a place for it they are left out. */
void rule_hits_set(struct rule_hits *h, uint64_t id, uint64_t n);

#endif
