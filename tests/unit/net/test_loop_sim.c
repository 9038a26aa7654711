/* The contract of the loop in the simulated network, then its faults and its determinism. */
#include "loop_contract.h"
#include "loop_splice.h"

#include "net/loop_sim.h"

static struct loop_sim_faults faults;
static uint64_t seed = 1;

static struct loop *make_loop(void)
{
    return loop_sim_new(seed, &faults);
}

static int make_listener(struct loop *l, struct addr *bound)
{
    int handle;

    assert_int_equal(addr_from_text(SPAN("127.0.0.1:80"), bound), 0);
    while ((handle = loop_sim_listen(l, bound)) == WERR_ADDR_IN_USE)
        bound->port++;
    assert_int_equal(loop_sim_listen(l, bound), WERR_ADDR_IN_USE);
    return handle;
}

static void make_pair(struct loop *l, int handles[2])
{
    loop_sim_pair(l, handles);
}

static void test_nothing_leaks(void **state)
{
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);

    assert_int_equal(loop_sim_open_n(w->l), 3);
    sock_close(&c->s, false);
    RUN_UNTIL(w, server->ends == 1);
    sock_close(&server->s, false);
    sock_close(&w->listener.s, false);
    RUN_UNTIL(w, loop_sim_is_quiet(w->l));
    assert_int_equal(loop_sim_open_n(w->l), 0);
    assert_false(loop_turn(w->l, -1));
    loop_run(w->l);
}

static void test_time_jumps(void **state)
{
    struct world *w = *state;
    uint64_t start_ms = loop_now_ms(w->l);
    struct end *e = new_end(w);

    timer_init(&e->timer, count_timer);
    loop_timer_in(w->l, &e->timer, 3600000);
    assert_false(loop_sim_is_quiet(w->l));
    RUN_UNTIL(w, loop_sim_is_quiet(w->l));
    assert_int_equal(e->rooms, 1);
    assert_int_equal(loop_now_ms(w->l) - start_ms, 3600000);
}

static void test_listener_dies_with_its_queue(void **state)
{
    struct world *w = *state;
    int handle = open_late_listener(w);
    struct end *c = start_client(w);

    RUN_UNTIL(w, c->connects == 1);
    sock_recv_start(&c->s);
    sock_close(&start_listener(w, handle)->s, false);
    RUN_UNTIL(w, c->errors == 1);
    assert_int_equal(c->error, WERR_RESET);
}

/* One exchange of 20000 bytes each way; tells how many ends saw an error, and when it was over.
 */
static unsigned run_exchange(uint64_t *over_us, uint64_t *ops)
{
    void *state;
    struct world *w;
    struct end *c;
    unsigned errors = 0;

    open_world(&state);
    w = state;
    c = new_end(w);
    c->is_used = sock_connect(w->l, &c->s, &end_ops, &w->at) == WERR_AGAIN;
    if (c->is_used) {
        sock_recv_start(&c->s);
        c->to_send = 20000;
        pump(c);
    }
    for (int i = 0; i < TURNS_MAX && !loop_sim_is_quiet(w->l); i++) {
        loop_turn(w->l, -1);
        if (w->last_accepted != NULL && w->last_accepted->to_send == 0) {
            w->last_accepted->to_send = 20000;
            pump(w->last_accepted);
        }
    }
    assert_true(loop_sim_is_quiet(w->l));
    for (unsigned i = 0; i < w->end_n; i++) {
        errors += w->end[i]->error != 0 || !w->end[i]->is_used;
        if (w->end[i]->received == 20000)
            assert_true(w->end[i]->sum == pattern_sum(20000));
        else
            assert_true(w->end[i]->error != 0 || !c->is_used);
    }
    *over_us = loop_now_us(w->l);
    *ops = loop_sim_ops(w->l);
    close_world(&state);
    return errors;
}

