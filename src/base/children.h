/* children.h - the processes that this one has begun, told apart from those that came to it.
 *
 * Process 1 of a container becomes the parent of whoever has lost his own, and nobody else
 * collects them. Whoever begins a process notes it here and collects it with children_wait;
 * what is not noted is another's. One list for the process; one thread. */
#ifndef WELDR_BASE_CHILDREN_H
#define WELDR_BASE_CHILDREN_H

#include <sys/types.h>

/* So many are noted at a time; with more of them no strangers are collected. */
enum { CHILDREN_MAX = 1024 };

/* As fork() has returned it: 0 and -1 are nobody. */
void children_note(pid_t pid);

/* As waitpid(). In process 1 strangers behind it are collected then, too. */
pid_t children_wait(pid_t pid, int *status, int options);

/* SIGCHLD: collects strangers that have ended, up to the first of ours that has and is not
 * collected yet; children_wait goes on there. */
void children_collect_strangers(void);

#endif
