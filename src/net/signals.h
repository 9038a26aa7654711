/* signals.h - signals as events of the loop: the handler writes the number to a socket pair,
 * the loop calls back. One per process. */
#ifndef WELDR_NET_SIGNALS_H
#define WELDR_NET_SIGNALS_H

#include <signal.h>

#include "net/loop.h"

typedef void (*signals_fn)(void *arg, int signal_number);
/* Watches these signals (list ends with 0); after it no signal of any kind is blocked. Those
 * that would end the process and mean nothing to it are logged and ignored; SIGPIPE and SIGXFSZ
 * are ignored, since the call that they stand for tells. WERR_NO_FD. */
int signals_start(struct loop *l, const int *signal_numbers, signals_fn fn, void *arg) MUST_USE;
void signals_stop(void);
/* Takes those out that tell of a bug (SIGSEGV and its like, and SIGABRT): they must not wait.
 */
void signals_release_faults(sigset_t *held);
/* For a signal that is watched and means nothing now. */
void signals_log_ignored(int signal_number);

#endif
