#include "manager/worker_news.h"

#include <signal.h>

#include "log/log.h"
#include "manager/events.h"
#include "manager/last_events.h"
#include "manager/manager.h"
#include "manager/start.h"

static void tell_worker(struct manager *m, enum event_kind kind, const struct slot *slot,
                        const char *reason)
{
    events_tell(m, &(struct event_note){
                       .kind = kind, .worker = slot->id, .pid = slot->pid, .reason = reason});
}

static void on_start(void *arg, struct slot *slot)
{
    struct manager *m = arg;

    MUST(slot->id < m->supervisor.slots.n); /* a worker tells others from itself by these */
    const struct frame_hello hello = {
        .worker_id = slot->id,
        .worker_n = m->supervisor.slots.n,
        .log_level = (uint32_t)log_level_now,
        .drain_timeout_ms = m->config->drain_timeout_ms,
        .seed = rand_u64(&m->rand),
    };

    tell_worker(m, EVENT_WORKER_STARTED, slot, NULL);
    publish_attach(&m->publish, slot, m->pool, &hello);
}

static void on_running(void *arg, struct slot *slot)
{
    tell_worker(arg, EVENT_WORKER_RUNNING, slot, NULL);
    start_note_worker(arg);
}

static void on_ack(void *arg, struct slot *slot, const struct frame_ack *ack)
{
    struct manager *m = arg;

    publish_on_ack(&m->publish, slot, ack);
    start_note_worker(m);
}

static void on_stale(void *arg, struct slot *slot)
{
    struct manager *m = arg;

    log_warn("worker fell behind and gets a snapshot", LOG_U("id", slot->id));
    publish_attach(&m->publish, slot, m->pool, NULL);
}

/* A worker that gives up by itself before weldr was ready would do so again. */
static void on_end(void *arg, struct slot *slot, int exit_code)
{
    struct manager *m = arg;

    tell_worker(m, EVENT_WORKER_ENDED, slot,
                exit_code == 0  ? "it has finished"
                : exit_code > 0 ? "it has failed"
                                : "it was killed");
    if (exit_code != 0)
        last_events_log(&stats_worker(m->stats, slot->id)->flight, slot->id, slot->pid,
                        loop_now_us(m->loop));
    if (exit_code == -SIGSYS) {
        stats_add(stats_worker(m->stats, slot->id), STATS_forbidden_calls, 1);
        last_events_forbidden(&stats_worker(m->stats, slot->id)->flight, slot->id, slot->pid);
    }
    stats_worker_reset_gauges(m->stats, slot->id);
    publish_on_exit(&m->publish);
    if (start_is_ready(m) || manager_is_draining(m) || exit_code <= 0)
        return;
    log_error("can't start workers", LOG_I("exit", exit_code));
    manager_finish(m,
                   exit_code == MANAGER_EXIT_NO_FD ? MANAGER_EXIT_NO_FD : MANAGER_EXIT_FAILURE);
}

struct supervisor_hooks worker_news_hooks(struct manager *m)
{
    return (struct supervisor_hooks){
        .on_start = on_start,
        .on_running = on_running,
        .on_ack = on_ack,
        .on_stale = on_stale,
        .on_exit = on_end,
        .arg = m,
    };
}
