/* balance_int.h - between balance.c (memory, rebuilding) and the policies; nobody else includes
 * this.
 *
 * A policy keeps entries[] in its own order. Before a rebuild it writes each entry's place in
 * turn into due (rr_write_turns), so that balance.c can carry it over by key; afterwards it
 * puts the new list in order (rr_arrange).
 */
#ifndef WELDR_BALANCE_BALANCE_INT_H
#define WELDR_BALANCE_BALANCE_INT_H

#include "balance/balance.h"

/* Virtual time between two turns of an entry. */
static inline uint64_t rr_period(uint32_t weight)
{
    return (1ULL << 40) / weight;
}

/* True when a is due before b; safe when virtual time wraps round. */
static inline bool rr_is_before(const struct balance_entry *a, const struct balance_entry *b)
{
    int64_t ahead = (int64_t)(a->due - b->due);
    return ahead < 0 || (ahead == 0 && a->key < b->key);
}

/* Gives every entry of the list a due time that tells its place in turn. */
void rr_write_turns(struct balance *b);
/* Entries are in id order with due times: puts them in the order that picking needs. is_new:
 * none of them was there before. */
void rr_arrange(struct balance *b, bool is_new);
/* Puts one in (due is set; there is room) or takes the one at that place out; the others keep
 * their turns. */
void rr_insert(struct balance *b, const struct balance_entry *entry);
void rr_delete(struct balance *b, uint32_t place);
/* Where the entry with this key stands; n: nowhere. */
uint32_t rr_find(const struct balance *b, uint64_t key);
void *rr_pick(struct balance *b);
void *rr_pick_other(struct balance *b, balance_may_fn *may, const void *arg);
void *rr_pick_between(const struct balance *b, uint64_t after, uint64_t before,
                      balance_may_fn *may, const void *arg);

#endif
