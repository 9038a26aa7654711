/* histogram.h - a log-linear histogram of µs: 8 steps per power of two, about 12 % wide, 1 µs
 * to over an hour. Single writer. */
#ifndef WELDR_STATS_HISTOGRAM_H
#define WELDR_STATS_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 264 };
struct histogram {
    uint64_t n;
    uint64_t sum_us;
    uint64_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t us);
void histogram_merge(struct histogram *into, const struct histogram *h);
/* Upper bound of the bucket in which the q-quantile lies (q in per mille: 500, 990, 999); 0
 * when empty. */
uint64_t histogram_quantile_us(const struct histogram *h, unsigned per_mille);

#endif
