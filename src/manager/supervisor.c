#include "manager/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fsm.h"
#include "base/strb.h"
#include "log/log.h"
#include "manager/handover.h"
#include "manager/supervisor_int.h"
#include "net/inbox.h"
#include "net/listen.h"

enum { BACKOFF_MIN_MS = 100, BACKOFF_MAX_MS = 10000, LIVED_LONG_MS = 10000 };

static const struct fsm_state slot_states[SLOT_STATES] = {
    [SLOT_STOPPED] = {"stopped", FSM_TO(SLOT_STARTING)},
    [SLOT_STARTING] = {"starting", FSM_TO(SLOT_SYNCING) | FSM_TO(SLOT_STOPPED)},
    [SLOT_SYNCING] = {"syncing",
                      FSM_TO(SLOT_RUNNING) | FSM_TO(SLOT_DRAINING) | FSM_TO(SLOT_STOPPED)},
    [SLOT_RUNNING] = {"running", FSM_TO(SLOT_DRAINING) | FSM_TO(SLOT_STOPPED)},
    [SLOT_DRAINING] = {"draining", FSM_TO(SLOT_STOPPED)},
};
static const struct fsm slot_fsm = {"slot", slot_states, SLOT_STATES};

static void move(struct slot *slot, enum slot_state next, const char *why)
{
    fsm_move(&slot_fsm, &slot->state, next, slot->id, why);
}

const char *slot_state_name(const struct slot *slot)
{
    return fsm_name(&slot_fsm, slot->state);
}

bool slot_is_live(const struct slot *slot)
{
    return (slot->state == SLOT_SYNCING || slot->state == SLOT_RUNNING) && !slot->is_condemned;
}

bool slot_serves(const struct slot *slot)
{
    return slot->state == SLOT_RUNNING && !slot->is_condemned &&
           slot->pulse.silent_n < PULSE_DOUBTFUL_N;
}

unsigned supervisor_count_serving(const struct supervisor *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < s->slot_n; i++)
        n += slot_serves(&s->slots[i]) ? 1 : 0;
    return n;
}

unsigned supervisor_count_wanted(const struct supervisor *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < s->slot_n; i++)
        n += s->slots[i].is_wanted;
    return n;
}

/* For each slot without a process the descriptor that its channel will have. */
void supervisor_fill_reserve(struct supervisor *s)
{
    unsigned absent_n = 0;

    for (unsigned i = 0; i < s->slot_n; i++)
        absent_n += s->slots[i].is_wanted && s->slots[i].state == SLOT_STOPPED;
    (void)reserve_fill(&s->reserve, RESERVE_BASE_N + absent_n);
}

unsigned supervisor_count(const struct supervisor *s, enum slot_state state)
{
    unsigned n = 0;

    for (unsigned i = 0; i < s->slot_n; i++)
        n += s->slots[i].state == state ? 1 : 0;
    return n;
}

/* ---- channel ---- */

static struct slot *slot_of(struct manager_channel *ch)
{
    return (struct slot *)ch; /* its first member */
}

static void on_ack(struct manager_channel *ch, const struct frame_ack *ack)
{
    struct slot *slot = slot_of(ch);
    struct supervisor *s = slot->owner;

    if (slot->is_condemned)
        return;
    if (slot->state == SLOT_SYNCING && ch->acked_seq >= slot->attach_seq) {
        move(slot, SLOT_RUNNING, "snapshot acknowledged");
        log_debug("worker runs", LOG_U("id", slot->id), LOG_I("pid", slot->pid));
        stand_in_review(s);
        s->hooks.on_running(s->hooks.arg, slot);
    }
    s->hooks.on_ack(s->hooks.arg, slot, ack);
}

static void on_bye(struct manager_channel *ch)
{
    log_debug("worker has finished", LOG_U("id", slot_of(ch)->id));
}

static void on_pong(struct manager_channel *ch)
{
    pulse_heard(slot_of(ch));
}

static void on_stale(struct manager_channel *ch)
{
    struct slot *slot = slot_of(ch);

    slot->owner->hooks.on_stale(slot->owner->hooks.arg, slot);
}

static void condemn(struct slot *slot)
{
    slot->is_condemned = true;
    if (slot->pid != 0)
        (void)kill(slot->pid, SIGKILL);
}

