/* stand_in.h - connections that come to a slot whose worker does not serve go to the others.
 *
 * Each slot has its own listening sockets (listening.h), and the kernel goes on giving
 * connections to those of a slot that has no worker (between its death and the next start,
 * seconds in a crash loop) or one that does not answer. Then the manager itself accepts from
 * them and passes the connections, and those that lie in the slot's inbox, to the inbox of the
 * running worker with the fewest clients (net/inbox.h), as one worker does to another. It
 * watches them only in that time, and only while there is somebody to pass them to; with one
 * worker nobody is.
 *
 * A connection that is accepted and that no inbox takes in this moment is held, and nothing
 * else is accepted at that door until it has gone. Owner: the supervisor.
 */
#ifndef WELDR_MANAGER_STAND_IN_H
#define WELDR_MANAGER_STAND_IN_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/addr.h"
#include "base/timers.h"
#include "base/werr.h"
#include "manager/slot.h"
#include "net/loop.h"

struct stand_in_place;

/* One listening socket of a slot, or its inbox. */
struct stand_in_door {
    struct loop_watch watch; /* first */
    struct stand_in_place *place;
    int fd;       /* its owner's; -1: none, or closed */
    uint32_t tag; /* of what comes there: the number of the socket; of the inbox: not used */
    bool is_inbox;
    bool is_entered;                  /* on the place's list */
    TAILQ_ENTRY(stand_in_door) entry; /* of the place's */
    int held;                         /* a connection that nobody took yet; -1: none */
    uint32_t held_tag;
    struct addr held_peer;
};

TAILQ_HEAD(stand_in_doors, stand_in_door);

/* Of one slot. */
struct stand_in_place {
    struct stand_in *owner;
    struct slot *slot;
    struct stand_in_doors doors; /* the inbox, and each listening socket that workers have */
    struct stand_in_door inbox;
    bool is_on;
    struct timer pause; /* doors that are not watched for a moment */
};

struct stand_in {
    struct slots *slots;
    struct stand_in_place *places; /* one for each of them, room for CONFIG_WORKERS_MAX */
};

/* The slots have their inboxes. WERR_NOMEM. */
int stand_in_init(struct stand_in *in, struct slots *slots) MUST_USE;
/* There is a slot more, the last of them; it has its inbox. */
void stand_in_add(struct stand_in *in, struct slot *slot);
/* Before the slots' descriptors are closed, after the listening sockets' (listening_close);
 * no-op when init failed. */
void stand_in_fini(struct stand_in *in);
/* Of the slot of this id. */
void stand_in_door_init(struct stand_in_door *d, struct stand_in *in, unsigned id,
                        uint32_t tag);
/* From now on connections may come there. */
void stand_in_enter(struct stand_in_door *d);
/* Its descriptor is about to be closed: what waits there goes to whoever serves, if the slot's
 * worker does not. */
void stand_in_leave(struct stand_in_door *d);
/* The slot's inbox is about to be closed. */
void stand_in_leave_inbox(struct stand_in *in, const struct slot *slot);
/* The slot has another inbox. */
void stand_in_enter_inbox(struct stand_in *in, const struct slot *slot);
/* Something has changed about who serves: begins and ends what is called for. */
void stand_in_review(struct stand_in *in);
/* Weldr is about to leave: what waits at the doors of slots that do not serve is passed on, so
 * that closing them resets nobody. */
void stand_in_last(struct stand_in *in);

#endif
