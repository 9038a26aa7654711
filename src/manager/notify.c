#include "manager/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsm.h"
#include "base/num.h"
#include "log/log.h"
#include "manager/manager.h"
#include "manager/start.h"

enum { LAST_NAPS = 50, LAST_NAP_MS = 10 };

static const struct fsm_state phases[NOTIFY_PHASES] = {
    [NOTIFY_STARTING] = {"STARTING", FSM_TO(NOTIFY_SERVING) | FSM_TO(NOTIFY_STOPPING)},
    [NOTIFY_SERVING] = {"SERVING", FSM_TO(NOTIFY_STOPPING) | FSM_TO(NOTIFY_LEFT)},
    [NOTIFY_STOPPING] = {"STOPPING", 0},
    [NOTIFY_LEFT] = {"LEFT", 0},
};
static const struct fsm phase_fsm = {"notify", phases, NOTIFY_PHASES};

static void move(struct notify *n, enum notify_phase next, const char *why)
{
    fsm_move(&phase_fsm, &n->phase, next, 0, why);
}

/* ---- sending ---- */

static int try(struct notify *n, const char *text)
{
    if (sendto(n->fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&n->to,
               n->to_len) >= 0)
        return 0;
    if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)
        return WERR_AGAIN;
    if (!n->has_failed)
        log_warn("the supervisor of this process can't be told how it is",
                 LOG_S("variable", "NOTIFY_SOCKET"),
                 LOG_S("error", werr_text(werr_from_errno(errno))));
    n->has_failed = true;
    return WERR_IO;
}

static void flush(struct notify *n)
{
    unsigned sent = 0;

    while (sent < n->waiting_n && try(n, n->waiting[sent]) != WERR_AGAIN)
        sent++;
    MUST(sent <= n->waiting_n);
    n->waiting_n -= sent;
    memmove(n->waiting, n->waiting[sent], n->waiting_n * sizeof(n->waiting[0]));
}

static void on_again(struct timer *t)
{
    struct notify *n = (struct notify *)((char *)t - offsetof(struct notify, again));

    flush(n);
    if (n->waiting_n > 0)
        loop_timer_in(n->m->loop, t, NOTIFY_AGAIN_MS);
}

