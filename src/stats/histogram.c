#include "stats/histogram.h"

/* Buckets 0–7 are one µs each; from 8 µs on, each power of two has 8 of equal width. */
enum { STEPS_BITS = 3, STEPS = 1 << STEPS_BITS };

static unsigned bucket_of(uint64_t us)
{
    /* How far the top bit is above that of 8; the 3 bits that follow it choose among the 8. */
    const uint64_t shift = 63U - STEPS_BITS - (unsigned)__builtin_clzll(us | STEPS);
    const uint64_t index = shift * STEPS + (us >> shift);

    return index < HISTOGRAM_BUCKETS ? (unsigned)index : HISTOGRAM_BUCKETS - 1;
}

void histogram_add(struct histogram *h, uint64_t us)
{
    unsigned i = bucket_of(us);

    h->bucket[i] += 1;
    h->sum_us += us;
    h->n += 1;
}

void histogram_merge(struct histogram *into, const struct histogram *h)
{
    into->n += __atomic_load_n(&h->n, __ATOMIC_RELAXED);
    into->sum_us += __atomic_load_n(&h->sum_us, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->bucket[i] += __atomic_load_n(&h->bucket[i], __ATOMIC_RELAXED);
}

_Static_assert((int)STEPS *HISTOGRAM_GROUPS == HISTOGRAM_BUCKETS, "whole groups");

uint64_t histogram_group(const struct histogram *h, unsigned i)
{
    uint64_t sum = 0;

    for (unsigned k = 0; k < STEPS; k++)
        sum += h->bucket[i * STEPS + k];
    return sum;
}

uint64_t histogram_below_us(unsigned i)
{
    return (uint64_t)STEPS << i;
}
