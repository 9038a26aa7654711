#include "balance/balance.h"

#include <stdlib.h>
#include <string.h>

#include "balance/balance_int.h"
#include "base/fault.h"

static const struct balance_ops *ops_of(enum balance_policy policy)
{
    static const struct balance_ops *const ops[BALANCE_POLICIES] = {
        [BALANCE_ROUND_ROBIN] = &balance_round_robin_ops,
        [BALANCE_LEAST_OUTSTANDING] = &balance_least_outstanding_ops,
        [BALANCE_P2C] = &balance_p2c_ops,
        [BALANCE_HASH] = &balance_hash_ops,
    };
    MUST(policy < BALANCE_POLICIES);
    return ops[policy];
}

void balance_init(struct balance *b, enum balance_policy policy, uint32_t worker_offset)
{
    *b = (struct balance){
        .ops = ops_of(policy), .offset = worker_offset, .equal = true, .list = 1};
}

void balance_fini(struct balance *b)
{
    free(b->entries);
    free(b->groups);
    *b = (struct balance){0};
}

/* Turns of one policy say nothing to another. */
void balance_set_policy(struct balance *b, enum balance_policy policy)
{
    if (b->ops == ops_of(policy))
        return;
    balance_spoil(b);
    b->ops = ops_of(policy);
    b->n = 0;
    b->equal = true;
}

/* Seats know by the number of the list that they are in it no more. */
void balance_spoil(struct balance *b)
{
    b->is_stale = true;
    b->list++;
}

/* ---- a new list ---- */

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

/* Both lists are in key order. Returns whether any entry was there before. */
static bool carry_turns(const struct balance *b, struct balance_entry *entries, uint32_t n)
{
    uint32_t old = 0;
    bool is_any_kept = false;
    for (uint32_t i = 0; i < n; i++) {
        struct balance_entry *entry = &entries[i];
        while (old < b->n && b->entries[old].key < entry->key)
            old++;
        if (old < b->n && b->entries[old].key == entry->key) {
            entry->due = b->ops->kept_due(b, &b->entries[old], entry->weight);
            is_any_kept = true;
        } else {
            entry->due = b->ops->first_due(b, entry, i, n);
        }
    }
    return is_any_kept;
}

static bool keep_turns(struct balance *b, struct balance_entry *entries, uint32_t n)
{
    if (b->ops->kept_due == NULL)
        return false;
    if (b->n > 0) {
        b->ops->write_turns(b);
        qsort(b->entries, b->n, sizeof(*b->entries), compare_keys);
    }
    b->equal = has_equal_weights(entries, n);
    return carry_turns(b, entries, n);
}

static void sum_up(struct balance *b)
{
    b->weight = 0;
    b->in_flight = 0;
    for (uint32_t i = 0; b->ops->has_seats && i < b->n; i++) {
        b->entries[i].load = b->entries[i].seat->in_flight;
        b->in_flight += b->entries[i].load;
        b->weight += b->entries[i].weight;
    }
}

int balance_set(struct balance *b, const struct balance_entry *entries, uint32_t n)
{
    struct balance_entry *list = NULL;
    if (b->ops->reserve != NULL && b->ops->reserve(b) < 0)
        return WERR_NOMEM;
    if (n > 0) {
        list = fault_malloc(n * sizeof(*list));
        if (list == NULL)
            return WERR_NOMEM;
        memcpy(list, entries, n * sizeof(*list));
        qsort(list, n, sizeof(*list), compare_keys);
    }
    bool is_any_kept = keep_turns(b, list, n);
    b->equal = has_equal_weights(list, n);
    free(b->entries);
    b->entries = list;
    b->n = n;
    b->cap = n;
    b->list++;
    b->is_stale = false;
    sum_up(b);
    b->ops->arrange(b, !is_any_kept);
    return 0;
}

/* ---- one more, one less ---- */

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

