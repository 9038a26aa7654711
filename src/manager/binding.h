/* binding.h - the addresses that weldr is started with: tried with patience, and whoever has
 * one that can't be had is named.
 *
 * Whoever holds an address may be about to let it go: a weldr that was told to end a moment
 * ago, or the workers of one that has died. So one that is in use is tried for three seconds,
 * and this blocks: nothing else runs yet. Used by listeners.c and api_listen.c.
 */
#ifndef WELDR_MANAGER_BINDING_H
#define WELDR_MANAGER_BINDING_H

#include <stdbool.h>

#include "base/addr.h"
#include "manager/listening.h"
#include "net/local.h"

/* A listening descriptor; *bound: with the port that the kernel gave. WERR_ADDR_IN_USE … */
int binding_open(const struct addr *at, struct addr *bound);
/* The same at a path (net/local.h). */
int binding_open_local(const char *path, struct local_file *file);
/* The same by listening_bind. */
int binding_bind(struct listening *l, const struct addr *at) MUST_USE;
/* A machine without IPv6 says so in several ways; these are the errors that mean something
 * else. */
bool binding_may_lack_ipv6(const struct addr *at, int rc);
/* Tells the log; the exit code. */
int binding_fail(const struct addr *at, int rc);
/* Tells the log that somebody listens there. */
void binding_tell(const char *what, const struct addr *bound);

#endif
