/* worker_main.h - the worker process: `weldr worker --id N`.
 *
 * It finds at fixed descriptor numbers (wire/inherit.h) what the manager hands down, waits for
 * HELLO and SNAPSHOT before it accepts, acknowledges every update, drains on FRAME_DRAIN or
 * when the channel ends (the manager died), and exits.
 */
#ifndef WELDR_WORKER_WORKER_MAIN_H
#define WELDR_WORKER_WORKER_MAIN_H

#include "config/config.h"

/* Returns the exit code: 0 drained, 1 failure, 2 not started by a manager. */
int worker_main(const struct config *config);

#endif
