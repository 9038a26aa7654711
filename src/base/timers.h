/* timers.h - a hierarchical timer wheel in milliseconds.
 *
 * Made for time-outs that are set often and hardly ever fire: moving a timer to a later time
 * only stores the new time (the wheel finds out when the old slot comes up and sinks it again),
 * so a request costs no list or heap operation. Setting to an earlier time and the first
 * setting link it into a slot: O(1). Times are absolute, monotonic, in ms, given by the caller;
 * the wheel reads no clock. Timers are embedded in their owners, never freed while set
 * (timer_stop first).
 */
#ifndef WELDR_BASE_TIMERS_H
#define WELDR_BASE_TIMERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct timer;
typedef void (*timer_fn)(struct timer *t);

struct timer {
    LIST_ENTRY(timer) entry;
    uint64_t due_ms;  /* when it shall fire */
    uint64_t slot_ms; /* when the place where it hangs comes up; 0 = not linked */
    timer_fn on_fire; /* may set, stop or free any timer, its own too */
};

LIST_HEAD(timer_list, timer);
/* A level for each 6 bits of a 64-bit time: no time is too far for the wheel. */
enum { TIMERS_LEVELS = 11, TIMERS_SLOTS = 64 };
struct timers {
    uint64_t now_ms;
    uint64_t next_ms;             /* no slot that holds timers comes up before it */
    uint64_t busy[TIMERS_LEVELS]; /* bit per slot that may hold timers */
    struct timer_list slot[TIMERS_LEVELS][TIMERS_SLOTS];
    struct timer_list ripe; /* were late when set: fire in the next timers_run */
    unsigned n;             /* linked timers */
};

void timers_init(struct timers *w, uint64_t now_ms);
void timer_init(struct timer *t, timer_fn on_fire);
/* Sets or moves; due_ms <= now fires in the next timers_run, not in a running one (unless the
 * timer was waiting for its turn in that one anyway). */
void timer_set(struct timers *w, struct timer *t, uint64_t due_ms);
void timer_stop(struct timers *w, struct timer *t); /* no-op when not set */
static inline bool timer_is_set(const struct timer *t)
{
    return t->slot_ms != 0;
}
/* Advances to now_ms (a time before the last one counts as that one) and fires what is due, in
 * order of due time, in any order within the same ms; returns how many fired. The timers' time
 * is now_ms already while callbacks run; a timer fires at most once a run. The cost grows with
 * the timers that come up, not with the ms that passed. Not to be called from a callback. */
unsigned timers_run(struct timers *w, uint64_t now_ms);
/* A time at or before which timers_run has work to do (a slot may hold only moved timers),
 * UINT64_MAX when none is set. */
uint64_t timers_next_ms(const struct timers *w);

#endif
