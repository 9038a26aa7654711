/* pulse.h - is every worker alive? Asks each once a second over its channel and replaces one
 * that has said nothing for PULSE_SILENT_N of these seconds. After PULSE_DOUBTFUL_N of them it
 * counts as one that does not serve: others serve for it (stand_in.h).
 *
 * A worker is one thread: when it answers, its loop turns. Whatever it says counts. Seconds are
 * counted in the manager's own wake-ups, and one that came late counts for nobody, so that a
 * machine that was suspended, or too busy for the manager, is not laid at a worker's door. A
 * worker that starts, or has megabytes of updates to take, gets longer.
 */
#ifndef WELDR_MANAGER_PULSE_H
#define WELDR_MANAGER_PULSE_H

#include <stdint.h>

#include "base/timers.h"

enum { PULSE_MS = 1000, PULSE_DOUBTFUL_N = 2, PULSE_SILENT_N = 5, PULSE_NEW_SILENT_N = 30 };

struct slot;
struct supervisor;

struct pulse {
    struct timer timer;
    uint64_t last_ms;
};

/* Of one worker; zero when its process starts. */
struct pulse_of_slot {
    uint64_t ping;    /* number of the last one */
    uint64_t heard_n; /* frames of the worker, as of the last look */
    unsigned silent_n;
};

void pulse_init(struct pulse *p);
void pulse_start(struct supervisor *s);
void pulse_stop(struct supervisor *s);
/* The worker has answered. */
void pulse_heard(struct slot *slot);

#endif
