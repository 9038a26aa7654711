/* cage.h - what a process gives up for good: its user, its capabilities, the way to new ones.
 *
 * A worker reads what strangers send. If one of them finds a hole in a parser, what it gets is
 * a process of a user who owns nothing, without a capability, which can't execute or open
 * anything (filter.h). The manager gives up what it needs no more once it listens. Called
 * before any byte of a stranger is read; nothing here can be taken back.
 */
#ifndef WELDR_CAGE_CAGE_H
#define WELDR_CAGE_CAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/werr.h"

struct cage_user {
    uid_t uid;
    gid_t gid;
};

/* By its name in /etc/passwd, or as UID or UID:GID (a group of the same number without one).
 * WERR_NOT_FOUND. */
int cage_find_user(const char *name, struct cage_user *user) MUST_USE;
/* Has this process all of them (bit per CAP_*)? */
bool cage_has_capabilities(uint64_t mask);
/* May this process become another user? */
bool cage_can_change_user(void);
/* Is that a user of this user namespace, and may groups be let go of there? WERR_DENIED: a
 * container may have nobody but root. Without /proc nothing is known: 0. */
int cage_check_namespace(const struct cage_user *user) MUST_USE;
/* No other groups, and no way back. WERR_DENIED …. */
int cage_become(const struct cage_user *user) MUST_USE;
/* Of what this process may do, what is in the mask (bit per CAP_*) stays, for itself and what
 * it executes as root, or as another user if it was an ambient one; the rest can't come back.
 * WERR_*. */
int cage_keep_capabilities(uint64_t mask) MUST_USE;
/* Whatever is executed from now on, by this process and those that it starts, gains nothing by
 * set-user-id or file capabilities. WERR_*. */
int cage_end_privileges(void) MUST_USE;

#endif
