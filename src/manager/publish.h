/* publish.h - the pool to all workers, and who has it.
 *
 * Every update (a committed entry, or a fact of this node about a server) gets the next publish
 * sequence and goes to every live worker in order. A worker that is new, or fell too far
 * behind, is attached: it gets the facts of all servers and a snapshot instead. publish_wait
 * calls back when every live worker has confirmed all that was published so far; one that does
 * not within PUBLISH_ACK_MS (of its last snapshot, if that is later) is replaced and then no
 * longer counts, unless what it lacks is memory. Acknowledgements carry the worker's digest of
 * the pool at an index; one that is not ours means that the worker has gone astray: it is
 * replaced. Owner: the manager.
 */
#ifndef WELDR_MANAGER_PUBLISH_H
#define WELDR_MANAGER_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "manager/facts.h"
#include "manager/supervisor.h"
#include "pool/pool.h"

enum {
    PUBLISH_DIGESTS = 4096,
    PUBLISH_ACK_MS = 5000,
    PUBLISH_KEPT_N = FRAME_TICKETS - FRAME_SEAL + 1
};

struct publish_waiter;
typedef void (*publish_fn)(struct publish_waiter *w);

/* Embedded in whoever waits, all zero at first; must live until the callback or publish_cancel.
 */
struct publish_waiter {
    TAILQ_ENTRY(publish_waiter) entry;
    uint64_t seq;
    struct timer timer;
    struct publish *owner; /* NULL: not waiting */
    publish_fn fn;
};

struct publish {
    struct frame_node node;
    const struct secrets *secrets;    /* of the API, whose they are; NULL: not known yet */
    struct span kept[PUBLISH_KEPT_N]; /* by type, from FRAME_SEAL on; ptr NULL: none yet */
    struct span authorities; /* for https servers, the manager's; empty: not needed yet */
    int log_fd;              /* -1: none; how to write to it: */
    uint8_t log_way;
    struct supervisor *supervisor;
    struct facts *facts;
    uint64_t seq; /* of the last update */
    TAILQ_HEAD(publish_waiters, publish_waiter) waiters;
    char *snapshot; /* of the pool at an index; NULL: none is kept */
    size_t snapshot_len;
    uint64_t snapshot_index;
    struct {
        uint64_t index, digest;
    } digests[PUBLISH_DIGESTS]; /* by index, the newest */
};

void publish_init(struct publish *p, struct supervisor *supervisor, struct facts *facts,
                  const struct pool_state *state);
/* Settings of this node: to all workers, and to each that is started later. */
void publish_node(struct publish *p, const struct frame_node *node);
/* Of the API, for explanations: to all workers, and to each that is started later. Borrowed. */
void publish_secrets(struct publish *p, const struct secrets *secrets);
/* The bytes of a frame SEAL or TICKETS: to all workers, and to each that is
 * started later, before its snapshot. Borrowed. */
void publish_bytes(struct publish *p, uint16_t type, struct span bytes);
/* Whom https servers are verified by: likewise. */
void publish_authorities(struct publish *p, struct span pem);
/* Where the access log goes: to all workers, and to each that is started later. The descriptor
 * is borrowed until publish_forget_log. */
void publish_log(struct publish *p, int fd, uint8_t way);
void publish_forget_log(struct publish *p);
void publish_fini(struct publish *p);
/* Sends HELLO, every server's facts and the snapshot to a worker just started (hello given), or
 * facts and snapshot to one that fell behind (NULL). */
void publish_attach(struct publish *p, struct slot *slot, const struct pool_state *state,
                    const struct frame_hello *hello);
/* The whole state is another one: every worker gets the facts and a snapshot. */
void publish_state(struct publish *p, const struct pool_state *state);
/* A committed entry that was applied here; the state is the one after it. */
void publish_entry(struct publish *p, const struct pool_state *state, struct span entry);
/* A server's statistics slot and health. */
void publish_facts(struct publish *p, const struct server_facts *s);
/* The same, and that a check has just passed: for a worker that has ejected the server. */
void publish_pass(struct publish *p, const struct server_facts *s);
/* What a server's name stands for, and which of it is down; nothing when that is nothing. */
void publish_addrs(struct publish *p, const struct server_facts *s);
/* What is in flight on a server that stands down is to end. */
void publish_cut(struct publish *p, const struct server_facts *s);
/* The server's facts may be forgotten. */
void publish_gone(struct publish *p, uint64_t server_id);
/* Compares digests and wakes whoever waits. */
void publish_on_ack(struct publish *p, struct slot *slot, const struct frame_ack *ack);
/* A worker has ended: nobody waits for it any more. */
void publish_on_exit(struct publish *p);
/* Every live worker has confirmed this sequence. */
bool publish_is_acked(const struct publish *p, uint64_t seq);
/* fn is called once, perhaps before this returns. */
void publish_wait(struct publish *p, struct publish_waiter *w, publish_fn fn);
void publish_cancel(struct publish_waiter *w); /* no-op when not waiting */

#endif
