#include "balance/balance_int.h"
#include "base/search.h"

/* In key order; due of an entry is the sum of the weights before it, so that a number below the
 * sum of all names an entry, each as often as its weight says.
 *
 * Of two such the better one costs less: latency × (in flight / share + 1), where the share is
 * its weight by the mean weight: with equal weights latency × (in flight + 1). Idle servers of
 * one latency cost the same whatever their weights, and the first of the two is taken: so the
 * weights hold under light load too. A server whose latency is not known is compared by what is
 * in flight alone; so it gets some requests to be known by, and no flood. */

enum { HALF_LIFE_US = 10 * 1000 * 1000, LATENCY_MAX_US = 1 << 30 };

/* What is left of it after so long: halved in each half-life, in between on a straight line. */
static uint64_t decay(uint64_t value, uint64_t age_us)
{
    uint64_t halves = age_us / HALF_LIFE_US;
    if (halves >= 32)
        return 0;
    value >>= halves;
    return value - value * (age_us % HALF_LIFE_US) / (2ULL * HALF_LIFE_US);
}

static uint64_t age_of(const struct balance_seat *seat, uint64_t now_us)
{
    return now_us > seat->latency_at_us ? now_us - seat->latency_at_us : 0;
}

void balance_seat_heard(struct balance_seat *seat, uint64_t latency_us, uint64_t now_us)
{
    uint64_t known = seat->latency_us;
    if (latency_us > LATENCY_MAX_US)
        latency_us = LATENCY_MAX_US;
    if (known > latency_us)
        latency_us += decay(known - latency_us, age_of(seat, now_us));
    seat->latency_us = latency_us > 0 ? (uint32_t)latency_us : 1;
    seat->latency_at_us = now_us;
}

/* Nobody is slow for ever: one that was gets another try. */
static uint64_t latency_of(const struct balance_entry *entry, uint64_t now_us)
{
    return decay(entry->seat->latency_us, age_of(entry->seat, now_us)) + 1;
}

/* Latency up to 2^30, load up to 2^16, weights up to 2^8: no overflow. */
static bool is_better(const struct balance *b, const struct balance_entry *one,
                      const struct balance_entry *two, const struct balance_ask *ask)
{
    uint64_t mean = (b->weight + b->n - 1) / b->n;
    uint64_t one_cost = (one->load * mean + one->weight) * two->weight;
    uint64_t two_cost = (two->load * mean + two->weight) * one->weight;
    if (one->seat->latency_us > 0 && two->seat->latency_us > 0) {
        one_cost *= latency_of(one, ask->now_us);
        two_cost *= latency_of(two, ask->now_us);
    }
    return one_cost <= two_cost;
}

/* ---- the list ---- */

static void sum_from(struct balance *b, uint32_t place)
{
    uint64_t sum = place > 0 ? b->entries[place - 1].due + b->entries[place - 1].weight : 0;
    for (uint32_t i = place; i < b->n; i++) {
        b->entries[i].due = sum;
        sum += b->entries[i].weight;
    }
    b->equal = b->n == 0 || b->weight == (uint64_t)b->n * b->entries[0].weight;
}

static void arrange(struct balance *b, bool is_new)
{
    (void)is_new;
    balance_seat_from(b, 0);
    sum_from(b, 0);
}

static void insert(struct balance *b, const struct balance_entry *entry)
{
    uint32_t place = 0;
    while (place < b->n && b->entries[place].key < entry->key)
        place++;
    balance_insert_at(b, place, entry);
    sum_from(b, place);
}

static void remove_at(struct balance *b, uint32_t place)
{
    balance_remove_at(b, place);
    sum_from(b, place);
}

/* ---- asking ---- */

static uint64_t due_at(const void *entries, uint32_t i)
{
    return ((const struct balance_entry *)entries)[i].due;
}

/* The entry in whose stretch of the sum of weights this number lies: the last that begins at it
 * or before. */
static const struct balance_entry *find_stretch(const struct balance *b, uint64_t number)
{
    if (b->equal)
        return &b->entries[number / b->entries[0].weight];
    return &b->entries[search_place(b->entries, b->n, due_at, number + 1) - 1];
}

static void *pick(struct balance *b, const struct balance_ask *ask)
{
    if (b->n == 1)
        return b->entries[0].target;
    const struct balance_entry *one = find_stretch(b, rand_below(ask->rand, b->weight));
    uint64_t number = rand_below(ask->rand, b->weight - one->weight);
    if (number >= one->due)
        number += one->weight; /* anybody but the first */
    const struct balance_entry *two = find_stretch(b, number);
    return is_better(b, one, two, ask) ? one->target : two->target;
}

/* The better of the first two that may, from anywhere on. */
static void *pick_other(struct balance *b, const struct balance_ask *ask, balance_may_fn *may,
                        const void *arg)
{
    const struct balance_entry *one = NULL;
    uint32_t start = (uint32_t)rand_below(ask->rand, b->n);
    for (uint32_t i = 0; i < b->n; i++) {
        const struct balance_entry *entry = &b->entries[(start + i) % b->n];
        if (!may(entry->target, arg))
            continue;
        if (one != NULL)
            return is_better(b, one, entry, ask) ? one->target : entry->target;
        one = entry;
    }
    return one != NULL ? one->target : NULL;
}

const struct balance_ops balance_p2c_ops = {
    .has_seats = true,
    .arrange = arrange,
    .insert = insert,
    .remove = remove_at,
    .find = balance_find,
    .pick = pick,
    .pick_other = pick_other,
    .pick_between = balance_scan_between,
};
