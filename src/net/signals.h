/* signals.h - signals as events of the loop: the handler writes the number to a socket pair,
 * the loop calls back. One per process. */
#ifndef WELDR_NET_SIGNALS_H
#define WELDR_NET_SIGNALS_H

#include "net/loop.h"

typedef void (*signals_fn)(void *arg, int signal_number);
/* Watches these signals (list ends with 0) and lets them through if they were blocked; SIGPIPE
 * is ignored. WERR_NO_FD. */
int signals_start(struct loop *l, const int *signal_numbers, signals_fn fn, void *arg) MUST_USE;
void signals_stop(void);

#endif
