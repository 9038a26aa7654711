/* worker_cage.h - a worker gives up what it was started with, before it reads any byte of a
 * client: first user and capabilities (cage/cage.h), and, when all is open that it will ever
 * need, all system calls but those of its work (cage/filter_calls.def).
 *
 * Who the user is says the manager (worker_env.h). One that made another call tells it in the
 * log and in its flight recorder, and dies; the manager counts and replaces it.
 */
#ifndef WELDR_WORKER_WORKER_CAGE_H
#define WELDR_WORKER_WORKER_CAGE_H

#include "base/werr.h"
#include "config/config.h"

struct worker;

/* Standard error is open already: its user only may open it anew. WERR_*: told in the log. */
int worker_cage_enter(const struct config *config) MUST_USE;
/* The loop and what it was given are there. A kernel without filters is warned of. WERR_NOMEM.
 */
int worker_cage_shut(const struct config *config, struct worker *w) MUST_USE;

#endif