static void give_up(struct slot *slot, int error)
{
    if (error == WERR_EOF || error == WERR_RESET || error == WERR_CLOSED)
        condemn(slot); /* it has died, most likely: its end will be told */
    else
        supervisor_replace(slot, werr_text(error));
}

/* The kill comes before the end of the channel: a worker that hears of that drains, and it
 * would shut the inbox, which is its successor's too. */
static void on_broken(struct manager_channel *ch, int error)
{
    struct slot *slot = slot_of(ch);

    if (slot->state != SLOT_DRAINING)
        give_up(slot, error);
    manager_channel_close(ch);
}

static const struct manager_channel_ops channel_ops = {
    .on_ack = on_ack,
    .on_bye = on_bye,
    .on_pong = on_pong,
    .on_stale = on_stale,
    .on_broken = on_broken,
};

/* ---- start ---- */

static void start_later(struct slot *slot)
{
    const uint64_t lived_ms = loop_now_ms(slot->owner->loop) - slot->started_ms;

    if (slot->backoff_ms == 0 || lived_ms >= LIVED_LONG_MS)
        slot->backoff_ms = BACKOFF_MIN_MS;
    else if (slot->backoff_ms < BACKOFF_MAX_MS / 2)
        slot->backoff_ms *= 2;
    else
        slot->backoff_ms = BACKOFF_MAX_MS;
    loop_timer_in(slot->owner->loop, &slot->timer, slot->backoff_ms);
}

/* The descriptors that the child needs, in the order of their numbers there. */
static unsigned list_fds(const struct slot *slot, int channel_fd, int *fds)
{
    unsigned n = 0;

    fds[n++] = channel_fd;
    fds[n++] = slot->owner->stats_fd;
    fds[n++] = slot->inbox;
    for (unsigned i = 0; i < slot->owner->slot_n; i++)
        fds[n++] = slot->owner->slots[i].outbox;
    return n;
}

static void run_child(const struct slot *slot, int channel_fd)
{
    int fds[HANDOVER_FDS_MAX];
    char id[16];
    char name[] = "weldr", role[] = "worker", flag[] = "--id";
    char *argv[] = {name, role, flag, id, NULL};
    struct strb b;
    int exe_fd;

    strb_init(&b, id, sizeof(id));
    strb_add_u64(&b, slot->id);
    (void)signal(SIGHUP, SIG_IGN); /* until it watches the signal, before it opens any log */
    exe_fd = handover_place(fds, list_fds(slot, channel_fd, fds), slot->owner->exe_fd);
    if (exe_fd == WERR_NO_FD)
        _exit(HANDOVER_EXIT_NO_FD);
    if (exe_fd >= 0)
        (void)execveat(exe_fd, "", argv, environ, AT_EMPTY_PATH);
    _exit(HANDOVER_EXIT_FAILED);
}

/* A Ctrl-C reaches the child too. Until it is a worker that knows what to do with the signal
 * (signals_start lets it through), the signal waits: our own handler, run by the child, would
 * tell us a second one, and the default would end the worker. */
static pid_t fork_child(const struct slot *slot, int channel_fd)
{
    sigset_t all, before;
    pid_t pid;

    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0)
        run_child(slot, channel_fd);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

/* EAGAIN: a limit of processes. */
static int fork_error(int errnum)
{
    return errnum == EAGAIN ? WERR_NO_PROCESS : werr_from_errno(errnum);
}

static int start_process(struct slot *slot)
{
    int pair[2];
    pid_t pid;
    int error = listen_pair(pair);

    if (error < 0)
        return error;
    pid = fork_child(slot, pair[1]);
    error = pid < 0 ? fork_error(errno) : 0;
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        return error;
    }
    slot->pid = pid;
    manager_channel_open(&slot->channel, pair[0]);
    return 0;
}

int supervisor_start_slot(struct slot *slot)
{
    struct supervisor *s = slot->owner;
    int error;

    slot->started_ms = loop_now_ms(s->loop);
    slot->is_condemned = false;
    slot->pulse = (struct pulse_of_slot){0};
    reserve_lend(&s->reserve, RESERVE_BASE_N);
    error = slot->channel.is_open ? WERR_AGAIN : start_process(slot);
    if (error == 0)
        move(slot, SLOT_STARTING, "forked");
    supervisor_fill_reserve(s);
    if (error < 0) {
        log_error("can't start worker", LOG_U("id", slot->id),
                  LOG_S("error", werr_text(error)));
        start_later(slot);
        return error;
    }
    s->hooks.on_start(s->hooks.arg, slot);
    if (slot->state == SLOT_STARTING) /* unless the first frames broke the channel */
        move(slot, SLOT_SYNCING, "snapshot sent");
    log_debug("worker started", LOG_U("id", slot->id), LOG_I("pid", slot->pid));
    return 0;
}

