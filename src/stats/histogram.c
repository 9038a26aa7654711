#include "stats/histogram.h"

/* Buckets 0–7 are one µs each; from 8 µs on, each power of two has 8 of equal width. */
enum { STEPS_BITS = 3, STEPS = 1 << STEPS_BITS };

static unsigned bucket_of(uint64_t us)
{
    /* How far the top bit is above that of 8; the 3 bits that follow it choose among the 8. */
    const unsigned shift = 63U - STEPS_BITS - (unsigned)__builtin_clzll(us | STEPS);
    const uint64_t index = shift * STEPS + (us >> shift);

    return index < HISTOGRAM_BUCKETS ? (unsigned)index : HISTOGRAM_BUCKETS - 1;
}

/* The largest value that falls into the bucket. */
static uint64_t bucket_top_us(unsigned index)
{
    unsigned shift = index / STEPS - 1;

    if (index < STEPS)
        return index;
    return ((STEPS + index % STEPS + 1ULL) << shift) - 1;
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

/* Counts the buckets rather than trusting n, which may be a moment apart from them. */
uint64_t histogram_quantile_us(const struct histogram *h, unsigned per_mille)
{
    uint64_t all = 0;
    uint64_t seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        all += h->bucket[i];
    if (all == 0)
        return 0;
    uint64_t rank = (uint64_t)(((unsigned __int128)all * per_mille + 999) / 1000);
    if (rank == 0)
        rank = 1;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen >= rank)
            return bucket_top_us(i);
    }
    return bucket_top_us(HISTOGRAM_BUCKETS - 1);
}
