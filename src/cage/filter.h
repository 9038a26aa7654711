/* filter.h - the system calls that a process may make, and what becomes of one that makes
 * another.
 *
 * A table names them: filter_calls.def those of a worker, filter_vip_calls.def those of who
 * holds virtual IPs (vip/). A call outside it is not made: the process gets SIGSYS, its
 * handler tells which call it was (filter_start's on_call) and ends the process by the same
 * signal, by which the manager knows what happened (supervisor.c). Calls that are harmless to
 * some ends only are let through with these: kill-like ones to ourselves, prctl for the signal
 * of a lost parent, ioctl and fcntl for sockets and pipes that are open.
 *
 * Of libseccomp, whose types stay in filter.c.
 */
#ifndef WELDR_CAGE_FILTER_H
#define WELDR_CAGE_FILTER_H

#include <stdbool.h>

#include "base/werr.h"

/* Runs in the signal handler: may not use what needs memory or locks. */
typedef void (*filter_fn)(void *arg, int call);

enum filter_table { FILTER_WORKER, FILTER_VIP };

#ifdef __SANITIZE_ADDRESS__
enum { FILTER_HAS_SANITIZER = 1 }; /* its run time opens, maps and traces as it likes */
#else
enum { FILTER_HAS_SANITIZER = 0 };
#endif

/* From now on, for good. WERR_UNSUPPORTED: this kernel has none or refuses it; WERR_NOMEM. */
int filter_start(enum filter_table table, filter_fn on_call, void *arg) MUST_USE;
/* The name of a call of this machine; "?" for none. buf of FILTER_NAME_MAX. */
enum { FILTER_NAME_MAX = 32 };
const char *filter_call_name(int call, char *buf);

#endif
