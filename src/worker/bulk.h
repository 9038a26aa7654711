/* bulk.h - a list of servers that takes its time: read and followed in parts, one a turn of the
 * loop, so that no client waits while 10,000 servers are set.
 *
 * Called by channel.c, which takes no other update meanwhile: the description changes in one
 * step between the two.
 *
 *   IDLE → READING → JUDGED → FOLLOWING → IDLE
 */
#ifndef WELDR_WORKER_BULK_H
#define WELDR_WORKER_BULK_H

#include <stdbool.h>
#include <stdint.h>

#include "net/loop.h"
#include "pool/pool_apply.h"
#include "pool/pool_code.h"

struct worker;

enum {
    BULK_MIN_BYTES = 8192, /* of an entry; shorter ones are taken at once */
    BULK_READ_N = 64,      /* servers a turn */
    BULK_FOLLOW_N = 256
};

enum bulk_phase { BULK_IDLE, BULK_READING, BULK_JUDGED, BULK_FOLLOWING, BULK_PHASES };

struct bulk {
    struct worker *worker;
    uint8_t phase; /* enum bulk_phase */
    struct timer timer;
    char *entry; /* owned */
    uint64_t index;
    struct pool_code_parts parts;
    struct pool_command command; /* READING, JUDGED */
    int verdict;                 /* JUDGED */
    struct pool_change change;   /* FOLLOWING */
    uint32_t followed_n;
    void (*done)(struct bulk *b, int rc); /* as worker_apply; not after bulk_drop */
};

void bulk_init(struct bulk *b, struct worker *w, void (*done)(struct bulk *b, int rc));
static inline bool bulk_is_long(struct span entry)
{
    return entry.len >= BULK_MIN_BYTES;
}
/* As worker_apply; POOL_CODE_MORE: it is a list, and done comes. The entry is copied. */
int bulk_apply(struct bulk *b, uint64_t index, struct span entry) MUST_USE;
static inline bool bulk_is_busy(const struct bulk *b)
{
    return b->phase != BULK_IDLE;
}
/* Whatever is under way. */
void bulk_drop(struct bulk *b);

#endif