/* Whichever operation fails: no hang, no wrong byte, and both ends learn of it. */
static void test_each_operation_fails(void **state)
{
    uint64_t over_us;
    uint64_t ops;
    uint64_t all_ops;
    unsigned failed = 0;

    (void)state;
    faults = (struct loop_sim_faults){.buffer_bytes = 3000, .max_delay_us = 50};
    assert_int_equal(run_exchange(&over_us, &all_ops), 0);
    for (uint32_t n = 1; n <= all_ops; n++) {
        faults.fail_op = n;
        failed += run_exchange(&over_us, &ops) > 0;
    }
    assert_true(failed >= all_ops - 2); /* a failing accept is tried again */
    faults = (struct loop_sim_faults){0};
}

static void test_same_seed_same_run(void **state)
{
    uint64_t over_us[3];
    uint64_t ops[3];
    unsigned errors[2];

    (void)state;
    faults = (struct loop_sim_faults){
        .max_delay_us = 3000, .short_reads = true, .short_sends = true, .buffer_bytes = 1500};
    for (seed = 1; seed <= 20; seed++) {
        errors[0] = run_exchange(&over_us[0], &ops[0]);
        errors[1] = run_exchange(&over_us[1], &ops[1]);
        assert_int_equal(errors[0], 0);
        assert_int_equal(errors[1], 0);
        assert_int_equal(over_us[0], over_us[1]);
        assert_int_equal(ops[0], ops[1]);
    }
    run_exchange(&over_us[2], &ops[2]);
    assert_true(over_us[2] != over_us[0] || ops[2] != ops[0]);
    seed = 1;
    faults = (struct loop_sim_faults){0};
}

static void test_resets_strike(void **state)
{
    uint64_t over_us;
    uint64_t ops;
    unsigned runs_with_errors = 0;

    (void)state;
    faults = (struct loop_sim_faults){.buffer_bytes = 500, .reset_per_million = 10000};
    for (seed = 1; seed <= 30; seed++)
        runs_with_errors += run_exchange(&over_us, &ops) > 0;
    assert_in_range(runs_with_errors, 5, 30);
    seed = 1;
    faults = (struct loop_sim_faults){0};
}

/* An address can fail at once, or swallow what is sent to it, until it is as before. */
static void test_routes(void **state)
{
    struct world *w = *state;
    struct end *failed = new_end(w);
    struct end *silent, *c;

    loop_sim_route(w->l, &w->at, WERR_UNREACHABLE);
    assert_int_equal(sock_connect(w->l, &failed->s, &end_ops, &w->at), WERR_UNREACHABLE);
    loop_sim_route(w->l, &w->at, WERR_AGAIN);
    silent = start_client(w);
    loop_sim_route(w->l, &w->at, 0);
    c = start_client(w);
    RUN_UNTIL(w, c->connects == 1);
    assert_int_equal(silent->connects, 0);
}

static int set_rough(void **state)
{
    (void)state;
    seed = 77;
    faults = (struct loop_sim_faults){
        .max_delay_us = 800, .short_reads = true, .short_sends = true, .buffer_bytes = 20000};
    return 0;
}

static int set_smooth(void **state)
{
    (void)state;
    seed = 1;
    faults = (struct loop_sim_faults){0};
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_CONTRACT_TESTS,
        LOOP_SPLICE_TESTS,
        LOOP_TEST(test_nothing_leaks),
        LOOP_TEST(test_time_jumps),
        LOOP_TEST(test_listener_dies_with_its_queue),
        LOOP_TEST(test_routes),
        cmocka_unit_test(test_each_operation_fails),
        cmocka_unit_test(test_same_seed_same_run),
        cmocka_unit_test(test_resets_strike),
    };
    const struct CMUnitTest rough_tests[] = {
        LOOP_TEST(test_back_pressure),         LOOP_TEST(test_reset_reaches_waiting_sender),
        LOOP_TEST(test_close_in_own_callback), LOOP_TEST(test_free_in_on_closed),
        LOOP_TEST(test_send_while_connecting), LOOP_TEST(test_adopted_pair),
    };

    return cmocka_run_group_tests(tests, set_smooth, NULL) +
           cmocka_run_group_tests_name("rough network", rough_tests, set_rough, set_smooth);
}
