/* flight.h - the flight recorder: the last events of a worker, in its slot of the segment.
 *
 * A ring of 16 KiB that only the worker writes, a few instructions an event (flight.def); it
 * outlives the worker, and the manager prints its end when one is killed or dies, so that there
 * is something to go by. An event counts when the number of events says so, after all of it was
 * written: one that death has cut is never seen. A new worker goes on where the last one was.
 * The manager does not trust what it reads: unknown kinds are left out.
 */
#ifndef WELDR_STATS_FLIGHT_H
#define WELDR_STATS_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

enum flight_what {
#define FLIGHT(name, text, a, b) FLIGHT_##name,
#include "stats/flight.def"
#undef FLIGHT
    FLIGHT_KINDS
};

enum { FLIGHT_EVENTS = 1024, FLIGHT_UNIT_BITS = 10 };

struct flight_event {
    uint32_t at; /* monotonic time in 1.024 ms, its low bits */
    uint16_t what;
    uint16_t a;
    uint64_t b;
};

struct flight {
    uint64_t n; /* ever written; the last is at (n - 1) % FLIGHT_EVENTS */
    struct flight_event ring[FLIGHT_EVENTS];
} __attribute__((aligned(64)));

static inline void flight_note(struct flight *f, uint64_t now_us, enum flight_what what,
                               uint64_t a, uint64_t b)
{
    const uint64_t n = f->n;

    f->ring[n % FLIGHT_EVENTS] = (struct flight_event){
        .at = (uint32_t)(now_us >> FLIGHT_UNIT_BITS),
        .what = (uint16_t)what,
        .a = (uint16_t)a,
        .b = b,
    };
    __atomic_store_n(&f->n, n + 1, __ATOMIC_RELEASE);
}

/* For the reader: */
struct flight_facts {
    const char *text, *a, *b;
};

/* The i-th event from the end (0: the last). False: there is none, or none that is known. */
bool flight_read(const struct flight *f, unsigned i, struct flight_event *out);
/* How long ago it was. */
uint64_t flight_age_ms(const struct flight_event *e, uint64_t now_us);
const struct flight_facts *flight_facts(const struct flight_event *e);

#endif
