/* handover.h - descriptors from the manager to a worker: the step between fork and exec.
 *
 * Everything that the manager opens is close-on-exec; the child puts what the worker shall have
 * to the numbers of wire/inherit.h and then executes this program again. Called in
 * the child only, so nothing here allocates or logs.
 */
#ifndef WELDR_MANAGER_HANDOVER_H
#define WELDR_MANAGER_HANDOVER_H

#include "base/werr.h"
#include "config/config.h"
#include "wire/inherit.h"

enum {
    HANDOVER_FDS_MAX = 2 + 1 + CONFIG_WORKERS_MAX,
    HANDOVER_EXIT_NO_FD = 4,
    HANDOVER_EXIT_FAILED = 127 /* as of a shell */
};

/* Makes fds[i] descriptor INHERIT_FD_CHANNEL + i, inherited by the next program; whatever was
 * there before is closed, and so is all that is not named, for a table that is full has no
 * place to sort in; fds is changed. Returns a descriptor of exe_fd's file above them,
 * close-on-exec, or WERR_NO_FD …. */
int handover_place(int *fds, unsigned n, int exe_fd) MUST_USE;

#endif
