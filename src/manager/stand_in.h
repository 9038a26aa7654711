/* stand_in.h - connections that come to a slot whose worker does not serve go to the others.
 *
 * Each slot has its own listening sockets, and the kernel goes on giving connections to those
 * of a slot that has no worker (between its death and the next start, seconds in a crash loop)
 * or one that does not answer. Then the manager itself accepts from them and passes the
 * connections, and those that lie in the slot's inbox, to the inbox of the running worker with
 * the fewest clients (net/inbox.h), as one worker does to another. It watches them only in that
 * time, and only while there is somebody to pass them to; with one worker nobody is.
 *
 * A connection that is accepted and that no inbox takes in this moment is held, and nothing
 * else is accepted at that door until it has gone. Owner: the supervisor.
 */
#ifndef WELDR_MANAGER_STAND_IN_H
#define WELDR_MANAGER_STAND_IN_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/timers.h"
#include "net/loop.h"

struct slot;
struct supervisor;

/* One listening socket of a slot, or its inbox. */
struct stand_in_door {
    struct loop_watch watch; /* first */
    struct slot *slot;
    unsigned listener; /* number; of the inbox: how many listeners there are */
    int held;          /* a connection that nobody took yet; -1: none */
    uint32_t held_tag;
    struct addr held_peer;
};

struct stand_in {
    struct stand_in_door *doors; /* a listener each, then the inbox */
    bool is_on;
    struct timer pause; /* doors that are not watched for a moment */
};

/* WERR_NOMEM. */
int stand_in_init(struct slot *slot) MUST_USE;
/* Before the slot's descriptors are closed. */
void stand_in_fini(struct slot *slot);
/* Something has changed about who serves: begins and ends what is called for. */
void stand_in_review(struct supervisor *s);
/* Weldr is about to leave: what waits at the doors of slots that do not serve is passed on, so
 * that closing them resets nobody. */
void stand_in_last(struct supervisor *s);

#endif
