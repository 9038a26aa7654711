/* notify.h - tells whoever supervises this process how it is: the protocol of sd_notify(3), a
 * datagram of lines NAME=value to the socket that $NOTIFY_SOCKET names. systemd (Type=notify)
 * speaks it, and other supervisors do. Without the variable nothing is told.
 *
 * - STARTING: EXTEND_TIMEOUT_USEC every NOTIFY_BEAT_MS: a long log to replay, or a cluster
 *   without a leader, is no reason to be killed
 * - SERVING: READY=1 was said. WATCHDOG=1 twice in each $WATCHDOG_USEC, while this process is
 *   alive: its loop turns, for the timer is of the loop, and a worker serves, if any is
 *   wanted. A single worker that hangs is the supervisor's business (pulse.h)
 * - STOPPING: STOPPING=1 was said; EXTEND_TIMEOUT_USEC while requests finish
 * - LEFT: MAINPID= has named a successor (upgrade.h): this one says nothing more
 *
 * A successor says no READY=1: the service was ready all the time. It begins with SERVING, when
 * its predecessor is about to name it. So only the main process ever speaks, which is all that
 * NotifyAccess=main lets through, and MAINPID= is in the queue of the socket before its sender
 * ends. The variables are kept for successors (origin.h) and for nobody else. Owner: the
 * manager; the phase has one setter.
 */
#ifndef WELDR_MANAGER_NOTIFY_H
#define WELDR_MANAGER_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/timers.h"
#include "base/werr.h"

enum {
    NOTIFY_BEAT_MS = 5000,    /* between two extensions … */
    NOTIFY_EXTEND_MS = 30000, /* … each of so much */
    NOTIFY_AGAIN_MS = 20,     /* until a full socket is tried again */
    NOTIFY_TEXT_MAX = 256,
    NOTIFY_WAITING_MAX = 8
};

enum notify_phase {
    NOTIFY_STARTING,
    NOTIFY_SERVING,
    NOTIFY_STOPPING,
    NOTIFY_LEFT,
    NOTIFY_PHASES
};

struct manager;

struct notify {
    struct manager *m;
    int fd; /* -1: nobody wants to be told */
    struct sockaddr_un to;
    socklen_t to_len;
    uint8_t phase;   /* enum notify_phase */
    bool is_silent;  /* not the main process: an heir that is not ready, or LEFT */
    bool has_failed; /* told to the log, once */
    uint32_t
        watchdog_ms; /* half of what a supervisor waits for a sign of life; 0: it does not */
    struct timer beat, again;
    unsigned waiting_n; /* what the socket had no room for, in its order */
    char waiting[NOTIFY_WAITING_MAX][NOTIFY_TEXT_MAX];
};

/* Takes the variables out of the environment: after origin_note. is_heir: there is a
 * predecessor. */
void notify_init(struct notify *n, struct manager *m, bool is_heir);
/* There is a loop. A step of the start: 0. */
void notify_start(struct notify *n);
/* Sends what waits, for half a second at most. */
void notify_fini(struct notify *n);
void notify_ready(struct notify *n);
/* Around what SIGHUP does. */
void notify_reloading(struct notify *n);
void notify_reloaded(struct notify *n);
void notify_stopping(struct notify *n, const char *why);
/* The process pid takes our place. */
void notify_succeeded(struct notify *n, pid_t pid);

/* text: an absolute path, or "@" and a name that is in no file system. WERR_INVALID: neither,
 * or too long. */
int notify_address(const char *text, struct sockaddr_un *to, socklen_t *len) MUST_USE;

#endif
