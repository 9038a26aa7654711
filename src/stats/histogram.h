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
/* Its buckets by powers of two, for people and machines that read: group i counts what took
 * less than histogram_below_us(i), and belongs to no group before; the last one whatever is
 * above. */
enum { HISTOGRAM_GROUPS = HISTOGRAM_BUCKETS / 8 };
uint64_t histogram_group(const struct histogram *h, unsigned i);
uint64_t histogram_below_us(unsigned i);

#endif
