/* lone_worker.h - a worker without a manager or a network, and beside it the pool that the
 * manager would keep: for tests of what a worker makes of the pool. */
#ifndef WELDR_TESTS_LONE_WORKER_H
#define WELDR_TESTS_LONE_WORKER_H

#include <stdlib.h>
#include <string.h>

#include "../base/cm.h"
#include "base/fault.h"
#include "net/loop_sim.h"
#include "pool/pool_snapshot.h"
#include "worker/worker_life.h"

struct lone_worker {
    struct loop *loop;
    struct stats_worker *stats;
    struct pool_state *pool; /* the manager's */
    struct worker worker;
};

static inline void lone_worker_init(struct lone_worker *l)
{
    l->loop = loop_sim_new(1, NULL);
    l->stats = aligned_alloc(_Alignof(struct stats_worker), sizeof(*l->stats));
    l->pool = pool_state_new();
    assert_true(l->loop && l->stats && l->pool);
    memset(l->stats, 0, sizeof(*l->stats));
    assert_int_equal(worker_init(&l->worker, l->loop, l->stats, 0, 1), 0);
}

/* As the manager does it; memory that a test lets be short is the worker's. */
static inline int lone_worker_take_snapshot(struct lone_worker *l)
{
    const unsigned armed = fault_countdown;
    char *bytes;
    size_t len;

    fault_set(0);
    assert_int_equal(pool_snapshot_encode(l->pool, &bytes, &len), 0);
    fault_set(armed);
    const int rc = worker_snapshot(&l->worker, span_from(bytes, len));

    free(bytes);
    return rc;
}

static inline void lone_worker_fini(struct lone_worker *l)
{
    worker_fini(&l->worker);
    pool_state_free(l->pool);
    free(l->stats);
    loop_free(l->loop);
}

#endif
