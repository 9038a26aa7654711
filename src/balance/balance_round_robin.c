#include <stddef.h>
#include <string.h>

#include "balance/balance_int.h"

/* Equal weights: a ring in id order and an index. Unequal: a binary heap by (due, key), whose
 * root is next. */

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
            if (rr_is_before(&b->entries[child], &b->entries[first]))
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
    while (i > 0 && rr_is_before(&b->entries[i], &b->entries[(i - 1) / 2])) {
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
void rr_write_turns(struct balance *b)
{
    if (!b->equal)
        return;
    for (uint32_t turn = 0; turn < b->n; turn++) {
        struct balance_entry *entry = &b->entries[(b->next + turn) % b->n];
        uint64_t step = rr_period(entry->weight) / b->n;
        entry->due = b->now + step * turn + step / 2;
    }
}

static uint32_t find_first_due(const struct balance *b)
{
    uint32_t first = 0;
    for (uint32_t i = 1; i < b->n; i++) {
        if (rr_is_before(&b->entries[i], &b->entries[first]))
            first = i;
    }
    return first;
}

void rr_arrange(struct balance *b, bool is_new)
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
        (void)rr_pick(b);
}

/* Place of the first entry of the ring whose key is not below this one. */
static uint32_t find_place(const struct balance *b, uint64_t key)
{
    uint32_t low = 0;
    uint32_t high = b->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (b->entries[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t rr_find(const struct balance *b, uint64_t key)
{
    uint32_t i = b->equal ? find_place(b, key) : 0;
    while (i < b->n && b->entries[i].key != key)
        i++;
    return i;
}

/* In the ring it stands by its id; the turn stays with whom it was. */
void rr_insert(struct balance *b, const struct balance_entry *entry)
{
    uint32_t place = b->equal ? find_place(b, entry->key) : b->n;
    memmove(&b->entries[place + 1], &b->entries[place],
            (b->n - place) * sizeof(struct balance_entry));
    b->entries[place] = *entry;
    b->n++;
    if (!b->equal)
        sift_up(b, place);
    else if (place <= b->next)
        b->next++;
}

static void delete_from_ring(struct balance *b, uint32_t place)
{
    b->n--;
    memmove(&b->entries[place], &b->entries[place + 1],
            (b->n - place) * sizeof(struct balance_entry));
    if (place < b->next)
        b->next--;
    else if (b->next == b->n)
        b->next = 0;
}

void rr_delete(struct balance *b, uint32_t place)
{
    if (b->equal) {
        delete_from_ring(b, place);
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
    b->entries[0].due = b->now + rr_period(b->entries[0].weight);
    sift_down(b, 0);
    return target;
}

static void *pick_from_ring(struct balance *b)
{
    void *target = b->entries[b->next].target;
    b->next = b->next + 1 < b->n ? b->next + 1 : 0;
    return target;
}

void *rr_pick(struct balance *b)
{
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
        if ((first == NULL || rr_is_before(entry, first)) && may(entry->target, arg))
            first = entry;
    }
    return first != NULL ? first->target : NULL;
}

void *rr_pick_other(struct balance *b, balance_may_fn *may, const void *arg)
{
    return b->equal ? find_in_ring(b, may, arg) : find_in_heap(b, may, arg);
}

/* Keys in a round: `after` is the last of it, the one behind it the first. */
static bool is_between(uint64_t key, uint64_t after, uint64_t before)
{
    return key != after && (before == after || key - after < before - after);
}

static void *find_between_in_ring(const struct balance *b, uint64_t after, uint64_t before,
                                  balance_may_fn *may, const void *arg)
{
    uint32_t start = find_place(b, after + 1);
    for (uint32_t i = 0; i < b->n; i++) {
        const struct balance_entry *entry = &b->entries[(start + i) % b->n];
        if (!is_between(entry->key, after, before))
            return NULL;
        if (may(entry->target, arg))
            return entry->target;
    }
    return NULL;
}

void *rr_pick_between(const struct balance *b, uint64_t after, uint64_t before,
                      balance_may_fn *may, const void *arg)
{
    const struct balance_entry *first = NULL;
    if (b->equal)
        return find_between_in_ring(b, after, before, may, arg);
    for (uint32_t i = 0; i < b->n; i++) {
        const struct balance_entry *entry = &b->entries[i];
        if (is_between(entry->key, after, before) &&
            (first == NULL || entry->key - after < first->key - after) &&
            may(entry->target, arg))
            first = entry;
    }
    return first != NULL ? first->target : NULL;
}
