#include "stats/times.h"

/* A bound between two powers of two, and how many are below; or none between them. */
#define AT(us, below)   ((uint64_t)(below) << 32 | (UINT32_MAX - (us)))
#define NO_BOUND(below) ((uint64_t)(below) << 32)

const struct times_scale times_long = {
    {[0 ... 9] = NO_BOUND(0),
     AT(1000, 0),
     NO_BOUND(1),
     AT(2500, 1),
     AT(5000, 2),
     AT(10000, 3),
     AT(25000, 4),
     AT(50000, 5),
     AT(100000, 6),
     AT(250000, 7),
     AT(500000, 8),
     AT(1000000, 9),
     NO_BOUND(10),
     AT(2500000, 10),
     AT(5000000, 11),
     AT(10000000, 12),
     NO_BOUND(13),
     AT(60000000, 13),
     [27 ... 31] = NO_BOUND(14)},
    {"0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5",
     "5.0", "10.0", "60.0"},
};

const struct times_scale times_short = {
    {[0 ... 3] = NO_BOUND(0),
     AT(10, 0),
     AT(25, 1),
     AT(50, 2),
     AT(100, 3),
     AT(250, 4),
     AT(500, 5),
     AT(1000, 6),
     NO_BOUND(7),
     AT(2500, 7),
     AT(5000, 8),
     AT(10000, 9),
     AT(25000, 10),
     AT(50000, 11),
     AT(100000, 12),
     NO_BOUND(13),
     NO_BOUND(13),
     AT(1000000, 13),
     [21 ... 31] = NO_BOUND(14)},
    {"0.00001", "0.000025", "0.00005", "0.0001", "0.00025", "0.0005", "0.001", "0.0025",
     "0.005", "0.01", "0.025", "0.05", "0.1", "1.0"},
};
