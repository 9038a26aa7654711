/* successor.h - the process of a successor (upgrade.h): forked, with its end of the socket pair
 * at SUCCESSION_FD and nothing else of ours, and executed.
 *
 * Until it serves it is not our child but that of a guardian, a process between, which ends as
 * it ends. Without that guardian it is the child of whoever takes orphans: the supervisor, who
 * is told of a main process then that is its own. systemd takes one that is not for a stranger
 * as long as it is the main process, wherever it belongs later, and stops a service with a
 * stranger and KillMode=mixed by SIGKILL. */
#ifndef WELDR_MANAGER_SUCCESSOR_H
#define WELDR_MANAGER_SUCCESSOR_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/werr.h"
#include "manager/origin.h"

enum { SUCCESSOR_EXIT_NO_EXEC = 127 /* as of a shell */ };

/* Is it a file that may be executed? < 0: errno says why not. */
int successor_check(const char *path) MUST_USE;
/* Nobody but root and our own user may put another file in its place: who may use the API need
 * not be one who may run programs as us. Looks at the file, at each folder and link on the way
 * as it is written, and at those of the path without links. */
bool successor_is_trusted(const char *path);
struct successor {
    pid_t pid;      /* 0: there is none */
    pid_t guardian; /* its parent, our child; 0: none, or none any more */
};

/* path empty: the program of exe_fd. Returns our end of the socket pair, non-blocking,
 * close-on-exec, or WERR_NO_FD, WERR_NO_PROCESS …. */
int successor_start(const struct origin *o, const char *path, int exe_fd,
                    struct successor *to) MUST_USE;
/* Ends its guardian: from then on it is somebody else's child. */
void successor_release(struct successor *s);
/* Kills it, while it has a guardian. */
void successor_end(struct successor *s);
/* After a child of ours has ended: was it that of this one? *status is the successor's, as of
 * waitpid. */
bool successor_reap(struct successor *s, int *status) MUST_USE;

#endif
