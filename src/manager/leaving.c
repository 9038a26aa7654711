#include "manager/leaving.h"

#include "manager/events.h"
#include "manager/manager.h"

enum { SWEEP_MS = 200, SWEEP_FAST_MS = 20 };

static const enum event_kind told[LEAVE_STATES] = {
#define LEAVE_STATE(name, event, next) [LEAVE_##name] = EVENT_##event,
#include "manager/leave_states.def"
#undef LEAVE_STATE
};

static bool is_quiet(const struct manager *m, const struct server_facts *f)
{
    if (!publish_is_acked(&m->publish, f->leave_seq))
        return false;
    return f->stats_slot == STATS_NO_SLOT ||
           stats_sum_server(m->stats, f->stats_slot, STATS_SERVER_in_flight) == 0;
}

static void tell(struct manager *m, const struct server_facts *f, enum event_kind kind)
{
    const struct pool *p = pool_find_id(m->pool, f->pool_id);
    const struct pool_server *server =
        f->removed != NULL ? f->removed : pool_find_any_server(m->pool, f->id, NULL);

    char id[24];

    MUST(server != NULL); /* in its pool, or removed with its description */
    (void)pool_id_print(f->id, id);
    events_tell(m, &(struct event_note){.kind = kind,
                                        .pool = p != NULL ? p->name : NULL,
                                        .server_id = id,
                                        .server = server->url});
}

static void move(struct manager *m, struct server_facts *f, enum leave_state next)
{
    facts_move_leave(&m->facts, f, next);
    if (told[next] != EVENT_KINDS)
        tell(m, f, told[next]);
}

static void settle(struct manager *m, struct server_facts *f)
{
    const bool was_cut = f->leave == LEAVE_CUT;

    move(m, f, LEAVE_DRAINED);
    if (f->removed == NULL)
        return;
    if (!was_cut)
        publish_gone(&m->publish, f->id);
    facts_drop(&m->facts, f);
}

/* The statistics slot is in use until the workers have confirmed that nothing is in flight. */
static void cut(struct manager *m, struct server_facts *f)
{
    move(m, f, LEAVE_CUT);
    if (f->removed != NULL)
        publish_gone(&m->publish, f->id);
    else
        publish_cut(&m->publish, f);
    f->leave_seq = m->publish.seq;
}

/* ---- who waits ---- */

void leaving_give_up(struct leave_waiter *w)
{
    MUST(leaving_is_waiting(w) && w->manager->leaving->waiter_n > 0);
    timer_stop(loop_timers(w->manager->loop), &w->timer);
    TAILQ_REMOVE(&w->manager->leaving->waiters, w, entry);
    w->manager->leaving->waiter_n--;
    w->manager = NULL;
}

static void finish_wait(struct leave_waiter *w)
{
    leaving_give_up(w);
    w->fn(w);
}

static void on_wait_over(struct timer *t)
{
    finish_wait((struct leave_waiter *)((char *)t - offsetof(struct leave_waiter, timer)));
}

static void wake(struct manager *m)
{
    struct leave_waiter *w, *next;

    for (w = TAILQ_FIRST(&m->leaving->waiters); w != NULL; w = next) {
        next = TAILQ_NEXT(w, entry);
        if (leaving_has_drained(m, w->server_id))
            finish_wait(w);
    }
}

bool leaving_has_drained(const struct manager *m, uint64_t server_id)
{
    const struct server_facts *f = facts_find(&m->facts, server_id);

    return f == NULL || !facts_is_leaving(f);
}

/* ---- the sweep ---- */

void leaving_sweep(struct manager *m)
{
    struct server_facts *f, *next;

    for (f = TAILQ_FIRST(&m->facts.leaving); f != NULL; f = next) {
        next = TAILQ_NEXT(f, leaving);
        if (is_quiet(m, f))
            settle(m, f);
        else if (f->leave == LEAVE_FINISHING && loop_now_ms(m->loop) >= f->leave_until_ms)
            cut(m, f);
    }
}

static void plan_sweep(struct manager *m)
{
    const bool is_urgent = !TAILQ_EMPTY(&m->leaving->waiters);

    loop_timer_in(m->loop, &m->leaving->sweep, is_urgent ? SWEEP_FAST_MS : SWEEP_MS);
}

static void on_sweep(struct timer *t)
{
    struct leaving *l = (struct leaving *)((char *)t - offsetof(struct leaving, sweep));
    struct manager *m = l->m;

    leaving_sweep(m);
    wake(m);
    if (m->facts.leaving_n > 0 || !TAILQ_EMPTY(&m->leaving->waiters))
        plan_sweep(m);
}

/* ---- in and out ---- */

void leaving_begin(struct manager *m, struct server_facts *f, uint64_t limit_ms)
{
    f->leave_seq = m->publish.seq;
    f->leave_until_ms = loop_now_ms(m->loop) + limit_ms;
    move(m, f, LEAVE_FINISHING);
    if (!timer_is_set(&m->leaving->sweep))
        plan_sweep(m);
}

void leaving_end(struct manager *m, struct server_facts *f)
{
    if (f->leave != LEAVE_STAYS)
        move(m, f, LEAVE_STAYS);
}

void leaving_limit(struct manager *m, uint64_t server_id, uint64_t limit_ms)
{
    struct server_facts *f = facts_find(&m->facts, server_id);

    if (f == NULL || f->leave != LEAVE_FINISHING)
        return;
    f->leave_until_ms = loop_now_ms(m->loop) + limit_ms;
    if (limit_ms == 0)
        cut(m, f);
}

uint64_t leaving_left_ms(const struct manager *m, const struct server_facts *f)
{
    const uint64_t now_ms = loop_now_ms(m->loop);

    return f->leave_until_ms > now_ms ? f->leave_until_ms - now_ms : 0;
}

void leaving_wait(struct manager *m, struct leave_waiter *w, uint64_t timeout_ms)
{
    MUST(!leaving_is_waiting(w));
    w->manager = m;
    timer_init(&w->timer, on_wait_over);
    TAILQ_INSERT_TAIL(&m->leaving->waiters, w, entry);
    m->leaving->waiter_n++;
    loop_timer_in(m->loop, &w->timer, timeout_ms);
    plan_sweep(m);
}

unsigned leaving_waiters_n(const struct manager *m)
{
    return m->leaving->waiter_n;
}

void leaving_init(struct leaving *l, struct manager *m)
{
    *l = (struct leaving){.m = m};
    timer_init(&l->sweep, on_sweep);
    TAILQ_INIT(&l->waiters);
    m->leaving = l;
}

void leaving_fini(struct leaving *l)
{
    struct leave_waiter *w;

    timer_stop(loop_timers(l->m->loop), &l->sweep);
    while ((w = TAILQ_FIRST(&l->waiters)) != NULL)
        finish_wait(w);
    MUST(l->waiter_n == 0);
}
