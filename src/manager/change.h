/* change.h - a change of the description that this node has proposed, from the wish to the
 * response.
 *
 * An object of its own, on the heap, for as long as the engine, the workers or somebody who
 * waits need it. Whoever wants the change (the management API, the flags of servers) makes it
 * of a command, proposes it and is told once how it ended, perhaps within change_propose:
 * committed, applied and with every live worker, or not, or CHANGE_MS later that nobody can
 * say. Who wants no more of it calls change_end, told or not: a change goes on without anybody
 * who waits.
 *
 * Where no leader is known it is proposed again for as long as an election may take, then
 * whoever waits is told that nothing was done. When nobody can tell what became of it, it is
 * proposed again under the same request id until its time is over: whatever reaches the log, it
 * is applied once (pool_requests.h). servers.c notes what became of each id that is applied.
 *
 * What the start of a change has prepared on this node, the sockets of a listener, is kept
 * until it is known what became of it.
 *
 *   NEW → PROPOSED → PUBLISHING → TOLD (→ LEAVING → TOLD)
 *           ↑ ↓  └→ LATE: told, and the engine has yet to answer
 *          PAUSED: to be proposed again
 */
#ifndef WELDR_MANAGER_CHANGE_H
#define WELDR_MANAGER_CHANGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/timers.h"
#include "manager/events.h"
#include "manager/leaving.h"
#include "manager/listeners.h"
#include "manager/publish.h"
#include "pool/pool_requests.h"

enum {
    CHANGE_MS = 10000,    /* from its proposal: then whoever waits is told that nobody knows */
    CHANGE_AGAIN_MS = 50, /* pause before it is proposed again */
    /* Times of an election: for so long it is tried where no leader is known. Less than two is
     * too short for the usual change of leaders, which takes up to three. */
    CHANGE_ELECTIONS = 3,
    CHANGE_ELECTION_MS = 500, /* where the engine has none */
    CHANGES_MAX = 4096        /* at a time; as many as there are request ids remembered */
};

enum change_phase {
    CHANGE_NEW,
    CHANGE_PROPOSED,
    CHANGE_PAUSED,
    CHANGE_LATE,
    CHANGE_PUBLISHING,
    CHANGE_TOLD,
    CHANGE_LEAVING,
    CHANGE_PHASES
};

struct change;
struct manager;
typedef void (*change_fn)(struct change *ch);

struct change {
    TAILQ_ENTRY(change) entry; /* of the manager's */
    uint32_t magic;
    uint8_t phase;      /* enum change_phase */
    bool is_applied;    /* here: outcome says what came of it */
    bool at_commit;     /* told when it is committed, whether the workers have it or not */
    bool may_be_stored; /* nobody knows what became of it the last time */
    struct listeners_claim claim; /* to the sockets that were bound for it */
    struct manager *m;
    struct event_by by; /* who asked */
    uint8_t request_id[POOL_REQUEST_ID_BYTES];
    char *bytes; /* the entry */
    size_t len;
    uint64_t until_ms, patient_until_ms; /* where there is no leader */
    struct timer timer;
    /* Until then requests in flight on the server that it removes may go on, in place of what
     * the pool says. */
    bool has_drain;
    uint32_t drain_ms;
    struct publish_waiter published;
    struct leave_waiter left;
    /* how it ended */
    int error; /* 0: committed, see outcome; otherwise as in cluster.h */
    struct pool_outcome outcome;
    /* who is told */
    change_fn done; /* NULL: nobody */
    void *waiter;
};

struct changes {
    struct manager *m;
    const struct pool_command *command; /* while change_propose_command runs … */
    struct span entry;                  /* … and its entry */
    TAILQ_HEAD(change_list, change) list;
    unsigned n;
};

void changes_init(struct changes *cs, struct manager *m);
/* All end, told WERR_SHUTTING_DOWN. The engine is gone. */
void changes_fini(struct changes *cs);
/* Gives the command, which stays the caller's, a request id, and says in it when it was made
 * and on which node; who asked for it, and for what, the caller has said (c->by). WERR_NOMEM,
 * WERR_IO, WERR_TOO_BIG: of the command; WERR_AGAIN: CHANGES_MAX are under way. */
int change_new(struct manager *m, struct pool_command *c, struct change **out) MUST_USE;
/* done is called once, perhaps before this returns; not after change_end. */
void change_propose(struct change *ch, change_fn done, void *waiter);
/* The same beside the command that it was made of: an engine that commits at once need not have
 * its entry read again. */
void change_propose_command(struct change *ch, const struct pool_command *c, change_fn done,
                            void *waiter);
/* How long what needs a leader waits for one. */
uint64_t change_patience_ms(const struct manager *m);
/* The waiter needs it no more. */
void change_end(struct change *ch);
/* Told, and its server is on its way out: done is called again when that has drained or the
 * time is over. */
void change_await_leaving(struct change *ch, uint32_t timeout_ms, change_fn done);
static inline bool change_is_leaving(const struct change *ch)
{
    return ch->phase == CHANGE_LEAVING;
}
/* In words: why pool_apply refused it. WERR_NOMEM. */
int change_refusal(const struct change *ch, struct pool_error *error) MUST_USE;
/* What was applied under this id. */
void changes_note(struct manager *m, const uint8_t *request_id,
                  const struct pool_outcome *outcome);
/* The command of this entry, if it is the one that is being proposed; NULL: it must be decoded.
 */
const struct pool_command *changes_command(const struct manager *m, struct span entry);
/* Who asked for what has this id; NULL: nobody here. */
const struct event_by *changes_by(struct manager *m, const uint8_t *request_id);
/* The whole state is another: what became of each. */
void changes_look_up(struct manager *m);

#endif