bool balance_add(struct balance *b, const struct balance_entry *entry)
{
    if (b->is_stale || b->n == 0)
        return false;
    if (b->ops->can_insert != NULL && !b->ops->can_insert(b, entry))
        return false;
    if (!reserve_one(b))
        return false;
    struct balance_entry newcomer = *entry;
    if (b->ops->has_seats) {
        newcomer.load = entry->seat->in_flight;
        b->in_flight += newcomer.load;
        b->weight += newcomer.weight;
    }
    b->ops->insert(b, &newcomer);
    return true;
}

static void stand_up(struct balance *b, const struct balance_entry *entry)
{
    b->in_flight -= entry->load;
    b->weight -= entry->weight;
    entry->seat->list = 0;
}

bool balance_remove(struct balance *b, uint64_t key)
{
    if (b->is_stale || b->n == 1)
        return false;
    uint32_t place = b->ops->find(b, key);
    MUST(place < b->n);
    if (b->ops->can_remove != NULL && !b->ops->can_remove(b, place))
        return false;
    if (b->ops->has_seats)
        stand_up(b, &b->entries[place]);
    b->ops->remove(b, place);
    return true;
}

/* ---- seats ---- */

void balance_seat_from(struct balance *b, uint32_t place)
{
    for (uint32_t i = place; i < b->n; i++) {
        b->entries[i].seat->list = b->list;
        b->entries[i].seat->place = i;
    }
}

void balance_insert_at(struct balance *b, uint32_t place, const struct balance_entry *entry)
{
    memmove(&b->entries[place + 1], &b->entries[place],
            (b->n - place) * sizeof(struct balance_entry));
    b->entries[place] = *entry;
    b->n++;
    balance_seat_from(b, place);
}

void balance_remove_at(struct balance *b, uint32_t place)
{
    b->n--;
    memmove(&b->entries[place], &b->entries[place + 1],
            (b->n - place) * sizeof(struct balance_entry));
    balance_seat_from(b, place);
}

/* The seat's load is another one: so is that of its entry, if it has one. */
static void follow(struct balance *b, const struct balance_seat *seat)
{
    if (seat->list != b->list)
        return;
    struct balance_entry *entry = &b->entries[seat->place];
    MUST(entry->seat == seat);
    b->in_flight += seat->in_flight - entry->load;
    entry->load = seat->in_flight;
    if (b->ops->follow_load != NULL)
        b->ops->follow_load(b, seat->place);
}

void balance_taken(struct balance *b, struct balance_seat *seat)
{
    seat->in_flight++;
    follow(b, seat);
}

void balance_given_back(struct balance *b, struct balance_seat *seat)
{
    MUST(seat->in_flight > 0);
    seat->in_flight--;
    follow(b, seat);
}

/* ---- asking ---- */

void *balance_pick(struct balance *b, const struct balance_ask *ask)
{
    return b->n > 0 && !b->is_stale ? b->ops->pick(b, ask) : NULL;
}

void *balance_pick_other(struct balance *b, const struct balance_ask *ask, balance_may_fn *may,
                         const void *arg)
{
    return b->n > 0 && !b->is_stale ? b->ops->pick_other(b, ask, may, arg) : NULL;
}

void *balance_pick_between(const struct balance *b, uint64_t after, uint64_t before,
                           balance_may_fn *may, const void *arg)
{
    return b->n > 0 && !b->is_stale ? b->ops->pick_between(b, after, before, may, arg) : NULL;
}

/* ---- for lists in any order ---- */

uint32_t balance_find(const struct balance *b, uint64_t key)
{
    uint32_t i = 0;
    while (i < b->n && b->entries[i].key != key)
        i++;
    return i;
}

bool balance_is_between(uint64_t key, uint64_t after, uint64_t before)
{
    return key != after && (before == after || key - after < before - after);
}

void *balance_scan_between(const struct balance *b, uint64_t after, uint64_t before,
                           balance_may_fn *may, const void *arg)
{
    const struct balance_entry *first = NULL;
    for (uint32_t i = 0; i < b->n; i++) {
        const struct balance_entry *entry = &b->entries[i];
        if (balance_is_between(entry->key, after, before) &&
            (first == NULL || entry->key - after < first->key - after) &&
            may(entry->target, arg))
            first = entry;
    }
    return first != NULL ? first->target : NULL;
}
