#include "worker/bulk.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/fsm.h"
#include "worker/reconcile.h"
#include "worker/worker.h"
#include "worker/worker_life.h"

static const struct fsm_state phases[BULK_PHASES] = {
    [BULK_IDLE] = {"IDLE", FSM_TO(BULK_READING)},
    [BULK_READING] = {"READING", FSM_TO(BULK_JUDGED) | FSM_TO(BULK_IDLE)},
    [BULK_JUDGED] = {"JUDGED", FSM_TO(BULK_FOLLOWING) | FSM_TO(BULK_IDLE)},
    [BULK_FOLLOWING] = {"FOLLOWING", FSM_TO(BULK_IDLE)},
};
static const struct fsm phase_fsm = {"bulk", phases, BULK_PHASES};

static void move(struct bulk *b, enum bulk_phase next, const char *why)
{
    fsm_move(&phase_fsm, &b->phase, next, b->index, why);
}

/* The command is read to its end, or gone. */
static void end(struct bulk *b, const char *why)
{
    timer_stop(loop_timers(b->worker->loop), &b->timer);
    pool_change_fini(&b->change);
    free(b->entry);
    b->entry = NULL;
    move(b, BULK_IDLE, why);
}

static void finish(struct bulk *b, int rc, const char *why)
{
    end(b, why);
    b->done(b, rc);
}

static void go_on(struct bulk *b)
{
    loop_timer_in(b->worker->loop, &b->timer, 0);
}

static void follow_some(struct bulk *b)
{
    const uint32_t left = b->change.list_n - b->followed_n;
    const uint32_t n = left < BULK_FOLLOW_N ? left : BULK_FOLLOW_N;
    const int rc = reconcile_list(b->worker, &b->change, b->followed_n, n);

    b->followed_n += n;
    if (rc < 0 || b->followed_n == b->change.list_n)
        finish(b, rc, "followed");
    else
        go_on(b);
}

static void apply(struct bulk *b)
{
    const int rc =
        worker_apply_judged(b->worker, b->index, &b->command, b->verdict, &b->change);

    pool_command_fini(&b->command);
    if (rc < 0 || b->change.type != POOL_CHANGE_LIST) {
        finish(b, rc, "nothing to follow");
        return;
    }
    b->followed_n = 0;
    move(b, BULK_FOLLOWING, "applied");
    go_on(b);
}

static void judge(struct bulk *b)
{
    b->verdict = pool_judge(b->worker->pool_state, &b->command);
    move(b, BULK_JUDGED, "read");
    go_on(b);
}

static void read_some(struct bulk *b)
{
    const int rc = pool_code_go_on(&b->parts, BULK_READ_N);

    if (rc == POOL_CODE_MORE)
        go_on(b);
    else if (rc == 0)
        judge(b);
    else
        finish(b, rc, "can't be read");
}

static void on_turn(struct timer *t)
{
    struct bulk *b = (struct bulk *)((char *)t - offsetof(struct bulk, timer));

    MUST(bulk_is_busy(b));
    if (b->phase == BULK_READING)
        read_some(b);
    else if (b->phase == BULK_JUDGED)
        apply(b);
    else
        follow_some(b);
}

void bulk_init(struct bulk *b, struct worker *w, void (*done)(struct bulk *b, int rc))
{
    *b = (struct bulk){.worker = w, .done = done};
    timer_init(&b->timer, on_turn);
}

/* Whole, and the phase is IDLE again. */
static int apply_read(struct bulk *b)
{
    const int verdict = pool_judge(b->worker->pool_state, &b->command);
    struct pool_change change = {0};
    int rc = worker_apply_judged(b->worker, b->index, &b->command, verdict, &change);

    if (rc == 0)
        rc = reconcile_change(b->worker, &change);
    pool_change_fini(&change);
    pool_command_fini(&b->command);
    return rc;
}

int bulk_apply(struct bulk *b, uint64_t index, struct span entry)
{
    MUST(!bulk_is_busy(b));
    if (!worker_takes_index(b->worker, index))
        return WERR_CORRUPT; /* out of order */
    b->entry = fault_malloc(entry.len);
    if (b->entry == NULL)
        return WERR_NOMEM;
    memcpy(b->entry, entry.ptr, entry.len);
    b->index = index;
    const int rc = pool_code_begin(span_from(b->entry, entry.len), &b->command, &b->parts);
    if (rc == POOL_CODE_MORE) {
        move(b, BULK_READING, "a list");
        go_on(b);
        return rc;
    }
    free(b->entry);
    b->entry = NULL;
    return rc < 0 ? rc : apply_read(b);
}

void bulk_drop(struct bulk *b)
{
    if (b->phase == BULK_READING || b->phase == BULK_JUDGED)
        pool_command_fini(&b->command);
    if (bulk_is_busy(b))
        end(b, "dropped");
}
