/* upgrade.h - another Weldr takes this one's place, and no client notices: the side of the old
 * one. The new one's is heir.h.
 *
 * SIGUSR2, or POST /upgrade, starts a successor: the file from which this process was started,
 * or another one, with the same arguments and environment, and one end of a socket pair. What
 * goes over that says succession.h.
 *
 * - IDLE
 * - STARTED: forked; its flags are good once it says HELLO. Until then nothing is given up:
 *   whatever it dies of, all is as before
 * - PARTING: this node leads the cluster: another member is to, first
 * - HANDING: the directory and the engine are let go, the API accepts no more, and all that a
 *   successor needs (estate.h) goes over to it. The workers go on as they are
 * - WAITING: all was sent: the successor restores the description and starts its workers at the
 *   same listening sockets. READY ends it
 * - AGAIN: the successor has failed after it had all: a pause, then this process's own
 *   program is started in the same way, as often as it takes; the workers serve meanwhile
 * - LEAVING: the successor is ready: the workers here drain, and it is told what they count
 *
 * A start that is cut off at STARTED or PARTING is told as event, to the log and to whoever
 * asked. A process that is process 1 ends its container with it, so it refuses. Owner: the
 * manager; the state has one setter.
 */
#ifndef WELDR_MANAGER_UPGRADE_H
#define WELDR_MANAGER_UPGRADE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/timers.h"
#include "cluster/cluster.h"
#include "manager/estate.h"
#include "manager/origin.h"
#include "manager/program.h"
#include "manager/successor.h"
#include "manager/upgrade_order.h"
#include "net/loop.h"

enum {
    UPGRADE_HELLO_MS = 10000, /* from the fork to HELLO */
    UPGRADE_READY_MS = 60000, /* from HELLO to READY */
    UPGRADE_AGAIN_MS = 1000,  /* between two successors of our own program */
    UPGRADE_SEND_MS = 20,     /* until the kernel may take more descriptors */
    UPGRADE_TOTALS_MS = 500,  /* between two looks at what draining workers count */
    UPGRADE_WHY_MAX = 256
};

enum upgrade_phase {
    UPGRADE_IDLE,
    UPGRADE_STARTED,
    UPGRADE_PARTING,
    UPGRADE_HANDING,
    UPGRADE_WAITING,
    UPGRADE_AGAIN,
    UPGRADE_LEAVING,
    UPGRADE_PHASES
};

struct api;
struct api_conn;
struct manager;

/* How it ended. why: a sentence; NULL: the successor is ready. Called once. */
typedef void (*upgrade_fn)(struct api_conn *waiter, const char *why);

/* Who wants to know what a program says of itself. */
struct upgrade_asker {
    void (*fn)(void *arg, const struct upgrade_said *said); /* NULL: another member */
    void *arg;
    struct cluster_order order;
};

/* What others do at its steps. */
struct upgrade_hooks {
    int (*bequeath)(struct api *api, struct estate *e); /* what the API has goes along */
    void (*hand_over)(struct api *api);                 /* it accepts no more */
    void (*on_ready)(struct manager *m); /* the successor is: this one is to drain and end */
};

struct upgrade {
    struct manager *m;
    struct api *api;
    struct upgrade_hooks hooks;
    struct origin origin;
    struct estate estate;
    uint8_t phase; /* enum upgrade_phase */
    struct successor successor;
    int fd; /* to it; -1: none */
    struct loop_watch watch;
    struct timer limit; /* of the phase */
    struct timer send;  /* of HANDING: the kernel takes more; of LEAVING: counters */
    char path[PATH_MAX];
    char version[24]; /* of the successor */
    char
        failure[UPGRADE_WHY_MAX]; /* of the last one that was begun; empty: it has not failed */
    struct program program;       /* which is asked who it is, before … */
    struct upgrade_asker asker;   /* … for somebody (upgrade_here.h) */
    upgrade_fn fn;                /* NULL: nobody waits */
    struct api_conn *waiter;
};

void upgrade_init(struct upgrade *u, struct manager *m, struct api *api,
                  const struct upgrade_hooks *hooks);
/* Of a manager that ends: kills a successor that is not ready. */
void upgrade_fini(struct upgrade *u);
/* binary: NULL: the one from which this process was started. WERR_IN_USE: one is under way, or
 * the predecessor has not ended yet; WERR_INVALID …: why says it; nothing has begun then. */
int upgrade_begin(struct manager *m, const char *binary, char why[UPGRADE_WHY_MAX]) MUST_USE;
/* The path of the program that `binary` stands for; WERR_INVALID: why says what is wrong. */
int upgrade_find_program(const struct manager *m, const char *binary, char path[PATH_MAX],
                         char why[UPGRADE_WHY_MAX]) MUST_USE;
/* "idle": what is under way here. */
const char *upgrade_phase_word(const struct manager *m);
/* SIGUSR2: the same, and the log says why not. */
void upgrade_on_signal(struct manager *m);
/* Who began it is told of its end. */
void upgrade_await(struct manager *m, upgrade_fn fn, struct api_conn *waiter);
void upgrade_forget(struct manager *m, const struct api_conn *waiter);
/* A child has ended. */
void upgrade_reap(struct manager *m);
/* This manager is told to end: a successor that is not ready ends before it. */
void upgrade_give_up(struct manager *m, const char *why);
/* The workers have ended: the last that the successor hears. */
void upgrade_tell_last(struct manager *m);
/* The engine and the directory are a successor's, or are to be. */
bool upgrade_has_let_go(const struct manager *m);

#endif
