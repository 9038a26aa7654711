/* rights.h - one descriptor beside the bytes of a socket between processes (SCM_RIGHTS).
 *
 * The one door to the kernel's way of passing descriptors: net/inbox.h passes accepted
 * connections by it, the loop (sock_send_right, sock_take_rights) the listening sockets that
 * the manager makes while workers run. On a stream socket a descriptor goes with the first of
 * the bytes that are sent with it; a receive ends behind the bytes of the first descriptor, so
 * that descriptors and bytes stay in order.
 */
#ifndef WELDR_NET_RIGHTS_H
#define WELDR_NET_RIGHTS_H

#include <stdint.h>
#include <sys/uio.h>

#include "base/werr.h"

enum rights_got {
    RIGHTS_NONE,
    RIGHTS_ONE,
    RIGHTS_LOST /* this process had no descriptor to spare for it */
};

/* Bytes taken; more than 0: the descriptor went too (and stays the caller's). WERR_AGAIN: no
 * room; WERR_BUSY: more descriptors are on their way than the process may have, no matter how
 * much room there is; WERR_RESET, WERR_CLOSED … */
int64_t rights_send(int socket, const struct iovec *iov, unsigned n, int fd) MUST_USE;
/* Bytes, 0 at the end, or WERR_AGAIN …. RIGHTS_ONE: *fd is close-on-exec and the caller's. */
int64_t rights_receive(int socket, void *buf, size_t len, int *fd,
                       enum rights_got *got) MUST_USE;

#endif
