/* stats_int.h - the layout of the segment; only for stats.c and stats_sum.c.
 *
 * One page of header, then the slots of the workers in a row. The header is written once by the
 * manager, before any worker has the descriptor; a worker of another build refuses the segment
 * by version and slot size.
 */
#ifndef WELDR_STATS_STATS_INT_H
#define WELDR_STATS_STATS_INT_H

#include <stddef.h>

#include "stats/stats.h"

enum { STATS_HEADER_BYTES = 4096, STATS_VERSION = 3 };
#define STATS_MAGIC 0x7374617472646c77ULL

struct stats_header {
    uint64_t magic;
    uint32_t version;
    uint32_t worker_n;
    uint64_t slot_bytes;
};

struct stats {
    char *map;
    size_t map_bytes;
    unsigned worker_n;
    struct stats_worker *worker; /* worker_n of them, inside map */
};

#endif
