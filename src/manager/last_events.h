/* last_events.h - what a worker that has ended was at: the end of its flight recorder
 * (stats/flight.h) as lines of the log, the last event last. */
#ifndef WELDR_MANAGER_LAST_EVENTS_H
#define WELDR_MANAGER_LAST_EVENTS_H

#include <sys/types.h>

#include "stats/flight.h"

enum { LAST_EVENTS_N = 20 };

/* now_us: monotonic. */
void last_events_log(const struct flight *f, unsigned worker, pid_t pid, uint64_t now_us);

/* Which system call it was that the kernel ended this worker for. */
void last_events_forbidden(const struct flight *f, unsigned worker, pid_t pid);

#endif
