/* lanes.h - a lane, a place for one exchange at an origin; and the lanes of an origin.
 *
 * It has a stream and stands on a connection (origin_conn.h); on HTTP/1 a connection has one.
 * Lanes are shared by all clients of the worker: idle ones wait in their origin's list, the
 * warmest first, registered with the loop, so that a server that closes one is noticed. The
 * state of a lane is the list of its origin that it is on; one function moves it (lane.c).
 */
#ifndef WELDR_WORKER_LANES_H
#define WELDR_WORKER_LANES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "worker/stream.h"

enum { LANE_MAGIC = 0x6c61 };

enum lane_state {
    LANE_CONNECTING, /* for an exchange: stream_up.open follows */
    LANE_BUSY,
    LANE_IDLE,
    LANE_CLOSING, /* its connection has not been told closed yet */
    LANE_STATES
};

struct lane {
    struct stream stream; /* first */
    TAILQ_ENTRY(lane) entry;
    uint16_t magic;
    uint8_t state; /* enum lane_state */
};

TAILQ_HEAD(lane_list, lane);

/* The lanes of an origin. */
struct lanes {
    struct lane_list in[LANE_STATES]; /* IDLE: the last used first */
    uint32_t n, idle_n;
};

static inline void lanes_init(struct lanes *all)
{
    for (unsigned i = 0; i < LANE_STATES; i++)
        TAILQ_INIT(&all->in[i]);
    all->n = all->idle_n = 0;
}

/* No lane is left, not even one that closes. */
static inline bool lanes_are_gone(const struct lanes *all)
{
    return all->n == 0;
}

#endif
