/* supervisor.h - the worker processes: starts them, notices their end, replaces them.
 *
 * One struct slot for each worker id; it keeps its listening sockets (listening.h), its inbox
 * and its place in the statistics for good, while processes come and go. A worker is this very
 * program again, executed by a descriptor opened at start (an upgraded file does not matter),
 * with its descriptors at the numbers of wire/inherit.h. One that dies is replaced after 0.1 s,
 * doubling to 10 s while it keeps dying soon; the pause starts over for one that has lived 10
 * s. One that hangs is killed (pulse.h), and then replaced in the same way.
 *
 * States of a slot: STOPPED (no process) → STARTING → SYNCING (snapshot sent) → RUNNING
 * (snapshot acknowledged) → DRAINING → STOPPED; any → STOPPED when the process ends. The
 * manager is told by hooks and does what follows (snapshot, waiters, log of readiness).
 */
#ifndef WELDR_MANAGER_SUPERVISOR_H
#define WELDR_MANAGER_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/timers.h"
#include "manager/channel.h"
#include "manager/listening.h"
#include "manager/pulse.h"
#include "manager/reserve.h"
#include "manager/stand_in.h"
#include "net/loop.h"

enum slot_state {
    SLOT_STOPPED,
    SLOT_STARTING,
    SLOT_SYNCING,
    SLOT_RUNNING,
    SLOT_DRAINING,
    SLOT_STATES
};

struct stats;
struct supervisor;

struct slot {
    struct manager_channel channel; /* first */
    struct supervisor *owner;
    unsigned id;
    uint8_t state;
    bool is_condemned; /* killed by us, its end is awaited */
    bool is_wanted;    /* else there are fewer workers now: the process, if any, drains */
    pid_t pid;         /* 0: none */
    int inbox, outbox; /* where the others put connections that this one shall have: its own end
                          and theirs; -1: closed, or it is the only worker */
    uint64_t started_ms;
    uint64_t attached_ms; /* got its last snapshot */
    uint32_t backoff_ms;
    uint32_t restarts;
    struct pulse_of_slot pulse;
    struct stand_in stand_in;
    uint64_t attach_seq; /* acknowledging this makes it RUNNING */
    struct timer timer;  /* next start */
};

struct supervisor_hooks {
    /* The process was started: send HELLO, snapshot and facts; then set attach_seq. */
    void (*on_start)(void *arg, struct slot *slot);
    void (*on_running)(void *arg, struct slot *slot);
    void (*on_ack)(void *arg, struct slot *slot, const struct frame_ack *ack);
    void (*on_stale)(void *arg, struct slot *slot);
    /* The process has ended and does not count any more; exit_code -1: by a signal. */
    void (*on_exit)(void *arg, struct slot *slot, int exit_code);
    /* Draining, and the last worker has ended. */
    void (*on_all_stopped)(void *arg);
    void *arg;
};

struct supervisor {
    struct loop *loop;
    struct supervisor_hooks hooks;
    struct slot *slots;           /* CONFIG_WORKERS_MAX of them … */
    unsigned slot_n;              /* … of which so many have ever been wanted */
    struct listenings listenings; /* in the order of their making */
    uint32_t next_socket_no;
    int exe_fd;
    int stats_fd;
    struct stats *stats; /* the manager's; set before the first start */
    struct reserve reserve;
    bool is_draining;
    struct pulse pulse;
    struct timer kill_timer; /* draining: those still there are killed */
};

/* Takes stats_fd. WERR_NOMEM, WERR_NO_FD …; nothing to finish then. */
int supervisor_init(struct supervisor *s, struct loop *loop,
                    const struct supervisor_hooks *hooks, unsigned slot_n) MUST_USE;
/* All workers must have ended; channels are closed. Closes the descriptors. */
void supervisor_fini(struct supervisor *s);
/* Starts the workers; stops at the first that can't be started (those from then on replaced are
 * tried again and again). */
int supervisor_start(struct supervisor *s) MUST_USE;
/* So many workers from now on: starts those that are missing, with all sockets; surplus ones,
 * those with the highest ids, drain within limit_ms. WERR_*: nothing has changed. */
int supervisor_resize(struct supervisor *s, unsigned n, uint32_t limit_ms) MUST_USE;
/* SIGCHLD: collects the ended ones. */
void supervisor_reap(struct supervisor *s);
/* Kills the worker of this slot; another takes its place. */
void supervisor_replace(struct slot *slot, const char *why);
/* Closes our listening sockets, tells the workers to finish within limit_ms, kills those left 2
 * s later; on_all_stopped comes, perhaps before this returns. */
void supervisor_drain(struct supervisor *s, uint32_t limit_ms);
/* Sends a signal to every running worker. */
void supervisor_signal(const struct supervisor *s, int number);
/* SIGHUP to all of them, whatever their state: one that is starting ignores it. */
void supervisor_hang_up(const struct supervisor *s);
/* Kills and collects all workers at once (waits for them). */
void supervisor_kill_all(struct supervisor *s);
/* Takes updates and may accept connections: those that must acknowledge. */
bool slot_is_live(const struct slot *slot);
/* Serves clients, as far as is known: it answers. */
bool slot_serves(const struct slot *slot);
/* After descriptors have become free, or were lent. */
void supervisor_fill_reserve(struct supervisor *s);
unsigned supervisor_count(const struct supervisor *s, enum slot_state state);
unsigned supervisor_count_wanted(const struct supervisor *s);
unsigned supervisor_count_serving(const struct supervisor *s);
const char *slot_state_name(const struct slot *slot); /* "running" */

#endif
