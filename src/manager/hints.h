/* hints.h - which servers were down is known again after a restart of the manager.
 *
 * Without it each server counts as up at first, and those that are dead cost requests until
 * their first check. The file DIR/health (health/hint.h) has the addresses that are down:
 * written HINTS_SAVE_MS after one went down or up, every HINTS_RENEW_MS while there is one, and
 * when the workers drain; removed when none is. A write takes the file's name in one step and
 * is not synced, so that it does not hold up the loop: a kill of the process loses what changed
 * in the last HINTS_SAVE_MS, a power failure may lose the file. Not replicated.
 *
 * At the start, when all that was stored is here, an address of the file is down until a check
 * passes; those of names for HINTS_HELD_MS, until they are found. No hint: a file that is
 * damaged, missing or older than HINTS_AGE_MAX_MS, and an address whose checks have other
 * settings now. Owner: the manager; --ephemeral: nothing is read or written.
 */
#ifndef WELDR_MANAGER_HINTS_H
#define WELDR_MANAGER_HINTS_H

#include <stdbool.h>

#include "base/timers.h"

enum {
    HINTS_SAVE_MS = 1000,
    HINTS_RENEW_MS = 60000,
    HINTS_HELD_MS = 60000,
    HINTS_AGE_MAX_MS = 600000
};

struct health_hints;
struct manager;

struct hints {
    struct manager *m;
    struct timer save, forget;
    struct health_hints *recalled; /* checks.h has it too; NULL: none, or not any more */
    bool is_begun;                 /* changes are noted */
    bool is_soon;                  /* the timer is set for a change */
};

void hints_init(struct hints *h, struct manager *m);
/* All that was stored is here, and no worker has started. */
void hints_begin(struct manager *m);
/* An address went down or up, or a check has judged a server for the first time. */
void hints_note(struct manager *m);
/* The last write, before the directory is given back. */
void hints_end(struct manager *m);
void hints_fini(struct hints *h); /* zeroed is allowed */

#endif
