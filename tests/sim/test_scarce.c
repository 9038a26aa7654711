#include "../unit/base/cm.h"
#include "got.h"

/* A worker that drains when no descriptor is left for those who wait to be accepted. */

enum { LIMIT_MS = 20000 };

static struct world *open_world(void)
{
    return world_open(&(struct world_setup){.seed = 1, .server_n = 1});
}

/* The next operation of the network fails. */
static void fail_next(struct world *w)
{
    loop_sim_set_faults(
        w->loop, &(struct loop_sim_faults){.fail_op = (uint32_t)loop_sim_ops(w->loop) + 1});
}

static const struct loop_sim_faults none_left = {.no_descriptors = true};

static void test_waiting_client_is_served(void **state)
{
    struct world *w = open_world();
    struct world_client *idle = world_ask(w, GET("/len/3/1"));
    struct world_client *c;

    (void)state;
    world_run_ms(w, 10);
    c = world_ask(w, GET("/len/3/2"));
    world_drain(w, LIMIT_MS);
    fail_next(w);
    world_run_ms(w, 50);
    CHECK(!c->peer.has_reset && !w->is_drained);
    world_run_ms(w, 100);
    CHECK(status_of(c, 0) == 200);
    world_run_ms(w, 5000); /* jitter, and lingering */
    CHECK(idle->peer.has_fin && !idle->peer.has_reset);
    CHECK(w->is_drained && !w->has_drained_twice);
    world_end(w);
}

/* The descriptors of those who are idle become free meanwhile: they are not kept waiting. */
static void test_others_leave_meanwhile(void **state)
{
    struct world *w = open_world();
    struct world_client *idle = world_ask(w, GET("/len/3/1"));
    struct world_client *c;

    (void)state;
    world_run_ms(w, 10);
    c = world_ask(w, GET("/len/3/2"));
    world_drain(w, LIMIT_MS);
    loop_sim_set_faults(w->loop, &none_left);
    for (unsigned n = 0; n < 200 && !idle->peer.has_fin; n++)
        world_run_ms(w, 10);
    CHECK(idle->peer.has_fin && !c->peer.has_reset && !w->is_drained);
    loop_sim_set_faults(w->loop, NULL);
    world_run_ms(w, 5000);
    CHECK(status_of(c, 0) == 200 && w->is_drained);
    world_end(w);
}

/* … up to the limit. */
static void test_limit_holds(void **state)
{
    struct world *w = open_world();
    struct world_client *c = world_ask(w, GET("/len/3/2"));

    (void)state;
    world_drain(w, 1000);
    loop_sim_set_faults(w->loop, &none_left);
    world_run_ms(w, 980);
    CHECK(!w->is_drained && !c->peer.has_reset);
    world_run_ms(w, 30);
    CHECK(w->is_drained && c->peer.has_reset);
    loop_sim_set_faults(w->loop, NULL);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_waiting_client_is_served),
                                       cmocka_unit_test(test_others_leave_meanwhile),
                                       cmocka_unit_test(test_limit_holds)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
