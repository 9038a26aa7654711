#include "balance/balance.h"

#include <stdlib.h>
#include <string.h>

#include "balance/balance_int.h"
#include "base/fault.h"

void balance_init(struct balance *b, uint32_t worker_offset)
{
    *b = (struct balance){.offset = worker_offset, .equal = 1};
}

void balance_fini(struct balance *b)
{
    free(b->entries);
    *b = (struct balance){0};
}

static int compare_keys(const void *left, const void *right)
{
    const struct balance_entry *a = left;
    const struct balance_entry *b = right;
    return (a->key > b->key) - (a->key < b->key);
}

static bool has_equal_weights(const struct balance_entry *entries, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        if (entries[i].weight != entries[0].weight)
            return false;
    }
    return true;
}

/* A newcomer gets a place of its own within one period, spread over the list: equals do not
 * come in a heap. */
static uint64_t first_due(const struct balance *b, const struct balance_entry *entry,
                          uint32_t place, uint32_t n)
{
    return b->now + rr_period(entry->weight) / n * place + rr_period(entry->weight) / n / 2;
}

/* What is left of the wait, as a share of the period, stays the same when the weight changes.
 */
static uint64_t kept_due(const struct balance *b, const struct balance_entry *old,
                         uint32_t weight)
{
    if (old->weight == weight)
        return old->due;
    /* Below 2^41, since nobody waits longer than two periods: no overflow. */
    uint64_t left = old->due - b->now;
    return b->now + left * old->weight / weight;
}

/* Both lists are in id order. A newcomer to a ring waits until all that were there had their
 * turn. Returns whether any entry was there before. */
static bool carry_turns(const struct balance *b, struct balance_entry *entries, uint32_t n,
                        bool is_ring)
{
    uint32_t old = 0;
    bool is_any_kept = false;
    for (uint32_t i = 0; i < n; i++) {
        struct balance_entry *entry = &entries[i];
        while (old < b->n && b->entries[old].key < entry->key)
            old++;
        if (old < b->n && b->entries[old].key == entry->key) {
            entry->due = kept_due(b, &b->entries[old], entry->weight);
            is_any_kept = true;
        } else {
            entry->due =
                is_ring ? b->now + 2 * rr_period(entry->weight) : first_due(b, entry, i, n);
        }
    }
    return is_any_kept;
}

int balance_set(struct balance *b, const struct balance_entry *entries, uint32_t n)
{
    struct balance_entry *list = NULL;
    if (n > 0) {
        list = fault_malloc(n * sizeof(*list));
        if (list == NULL)
            return WERR_NOMEM;
        memcpy(list, entries, n * sizeof(*list));
        qsort(list, n, sizeof(*list), compare_keys);
    }
    if (b->n > 0) {
        rr_write_turns(b);
        qsort(b->entries, b->n, sizeof(*b->entries), compare_keys);
    }
    bool is_ring = has_equal_weights(list, n);
    bool is_any_kept = carry_turns(b, list, n, is_ring);
    free(b->entries);
    b->entries = list;
    b->n = n;
    b->cap = n;
    b->equal = is_ring;
    rr_arrange(b, !is_any_kept);
    return 0;
}

static bool reserve_one(struct balance *b)
{
    if (b->n < b->cap)
        return true;
    uint32_t cap = 2 * b->cap;
    struct balance_entry *list = fault_malloc(cap * sizeof(*list));
    if (list == NULL)
        return false;
    memcpy(list, b->entries, b->n * sizeof(*list));
    free(b->entries);
    b->entries = list;
    b->cap = cap;
    return true;
}

/* A newcomer to the heap: its place in the list is not known there, its key spreads as well. */
static uint64_t scattered_due(const struct balance *b, const struct balance_entry *entry)
{
    uint64_t mixed = entry->key * 0x9e3779b97f4a7c15ULL;
    return first_due(b, entry, (uint32_t)((mixed >> 32) * b->n >> 32), b->n);
}

bool balance_add(struct balance *b, const struct balance_entry *entry)
{
    bool is_alike = b->n > 0 && entry->weight == b->entries[0].weight;
    if (b->n == 0 || (b->equal && !is_alike) || !reserve_one(b))
        return false;
    struct balance_entry newcomer = *entry;
    newcomer.due = b->equal ? 0 : scattered_due(b, entry);
    rr_insert(b, &newcomer);
    return true;
}

/* Without the one at that place all weights are the same. */
static bool is_ring_without(const struct balance *b, uint32_t place)
{
    uint32_t weight = b->entries[place == 0 ? 1 : 0].weight;
    for (uint32_t i = 0; i < b->n; i++) {
        if (i != place && b->entries[i].weight != weight)
            return false;
    }
    return true;
}

bool balance_remove(struct balance *b, uint64_t key)
{
    uint32_t place = rr_find(b, key);
    MUST(place < b->n);
    if (b->n == 1 || (!b->equal && is_ring_without(b, place)))
        return false;
    rr_delete(b, place);
    return true;
}

void *balance_pick(struct balance *b)
{
    return b->n > 0 ? rr_pick(b) : NULL;
}

void *balance_pick_other(struct balance *b, balance_may_fn *may, const void *arg)
{
    return b->n > 0 ? rr_pick_other(b, may, arg) : NULL;
}

void *balance_pick_between(const struct balance *b, uint64_t after, uint64_t before,
                           balance_may_fn *may, const void *arg)
{
    return b->n > 0 ? rr_pick_between(b, after, before, may, arg) : NULL;
}
