/* store.h - the directory that this node keeps its description in, found and opened at the
 * start; --ephemeral: none.
 *
 * --data-dir names it. Without that it is /var/lib/weldr, or, where that can't be written,
 * weldr-data in the current directory. The directory of a node that was removed from its
 * cluster begins anew when the flags name a join with a new token (cluster/rejoin.h).
 */
#ifndef WELDR_MANAGER_STORE_H
#define WELDR_MANAGER_STORE_H

#include "base/werr.h"

struct manager;

/* A step of the start: 0 or the exit code, told to the caller. */
int store_open(struct manager *m);
/* To the log, once nothing is wrong with the flags. */
void store_tell(const struct manager *m);
/* When the workers drain: no more changes are taken, and a successor may have the directory.
 * Changes under way hear WERR_SHUTTING_DOWN. */
void store_release(struct manager *m);
/* The same for a successor that is about to take all over (upgrade.h), while the workers go on;
 * of what keeps nothing the engine ends too. */
void store_hand_over(struct manager *m);
/* At the end, after that: takes the directory once more, for counters.h; nothing is made or
 * told. WERR_IN_USE: a successor has it; WERR_NOT_FOUND …: so that nothing is to be kept. */
int store_take_back(struct manager *m) MUST_USE;

#endif