static void say(struct notify *n, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void say(struct notify *n, const char *format, ...)
{
    char text[NOTIFY_TEXT_MAX];
    va_list args;

    if (n->fd < 0 || n->is_silent)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    flush(n);
    if (n->waiting_n == 0 && try(n, text) != WERR_AGAIN)
        return;
    if (n->waiting_n == NOTIFY_WAITING_MAX || n->m->loop == NULL)
        return; /* whoever does not read for so long misses signs of life at most */
    MUST(n->waiting_n < NOTIFY_WAITING_MAX);
    memcpy(n->waiting[n->waiting_n++], text, sizeof(text));
    loop_timer_in(n->m->loop, &n->again, NOTIFY_AGAIN_MS);
}

/* ---- beats ---- */

static void extend(struct notify *n, const char *status)
{
    say(n, "EXTEND_TIMEOUT_USEC=%u000\nSTATUS=%s", (unsigned)NOTIFY_EXTEND_MS, status);
}

/* The loop turns, or nobody would ask. */
static bool is_alive(const struct notify *n)
{
    const struct slots *slots = &n->m->supervisor.slots;

    return slots_count_wanted(slots) == 0 || slots_count_serving(slots) > 0;
}

static void beat(struct notify *n)
{
    char status[64];

    switch ((enum notify_phase)n->phase) {
    case NOTIFY_STARTING:
        (void)snprintf(status, sizeof(status), "starts: %s", start_phase_name(n->m));
        extend(n, status);
        break;
    case NOTIFY_SERVING:
        if (is_alive(n))
            say(n, "WATCHDOG=1");
        break;
    case NOTIFY_STOPPING:
        extend(n, "finishes requests");
        break;
    case NOTIFY_LEFT:
    case NOTIFY_PHASES:
        MUST(false); /* the timer was stopped */
    }
}

static void set_beat(struct notify *n)
{
    const uint32_t pause_ms = n->phase == NOTIFY_SERVING ? n->watchdog_ms : NOTIFY_BEAT_MS;

    if (n->fd >= 0 && pause_ms > 0 && n->m->loop != NULL)
        loop_timer_in(n->m->loop, &n->beat, pause_ms);
}

static void on_beat(struct timer *t)
{
    struct notify *n = (struct notify *)((char *)t - offsetof(struct notify, beat));

    beat(n);
    set_beat(n);
}

static void stop_beat(struct notify *n)
{
    if (n->m->loop != NULL)
        timer_stop(loop_timers(n->m->loop), &n->beat);
}

/* ---- what happens ---- */

void notify_ready(struct notify *n)
{
    move(n, NOTIFY_SERVING, "ready");
    say(n, "READY=1\nSTATUS=serves with %u workers\nMAINPID=%d", n->m->worker_n, (int)getpid());
    n->is_silent = false;
    stop_beat(n);
    set_beat(n);
}

/* The time is what tells this reload from an earlier one (sd_notify(3)). */
void notify_reloading(struct notify *n)
{
    if (n->phase == NOTIFY_SERVING)
        say(n, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_mono_us());
}

void notify_reloaded(struct notify *n)
{
    if (n->phase == NOTIFY_SERVING)
        say(n, "READY=1");
}

void notify_stopping(struct notify *n, const char *why)
{
    if (n->phase >= NOTIFY_STOPPING)
        return;
    move(n, NOTIFY_STOPPING, why);
    say(n, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%u000\nSTATUS=%s", (unsigned)NOTIFY_EXTEND_MS, why);
    stop_beat(n);
    set_beat(n);
}

/* WATCHDOG=1 as well: the successor has a whole period for its first one. */
void notify_succeeded(struct notify *n, pid_t pid)
{
    move(n, NOTIFY_LEFT, "a successor serves");
    say(n, "MAINPID=%d\nWATCHDOG=1\nSTATUS=upgraded: process %d serves", (int)pid, (int)pid);
    n->is_silent = true;
    stop_beat(n);
}

/* ---- life ---- */

int notify_address(const char *text, struct sockaddr_un *to, socklen_t *len)
{
    const size_t n = strlen(text);

    *to = (struct sockaddr_un){.sun_family = AF_UNIX};
    if ((text[0] != '/' && text[0] != '@') || n < 2 || n >= sizeof(to->sun_path))
        return WERR_INVALID;
    memcpy(to->sun_path, text, n);
    if (text[0] == '@')
        to->sun_path[0] = '\0';
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (text[0] == '/'));
    return 0;
}

static void open_socket(struct notify *n, const char *text)
{
    if (text == NULL)
        return;
    if (notify_address(text, &n->to, &n->to_len) < 0) {
        log_warn("nobody is told how this process is: it is no address of a socket",
                 LOG_S("variable", "NOTIFY_SOCKET"), LOG_S("value", text));
        return;
    }
    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (n->fd < 0)
        log_warn("nobody is told how this process is",
                 LOG_S("error", werr_text(werr_from_errno(errno))));
}

/* An heir's WATCHDOG_PID is that of the first process of the service, whose place it takes. */
static uint32_t read_watchdog(bool is_heir)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t us = 0, whose = 0;

    if (usec == NULL || num_from_dec(span_from_str(usec), UINT32_MAX * UINT64_C(1000), &us) < 0)
        return 0;
    if (!is_heir && pid != NULL &&
        (num_from_dec(span_from_str(pid), INT32_MAX, &whose) < 0 ||
         whose != (uint64_t)getpid()))
        return 0;
    us /= 2;
    return us > 0 && us < 1000 ? 1 : (uint32_t)(us / 1000);
}

void notify_init(struct notify *n, struct manager *m, bool is_heir)
{
    *n = (struct notify){.m = m, .fd = -1, .phase = NOTIFY_STARTING, .is_silent = is_heir};
    timer_init(&n->beat, on_beat);
    timer_init(&n->again, on_again);
    open_socket(n, getenv("NOTIFY_SOCKET"));
    n->watchdog_ms = read_watchdog(is_heir);
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
}

/* What is read at once may take longer than a beat, in which no timer runs. */
void notify_start(struct notify *n)
{
    beat(n);
    set_beat(n);
}

/* A name of a successor that got lost would end the service. */
void notify_fini(struct notify *n)
{
    static const struct timespec nap = {.tv_nsec = LAST_NAP_MS * 1000000L};

    if (n->fd < 0)
        return;
    stop_beat(n);
    if (n->m->loop != NULL)
        timer_stop(loop_timers(n->m->loop), &n->again);
    flush(n);
    for (unsigned i = 0; n->waiting_n > 0 && i < LAST_NAPS; i++) {
        (void)nanosleep(&nap, NULL);
        flush(n);
    }
    (void)close(n->fd);
    n->fd = -1;
}
