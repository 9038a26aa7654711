#include "manager/fresh.h"

#include "manager/change.h"
#include "manager/manager.h"

static void end(struct fresh *f, struct fresh_waiter *w, int error)
{
    const fresh_fn fn = w->fn;

    MUST(fn != NULL); /* it waits */
    TAILQ_REMOVE(&f->waiters, w, entry);
    w->fn = NULL;
    fn(w, error);
}

/* Those that the barrier was for. Who is told may wait anew: it is not covered. */
static void end_covered(struct fresh *f, int error)
{
    struct fresh_waiter *w;

    do {
        TAILQ_FOREACH (w, &f->waiters, entry)
            if (w->is_covered)
                break;
        if (w != NULL)
            end(f, w, error);
    } while (w != NULL);
}

/* Nobody leads for as long as a write would wait, or the engine takes its time. */
static bool is_late(const struct fresh *f, const struct fresh_waiter *w)
{
    const uint64_t waited_ms = loop_now_ms(f->m->loop) - w->since_ms;

    return waited_ms >= FRESH_MS || (!w->is_covered && waited_ms >= change_patience_ms(f->m));
}

static struct fresh_waiter *find_late(struct fresh *f)
{
    struct fresh_waiter *w;

    TAILQ_FOREACH (w, &f->waiters, entry)
        if (is_late(f, w))
            break;
    return w;
}

static void uncover(struct fresh *f)
{
    struct fresh_waiter *w;

    TAILQ_FOREACH (w, &f->waiters, entry)
        w->is_covered = false;
}

static void go_on(struct fresh *f)
{
    if (!TAILQ_EMPTY(&f->waiters))
        loop_timer_in(f->m->loop, &f->timer, CHANGE_AGAIN_MS);
}

static void on_done(void *arg, int error, uint64_t index)
{
    struct fresh *f = arg;

    (void)index;
    MUST(f->is_asking); /* the engine tells once */
    if (error == WERR_NOT_LEADER || error == WERR_OUTCOME_UNKNOWN) {
        uncover(f); /* nothing was lost by it: a barrier is asked for again */
        f->is_asking = false;
        go_on(f);
        return;
    }
    end_covered(f, error);
    f->is_asking = false; /* not before: who waits anew needs another one */
    if (!TAILQ_EMPTY(&f->waiters))
        loop_timer_in(f->m->loop, &f->timer, 0);
}

static void ask(struct fresh *f)
{
    struct cluster *c = f->m->cluster;
    struct fresh_waiter *w;

    if (f->is_asking || TAILQ_EMPTY(&f->waiters))
        return;
    TAILQ_FOREACH (w, &f->waiters, entry)
        w->is_covered = true;
    f->is_asking = true;
    const int rc = c != NULL ? c->ops->barrier(c, on_done, f) : WERR_SHUTTING_DOWN;
    if (rc < 0)
        on_done(f, rc, 0);
}

static void on_timer(struct timer *t)
{
    struct fresh *f = (struct fresh *)((char *)t - offsetof(struct fresh, timer));
    struct fresh_waiter *w;

    while ((w = find_late(f)) != NULL)
        end(f, w, WERR_NOT_LEADER);
    ask(f);
    go_on(f);
}

void fresh_wait(struct manager *m, struct fresh_waiter *w, fresh_fn fn)
{
    struct fresh *f = m->fresh;

    MUST(w->fn == NULL);
    w->fn = fn;
    w->is_covered = false;
    w->since_ms = loop_now_ms(m->loop);
    TAILQ_INSERT_TAIL(&f->waiters, w, entry);
    if (!timer_is_set(&f->timer))
        go_on(f);
    ask(f);
}

void fresh_cancel(struct manager *m, struct fresh_waiter *w)
{
    if (w->fn == NULL)
        return;
    TAILQ_REMOVE(&m->fresh->waiters, w, entry);
    w->fn = NULL;
}

void fresh_init(struct fresh *f, struct manager *m)
{
    *f = (struct fresh){.m = m};
    TAILQ_INIT(&f->waiters);
    timer_init(&f->timer, on_timer);
    m->fresh = f;
}

void fresh_fini(struct fresh *f)
{
    struct fresh_waiter *w;

    if (f->m == NULL)
        return;
    timer_stop(loop_timers(f->m->loop), &f->timer);
    while ((w = TAILQ_FIRST(&f->waiters)) != NULL)
        end(f, w, WERR_SHUTTING_DOWN);
}
