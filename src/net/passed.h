/* passed.h - listening sockets that a supervisor has opened for this process: the protocol of
 * sd_listen_fds(3), which systemd speaks for a socket unit.
 *
 * Such a socket may be at a port that this process could not bind, and it lives longer than the
 * process: who connects before it starts, or while it is restarted, waits in the socket's
 * queue. It is the supervisor's, often of another user, so no sibling with SO_REUSEPORT can be
 * opened beside it: worker slots share it, each with a descriptor of its own. Never shut one
 * down: that is done to the socket, not to a descriptor.
 *
 * One table per process, as the descriptors are; the sockets stay in it to the end, used or
 * not, and go to a successor (manager/upgrade.h). Whoever opens a listener asks here first, by
 * address. A socket is either for clients or for the management API: by its name ("admin"), or
 * by who asked for it first.
 */
#ifndef WELDR_NET_PASSED_H
#define WELDR_NET_PASSED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/span.h"
#include "base/werr.h"
#include "config/listen_fds.h"

enum { PASSED_MAX = LISTEN_FDS_MAX };
#define PASSED_ADMIN_NAME "admin" /* the management API is served there */

enum passed_use { PASSED_FREE, PASSED_PROXY, PASSED_API };

struct passed {
    int fd;
    uint8_t use; /* enum passed_use; that of "admin" is PASSED_API from the start */
    bool is_admin;
    struct addr bound;
    char name[LISTEN_FDS_NAME_MAX + 1];
};

/* Takes the sockets that the environment names, and the variables out of it, before anything
 * else is opened or started. WERR_INVALID: error says which is bad, and why. */
int passed_receive(char *error, size_t size) MUST_USE;
/* Takes the variables out of the environment: they are not meant for this process. */
void passed_forget_variables(void);
/* One that a predecessor was passed. WERR_NO_FD: there are too many; it stays the caller's. */
int passed_add(struct span name, const struct addr *bound, int fd) MUST_USE;
/* The i-th; NULL: there are no more. */
const struct passed *passed_at(unsigned i);
/* Those at this address that are free or of this use. */
unsigned passed_count(enum passed_use use, const struct addr *at);
/* A descriptor of one of them, of this use from now on: with k of them, of number i modulo k,
 * in the order in which they were passed. The caller's. WERR_NOT_FOUND, WERR_NO_FD. */
int passed_open(enum passed_use use, const struct addr *at, unsigned i) MUST_USE;
/* The most that clients may come to at one address; 0: none was passed. */
unsigned passed_most(void);
/* Closes all. */
void passed_end(void);

#endif
