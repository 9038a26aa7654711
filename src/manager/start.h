/* start.h - from an engine that knows nothing yet to a weldr that is ready: the second half of
 * the start, in turns of the loop, however long the engine takes.
 *
 *   RESTORE   the engine was started: a snapshot comes, if one is stored
 *   REPLAY    stored entries come
 *   SETTLE    all of them are here: somebody leads soon, or the wait for that is over
 *   WORKERS   they are started, with the pool as it is; a witness has none
 *   CERTIFICATES those that --certificate names are proposed, one after the other, by whoever
 *             leads
 *   LISTENERS those that --ip names are proposed, one after the other, by whoever leads, unless
 *             the description has them; not if it was stored
 *   FLAGS     likewise the servers that --server names; not if it was stored
 *   READY     all workers serve and have all of that
 *
 * Requests are answered from WORKERS on, whether there is a leader or not; what fails on the
 * way ends the program. Owner: the manager; the state has one setter and each move is logged.
 */
#ifndef WELDR_MANAGER_START_H
#define WELDR_MANAGER_START_H

#include <stdbool.h>
#include <stdint.h>

#include "base/timers.h"
#include "base/werr.h"
#include "manager/applied.h"
#include "manager/counters.h"
#include "manager/force.h"
#include "manager/fresh.h"
#include "manager/hints.h"
#include "manager/join.h"
#include "manager/members.h"
#include "manager/membership.h"
#include "manager/sampler.h"

struct manager;

enum {
    START_SETTLE_MS = 5000, /* without a leader, until the workers start all the same */
    START_AGAIN_MS = 1000   /* until what nobody could commit is tried again */
};

enum start_phase {
    START_RESTORE,
    START_REPLAY,
    START_SETTLE,
    START_WORKERS,
    START_CERTIFICATES,
    START_LISTENERS,
    START_FLAGS,
    START_READY,
    START_PHASES
};

struct start {
    struct manager *m;
    void (*on_ready)(struct manager *m); /* once */
    uint8_t phase;                       /* enum start_phase */
    struct timer timer;                  /* SETTLE: its end; later: the next try */
    unsigned flag_n;   /* what is done: certificates, addresses of --ip, servers */
    bool is_proposing; /* one of them, in this call */
    bool was_stored;   /* the description was there: nothing is proposed but certificates */
    /* the engine, and what this node asks of it */
    struct join join;
    struct members members; /* as they were told of last */
    struct memberships memberships;
    struct force force;
    struct fresh fresh;
    struct applied applied;
    struct hints hints;
    struct counters counters;
    struct sampler sampler;
    uint64_t seq; /* publish sequence after the last of them */
};

void start_init(struct start *s, struct manager *m, void (*on_ready)(struct manager *m));
void start_fini(struct start *s);
/* Steps of the start, in this order: 0 or the exit code, told in the log or to the caller. */
int start_make_engine(struct manager *m);
int start_check_flags(struct manager *m); /* a mistake ends the program before it has begun */
int start_run_engine(struct manager *m);
/* A worker runs, or has acknowledged something. */
void start_note_worker(struct manager *m);
/* A directory that is not new holds one, as does the cluster that is joined: what flags say of
 * a first description plays no part. */
bool start_has_description(const struct manager *m);
bool start_is_ready(const struct manager *m);
const char *start_phase_name(const struct manager *m); /* "SETTLE" */

#endif
