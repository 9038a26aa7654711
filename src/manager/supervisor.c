#include "manager/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/children.h"
#include "base/strb.h"
#include "log/log.h"
#include "manager/handover.h"
#include "manager/supervisor_int.h"
#include "net/inbox.h"
#include "net/listen.h"
#include "net/signals.h"

enum { BACKOFF_MIN_MS = 100, BACKOFF_MAX_MS = 10000, LIVED_LONG_MS = 10000 };

static struct supervisor *supervisor_of(const struct slot *slot)
{
    return (struct supervisor *)((char *)slot->owner - offsetof(struct supervisor, slots));
}

/* ---- channel ---- */

static void on_ack(struct manager_channel *ch, const struct frame_ack *ack)
{
    struct slot *slot = slot_of_channel(ch);
    struct supervisor *s = supervisor_of(slot);

    if (slot->is_condemned)
        return;
    MUST(slot->pid != 0); /* end_slot closes the channel */
    if (slot->state == SLOT_SYNCING && ch->acked_seq >= slot->attach_seq) {
        slot_move(slot, SLOT_RUNNING, "snapshot acknowledged");
        log_debug("worker runs", LOG_U("id", slot->id), LOG_I("pid", slot->pid));
        stand_in_review(&s->stand_in);
        s->hooks.on_running(s->hooks.arg, slot);
    }
    s->hooks.on_ack(s->hooks.arg, slot, ack);
}

static void on_bye(struct manager_channel *ch)
{
    log_debug("worker has finished", LOG_U("id", slot_of_channel(ch)->id));
}

static void on_pong(struct manager_channel *ch)
{
    struct slot *slot = slot_of_channel(ch);

    pulse_heard(&supervisor_of(slot)->pulse, slot);
}

static void on_parted(struct manager_channel *ch, const struct frame_parted *said)
{
    const struct slot *slot = slot_of_channel(ch);

    parting_heard(&supervisor_of(slot)->parting, slot, said);
}

static void on_log_wanted(struct manager_channel *ch)
{
    const struct supervisor *s = supervisor_of(slot_of_channel(ch));

    s->hooks.on_log_wanted(s->hooks.arg);
}

static void on_stale(struct manager_channel *ch)
{
    struct slot *slot = slot_of_channel(ch);
    const struct supervisor *s = supervisor_of(slot);

    s->hooks.on_stale(s->hooks.arg, slot);
}

static void condemn(struct slot *slot)
{
    slot->is_condemned = true;
    if (slot->pid != 0)
        (void)kill(slot->pid, SIGKILL);
}

static void give_up(struct slot *slot, int rc)
{
    if (rc == WERR_EOF || rc == WERR_RESET || rc == WERR_CLOSED)
        condemn(slot); /* it has died, most likely: its end will be told */
    else
        supervisor_replace(slot, werr_text(rc));
}

/* The kill comes before the end of the channel: a worker that hears of that drains, and it
 * would shut the inbox, which is its successor's too. */
static void on_broken(struct manager_channel *ch, int rc)
{
    struct slot *slot = slot_of_channel(ch);

    if (slot->state != SLOT_DRAINING)
        give_up(slot, rc);
    manager_channel_close(ch);
}

static const struct manager_channel_ops channel_ops = {
    .on_ack = on_ack,
    .on_bye = on_bye,
    .on_pong = on_pong,
    .on_log_wanted = on_log_wanted,
    .on_parted = on_parted,
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
    const struct slots *all = slot->owner;
    unsigned n = 0;

    fds[n++] = channel_fd;
    fds[n++] = supervisor_of(slot)->stats_fd;
    fds[n++] = slot->inbox;
    for (unsigned i = 0; i < all->n; i++)
        fds[n++] = all->list[i].outbox;
    return n;
}

static void run_child(const struct slot *slot, int channel_fd)
{
    int fds[HANDOVER_FDS_MAX];
    char id[16];
    char name[] = "weldr", role[] = "worker", flag[] = "--id";
    char *argv[] = {name, role, flag, id, NULL};
    struct strb b;

    strb_init(&b, id, sizeof(id));
    strb_add_u64(&b, slot->id);
    (void)signal(SIGHUP, SIG_IGN); /* until it watches the signal, before it opens any log */
    handover_run(fds, list_fds(slot, channel_fd, fds), supervisor_of(slot)->exe_fd, argv);
}

/* EAGAIN: a limit of processes. */
static int fork_error(int errnum)
{
    return errnum == EAGAIN ? WERR_NO_PROCESS : werr_from_errno(errnum);
}

