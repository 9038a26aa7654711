/* loop_sim.h - a deterministic network in memory with a settable clock: the loop for tests.
 *
 * One world = one loop; clients, the worker under test and origins are all socks on it.
 * Everything that chance may decide comes from the seed: how much a read or a send takes, how
 * long bytes travel, when a reset strikes. Time jumps to the next event when nothing is left to
 * do. The same seed gives the same run.
 *
 * Connections behave as TCP does: bounded buffers (what travels counts), an end after the data,
 * a reset when unread data is closed upon or when data comes to a closed socket, refusal where
 * nobody listens. What came before a reset can still be read, though a send fails already; who
 * meets the error first, that send or the read behind the last byte, is told of it, and a read
 * after such a send finds an end. An operation that strikes a fault breaks its connection for
 * both sides;
 * connect and accept fail with WERR_NO_FD. When nothing can ever happen any more
 * (loop_sim_is_quiet) a turn returns at once, and loop_run returns as after loop_stop.
 */
#ifndef WELDR_NET_LOOP_SIM_H
#define WELDR_NET_LOOP_SIM_H

#include "net/loop.h"

struct loop_sim_faults {
    uint32_t max_delay_us;      /* travel time of each piece: 0 … this */
    bool short_reads;           /* reads give a random part of what is there */
    bool short_sends;           /* sends take a random part */
    uint32_t buffer_bytes;      /* socket buffer a direction; 0: 64 KiB */
    uint32_t reset_per_million; /* chance that an operation meets a reset */
    bool resets_lose; /* … when a socket is closed by one: what it sent and is still on its way
                         is lost */
    uint32_t fail_op;    /* the n-th operation (send, recv, connect, accept) fails; 0: none */
    bool no_descriptors; /* accepting fails */
};

/* faults may be NULL. NULL: no memory. */
struct loop *loop_sim_new(uint64_t seed, const struct loop_sim_faults *faults);
/* Other faults from now on; the buffers of connections that exist keep their size. */
void loop_sim_set_faults(struct loop *l, const struct loop_sim_faults *faults);
/* A listening address in this world, for sock_accept_start: returns the handle, or
 * WERR_ADDR_IN_USE. Connects to an address without a listener are refused. at->port 0: the
 * world's choice, see sock_local_addr. */
int loop_sim_listen(struct loop *l, const struct addr *at) MUST_USE;
/* What becomes of connects to this address: WERR_AGAIN: nothing is ever heard; another WERR_*:
 * they fail with that at once; 0: as before. For a few addresses. */
void loop_sim_route(struct loop *l, const struct addr *to, int result);
/* Two connected ends for sock_adopt, as listen_pair. */
void loop_sim_pair(struct loop *l, int handles[2]);
/* Nothing in flight, no work, no timer set. */
bool loop_sim_is_quiet(const struct loop *l);
uint64_t loop_sim_ops(const struct loop *l); /* operations so far, for fail_op sweeps */
/* Connection ends and listeners not closed yet (those in an accept queue too): 0 when none
 * leaked. */
unsigned loop_sim_open_n(const struct loop *l);

#endif
