/* listeners.h - the addresses that weldr listens on, opened by the manager.
 *
 * For each --ip one SO_REUSEPORT socket per worker slot, which the workers inherit; for each
 * --admin-ip one for the management API. SO_REUSEPORT would let a second weldr of the same user
 * share a port in silence, so each address is first tried without it; one that is in use is
 * tried for three seconds, and then the log says who has it. Default addresses may
 * lack IPv6: the proxy then listens on 0.0.0.0, the API on 127.0.0.1 alone. Each address is
 * told in the log. Clients speak first: a connection to the proxy is told of when its first
 * bytes are there (TCP_DEFER_ACCEPT), or after a second.
 */
#ifndef WELDR_MANAGER_LISTENERS_H
#define WELDR_MANAGER_LISTENERS_H

#include "config/config.h"

struct manager;

/* The number of workers: as told, or one per core this process may use. */
unsigned listeners_worker_n(const struct config *config);
/* Steps of the start: 0 or the exit code, told in the log. */
int listeners_open_proxy(struct manager *m);
int listeners_open_api(struct manager *m);
/* What the configuration says of where we listen, before anything is open (own_address.h). */
void listeners_note_own(struct manager *m);
/* Weldr is about to leave: whoever connects in that time is accepted at once, since the kernel
 * resets those who have not spoken when the listener closes. */
void listeners_stop_deferring(struct manager *m);

#endif