static int start_process(struct slot *slot)
{
    int pair[2];
    int rc = listen_pair(pair);

    if (rc < 0)
        return rc;
    pid_t pid = handover_fork();
    if (pid == 0)
        run_child(slot, pair[1]);
    rc = pid < 0 ? fork_error(errno) : 0;
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        return rc;
    }
    slot->pid = pid;
    manager_channel_open(&slot->channel, pair[0]);
    return 0;
}

int supervisor_start_slot(struct slot *slot)
{
    struct supervisor *s = supervisor_of(slot);

    MUST(slot->state == SLOT_STOPPED && slot->pid == 0); /* two would share an inbox */
    slot->started_ms = loop_now_ms(s->slots.loop);
    slot->is_condemned = false;
    slot->ping = slot->heard_n = slot->silent_n = 0;
    reserve_lend(&s->slots.reserve, RESERVE_BASE_N);
    int rc = slot->channel.is_open ? WERR_AGAIN : start_process(slot);
    if (rc == 0)
        slot_move(slot, SLOT_STARTING, "forked");
    slots_fill_reserve(&s->slots);
    if (rc < 0) {
        log_error("can't start worker", LOG_U("id", slot->id), LOG_S("error", werr_text(rc)));
        start_later(slot);
        return rc;
    }
    s->hooks.on_start(s->hooks.arg, slot);
    if (slot->state == SLOT_STARTING) /* unless the first frames broke the channel */
        slot_move(slot, SLOT_SYNCING, "snapshot sent");
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
    int rc = 0;

    MUST(s->slots.stats != NULL && !s->slots.is_draining);
    pulse_start(&s->pulse);
    for (unsigned i = 0; rc == 0 && i < s->slots.n; i++)
        if (s->slots.list[i].is_wanted)
            rc = supervisor_start_slot(&s->slots.list[i]);
    return rc;
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
    struct supervisor *s = supervisor_of(slot);

    log_end(slot, status);
    manager_channel_close(&slot->channel);
    slot_move(slot, SLOT_STOPPED, "process ended");
    parting_lost(&s->parting, slot);
    s->hooks.on_exit(s->hooks.arg, slot,
                     WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    slot->pid = 0;
    timer_stop(loop_timers(s->slots.loop), &slot->timer);
    slots_fill_reserve(&s->slots);
    stand_in_review(&s->stand_in);
    if (!s->slots.is_draining && slot->is_wanted)
        start_later(slot);
}

static void tell_if_all_stopped(struct supervisor *s)
{
    if (!s->slots.is_draining || slots_count(&s->slots, SLOT_STOPPED) < s->slots.n)
        return;
    timer_stop(loop_timers(s->slots.loop), &s->kill_timer);
    s->hooks.on_all_stopped(s->hooks.arg);
}

void supervisor_reap(struct supervisor *s)
{
    bool any = false;

    for (unsigned i = 0; i < s->slots.n; i++) {
        struct slot *slot = &s->slots.list[i];
        int status;

        if (slot->pid != 0 && children_wait(slot->pid, &status, WNOHANG) == slot->pid) {
            end_slot(slot, status);
            any = true;
        }
    }
    if (any)
        tell_if_all_stopped(s);
}

void supervisor_replace(struct slot *slot, const char *why)
{
    MUST(slot->magic == SLOT_MAGIC);
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
    stand_in_leave_inbox(&supervisor_of(slot)->stand_in, slot);
    close_one(&slot->inbox);
    close_one(&slot->outbox);
}

static void shut_listenings(struct supervisor *s)
{
    struct listening *l;

    TAILQ_FOREACH (l, &s->listenings.list, entry)
        listening_shut(l);
}

void supervisor_drain_slot(struct slot *slot, uint32_t limit_ms)
{
    char buf[FRAME_FIXED_MAX];

    timer_stop(loop_timers(slot->owner->loop), &slot->timer);
    close_boxes(slot);
    if (slot->state == SLOT_STOPPED || slot->state == SLOT_DRAINING)
        return;
    slot_move(slot, SLOT_DRAINING, slot->is_wanted ? "shutdown" : "fewer workers");
    manager_channel_say(&slot->channel, CHANNEL_DRAIN,
                        span_from(buf, frame_put_drain(buf, limit_ms)));
}

static void on_kill_timer(struct timer *t)
{
    struct supervisor *s =
        (struct supervisor *)((char *)t - offsetof(struct supervisor, kill_timer));

    MUST(s->slots.is_draining); /* else they would be started again */
    for (unsigned i = 0; i < s->slots.n; i++)
        supervisor_replace(&s->slots.list[i], "did not finish in time");
}

void supervisor_drain(struct supervisor *s, uint32_t limit_ms)
{
    s->slots.is_draining = true;
    stand_in_last(&s->stand_in);
    shut_listenings(s);
    for (unsigned i = 0; i < s->slots.n; i++)
        supervisor_drain_slot(&s->slots.list[i], limit_ms);
    loop_timer_in(s->slots.loop, &s->kill_timer, (uint64_t)limit_ms + KILL_AFTER_DRAIN_MS);
    tell_if_all_stopped(s);
}

void supervisor_signal(const struct supervisor *s, int number)
{
    for (unsigned i = 0; i < s->slots.n; i++)
        if (s->slots.list[i].state == SLOT_RUNNING)
            (void)kill(s->slots.list[i].pid, number);
}

void supervisor_kill_all(struct supervisor *s)
{
    s->slots.is_draining = true;
    for (unsigned i = 0; i < s->slots.n; i++)
        if (s->slots.list[i].pid != 0)
            (void)kill(s->slots.list[i].pid, SIGKILL);
    for (unsigned i = 0; i < s->slots.n; i++) {
        struct slot *slot = &s->slots.list[i];

        if (slot->pid != 0) {
            while (children_wait(slot->pid, NULL, 0) < 0 && errno == EINTR)
                ;
            manager_channel_close(&slot->channel);
            slot_move(slot, SLOT_STOPPED, "killed");
            slot->pid = 0;
        }
        timer_stop(loop_timers(s->slots.loop), &slot->timer);
    }
    timer_stop(loop_timers(s->slots.loop), &s->kill_timer);
    pulse_stop(&s->pulse);
    stand_in_review(&s->stand_in);
}

/* ---- life ---- */

static void on_silent(void *arg, struct slot *slot)
{
    (void)arg;
    supervisor_replace(slot, "does not answer");
}

static void on_change(void *arg)
{
    struct supervisor *s = arg;

    stand_in_review(&s->stand_in);
}

int supervisor_add_slot(struct supervisor *s)
{
    struct slot *slot = &s->slots.list[s->slots.n];

    MUST(s->slots.n < CONFIG_WORKERS_MAX);
    slot_init(slot, &s->slots, s->slots.n, &channel_ops);
    timer_init(&slot->timer, on_start_timer);
    const int rc = inbox_open(&slot->inbox, &slot->outbox);

    if (rc < 0)
        return rc;
    s->slots.n++;
    stand_in_add(&s->stand_in, slot);
    return 0;
}

static int init_slots(struct supervisor *s, unsigned slot_n)
{
    s->slots.list = calloc(CONFIG_WORKERS_MAX, sizeof(s->slots.list[0]));
    if (s->slots.list == NULL)
        return WERR_NOMEM;
    int rc = stand_in_init(&s->stand_in, &s->slots);
    while (rc == 0 && s->slots.n < slot_n) {
        rc = supervisor_add_slot(s);
        if (rc == 0)
            s->slots.list[s->slots.n - 1].is_wanted = true;
    }
    if (rc == 0)
        rc = reserve_fill(&s->slots.reserve, RESERVE_BASE_N + slot_n);
    return rc;
}

int supervisor_init(struct supervisor *s, struct loop *loop,
                    const struct supervisor_hooks *hooks, unsigned slot_n)
{
    const struct pulse_hooks pulse_hooks = {
        .on_silent = on_silent, .on_change = on_change, .arg = s};

    MUST(slot_n > 0 && slot_n <= CONFIG_WORKERS_MAX); /* as wire/inherit.h has numbers */
    memset(s, 0, sizeof(*s));
    s->slots.loop = loop;
    s->hooks = *hooks;
    listenings_init(&s->listenings, &s->slots, &s->stand_in);
    parting_init(&s->parting, &s->slots, &s->listenings);
    s->stats_fd = -1;
    timer_init(&s->kill_timer, on_kill_timer);
    pulse_init(&s->pulse, &s->slots, &pulse_hooks);
    s->exe_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (s->exe_fd < 0)
        return werr_from_errno(errno);
    int rc = init_slots(s, slot_n);
    if (rc < 0)
        supervisor_fini(s);
    return rc;
}

void supervisor_fini(struct supervisor *s)
{
    parting_fini(&s->parting);
    while (!TAILQ_EMPTY(&s->listenings.list))
        listening_close(TAILQ_FIRST(&s->listenings.list), false, 0);
    stand_in_fini(&s->stand_in);
    for (unsigned i = 0; i < s->slots.n; i++) {
        struct slot *slot = &s->slots.list[i];

        MUST(slot->pid == 0 && !slot->channel.is_open);
        close_boxes(slot);
    }
    free(s->slots.list);
    s->slots.list = NULL;
    s->slots.n = 0;
    reserve_lend(&s->slots.reserve, RESERVE_MAX);
    if (s->stats_fd >= 0)
        (void)close(s->stats_fd);
    (void)close(s->exe_fd);
}
