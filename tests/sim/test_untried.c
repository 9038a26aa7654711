/* Servers that no check has judged yet, and what a passed check ends. */
#include "../unit/base/cm.h"
#include "got.h"
#include "worker/origin.h"

enum { UNTRIED = FRAME_LOCAL_UP | FRAME_LOCAL_UNTRIED, CLIENTS = 12 };

static struct world *open_servers(unsigned n, const uint16_t *weights)
{
    struct world_setup setup = {.seed = 1, .server_n = n};

    for (unsigned i = 0; weights && i < n; i++)
        setup.weight[i] = weights[i];
    return world_open(&setup);
}

static unsigned requests_of(const struct world *w, unsigned n)
{
    return w->origins[n].requests_n;
}

static uint64_t stat_of(const struct world *w, unsigned n, enum stats_server_counter c)
{
    return w->stats->server[n].value[c];
}

/* So many requests at once, which take a while. */
static void ask_at_once(struct world *w, struct world_client **c, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        c[i] = world_ask(w, GET("/late/50/1"));
    world_run_ms(w, 20);
}

static void expect_answers(struct world *w, struct world_client *const *c, unsigned n)
{
    world_run_ms(w, 100);
    for (unsigned i = 0; i < n; i++)
        CHECK(status_of(c[i], 0) == 200);
}

/* ---- one at a time ---- */

/* The last servers are untried: each has one request, the others have the rest. */
static void run_untried(unsigned n, unsigned untried_n, const uint16_t *weights)
{
    struct world *w = open_servers(n, weights);
    struct world_client *c[CLIENTS];
    unsigned tried_n = 0;

    for (unsigned i = n - untried_n; i < n; i++)
        CHECK(world_tell(w, i, UNTRIED) == 0);
    ask_at_once(w, c, CLIENTS);
    for (unsigned i = 0; i < n - untried_n; i++)
        tried_n += requests_of(w, i);
    for (unsigned i = n - untried_n; i < n; i++)
        CHECK(requests_of(w, i) <= 1);
    CHECK(weights || tried_n == CLIENTS - untried_n);
    expect_answers(w, c, CLIENTS);
    world_end(w);
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    run_untried(2, 1, NULL);
    run_untried(3, 1, NULL);
    run_untried(8, 7, NULL);
    run_untried(2, 1, (uint16_t[]){1, 9});
    run_untried(4, 2, (uint16_t[]){1, 2, 9, 3});
}

/* What it can't take is spread over all others. */
static void test_its_turns_are_spread(void **state)
{
    struct world *w = open_servers(4, NULL);
    struct world_client *c[16];

    (void)state;
    CHECK(world_tell(w, 3, UNTRIED) == 0);
    ask_at_once(w, c, 16);
    CHECK(requests_of(w, 3) == 1);
    for (unsigned i = 0; i < 3; i++)
        CHECK(requests_of(w, i) == 5);
    expect_answers(w, c, 16);
    world_end(w);
}

/* One that is not at work has its turn; one that was judged has it always. */
static void test_has_its_turn(void **state)
{
    struct world *w = open_servers(2, NULL);
    struct world_client *c[CLIENTS];

    (void)state;
    CHECK(world_tell(w, 1, UNTRIED) == 0);
    for (unsigned i = 0; i < 10; i++) {
        world_ask(w, GET("/len/1/1"));
        world_run_ms(w, 5);
    }
    CHECK(requests_of(w, 0) == 5 && requests_of(w, 1) == 5);
    CHECK(world_tell(w, 1, FRAME_LOCAL_UP) == 0 && world_pool(w)->untried_n == 0);
    ask_at_once(w, c, CLIENTS);
    CHECK(requests_of(w, 0) == 5 + CLIENTS / 2 && requests_of(w, 1) == 5 + CLIENTS / 2);
    expect_answers(w, c, CLIENTS);
    world_end(w);
}

/* New servers are active: with nothing else they take all there is, evenly. */
static void test_with_untried_ones_only(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 4; n++) {
        struct world *w = open_servers(n, NULL);
        struct world_client *c[CLIENTS];

        for (unsigned i = 0; i < n; i++)
            CHECK(world_tell(w, i, UNTRIED) == 0);
        ask_at_once(w, c, CLIENTS);
        for (unsigned i = 0; i < n; i++)
            CHECK(requests_of(w, i) == CLIENTS / n);
        expect_answers(w, c, CLIENTS);
        world_end(w);
    }
}

/* A further attempt keeps to it too, unless it is the only way. */
static void test_further_attempts(void **state)
{
    (void)state;
    for (unsigned n = 2; n <= 3; n++) {
        struct world *w = open_servers(n, NULL);
        struct world_client *c[CLIENTS];

        world_set(w, "eject.errors", 0);
        CHECK(world_tell(w, 1, UNTRIED) == 0);
        fake_origin_close(&w->origins[0]);
        ask_at_once(w, c, CLIENTS);
        CHECK(requests_of(w, 1) == (n == 2 ? CLIENTS : 1));
        CHECK(n == 2 || requests_of(w, 2) == CLIENTS - 1);
        expect_answers(w, c, CLIENTS);
        world_end(w);
    }
}

