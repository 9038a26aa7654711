/* listen.h - making sockets outside the loop: listeners that workers inherit, socket pairs,
 * descriptor limits.
 *
 * Used by the manager before it starts workers. These functions return descriptors,
 * close-on-exec; the caller owns them.
 */
#ifndef WELDR_NET_LISTEN_H
#define WELDR_NET_LISTEN_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/werr.h"

/* TCP listener, non-blocking, SO_REUSEADDR, backlog 4096 (the kernel caps it), TCP_NODELAY
 * and TCP_NOTSENT_LOWAT of 128 KiB (inherited by accepted sockets); reuse_port: SO_REUSEPORT,
 * one of several per address; defer_accept: TCP_DEFER_ACCEPT. A wildcard IPv6 address listens
 * for IPv4 too (dual stack). at->port 0: *bound gets the kernel's choice. Returns the
 * descriptor or WERR_ADDR_IN_USE, WERR_DENIED, WERR_ADDR_UNAVAILABLE, WERR_NO_FD …. */
int listen_open(const struct addr *at, bool reuse_port, bool defer_accept,
                struct addr *bound) MUST_USE;
/* The same, also at an address that this host has not, or not yet (IP_FREEBIND). */
int listen_open_absent(const struct addr *at, bool reuse_port, bool defer_accept,
                       struct addr *bound) MUST_USE;
/* A TCP listener that somebody else has opened, as ours are: non-blocking, close-on-exec, and
 * with what accepted sockets inherit. Its address and its backlog are whose it is. */
void listen_adopt(int fd);
/* UDP, non-blocking; a wildcard and an address that this host has not, as above. Another
 * process may have the same address (SO_REUSEADDR): the last one gets what comes. Returns and
 * fails as above. */
int listen_open_datagrams(const struct addr *at) MUST_USE;
/* The next connection of a listener, non-blocking, close-on-exec, or WERR_AGAIN: none waits;
 * WERR_RESET: that one has gone, try the next; else: out of means. */
int listen_accept(int listener, struct addr *peer) MUST_USE;
/* Has this host the address (a wildcard: always), or may it be bound all the same? */
bool listen_has_address(const struct addr *at);
/* From which address of this host connections to that one come (its port is by chance); nothing
 * is sent. WERR_*: there is no way to it. */
int listen_source(const struct addr *to, struct addr *from) MUST_USE;
/* Of the sockets that share the address of this one only the first n, in the order in which
 * they were opened, get new connections from now on, by chance. Any that was begun before goes
 * on where it is. WERR_*: the kernel can't, and all get some. */
int listen_steer(int fd, unsigned n);
/* TCP_DEFER_ACCEPT, as when it was opened; without, who connects from now on is there to be
 * accepted before it speaks. */
void listen_set_deferring(int fd, bool defers);
/* Stream socket pair, non-blocking, close-on-exec. */
int listen_pair(int fds[2]) MUST_USE;
/* Raises the soft limit of descriptors to the hard one; returns the limit now in force. */
unsigned long listen_raise_fd_limit(void);

#endif
