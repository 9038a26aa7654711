/* slot.h - a worker's place: struct slot, one for each worker id, and struct slots, what all of
 * them share.
 *
 * Lowest of the files about worker processes: supervisor.c starts and ends the processes,
 * pulse.c asks whether they live, listening.c has their listening sockets, stand_in.c serves
 * for those that do not. All of them know slots; slots know none of them, and each that has
 * something to say to another from below says it by a hook.
 *
 * A slot keeps its inbox and its place in the statistics for good, while processes come and go.
 * States: STOPPED (no process) → STARTING → SYNCING (snapshot sent) → RUNNING (snapshot
 * acknowledged) → DRAINING → STOPPED; any → STOPPED when the process ends. Owner: the
 * supervisor.
 */
#ifndef WELDR_MANAGER_SLOT_H
#define WELDR_MANAGER_SLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/timers.h"
#include "manager/channel.h"
#include "manager/reserve.h"
#include "net/loop.h"

enum slot_state {
    SLOT_STOPPED,
    SLOT_STARTING,
    SLOT_SYNCING,
    SLOT_RUNNING,
    SLOT_DRAINING,
    SLOT_STATES
};

enum {
    SLOT_MAGIC = 0x736c6f74,
    SLOT_DOUBTFUL_N = 2 /* pulses without a word from the worker: it does not serve */
};

struct slots;
struct stats;

struct slot {
    struct manager_channel channel; /* first */
    uint32_t magic;
    struct slots *owner;
    unsigned id; /* its index there */
    uint8_t state;
    bool is_condemned; /* killed by us, its end is awaited */
    bool is_wanted;    /* else there are fewer workers now: the process, if any, drains */
    pid_t pid;         /* 0: none */
    int inbox, outbox; /* where the others put connections that this one shall have: its own end
                          and theirs; -1: closed */
    uint64_t started_ms;
    uint64_t attached_ms; /* got its last snapshot */
    uint64_t attach_seq;  /* acknowledging this makes it RUNNING */
    uint32_t backoff_ms;
    uint32_t restarts;
    struct timer timer; /* next start; not wanted: when its process is killed */
    /* of pulse.c; zero when its process starts */
    uint64_t ping;     /* number of the last one */
    uint64_t heard_n;  /* frames of the worker, as of the last look */
    unsigned silent_n; /* pulses since the last of them */
};

struct slots {
    struct loop *loop;
    struct slot *list;   /* room for CONFIG_WORKERS_MAX … */
    unsigned n;          /* … of which so many have ever been wanted */
    struct stats *stats; /* the manager's; set before the first start */
    struct reserve reserve;
    bool is_draining; /* Weldr leaves: no process is started any more */
};

/* STOPPED, without an inbox, the id-th of its owner. */
void slot_init(struct slot *slot, struct slots *owner, unsigned id,
               const struct manager_channel_ops *ops);
/* ch is a slot's. */
struct slot *slot_of_channel(struct manager_channel *ch);
/* The one way to change the state. */
void slot_move(struct slot *slot, enum slot_state next, const char *why);
const char *slot_state_name(const struct slot *slot); /* "running" */
/* Takes updates and may accept connections: those that must acknowledge. */
bool slot_is_live(const struct slot *slot);
/* Those, and those that finish what they have. */
bool slot_takes_updates(const struct slot *slot);
bool slot_is_doubtful(const struct slot *slot);
/* Serves clients, as far as is known: it answers. */
bool slot_serves(const struct slot *slot);

unsigned slots_count(const struct slots *s, enum slot_state state);
unsigned slots_count_wanted(const struct slots *s);
unsigned slots_count_serving(const struct slots *s);
/* After descriptors have become free, or were lent: for each wanted slot without a process the
 * one that its channel will have. */
void slots_fill_reserve(struct slots *s);

#endif
