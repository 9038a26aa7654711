/* successor.h - the process of a successor (upgrade.h): forked, with its end of the socket pair
 * at SUCCESSION_FD and nothing else of ours, and executed. */
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
/* path empty: the program of exe_fd. Returns our end of the socket pair, non-blocking,
 * close-on-exec, or WERR_NO_FD, WERR_NO_PROCESS …; *pid is the child. */
int successor_start(const struct origin *o, const char *path, int exe_fd, pid_t *pid) MUST_USE;

#endif
