#include <stddef.h>
#include <string.h>

#include "balance/balance_int.h"
#include "base/search.h"

/* Equal weights: a ring in id order and an index. Unequal: a binary heap by (due, key), whose
 * root is next. */

/* Virtual time between two turns of an entry. */
static uint64_t period_of(uint32_t weight)
{
    return (1ULL << 40) / weight;
}

/* True when a is due before b; safe when virtual time wraps round. */
static bool is_before(const struct balance_entry *a, const struct balance_entry *b)
{
    int64_t ahead = (int64_t)(a->due - b->due);
    return ahead < 0 || (ahead == 0 && a->key < b->key);
}

static void *pick(struct balance *b, const struct balance_ask *ask);

static void swap_entries(struct balance_entry *a, struct balance_entry *b)
{
    struct balance_entry spare = *a;
    *a = *b;
    *b = spare;
}

static void sift_down(struct balance *b, uint32_t i)
{
    for (;;) {
        uint32_t first = i;
        for (uint32_t child = 2 * i + 1; child <= 2 * i + 2 && child < b->n; child++) {
            if (is_before(&b->entries[child], &b->entries[first]))
                first = child;
        }
        if (first == i)
            return;
        swap_entries(&b->entries[i], &b->entries[first]);
        i = first;
    }
}

