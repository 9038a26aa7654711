/* handover.h - descriptors from the manager to a process that it starts: fork, and the step
 * between fork and exec.
 *
 * Everything that the manager opens is close-on-exec; the child puts what the process shall
 * have to the numbers of wire/inherit.h and then executes this program again. Nothing here
 * allocates or logs.
 */
#ifndef WELDR_MANAGER_HANDOVER_H
#define WELDR_MANAGER_HANDOVER_H

#include <sys/types.h>

#include "base/werr.h"
#include "config/config.h"
#include "wire/inherit.h"

enum {
    HANDOVER_FDS_MAX = 2 + 1 + CONFIG_WORKERS_MAX,
    HANDOVER_EXIT_NO_FD = 4,
    HANDOVER_EXIT_FAILED = 127 /* as of a shell */
};

/* As fork(). A Ctrl-C reaches the child too. Until it is a process that knows what to do with
 * the signal and lets it through, the signal waits there: our own handler, run by the child,
 * would tell us a second one, and the default would end the child. Signals of a fault never
 * wait: who sends SIGABRT wants a core file, and gets it. */
pid_t handover_fork(void) MUST_USE;
/* In the child: places them, and executes exe_fd's program. Does not return. */
void handover_run(int *fds, unsigned n, int exe_fd, char *const *argv)
    __attribute__((noreturn));
/* In the child. Makes fds[i] descriptor INHERIT_FD_CHANNEL + i, inherited by the next program;
 * whatever was there before is closed, and so is all that is not named, for a table that is
 * full has no place to sort in; fds is changed. Returns a descriptor of exe_fd's file above
 * them, close-on-exec, or WERR_NO_FD …. */
int handover_place(int *fds, unsigned n, int exe_fd) MUST_USE;

#endif
