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
#include "net/loop.h"

struct slot;
struct supervisor;

/* One listening socket of a slot, or its inbox. */
struct stand_in_door {
    struct loop_watch watch; /* first */
    struct slot *slot;
    int fd;       /* its owner's; -1: none, or closed */
    uint32_t tag; /* of what comes there: the number of the socket; of the inbox: not used */
    bool is_inbox;
    bool is_entered;                  /* on the slot's list */
    TAILQ_ENTRY(stand_in_door) entry; /* of the slot's */
    int held;                         /* a connection that nobody took yet; -1: none */
    uint32_t held_tag;
    struct addr held_peer;
};

TAILQ_HEAD(stand_in_doors, stand_in_door);

struct stand_in {
    struct stand_in_doors doors; /* the inbox, and each listening socket that workers have */
    struct stand_in_door inbox;
    bool is_on;
    struct timer pause; /* doors that are not watched for a moment */
};

void stand_in_init(struct slot *slot);
/* Before the slot's descriptors are closed. */
void stand_in_fini(struct slot *slot);
void stand_in_door_init(struct stand_in_door *d, struct slot *slot, uint32_t tag);
/* From now on connections may come there. */
void stand_in_enter(struct stand_in_door *d);
/* Its descriptor is about to be closed: what waits there goes to whoever serves, if the slot's
 * worker does not. */
void stand_in_leave(struct stand_in_door *d);
/* Something has changed about who serves: begins and ends what is called for. */
void stand_in_review(struct supervisor *s);
/* Weldr is about to leave: what waits at the doors of slots that do not serve is passed on, so
 * that closing them resets nobody. */
void stand_in_last(struct supervisor *s);

#endif
