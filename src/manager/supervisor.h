/* supervisor.h - the worker processes: starts them, notices their end, replaces them.
 *
 * One struct slot (slot.h) for each worker id. A worker is this very program again, executed by
 * a descriptor opened at start (an upgraded file does not matter), with its descriptors at the
 * numbers of wire/inherit.h. One that dies is replaced after 0.1 s, doubling to 10 s while it
 * keeps dying soon; the pause starts over for one that has lived 10 s. One that hangs is killed
 * (pulse.h), and then replaced in the same way.
 *
 * The supervisor owns the slots and the rooms that work on them: listening sockets, the pulse,
 * the stand-in, addresses that part. The manager is told by hooks and does what follows
 * (snapshot, waiters, log of readiness).
 */
#ifndef WELDR_MANAGER_SUPERVISOR_H
#define WELDR_MANAGER_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/timers.h"
#include "manager/listening.h"
#include "manager/parting.h"
#include "manager/pulse.h"
#include "manager/slot.h"
#include "manager/stand_in.h"
#include "net/loop.h"

struct supervisor_hooks {
    /* The process was started: send HELLO, snapshot and facts; then set attach_seq. */
    void (*on_start)(void *arg, struct slot *slot);
    void (*on_running)(void *arg, struct slot *slot);
    void (*on_ack)(void *arg, struct slot *slot, const struct frame_ack *ack);
    void (*on_stale)(void *arg, struct slot *slot);
    void (*on_log_wanted)(void *arg);
    /* The process has ended and does not count any more; exit_code -N: by signal N. */
    void (*on_exit)(void *arg, struct slot *slot, int exit_code);
    /* Draining, and the last worker has ended. */
    void (*on_all_stopped)(void *arg);
    void *arg;
};

struct supervisor {
    struct slots slots;
    struct supervisor_hooks hooks;
    struct listenings listenings;
    struct stand_in stand_in;
    struct pulse pulse;
    struct parting parting;
    int exe_fd;
    int stats_fd;
    struct timer kill_timer; /* draining: those still there are killed */
};

/* Takes stats_fd. WERR_NOMEM, WERR_NO_FD …; nothing to finish then. */
int supervisor_init(struct supervisor *s, struct loop *loop,
                    const struct supervisor_hooks *hooks, unsigned slot_n) MUST_USE;
/* All workers must have ended; channels are closed. Closes the descriptors. */
void supervisor_fini(struct supervisor *s);
/* Starts the workers that are wanted; stops at the first that can't be started (those from then
 * on replaced are tried again and again). */
int supervisor_start(struct supervisor *s) MUST_USE;
/* Before the start: up to n slots, of which those that are more are not wanted, and have an
 * inbox all the same. WERR_NO_FD …. */
int supervisor_add_slots(struct supervisor *s, unsigned n) MUST_USE;
/* So many workers from now on: starts those that are missing, with all sockets; surplus ones,
 * those with the highest ids, drain within limit_ms. 0: none, of a node that serves nobody.
 * WERR_*: nothing has changed. */
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
/* Kills and collects all workers at once (waits for them). */
void supervisor_kill_all(struct supervisor *s);

#endif
