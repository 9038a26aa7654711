#include "balance/balance_int.h"

/* A binary heap by (in flight for the weight, due, key), whose root is next. Due times are
 * those of round robin, in virtual time that stands still while nobody is picked: servers that
 * are equally busy, idle ones above all, take turns as their weights say. One that was busy for
 * long is due at once and then like everybody: it does not catch up. */

/* Virtual time between two turns of an entry. After 2^44 picks, far beyond the life of a
 * process, time would end. */
static uint64_t period_of(uint32_t weight)
{
    return (1ULL << 20) / weight;
}

static bool is_before(const struct balance_entry *a, const struct balance_entry *b)
{
    uint64_t a_load = (uint64_t)a->load * b->weight;
    uint64_t b_load = (uint64_t)b->load * a->weight;
    if (a_load != b_load)
        return a_load < b_load;
    return a->due < b->due || (a->due == b->due && a->key < b->key);
}

static void put(struct balance *b, uint32_t place, const struct balance_entry *entry)
{
    b->entries[place] = *entry;
    b->entries[place].seat->place = place;
}

static void sift_down(struct balance *b, uint32_t place)
{
    struct balance_entry entry = b->entries[place];
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child + 1 < b->n && is_before(&b->entries[child + 1], &b->entries[child]))
            child++;
        if (child >= b->n || !is_before(&b->entries[child], &entry))
            break;
        put(b, place, &b->entries[child]);
        place = child;
    }
    put(b, place, &entry);
}

static void sift_up(struct balance *b, uint32_t place)
{
    struct balance_entry entry = b->entries[place];
    while (place > 0 && is_before(&entry, &b->entries[(place - 1) / 2])) {
        put(b, place, &b->entries[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(b, place, &entry);
}

/* The one at that place may stand wrong in either direction. */
static void sift(struct balance *b, uint32_t place)
{
    if (place > 0 && is_before(&b->entries[place], &b->entries[(place - 1) / 2]))
        sift_up(b, place);
    else
        sift_down(b, place);
}

/* ---- the list ---- */

/* Due times stand in the entries already. */
static void write_turns(struct balance *b)
{
    (void)b;
}

static uint64_t kept_due(const struct balance *b, const struct balance_entry *old,
                         uint32_t weight)
{
    return old->due > b->now ? b->now + (old->due - b->now) * old->weight / weight : b->now;
}

/* Newcomers come within one period, one after the other; the worker says who is the first. */
static uint64_t first_due(const struct balance *b, const struct balance_entry *entry,
                          uint32_t place, uint32_t n)
{
    return b->now + period_of(entry->weight) * ((place + n - b->offset % n) % n) / n;
}

static void arrange(struct balance *b, bool is_new)
{
    (void)is_new;
    balance_seat_from(b, 0);
    for (uint32_t i = b->n / 2; i > 0; i--)
        sift_down(b, i - 1);
}

static void insert(struct balance *b, const struct balance_entry *entry)
{
    balance_insert_at(b, b->n, entry);
    b->entries[b->n - 1].due = b->now + period_of(entry->weight) / 2;
    sift_up(b, b->n - 1);
}

static void remove_at(struct balance *b, uint32_t place)
{
    b->n--;
    if (place == b->n)
        return;
    put(b, place, &b->entries[b->n]);
    sift(b, place);
}

/* ---- asking ---- */

static void *pick(struct balance *b, const struct balance_ask *ask)
{
    struct balance_entry *root = &b->entries[0];
    void *target = root->target;
    (void)ask;
    if (root->due > b->now)
        b->now = root->due;
    root->due = b->now + period_of(root->weight);
    sift_down(b, 0);
    return target;
}

/* The place behind this one and all below it, from top to bottom and from left to right; 0:
 * there is none. */
static uint32_t pass_over(const struct balance *b, uint32_t place)
{
    while (place > 0 && (place % 2 == 0 || place + 1 >= b->n))
        place = (place - 1) / 2;
    return place > 0 ? place + 1 : 0;
}

/* Below one that may, or that is not before the best so far, nobody is better. */
static void *pick_other(struct balance *b, const struct balance_ask *ask, balance_may_fn *may,
                        const void *arg)
{
    const struct balance_entry *best = NULL;
    uint32_t place = 0;
    (void)ask;
    do {
        const struct balance_entry *entry = &b->entries[place];
        bool is_better = best == NULL || is_before(entry, best);
        if (is_better && may(entry->target, arg))
            best = entry;
        bool goes_down = is_better && best != entry && 2 * place + 1 < b->n;
        place = goes_down ? 2 * place + 1 : pass_over(b, place);
    } while (place > 0);
    return best != NULL ? best->target : NULL;
}

const struct balance_ops balance_least_outstanding_ops = {
    .has_seats = true,
    .write_turns = write_turns,
    .kept_due = kept_due,
    .first_due = first_due,
    .arrange = arrange,
    .insert = insert,
    .remove = remove_at,
    .find = balance_find,
    .pick = pick,
    .pick_other = pick_other,
    .pick_between = balance_scan_between,
    .follow_load = sift,
};
