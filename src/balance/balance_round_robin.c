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

/* The entry at i had its turn. Turns taken early (rr_pick_other) must not pile up for ever: two
 * periods are the longest wait. */
static void *take_turn(struct balance *b, uint32_t i)
{
    void *target = b->entries[i].target;
    uint64_t period = rr_period(b->entries[i].weight);
    uint64_t wait = b->entries[i].due + period - b->now;
    b->entries[i].due = b->now + (wait < 2 * period ? wait : 2 * period);
    sift_down(b, i);
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
    if (b->equal)
        return pick_from_ring(b);
    b->now = b->entries[0].due;
    return take_turn(b, 0);
}

void *rr_pick_other(struct balance *b, const void *not_this)
{
    uint32_t turn = b->equal ? b->next : 0;
    if (b->entries[turn].target != not_this)
        return rr_pick(b);
    if (b->n == 1)
        return NULL;
    if (b->equal) {
        (void)pick_from_ring(b);
        return pick_from_ring(b);
    }
    uint32_t second = b->n > 2 && rr_is_before(&b->entries[2], &b->entries[1]) ? 2 : 1;
    return take_turn(b, second);
}
