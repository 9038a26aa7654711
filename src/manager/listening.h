/* listening.h - one address of one listener: a listening socket for each worker slot that
 * was wanted when it was bound, or since.
 *
 * With SO_REUSEPORT the kernel spreads connections over the sockets of an address; the manager
 * makes one for each slot and hands it to the slot's worker over the channel (LISTEN), to each
 * worker that is started later too. It keeps its own descriptors, so that what waits at a
 * socket outlives a worker, and stands in at them for one that does not serve (stand_in.h).
 * Where a supervisor has passed sockets for the address (net/passed.h), slots share those: of k
 * sockets slot i has number i modulo k.
 *
 * States: PENDING (bound, and its listener proposed, so that a refusal by the kernel comes
 * before the change) → OPEN (the listener is in the description; workers have it) → gone.
 * FAILED: the description has the address and this node could not bind it; it is tried again.
 * Made and ended by listeners.c; listed in the supervisor's struct listenings, for whoever
 * attaches a worker.
 */
#ifndef WELDR_MANAGER_LISTENING_H
#define WELDR_MANAGER_LISTENING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/addr.h"
#include "base/syn_filter.h"
#include "manager/slot.h"
#include "manager/stand_in.h"
#include "pool/pool.h"
#include "wire/frame.h"

enum listening_state { LISTENING_PENDING, LISTENING_OPEN, LISTENING_FAILED, LISTENING_STATES };

struct listening {
    uint32_t magic;
    uint8_t state; /* enum listening_state */
    char listener[POOL_NAME_MAX + 1];
    uint64_t listener_id;      /* unless PENDING */
    uint32_t socket_no;        /* of wire/frame.h */
    struct addr wanted, bound; /* as asked for; as the kernel gave it (port 0) */
    int error;                 /* FAILED: why */
    bool is_of_flags; /* PENDING: --ip asked for it, and the start has yet to propose that */
    bool is_lost;     /* OPEN: this host has the address no more (listeners_health.h) */
    bool is_passed;   /* a supervisor's sockets, which slots share */
    bool is_vip;      /* of listeners.c: VIPs are bound whether this host has them or not */
    bool is_named;    /* of listeners.c, while it compares: still in the description */
    struct listenings *owner;
    TAILQ_ENTRY(listening) entry; /* of the owner's */
    unsigned slot_n;
    struct stand_in_door **doors; /* one for each slot; fd -1: none */
};

/* Lets no connection to these addresses begin at the socket; WERR_*: it does not. */
typedef int (*listening_keep_out_fn)(void *arg, int fd, const struct addr *addrs, unsigned n);

struct listenings {
    struct slots *slots;
    struct stand_in *stand_in;
    TAILQ_HEAD(listening_list, listening) list; /* in the order of their making */
    uint32_t next_socket_no;
    struct addr kept_out[SYN_FILTER_MAX]; /* no new connection to these begins */
    unsigned kept_out_n;
    listening_keep_out_fn keep_out; /* NULL: nobody else can */
    void *keep_out_arg;
    bool has_asked;        /* it, ever */
    unsigned undeferred_n; /* reasons to hear of who connects before it speaks */
};

void listenings_init(struct listenings *ls, struct slots *slots, struct stand_in *stand_in);
/* From now on who connects is there to be accepted before it speaks, for when the sockets close
 * or their address leaves it would be reset; until as many calls of the other. */
void listenings_stop_deferring(struct listenings *ls);
void listenings_defer_again(struct listenings *ls);
/* Who can keep somebody out where this process may not; NULL: nobody. */
void listenings_set_keep_out(struct listenings *ls, listening_keep_out_fn fn, void *arg);
/* To these n addresses (without ports) no new connection begins any more, without a word
 * (base/syn_filter.h), at whatever socket there is or comes; to all others it does. */
void listenings_keep_out(struct listenings *ls, const struct addr *addrs, unsigned n);

/* Binds nothing yet: FAILED, without sockets, and listed. NULL: no memory. */
struct listening *listening_new(struct listenings *ls, struct span listener,
                                const struct addr *wanted);
/* A socket for each slot; PENDING then. WERR_ADDR_IN_USE …: as it was. */
int listening_bind(struct listening *l, const struct addr *at) MUST_USE;
/* The listener is in the description: workers are told. seq: what their acknowledgement
 * completes. */
void listening_open(struct listening *l, uint64_t listener_id, uint64_t seq);
/* OPEN, and its listener has another id: to workers it is another socket, which they are told
 * of with their next snapshot. */
void listening_renumber(struct listening *l, uint64_t listener_id);
/* All that are OPEN, to a worker that is attached. */
void listening_send_all(const struct listenings *ls, struct slot *slot, uint64_t seq);
/* Workers are told to accept what waits and to let it go (unless the listener itself has gone,
 * which they know); closes the sockets and frees. */
void listening_close(struct listening *l, bool tell, uint64_t seq);
/* There shall be n workers: a socket for each that has none yet, behind those that there are.
 * WERR_*: not all could be had; those that were stay. */
int listening_grow(struct listening *l, unsigned n) MUST_USE;
/* New connections go to the first n slots. What waits at the others, or comes there all the
 * same, is passed on (stand_in.h): no socket is closed, which would reset who waits. */
void listening_steer(struct listening *l, unsigned n);
/* Closes the sockets only. */
void listening_shut(struct listening *l);
/* NULL: none. By listener and address as asked for. */
struct listening *listening_find(const struct listenings *ls, struct span listener,
                                 const struct addr *wanted);

#endif
