#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fault.h"
#include "fixture.h"
#include "manager/api_view.h"
#include "manager/servers.h"
#include "net/listen.h"
#include "pool/levels.h"
#include "pool/pool_code.h"

/* A manager without workers, with each engine in turn. */

static struct manager *m;
static enum engine engine;

static int setup(void **state)
{
    (void)state;
    m = fixture_start(engine, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_stop(m);
    return 0;
}

/* What the pool says of it, or an error. */
static int add(const char *body, struct pool_outcome *p)
{
    return fixture_add(m, body, p);
}

#define UNCHECKED(port) "{\"url\":\"http://127.0.0.1:" port "\",\"check\":{\"type\":\"none\"}}"

static void check_every_server_has_facts(void)
{
    const struct pool *p = pool_default(m->pool);
    struct api_view view;

    assert_int_equal(HASH_COUNT(m->facts.by_id), p->server_n);
    for (uint32_t i = 0; i < p->server_n; i++) {
        assert_non_null(facts_find(&m->facts, p->servers[i]->id));
        api_view_fill(m, p->servers[i], &view);
    }
}

static void test_add(void **state)
{
    struct pool_outcome p;

    (void)state;
    assert_int_equal(add(UNCHECKED("1"), &p), 0);
    assert_int_equal(p.change, POOL_CHANGE_ADDED);
    assert_int_equal(facts_find(&m->facts, p.id)->stats_slot, 0);
    assert_int_equal(add(UNCHECKED("1"), &p), 0);
    assert_int_equal(p.change, POOL_CHANGE_NONE);
    check_every_server_has_facts();
    assert_int_equal(add(UNCHECKED("2"), &p), 0);
    assert_int_equal(facts_find(&m->facts, p.id)->stats_slot, 1);
}

/* Not skipped either: the engine is to halt. */
static void test_an_entry_of_a_later_weldr(void **state)
{
    static const char later[POOL_ENTRY_HEADER_BYTES] = {2, 3, LEVEL_NEWEST + 1};
    const uint64_t index = m->pool->index, digest = m->pool->digest;

    (void)state;
    assert_int_equal(servers_on_commit(m, index + 1, span_from(later, sizeof(later))),
                     WERR_UNSUPPORTED);
    assert_int_equal(servers_on_commit(m, index + 1, SPAN("cut")), WERR_CORRUPT);
    assert_true(m->pool->index == index && m->pool->digest == digest);
}

/* Whichever allocation fails: who asked is told, and no server is there without its facts. */
static void test_add_without_memory(void **state)
{
    bool is_over = false;

    for (unsigned n = 1; !is_over; n++) {
        struct pool_outcome p;
        int result;

        setup(state);
        fault_set(n);
        result = add(UNCHECKED("1"), &p);
        is_over = fault_is_armed();
        fault_set(0);
        assert_int_equal(pool_default(m->pool)->server_n, result == 0);
        assert_true(!is_over || result == 0); /* some do without: a check just starts over */
        check_every_server_has_facts();
        teardown(state);
    }
}

/* No more places than descriptors to spare, and some even of few. */
static void test_probes_follow_the_descriptors(void **state)
{
    static const struct {
        uint64_t fd_limit;
        unsigned probes;
    } cases[] = {{0, 4}, {48, 24}, {1024, 512}, {4096, 2048}, {20000, 17952}, {1 << 20, 65536}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct checks c;

        checks_init(&c, &m->shared, m->pool, 1, cases[i].fd_limit);
        assert_int_equal(c.probes_max, cases[i].probes);
    }
}

/* Servers that come all at once are checked a few a turn, so that the turns stay short. */
static void test_probes_begin_few_at_a_time(void **state)
{
    enum { MANY = 100 };
    const struct addr any = {.family = AF_INET};
    struct addr bound;
    unsigned in_flight;
    int fd = listen_open(&any, false, false, &bound);

    (void)state;
    assert_true(fd >= 0);
    for (unsigned i = 1; i <= MANY; i++) {
        char body[64];
        struct pool_outcome p;

        snprintf(body, sizeof(body), "{\"url\":\"http://127.1.0.%u:%u\"}", i, bound.port);
        assert_int_equal(add(body, &p), 0);
    }
    assert_int_equal(m->checks.probes_n, CHECKS_BEGUN_MAX);
    for (unsigned turns = 0; turns < MANY && m->checks.probes_n < MANY; turns++) {
        in_flight = m->checks.probes_n;
        loop_turn(m->loop, 0);
        assert_in_range(m->checks.probes_n - in_flight, 0, 2 * CHECKS_BEGUN_MAX);
    }
    assert_int_equal(m->checks.probes_n, MANY);
    (void)close(fd);
}

/* The workers hear of a pass only while one of them has ejected the server. */
static void test_pass_is_told_to_who_ejected(void **state)
{
    struct server_facts *f;
    struct pool_outcome p;
    uint64_t seq;

    (void)state;
    assert_int_equal(add(UNCHECKED("1"), &p), 0);
    f = facts_find(&m->facts, p.id);
    assert_false(f->is_untried); /* there is nothing to wait for */
    seq = m->publish.seq;
    m->checks.hooks.on_pass(m, f);
    assert_int_equal(m->publish.seq, seq);
    stats_server_add(stats_worker(m->stats, 0), f->stats_slot, STATS_SERVER_ejected, 1);
    m->checks.hooks.on_pass(m, f);
    assert_int_equal(m->publish.seq, seq + 1);
    stats_server_add(stats_worker(m->stats, 0), f->stats_slot, STATS_SERVER_ejected, -1);
    f->stats_slot = STATS_NO_SLOT;
    m->checks.hooks.on_pass(m, f);
    assert_int_equal(m->publish.seq, seq + 1);
    f->stats_slot = 0;
}

static void run_until_judged(const struct server_facts *f)
{
    for (unsigned turns = 0; f->is_untried; turns++) {
        assert_true(turns < 1000);
        (void)loop_turn(m->loop, 10);
    }
}

/* Until its first verdict, whatever it is; that is told at once. */
static void test_untried_until_the_first_verdict(void **state)
{
    struct server_facts *f;
    struct pool_outcome p;
    uint64_t seq;

    (void)state;
    assert_int_equal(add("{\"url\":\"http://127.0.0.1:1\"}", &p), 0);
    f = facts_find(&m->facts, p.id);
    seq = m->publish.seq;
    assert_true(f->is_untried && f->is_up);
    run_until_judged(f);
    assert_false(f->is_up); /* nobody listens there */
    assert_int_equal(m->publish.seq, seq + 1);
}

/* Neither a timer nor a turn: the checks begin when the addresses are there. */
static void test_unresolved_name_costs_nothing(void **state)
{
    const struct addr nowhere = {0};
    const struct addr found[] = {{AF_INET, 9, {127, 0, 0, 1}}, {AF_INET, 9, {127, 0, 0, 2}}};
    struct server_facts *f;
    struct pool_outcome p;
    unsigned timers_n;

    (void)state;
    assert_int_equal(add("{\"url\":\"http://127.0.0.1:9\"}", &p), 0);
    f = facts_find(&m->facts, p.id);
    checks_remove(&m->checks, f);
    facts_drop(&m->facts, f);
    f = facts_add(&m->facts, p.id, &nowhere, 0);
    timers_n = loop_timers(m->loop)->n;
    checks_add(&m->checks, pool_default(m->pool)->servers[0], f);
    assert_int_equal(loop_timers(m->loop)->n, timers_n);
    assert_int_equal(m->checks.probes_n, 0);
    for (unsigned i = 0; i < CHECKS_CLASSES; i++)
        assert_true(TAILQ_EMPTY(&m->checks.waiting[i]));
    assert_int_equal(checks_set_addrs(&m->checks, f, found, 2), 0);
    assert_int_equal(m->checks.probes_n, 2);
}

static void add_many(unsigned n, uint16_t port)
{
    for (unsigned i = 1; i <= n; i++) {
        char body[64];
        struct pool_outcome p;

        snprintf(body, sizeof(body), "{\"url\":\"http://127.1.0.%u:%u\"}", i, port);
        assert_int_equal(add(body, &p), 0);
    }
}

/* Begins all that may be begun. */
static void run_probes(void)
{
    for (unsigned turns = 0; turns < 30; turns++) {
        m->checks.begin_work.run(&m->checks.begin_work);
        (void)loop_turn(m->loop, 0);
    }
}

/* The first waiting address of a class becomes one of another. */
static struct facts_addr *move_waiting(enum checks_class from, bool has_timed_out, bool is_up)
{
    struct facts_addr *a = TAILQ_FIRST(&m->checks.waiting[from]);
    struct facts_addrs *to = &m->checks.waiting[CHECKS_ANSWERS];

    assert_non_null(a);
    if (has_timed_out)
        to = &m->checks.waiting[is_up ? CHECKS_DOUBTFUL : CHECKS_HUNG];
    TAILQ_REMOVE(&m->checks.waiting[from], a, waiting);
    a->has_result = true;
    a->last.has_timed_out = has_timed_out;
    a->rule.up = is_up;
    a->class = (uint8_t)(to - m->checks.waiting);
    TAILQ_INSERT_TAIL(to, a, waiting);
    return a;
}

/* Of 40 places, 30 are for those of whom nobody knows whether they answer, 20 for those that
 * are known not to, and who answers finds one at once. */
static void test_hung_probes_leave_places(void **state)
{
    enum { PLACES = 40, MANY = 100 };
    const struct addr any = {.family = AF_INET};
    struct addr bound;
    int fd = listen_open(&any, false, false, &bound);
    struct facts_addr *a;

    (void)state;
    assert_true(fd >= 0);
    m->checks.probes_max = PLACES;
    add_many(MANY, bound.port);
    run_probes();
    assert_int_equal(m->checks.class_n[CHECKS_DOUBTFUL], PLACES / 4 * 3);
    a = move_waiting(CHECKS_DOUBTFUL, true, false);
    run_probes();
    assert_true(a->is_waiting); /* the others hold more than the half already */
    a = move_waiting(CHECKS_DOUBTFUL, true, true);
    run_probes();
    assert_true(a->is_waiting);
    for (unsigned i = 0; i < PLACES / 4; i++) {
        a = move_waiting(CHECKS_DOUBTFUL, false, i % 2 == 0);
        run_probes();
        assert_non_null(a->probe);
    }
    assert_int_equal(m->checks.probes_n, PLACES);
    a = move_waiting(CHECKS_DOUBTFUL, false, true);
    run_probes();
    assert_true(a->is_waiting);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_add, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_entry_of_a_later_weldr, setup, teardown),
        cmocka_unit_test(test_add_without_memory),
        cmocka_unit_test_setup_teardown(test_pass_is_told_to_who_ejected, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unresolved_name_costs_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_probes_follow_the_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hung_probes_leave_places, setup, teardown),
    };
    /* What holds within the turn of the change. */
    const struct CMUnitTest at_once[] = {
        cmocka_unit_test_setup_teardown(test_untried_until_the_first_verdict, setup, teardown),
        cmocka_unit_test_setup_teardown(test_probes_begin_few_at_a_time, setup, teardown),
    };
    int failed_n;

    engine = ENGINE_SOLO;
    failed_n = cmocka_run_group_tests_name("solo", tests, NULL, NULL) +
               cmocka_run_group_tests_name("at once", at_once, NULL, NULL);
    engine = ENGINE_DELAYED;
    return failed_n + cmocka_run_group_tests_name("delayed", tests, NULL, NULL);
}
