/* balance.h - which server gets the next request: a list of entries and a policy over them.
 *
 * The worker keeps one struct balance for its pool. One server that comes or goes is put in or
 * taken out where it stands; all else that changes rebuilds the list. A pick is O(1) for equal
 * weights and O(log n) otherwise, without allocation. Entries carry an opaque pointer (the
 * worker's origin). Down servers and those with weight 0 are simply not in the list. Pure.
 *
 * Round robin: equal weights alternate strictly; unequal weights are spread smoothly (earliest
 * deadline first: an entry of weight w is due every 1/w), never in bursts. One small file per
 * policy: balance_round_robin.c.
 */
#ifndef WELDR_BALANCE_BALANCE_H
#define WELDR_BALANCE_BALANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/werr.h"

struct balance_entry {
    void *target;
    uint64_t key;    /* server id: keeps its turn over a rebuild */
    uint32_t weight; /* 1–256 */
    uint64_t due;    /* internal: virtual time of the next turn */
};

struct balance {
    struct balance_entry *entries; /* equal weights: in id order; else a heap by (due, key) */
    uint32_t n, cap;
    uint32_t next;   /* equal weights: whose turn */
    uint32_t other;  /* equal weights: where the next further attempt looks first */
    uint64_t now;    /* virtual time */
    uint8_t equal;   /* all weights are the same */
    uint32_t offset; /* where this worker starts, so that workers do not march in step */
};

void balance_init(struct balance *b, uint32_t worker_offset);
void balance_fini(struct balance *b);
/* Replaces the entries (copied; due is ignored). An entry whose key was there keeps its place
 * in turn. WERR_NOMEM leaves the old list. */
int balance_set(struct balance *b, const struct balance_entry *entries, uint32_t n) MUST_USE;
/* One entry more or less, as a rebuild would have it, but at the cost of finding its place.
 * False: nothing was done, and it takes balance_set, since the list changes its nature (its
 * first or last entry, the first weight that differs, the last that did), or for want of
 * memory. The key must not, or must, be there. */
bool balance_add(struct balance *b, const struct balance_entry *entry) MUST_USE;
bool balance_remove(struct balance *b, uint64_t key) MUST_USE;
/* Whose turn it is, and passes the turn on; NULL when there is none. */
void *balance_pick(struct balance *b);
/* May a further attempt go to this target? */
typedef bool balance_may_fn(const void *target, const void *arg);
/* For a further attempt, which takes nobody's turn: one that may; NULL when there is none.
 * Equal weights: each time from the next place on, so that what one server drops is spread
 * over all others; else the one that is due first. */
void *balance_pick_other(struct balance *b, balance_may_fn *may, const void *arg);
/* For the attempt after that: the first in order of keys, round from the greatest to the least,
 * that comes behind `after` and before `before` (both the same: all but that one) and may. */
void *balance_pick_between(const struct balance *b, uint64_t after, uint64_t before,
                           balance_may_fn *may, const void *arg);

#endif
