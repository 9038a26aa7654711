/* child.h - a program that is run for us, and is none of Weldr's processes: a command of the
 * operator, another Weldr that is asked for its version. */
#ifndef WELDR_MANAGER_CHILD_H
#define WELDR_MANAGER_CHILD_H

#include <sys/types.h>

/* In a session of its own, with no signal held back, and the standard input of nobody. out: its
 * standard output, and no errors are heard then; -1: both are ours. 0, or an errno: *pid is
 * nobody's. Whoever calls collects it. */
int child_spawn(const char *path, char *const *argv, char *const *environment, int out,
                pid_t *pid);

#endif
