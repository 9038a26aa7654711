/* balance_fixture.h - lists of entries for the tests of balance/: target i is &targets[i], key
 * 10 × (i + 1), its seat seats[i]. */
#ifndef WELDR_TESTS_BALANCE_FIXTURE_H
#define WELDR_TESTS_BALANCE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "balance/balance.h"

enum { TARGETS = 300 };
static char targets[TARGETS];
static struct balance_seat seats[TARGETS];

/* All idle, in no list, nothing known of them. */
static inline void clear_seats(void)
{
    memset(seats, 0, sizeof(seats));
}

static inline struct balance_entry entry_of(unsigned i, uint32_t weight)
{
    return (struct balance_entry){
        .target = &targets[i], .key = 10 * (i + 1), .seat = &seats[i], .weight = weight};
}

/* Index of a picked target, -1 for none. */
static inline int index_of(const void *target)
{
    return target == NULL ? -1 : (int)((const char *)target - targets);
}

static inline int pick(struct balance *b)
{
    return index_of(balance_pick(b, NULL));
}

/* Anybody but arg. */
static inline bool is_not(const void *target, const void *arg)
{
    return target != arg;
}

static inline int pick_other(struct balance *b, const void *not_this)
{
    return index_of(balance_pick_other(b, NULL, is_not, not_this));
}

/* Targets 0 … n-1 with these weights; 0 leaves one out. */
static inline void set_weights(struct balance *b, const uint32_t *weights, unsigned n)
{
    struct balance_entry list[TARGETS];
    uint32_t used = 0;
    for (unsigned i = 0; i < n; i++) {
        if (weights[i] > 0)
            list[used++] = entry_of(i, weights[i]);
    }
    assert_int_equal(balance_set(b, list, used), 0);
}

#endif