/* It is forgotten with the server, whatever the order. */
static void test_untried_ones_go(void **state)
{
    struct world *w = open_servers(2, NULL);
    uint64_t id = w->server_id[1];

    (void)state;
    CHECK(world_tell(w, 1, UNTRIED) == 0 && world_tell(w, 1, UNTRIED) == 0);
    CHECK(world_pool(w)->untried_n == 1);
    CHECK(world_remove_server(w, 1) == 0 && world_forget(w, id) == 0);
    CHECK(world_pool(w)->untried_n == 0);
    world_end(w);
}

/* ---- a passed check ---- */

static void ask(struct world *w, const char *say, unsigned n)
{
    struct world_client *c = world_client(w);

    for (unsigned i = 0; i < n; i++)
        world_say(c, say);
    world_run_ms(w, 100);
}

/* Two servers, the first ejected after three errors of a kind. */
static struct world *open_ejected(const char *say, unsigned times, bool is_refusing)
{
    struct world *w = open_servers(2, NULL);

    world_set(w, "eject.errors", 3);
    world_set(w, "eject.max_percent", 50);
    if (is_refusing)
        fake_origin_close(&w->origins[0]);
    for (unsigned i = 0; i < times; i++)
        ask(w, say, 1);
    CHECK(stat_of(w, 0, STATS_SERVER_ejected) == 1);
    return w;
}

static void test_a_passed_check_ends_refusals(void **state)
{
    struct world *w = open_ejected(GET("/len/1/1"), 6, true);

    (void)state;
    CHECK(world_tell(w, 0, FRAME_LOCAL_UP) == 0);
    CHECK(stat_of(w, 0, STATS_SERVER_ejected) == 1); /* a fact is no check */
    fake_origin_open(&w->origins[0], w->loop, &w->origins[0].at);
    CHECK(world_tell(w, 0, FRAME_LOCAL_UP | FRAME_LOCAL_PASSED) == 0);
    CHECK(stat_of(w, 0, STATS_SERVER_ejected) == 0 && world_pool(w)->ejected_n == 0);
    ask(w, GET("/len/1/1"), 10);
    CHECK(requests_of(w, 0) == 5);
    world_end(w);
}

/* It says nothing about answers. */
static void test_a_passed_check_ends_no_bad_answers(void **state)
{
    static const char *const says[] = {GET("/gateway/0/1"), GET("/badhead/0/1")};

    (void)state;
    for (size_t i = 0; i < COUNT(says); i++) {
        struct world *w = open_ejected(says[i], 5, false);

        CHECK(world_tell(w, 0, FRAME_LOCAL_UP | FRAME_LOCAL_PASSED) == 0);
        CHECK(stat_of(w, 0, STATS_SERVER_ejected) == 1);
        world_end(w);
    }
}

/* A row of both is no row of refusals; a reset, as when a process dies, is neither. */
static void test_mixed_rows(void **state)
{
    static const struct {
        const char *first;
        bool ends;
    } rows[] = {{GET("/gateway/0/1"), false}, {GET("/reset0/0/1"), true}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world *w = open_servers(2, NULL);

        world_set(w, "eject.errors", 3);
        world_set(w, "retry.attempts", 1);
        ask(w, rows[i].first, 1);
        fake_origin_close(&w->origins[0]);
        for (unsigned n = 0; n < 6; n++)
            ask(w, GET("/len/1/1"), 1);
        CHECK(stat_of(w, 0, STATS_SERVER_ejected) == 1);
        CHECK(world_tell(w, 0, FRAME_LOCAL_UP | FRAME_LOCAL_PASSED) == 0);
        CHECK(stat_of(w, 0, STATS_SERVER_ejected) == !rows[i].ends);
        world_end(w);
    }
}

/* A response ends a row: what was before it does not count. */
static void test_a_row_begins_anew(void **state)
{
    struct world *w = open_servers(2, NULL);

    (void)state;
    world_set(w, "eject.errors", 3);
    for (unsigned i = 0; i < 4; i++)
        ask(w, GET("/gateway/0/1"), 1); /* two each */
    for (unsigned i = 0; i < 2; i++)
        ask(w, GET("/len/1/1"), 1);
    fake_origin_close(&w->origins[0]);
    for (unsigned i = 0; i < 6; i++)
        ask(w, GET("/len/1/1"), 1);
    CHECK(stat_of(w, 0, STATS_SERVER_ejected) == 1);
    CHECK(world_tell(w, 0, FRAME_LOCAL_UP | FRAME_LOCAL_PASSED) == 0);
    CHECK(stat_of(w, 0, STATS_SERVER_ejected) == 0);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_its_turns_are_spread),
        cmocka_unit_test(test_has_its_turn),
        cmocka_unit_test(test_with_untried_ones_only),
        cmocka_unit_test(test_further_attempts),
        cmocka_unit_test(test_untried_ones_go),
        cmocka_unit_test(test_a_passed_check_ends_refusals),
        cmocka_unit_test(test_a_passed_check_ends_no_bad_answers),
        cmocka_unit_test(test_mixed_rows),
        cmocka_unit_test(test_a_row_begins_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