static void sift_up(struct balance *b, uint32_t i)
{
    while (i > 0 && is_before(&b->entries[i], &b->entries[(i - 1) / 2])) {
        swap_entries(&b->entries[i], &b->entries[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

static void build_heap(struct balance *b)
{
    for (uint32_t i = b->n / 2; i > 0; i--)
        sift_down(b, i - 1);
}

/* The heap has due times already; the ring's are its order from the next one on, spread over
 * one period. */
static void write_turns(struct balance *b)
{
    if (!b->equal)
        return;
    for (uint32_t turn = 0; turn < b->n; turn++) {
        struct balance_entry *entry = &b->entries[(b->next + turn) % b->n];
        uint64_t step = period_of(entry->weight) / b->n;
        entry->due = b->now + step * turn + step / 2;
    }
}

/* A newcomer to the heap gets a place of its own within one period, spread over the list:
 * equals do not come in a heap. */
static uint64_t spread_due(const struct balance *b, const struct balance_entry *entry,
                           uint32_t place, uint32_t n)
{
    return b->now + period_of(entry->weight) / n * place + period_of(entry->weight) / n / 2;
}

/* A newcomer to the ring waits until all that were there had their turn. */
static uint64_t first_due(const struct balance *b, const struct balance_entry *entry,
                          uint32_t place, uint32_t n)
{
    return b->equal ? b->now + 2 * period_of(entry->weight) : spread_due(b, entry, place, n);
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

static uint32_t find_first_due(const struct balance *b)
{
    uint32_t first = 0;
    for (uint32_t i = 1; i < b->n; i++) {
        if (is_before(&b->entries[i], &b->entries[first]))
            first = i;
    }
    return first;
}

static void arrange(struct balance *b, bool is_new)
{
    b->next = 0;
    if (b->n == 0)
        return;
    uint32_t offset = b->offset % b->n;
    if (b->equal) {
        b->next = is_new ? offset : find_first_due(b);
        return;
    }
    build_heap(b);
    for (uint32_t i = 0; is_new && i < offset; i++)
        (void)pick(b, NULL);
}

static uint64_t key_at(const void *entries, uint32_t i)
{
    return ((const struct balance_entry *)entries)[i].key;
}

/* Place of the first entry of the ring whose key is not below this one. */
static uint32_t find_place(const struct balance *b, uint64_t key)
{
    return search_place(b->entries, b->n, key_at, key);
}

static uint32_t find(const struct balance *b, uint64_t key)
{
    uint32_t i = b->equal ? find_place(b, key) : 0;
    while (i < b->n && b->entries[i].key != key)
        i++;
    return i;
}

static bool can_insert(const struct balance *b, const struct balance_entry *entry)
{
    return !b->equal || entry->weight == b->entries[0].weight;
}

/* Without the one at that place all weights are the same: it would be a ring. */
static bool can_remove(const struct balance *b, uint32_t place)
{
    uint32_t weight = b->entries[place == 0 ? 1 : 0].weight;
    for (uint32_t i = 0; !b->equal && i < b->n; i++) {
        if (i != place && b->entries[i].weight != weight)
            return true;
    }
    return b->equal;
}

/* The place in the list of a newcomer to the heap is not known there: its key spreads as well.
 */
static uint64_t scattered_due(const struct balance *b, const struct balance_entry *entry)
{
    uint64_t mixed = entry->key * 0x9e3779b97f4a7c15ULL;
    return spread_due(b, entry, (uint32_t)((mixed >> 32) * b->n >> 32), b->n);
}

/* In the ring it stands by its id; the turn stays with whom it was. */
static void insert(struct balance *b, const struct balance_entry *entry)
{
    uint32_t place = b->equal ? find_place(b, entry->key) : b->n;
    memmove(&b->entries[place + 1], &b->entries[place],
            (b->n - place) * sizeof(struct balance_entry));
    b->entries[place] = *entry;
    b->entries[place].due = b->equal ? 0 : scattered_due(b, entry);
    b->n++;
    if (!b->equal)
        sift_up(b, place);
    else if (place <= b->next)
        b->next++;
}

static void remove_from_ring(struct balance *b, uint32_t place)
{
    b->n--;
    memmove(&b->entries[place], &b->entries[place + 1],
            (b->n - place) * sizeof(struct balance_entry));
    if (place < b->next)
        b->next--;
    else if (b->next == b->n)
        b->next = 0;
}

static void remove_at(struct balance *b, uint32_t place)
{
    if (b->equal) {
        remove_from_ring(b, place);
        return;
    }
    b->n--;
    if (place == b->n)
        return;
    b->entries[place] = b->entries[b->n];
    sift_up(b, place);
    sift_down(b, place);
}

/* The first of the heap has its turn. */
static void *pick_from_heap(struct balance *b)
{
    void *target = b->entries[0].target;
    b->now = b->entries[0].due;
    b->entries[0].due = b->now + period_of(b->entries[0].weight);
    sift_down(b, 0);
    return target;
}

static void *pick_from_ring(struct balance *b)
{
    void *target = b->entries[b->next].target;
    b->next = b->next + 1 < b->n ? b->next + 1 : 0;
    return target;
}

static void *pick(struct balance *b, const struct balance_ask *ask)
{
    (void)ask;
    return b->equal ? pick_from_ring(b) : pick_from_heap(b);
}

/* ---- further attempts: they change nobody's turn ---- */

static void *find_in_ring(struct balance *b, balance_may_fn *may, const void *arg)
{
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t place = (b->other + i) % b->n;
        if (may(b->entries[place].target, arg)) {
            b->other = place + 1;
            return b->entries[place].target;
        }
    }
    return NULL;
}

static void *find_in_heap(const struct balance *b, balance_may_fn *may, const void *arg)
{
    const struct balance_entry *first = NULL;
    for (uint32_t i = 0; i < b->n; i++) {
        const struct balance_entry *entry = &b->entries[i];
        if ((first == NULL || is_before(entry, first)) && may(entry->target, arg))
            first = entry;
    }
    return first != NULL ? first->target : NULL;
}

static void *pick_other(struct balance *b, const struct balance_ask *ask, balance_may_fn *may,
                        const void *arg)
{
    (void)ask;
    return b->equal ? find_in_ring(b, may, arg) : find_in_heap(b, may, arg);
}

static void *find_between_in_ring(const struct balance *b, uint64_t after, uint64_t before,
                                  balance_may_fn *may, const void *arg)
{
    uint32_t start = find_place(b, after + 1);
    for (uint32_t i = 0; i < b->n; i++) {
        const struct balance_entry *entry = &b->entries[(start + i) % b->n];
        if (!balance_is_between(entry->key, after, before))
            return NULL;
        if (may(entry->target, arg))
            return entry->target;
    }
    return NULL;
}

static void *pick_between(const struct balance *b, uint64_t after, uint64_t before,
                          balance_may_fn *may, const void *arg)
{
    return b->equal ? find_between_in_ring(b, after, before, may, arg)
                    : balance_scan_between(b, after, before, may, arg);
}

const struct balance_ops balance_round_robin_ops = {
    .write_turns = write_turns,
    .kept_due = kept_due,
    .first_due = first_due,
    .arrange = arrange,
    .can_insert = can_insert,
    .can_remove = can_remove,
    .insert = insert,
    .remove = remove_at,
    .find = find,
    .pick = pick,
    .pick_other = pick_other,
    .pick_between = pick_between,
};
