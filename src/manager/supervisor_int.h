/* supervisor_int.h - what the files of the supervisor share: supervisor.c (one process after
 * the other in each slot), supervisor_resize.c (more and fewer of them). */
#ifndef WELDR_MANAGER_SUPERVISOR_INT_H
#define WELDR_MANAGER_SUPERVISOR_INT_H

#include "manager/supervisor.h"

enum { KILL_AFTER_DRAIN_MS = 2000 };

/* One more, with its inbox and what else a slot has without a process; not wanted yet. WERR_*:
 * there is none. */
int supervisor_add_slot(struct supervisor *s) MUST_USE;
/* WERR_*: it is tried again in a while. */
int supervisor_start_slot(struct slot *slot);
/* Closes its inbox; the worker, if there is one, is told to finish. */
void supervisor_drain_slot(struct slot *slot, uint32_t limit_ms);

#endif
