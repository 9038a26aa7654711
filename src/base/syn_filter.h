/* syn_filter.h - a listening socket that lets no new connection to some addresses begin,
 * without a word: who tries does so again by itself (a second later, RFC 6298 section 2), and
 * finds whoever has the address then. A socket that is closed, or an address without one, would
 * refuse him.
 *
 * A classic BPF filter drops TCP segments with SYN and without ACK to these addresses. What has
 * begun before goes on: its last ACK passes. Connections that are accepted inherit the filter,
 * and no such segment belongs to them. It is of the socket, not of the descriptor: all
 * processes that share the socket have it. Some kernels (6.18) let only who has CAP_NET_ADMIN
 * put a filter on a TCP socket; anybody may take it off.
 */
#ifndef WELDR_BASE_SYN_FILTER_H
#define WELDR_BASE_SYN_FILTER_H

#include "base/addr.h"
#include "base/werr.h"

enum { SYN_FILTER_MAX = 64 };

/* To these n addresses (at most SYN_FILTER_MAX, whatever their ports say) nothing begins any
 * more, to all others it does; 0: to all. WERR_*: it is as before; WERR_DENIED: this process
 * may not. */
int syn_filter_set(int fd, const struct addr *addrs, unsigned n) MUST_USE;

#endif
