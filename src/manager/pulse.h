/* pulse.h - is every worker alive? Asks each once a second over its channel and tells of one
 * that has said nothing for PULSE_SILENT_N of these seconds, so that it is replaced. After
 * SLOT_DOUBTFUL_N of them it counts as one that does not serve (slot.h).
 *
 * A worker is one thread: when it answers, its loop turns. Whatever it says counts. Seconds are
 * counted in the manager's own wake-ups, and one that came late counts for nobody, so that a
 * machine that was suspended, or too busy for the manager, is not laid at a worker's door. A
 * worker that starts, or has megabytes of updates to take, gets longer. Owner: the supervisor.
 */
#ifndef WELDR_MANAGER_PULSE_H
#define WELDR_MANAGER_PULSE_H

#include <stdint.h>

#include "base/timers.h"
#include "manager/slot.h"

enum { PULSE_MS = 1000, PULSE_SILENT_N = 5, PULSE_NEW_SILENT_N = 30 };

struct pulse_hooks {
    /* It is to be replaced. */
    void (*on_silent)(void *arg, struct slot *slot);
    /* Who serves may have changed. */
    void (*on_change)(void *arg);
    void *arg;
};

struct pulse {
    struct slots *slots;
    struct pulse_hooks hooks;
    struct timer timer;
    uint64_t last_ms;
};

void pulse_init(struct pulse *p, struct slots *slots, const struct pulse_hooks *hooks);
void pulse_start(struct pulse *p);
void pulse_stop(struct pulse *p);
/* The worker has answered. */
void pulse_heard(struct pulse *p, struct slot *slot);

#endif
