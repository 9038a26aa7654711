#include <stdlib.h>

#include "../base/cm.h"
#include "net/loop_sim.h"
#include "worker/limits.h"
#include "worker/reclaim.h"
#include "worker/worker_life.h"

/* What a worker holds after a burst, without a network: clients are places in the slab. */

enum { BURST = 5000, LITTLE = 200 };

struct setup {
    struct loop *loop;
    struct stats_worker *stats;
    struct timer clock;
    struct worker worker;
};

static void on_clock(struct timer *t)
{
    struct setup *s = (struct setup *)((char *)t - offsetof(struct setup, clock));

    loop_stop(s->loop);
}

static void run_ms(struct setup *s, uint64_t ms)
{
    loop_timer_in(s->loop, &s->clock, ms);
    loop_run(s->loop);
}

static struct setup *make(void)
{
    struct setup *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    s->loop = loop_sim_new(1, NULL);
    s->stats = aligned_alloc(_Alignof(struct stats_worker), sizeof(*s->stats));
    assert_true(s->loop && s->stats);
    memset(s->stats, 0, sizeof(*s->stats));
    timer_init(&s->clock, on_clock);
    assert_int_equal(worker_init(&s->worker, s->loop, s->stats, 0, 1), 0);
    return s;
}

static void drop(struct setup *s)
{
    worker_fini(&s->worker);
    free(s->stats);
    loop_free(s->loop);
    free(s);
}

/* All of them come and go at once. */
static void burst(struct setup *s)
{
    static void *clients[BURST];
    struct slab *slab = &s->worker.clients_slab;

    for (unsigned i = 0; i < BURST; i++) {
        clients[i] = slab_get(slab);
        assert_non_null(clients[i]);
        reclaim_watch(&s->worker);
    }
    for (unsigned i = 0; i < BURST; i++)
        slab_put(slab, clients[i]);
    assert_true(slab->total_n >= BURST);
}

/* Whenever the burst comes: the rounds begin with its first client, or run still. */
static void test_all_goes_back(void **state)
{
    (void)state;
    for (uint64_t ms = 0; ms <= 6ULL * LIMIT_RECLAIM_MS; ms += LIMIT_RECLAIM_MS / 2) {
        struct setup *s = make();

        burst(s);
        run_ms(s, ms + 1);
        burst(s);
        run_ms(s, 6ULL * LIMIT_RECLAIM_MS);
        assert_in_range(s->worker.clients_slab.total_n, 0, LITTLE);
        assert_false(timer_is_set(&s->worker.reclaim.timer));
        drop(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_goes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
