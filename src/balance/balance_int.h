/* balance_int.h - between balance.c (memory, rebuilding) and the policies; nobody else includes
 * this.
 *
 * A policy keeps entries[] in its own order. A rebuild goes: reserve, write_turns on the old
 * list, a due time for each entry of the new one (kept_due, first_due), arrange the new one.
 * Only reserve may fail. A policy without kept_due has no turns and sets due as it likes.
 */
#ifndef WELDR_BALANCE_BALANCE_INT_H
#define WELDR_BALANCE_BALANCE_INT_H

#include "balance/balance.h"

struct balance_ops {
    bool has_seats; /* its entries sit: seat->place says where each stands */
    /* Memory beside the list: before the first list of this policy. */
    int (*reserve)(struct balance *b);
    /* Gives every entry of the list a due time that tells its place in turn. */
    void (*write_turns)(struct balance *b);
    /* One that was there comes with this weight: its due time by its old entry. */
    uint64_t (*kept_due)(const struct balance *b, const struct balance_entry *old,
                         uint32_t weight);
    /* Of a newcomer, at that place of n in key order. b->equal is that of the new list. */
    uint64_t (*first_due)(const struct balance *b, const struct balance_entry *entry,
                          uint32_t place, uint32_t n);
    /* The list is new and in key order, n may be 0: puts it in the order that picking needs.
     * is_new: none of them was there before. */
    void (*arrange)(struct balance *b, bool is_new);
    /* Would one more, or one less, leave the list its nature? NULL: always. */
    bool (*can_insert)(const struct balance *b, const struct balance_entry *entry);
    bool (*can_remove)(const struct balance *b, uint32_t place);
    /* Puts one in (there is room) or takes the one at that place out; the others keep their
     * turns. n changes within. */
    void (*insert)(struct balance *b, const struct balance_entry *entry);
    void (*remove)(struct balance *b, uint32_t place);
    uint32_t (*find)(const struct balance *b, uint64_t key); /* n: nowhere */
    void *(*pick)(struct balance *b, const struct balance_ask *ask);
    void *(*pick_other)(struct balance *b, const struct balance_ask *ask, balance_may_fn *may,
                        const void *arg);
    void *(*pick_between)(const struct balance *b, uint64_t after, uint64_t before,
                          balance_may_fn *may, const void *arg);
    /* The load of the one at that place has changed. NULL: that moves nobody. */
    void (*follow_load)(struct balance *b, uint32_t place);
};

extern const struct balance_ops balance_round_robin_ops;
extern const struct balance_ops balance_least_outstanding_ops;
extern const struct balance_ops balance_p2c_ops;
extern const struct balance_ops balance_hash_ops;

/* ---- for lists in any order ---- */

/* Linear. */
uint32_t balance_find(const struct balance *b, uint64_t key);
void *balance_scan_between(const struct balance *b, uint64_t after, uint64_t before,
                           balance_may_fn *may, const void *arg);
/* Keys in a round: `after` is the last of it, the one behind it the first. */
bool balance_is_between(uint64_t key, uint64_t after, uint64_t before);

/* ---- for lists whose entries sit ---- */

/* The entries from this place on stand where they stand: tells their seats. */
void balance_seat_from(struct balance *b, uint32_t place);
/* Opens a gap at that place and puts the entry there; closes the gap of one that goes. */
void balance_insert_at(struct balance *b, uint32_t place, const struct balance_entry *entry);
void balance_remove_at(struct balance *b, uint32_t place);

/* Spreads the bits of a number over 64 (the finalizer of splitmix64). */
static inline uint64_t balance_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

#endif
