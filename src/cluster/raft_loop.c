#include "cluster/raft_loop.h"

#include <stddef.h>

/* Its next timer, as one of ours. In this turn still: libuv may have work at once, again and
 * again, and the others of this loop want their turn. */
static void plan(struct engine_loop *l)
{
    uv_update_time(&l->uv);
    const int timeout_ms = uv_backend_timeout(&l->uv);

    if (timeout_ms >= 0)
        loop_timer_in(l->loop, &l->timer, (uint64_t)timeout_ms);
    else
        timer_stop(loop_timers(l->loop), &l->timer);
}

static void run(struct engine_loop *l)
{
    uv_update_time(&l->uv);
    (void)uv_run(&l->uv, UV_RUN_NOWAIT);
    l->after(l->arg);
    plan(l);
}

static void on_ready(struct loop_watch *w, bool can_read, bool can_write)
{
    (void)can_read;
    (void)can_write;
    run((struct engine_loop *)((char *)w - offsetof(struct engine_loop, watch)));
}

static void on_timer(struct timer *t)
{
    run((struct engine_loop *)((char *)t - offsetof(struct engine_loop, timer)));
}

static void on_work(struct loop_work *w)
{
    run((struct engine_loop *)((char *)w - offsetof(struct engine_loop, work)));
}

void engine_loop_kick(struct engine_loop *l)
{
    if (!l->work.queued && !l->has_left)
        loop_defer(l->loop, &l->work);
}

int engine_loop_start(struct engine_loop *l, struct loop *loop, void (*after)(void *arg),
                      void *arg)
{
    *l = (struct engine_loop){.loop = loop, .after = after, .arg = arg};
    const int rc = uv_loop_init(&l->uv);

    if (rc < 0)
        return werr_from_errno(-rc);
    timer_init(&l->timer, on_timer);
    l->watch.on_ready = on_ready;
    l->work.run = on_work;
    loop_watch_start(loop, &l->watch, uv_backend_fd(&l->uv));
    loop_watch_set(&l->watch, true, false);
    return 0;
}

void engine_loop_leave(struct engine_loop *l)
{
    l->has_left = true;
    loop_watch_stop(&l->watch);
    timer_stop(loop_timers(l->loop), &l->timer);
    if (l->work.queued)
        loop_undefer(l->loop, &l->work);
}

void engine_loop_stop(struct engine_loop *l)
{
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
    (void)uv_loop_close(&l->uv);
}
