/* inbox.h - passing accepted connections from one process to another.
 *
 * An inbox is a pair of AF_UNIX sockets that keep message boundaries (SOCK_SEQPACKET). Many
 * processes hold the sending end, the outbox; one reads the receiving end. A message is one
 * connection (SCM_RIGHTS), a number that the two sides agree on, and who its peer is. What was
 * sent waits in the kernel, also while nobody reads, as long as somebody holds the inbox: the
 * successor of a process that died, or whoever stands in for it, takes it.
 *
 * Used by the supervisor, which makes them, and by the loop (sock_inbox_start, accepted_pass).
 */
#ifndef WELDR_NET_INBOX_H
#define WELDR_NET_INBOX_H

#include "base/addr.h"
#include "base/werr.h"

/* Both non-blocking, close-on-exec, owned by the caller. WERR_NO_FD …. */
int inbox_open(int *inbox, int *outbox) MUST_USE;
/* The descriptor stays the caller's, who closes it after 0. WERR_AGAIN: full; WERR_CLOSED: shut
 * or held by nobody; else another reason why the connection was not passed. */
int inbox_send(int outbox, int fd, uint32_t tag, const struct addr *peer) MUST_USE;
/* 0: *fd is close-on-exec and the caller's. WERR_AGAIN: empty; WERR_CLOSED: empty for good;
 * WERR_RESET: a message without a connection, try the next; else out of means. */
int inbox_receive(int inbox, int *fd, uint32_t *tag, struct addr *peer) MUST_USE;
/* From now on each sender gets WERR_CLOSED; what was sent before can still be received. */
void inbox_shut(int inbox);

#endif
