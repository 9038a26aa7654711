/* orphan.h - a worker whose manager dies is to end, even one that is stopped or hangs.
 *
 * The end of the channel tells a worker to finish what is in flight and go. One that was
 * stopped (SIGSTOP) does not hear of it, and would hold the listening sockets, so that no new
 * manager can start: the kernel sends it SIGCONT when its manager dies. One that hangs never
 * looks: the handler of SIGCONT sets an alarm that ends the process when it should have gone
 * long ago.
 */
#ifndef WELDR_WORKER_ORPHAN_H
#define WELDR_WORKER_ORPHAN_H

#include <stdint.h>

/* The parent is the manager. Until orphan_limit the alarm is set to 10 s. */
void orphan_watch(void);
/* How long the worker may take to end in good order. */
void orphan_limit(uint32_t drain_ms);
/* The worker is about to exit by itself: its manager's death wakes it no more. A SIGCONT takes
 * back a SIGSTOP that is pending, on which the leak check of a sanitizer build relies. */
void orphan_end(void);

#endif