static void on_start_timer(struct timer *t)
{
    struct slot *slot = (struct slot *)((char *)t - offsetof(struct slot, timer));

    if (slot->pid != 0) {
        supervisor_replace(slot, "did not finish in time");
        return;
    }
    slot->restarts++;
    (void)supervisor_start_slot(slot);
}

int supervisor_start(struct supervisor *s)
{
    int error = 0;

    pulse_start(s);
    for (unsigned i = 0; error == 0 && i < s->slot_n; i++)
        error = supervisor_start_slot(&s->slots[i]);
    return error;
}

/* ---- end ---- */

static void log_end(const struct slot *slot, int status)
{
    const bool was_expected = slot->state == SLOT_DRAINING && WIFEXITED(status);

    if (was_expected && WEXITSTATUS(status) == 0)
        log_info("worker has ended", LOG_U("id", slot->id), LOG_I("pid", slot->pid));
    else if (WIFSIGNALED(status))
        log_error("worker was killed", LOG_U("id", slot->id), LOG_I("pid", slot->pid),
                  LOG_I("signal", WTERMSIG(status)));
    else
        log_error("worker has ended", LOG_U("id", slot->id), LOG_I("pid", slot->pid),
                  LOG_I("exit", WEXITSTATUS(status)));
}

static void end_slot(struct slot *slot, int status)
{
    struct supervisor *s = slot->owner;

    log_end(slot, status);
    manager_channel_close(&slot->channel);
    move(slot, SLOT_STOPPED, "process ended");
    s->hooks.on_exit(s->hooks.arg, slot, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    slot->pid = 0;
    timer_stop(loop_timers(s->loop), &slot->timer);
    supervisor_fill_reserve(s);
    stand_in_review(s);
    if (!s->is_draining && slot->is_wanted)
        start_later(slot);
}

static void tell_if_all_stopped(struct supervisor *s)
{
    if (!s->is_draining || supervisor_count(s, SLOT_STOPPED) < s->slot_n)
        return;
    timer_stop(loop_timers(s->loop), &s->kill_timer);
    s->hooks.on_all_stopped(s->hooks.arg);
}

void supervisor_reap(struct supervisor *s)
{
    bool any = false;

    for (unsigned i = 0; i < s->slot_n; i++) {
        struct slot *slot = &s->slots[i];
        int status;

        if (slot->pid != 0 && waitpid(slot->pid, &status, WNOHANG) == slot->pid) {
            end_slot(slot, status);
            any = true;
        }
    }
    if (any)
        tell_if_all_stopped(s);
}

void supervisor_replace(struct slot *slot, const char *why)
{
    if (slot->pid == 0 || slot->is_condemned)
        return;
    log_error("worker is replaced", LOG_U("id", slot->id), LOG_I("pid", slot->pid),
              LOG_S("reason", why));
    condemn(slot);
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static void close_boxes(struct slot *slot)
{
    stand_in_leave(&slot->stand_in.inbox);
    close_one(&slot->inbox);
    close_one(&slot->outbox);
}

static void shut_listenings(struct supervisor *s)
{
    struct listening *l;

    TAILQ_FOREACH (l, &s->listenings, entry)
        listening_shut(l);
}

void supervisor_drain_slot(struct slot *slot, uint32_t limit_ms)
{
    char buf[FRAME_FIXED_MAX];

    timer_stop(loop_timers(slot->owner->loop), &slot->timer);
    close_boxes(slot);
    if (slot->state == SLOT_STOPPED || slot->state == SLOT_DRAINING)
        return;
    move(slot, SLOT_DRAINING, slot->is_wanted ? "shutdown" : "fewer workers");
    manager_channel_say(&slot->channel, CHANNEL_DRAIN,
                        span_from(buf, frame_put_drain(buf, limit_ms)));
}

static void on_kill_timer(struct timer *t)
{
    struct supervisor *s =
        (struct supervisor *)((char *)t - offsetof(struct supervisor, kill_timer));

    for (unsigned i = 0; i < s->slot_n; i++)
        supervisor_replace(&s->slots[i], "did not finish in time");
}

void supervisor_drain(struct supervisor *s, uint32_t limit_ms)
{
    s->is_draining = true;
    stand_in_last(s);
    shut_listenings(s);
    for (unsigned i = 0; i < s->slot_n; i++)
        supervisor_drain_slot(&s->slots[i], limit_ms);
    loop_timer_in(s->loop, &s->kill_timer, (uint64_t)limit_ms + KILL_AFTER_DRAIN_MS);
    tell_if_all_stopped(s);
}

void supervisor_signal(const struct supervisor *s, int number)
{
    for (unsigned i = 0; i < s->slot_n; i++)
        if (s->slots[i].state == SLOT_RUNNING)
            (void)kill(s->slots[i].pid, number);
}

void supervisor_hang_up(const struct supervisor *s)
{
    for (unsigned i = 0; i < s->slot_n; i++)
        if (s->slots[i].pid != 0)
            (void)kill(s->slots[i].pid, SIGHUP);
}

void supervisor_kill_all(struct supervisor *s)
{
    s->is_draining = true;
    for (unsigned i = 0; i < s->slot_n; i++)
        if (s->slots[i].pid != 0)
            (void)kill(s->slots[i].pid, SIGKILL);
    for (unsigned i = 0; i < s->slot_n; i++) {
        struct slot *slot = &s->slots[i];

        if (slot->pid != 0) {
            while (waitpid(slot->pid, NULL, 0) < 0 && errno == EINTR)
                ;
            slot->pid = 0;
            move(slot, SLOT_STOPPED, "killed");
        }
        manager_channel_close(&slot->channel);
        timer_stop(loop_timers(s->loop), &slot->timer);
    }
    timer_stop(loop_timers(s->loop), &s->kill_timer);
    pulse_stop(s);
    stand_in_review(s);
}

/* ---- life ---- */

int supervisor_init_slot(struct supervisor *s, unsigned id)
{
    struct slot *slot = &s->slots[id];
    int error;

    slot->owner = s;
    slot->id = id;
    slot->inbox = slot->outbox = -1;
    manager_channel_init(&slot->channel, s->loop, &channel_ops);
    timer_init(&slot->timer, on_start_timer);
    stand_in_init(slot);
    error = inbox_open(&slot->inbox, &slot->outbox);
    if (error < 0)
        return error;
    slot->stand_in.inbox.fd = slot->inbox;
    stand_in_enter(&slot->stand_in.inbox);
    return 0;
}

int supervisor_init(struct supervisor *s, struct loop *loop,
                    const struct supervisor_hooks *hooks, unsigned slot_n)
{
    int error = 0;

    memset(s, 0, sizeof(*s));
    s->loop = loop;
    s->hooks = *hooks;
    TAILQ_INIT(&s->listenings);
    s->stats_fd = -1;
    timer_init(&s->kill_timer, on_kill_timer);
    pulse_init(&s->pulse);
    s->exe_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (s->exe_fd < 0)
        return werr_from_errno(errno);
    s->slots = calloc(CONFIG_WORKERS_MAX, sizeof(*s->slots));
    if (s->slots == NULL)
        error = WERR_NOMEM;
    while (error == 0 && s->slot_n < slot_n) {
        s->slots[s->slot_n].is_wanted = true;
        error = supervisor_init_slot(s, s->slot_n++);
    }
    if (error == 0)
        error = reserve_fill(&s->reserve, RESERVE_BASE_N + slot_n);
    if (error < 0)
        supervisor_fini(s);
    return error;
}

void supervisor_fini(struct supervisor *s)
{
    while (!TAILQ_EMPTY(&s->listenings))
        listening_close(TAILQ_FIRST(&s->listenings), false, 0);
    for (unsigned i = 0; s->slots != NULL && i < s->slot_n; i++) {
        struct slot *slot = &s->slots[i];

        MUST(slot->pid == 0 && !slot->channel.is_open);
        close_boxes(slot);
        stand_in_fini(slot);
    }
    free(s->slots);
    s->slots = NULL;
    s->slot_n = 0;
    reserve_lend(&s->reserve, RESERVE_MAX);
    if (s->stats_fd >= 0)
        (void)close(s->stats_fd);
    (void)close(s->exe_fd);
}
