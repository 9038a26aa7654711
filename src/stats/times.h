/* times.h - times in fourteen buckets, for who draws them over time and adds them up over many
 * machines (GET /metrics).
 *
 * Two cache lines, so that each server can have some; histogram.h is finer and 16 times as
 * large. The bounds are those that people expect, 1, 2.5, 5, 10 …: not more than one of them
 * lies between two powers of two, so that the place of a time is one look into a table and an
 * addition. Single writer.
 */
#ifndef WELDR_STATS_TIMES_H
#define WELDR_STATS_TIMES_H

#include <stdint.h>

enum {
    TIMES_BOUNDS = 14,
    TIMES_ROWS = 32 /* of a scale: 0, and the powers of two of 31 bits */
};

struct times {
    uint64_t bucket[TIMES_BOUNDS + 1]; /* each for itself; the last: above all bounds */
    uint64_t sum_us;
} __attribute__((aligned(64)));

/* The bounds of a histogram. */
struct times_scale {
    /* By power of two (the first: 0 µs): in the upper half how many bounds are below it, in the
     * lower half what overflows into that for a time above the bound that follows before the
     * next one. */
    uint64_t rows[TIMES_ROWS];
    const char *bounds[TIMES_BOUNDS]; /* in seconds */
};

extern const struct times_scale times_long;  /* 1 ms to 60 s: servers */
extern const struct times_scale times_short; /* 10 µs to 1 s: what Weldr adds */

/* A bucket holds what is not above its bound. Times of more than half an hour are rare: they
 * have a branch, so that all others need no comparison with a limit in a register. */
static inline uint64_t times_bucket_of(const struct times_scale *s, uint64_t us)
{
    if (__builtin_expect(us > INT32_MAX, 0))
        return TIMES_BOUNDS;
    return (s->rows[63 - (unsigned)__builtin_clzll(2 * us + 1)] + us) >> 32;
}

static inline void times_add(struct times *h, const struct times_scale *s, uint64_t us)
{
    h->bucket[times_bucket_of(s, us)] += 1;
    h->sum_us += us;
}

#endif
