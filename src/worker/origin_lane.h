/* origin_lane.h - a lane: a place for one exchange on a connection to an origin.
 *
 * On HTTP/1 a connection is one lane. Lanes are shared by all clients of the worker: idle ones
 * wait in their origin's LIFO list (the warmest first), registered with the loop, so that a
 * server that closes one is noticed. A lane is connecting, busy (has an exchange) or idle; it
 * leaves memory in conn's on_closed.
 */
#ifndef WELDR_WORKER_ORIGIN_LANE_H
#define WELDR_WORKER_ORIGIN_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/conn.h"

struct worker;
struct origin;
struct exchange;
struct client;

struct lane {
    struct conn conn; /* first */
    struct origin *origin;
    struct exchange *exchange; /* busy */
    TAILQ_ENTRY(lane) entry;   /* in origin->idle */
    struct addr addr;
    uint32_t addr_version; /* in which its origin's addresses were last seen to have it */
    bool is_idle;
    bool is_personal;   /* its PROXY header has named a client: for one exchange only */
    uint32_t exchanges; /* carried so far */
    uint32_t keep_ms; /* how long it may be idle, if its server has said so; else UINT32_MAX */
    uint64_t idle_from_ms;
};

TAILQ_HEAD(lane_list, lane);

enum lane_choice {
    LANE_ANY,  /* an idle one if there is one */
    LANE_SAFE, /* the same, but none that its server may be closing at this moment: for what
                  can't be sent twice */
    LANE_NEW
};

/* An idle lane, or a new one to an address that the exchange has not tried, which is connecting
 * (conn state NEW: exchange_lane_open follows) or connected. Sets lane->exchange. *error when
 * NULL: WERR_REFUSED, WERR_NO_FD …. */
struct lane *lane_take(struct origin *o, struct exchange *ex, enum lane_choice choice,
                       int *error);
/* It is connected: its address works. */
void lane_note_open(const struct lane *lane);
/* Before the first head on a new lane: names the client to a server that wants a PROXY header
 * (version 2). The lane then speaks for that client and is not used again, since the next
 * request may be somebody else's. */
void lane_tell_client(struct lane *lane, const struct client *c);
/* The exchange is done with it: idle again if it can carry another, else closed. */
void lane_release(struct lane *lane, bool reuse);
/* The same after a tunnel. */
void lane_end_tunnel(struct lane *lane, enum conn_close_how how);
static inline bool lane_is_reused(const struct lane *lane)
{
    return lane->exchanges > 1;
}
void lane_close_idle(struct origin *o);
/* Its addresses are others: idle lanes to those that are gone, or down, close; busy ones will
 * when they are done. */
void lane_close_gone(struct origin *o);
/* The answer's head was read. It may say how long the server keeps the connection (Keep-Alive:
 * timeout): Weldr closes it a second before. After a large answer another one is expected of
 * this origin: little is read with the next head then, so that the rest can be spliced. */
void lane_note_head(struct lane *lane, const struct msg *m);
/* Broken before an answer: if it had been idle, its server closes lanes suddenly. */
void lane_note_stale(const struct lane *lane);

#endif
