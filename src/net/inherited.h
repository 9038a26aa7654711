/* inherited.h - listening sockets that a predecessor of this process has handed over, and those
 * of this process that it could not find otherwise. And one that does not listen: the helper's.
 *
 * In an upgrade (manager/upgrade.h) the successor gets the listening sockets as descriptors
 * before it opens any. They wait in this table until whoever opens a listener asks for one at
 * the address that it would open: it is the same socket then, with all who wait at it. What
 * nobody has asked for is closed once the process is ready. One table per process, as the
 * descriptors are. An entry is found by use, name, slot and the address as it was asked for
 * (port 0: whatever the kernel gave, as bound says).
 */
#ifndef WELDR_NET_INHERITED_H
#define WELDR_NET_INHERITED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/span.h"
#include "base/werr.h"

enum inherited_use {
    INHERITED_PROXY,   /* name: of the listener; slot: of the worker */
    INHERITED_API,     /* management API and metrics */
    INHERITED_LOCAL,   /* … at a path, which is the name */
    INHERITED_CLUSTER, /* for other nodes */
    INHERITED_HELPER,  /* no listener: to who holds virtual IPs; no address, no name */
    INHERITED_PASSED,  /* a supervisor's, for net/passed.h; slot: its place there */
    INHERITED_USES
};

struct inherited_key {
    enum inherited_use use;
    uint32_t slot;
    struct addr wanted; /* family 0: none */
    struct span name;   /* borrowed */
};

/* Takes the descriptor. WERR_NOMEM: it stays the caller's. */
int inherited_add(const struct inherited_key *key, const struct addr *bound, int fd) MUST_USE;
/* Is there one? */
bool inherited_has(const struct inherited_key *key);
/* The descriptor, which is the caller's from now on; WERR_NOT_FOUND: none is there. */
int inherited_take(const struct inherited_key *key, struct addr *bound) MUST_USE;
/* Closes all that nobody has taken. */
void inherited_end(void);

/* The socket for other nodes, which the engine owns, for whoever hands it over: noted while it
 * is open (fd -1: it is not any more). */
void inherited_note_cluster(int fd, const struct addr *wanted);
/* -1: there is none. Borrowed. */
int inherited_cluster(struct addr *wanted);

#endif
