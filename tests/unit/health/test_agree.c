#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fault.h"
#include "health/agree.h"

enum { LIMIT_MS = 3500 };

static struct health_nodes nodes;
static struct health_views views;

static int setup(void **state)
{
    (void)state;
    nodes = (struct health_nodes){0};
    views = (struct health_views){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    health_views_fini(&views);
    return 0;
}

static unsigned hear(uint64_t id, uint64_t life, uint64_t now_ms, bool is_begin)
{
    bool begins;
    const int node = health_nodes_hear(&nodes, id, life, now_ms, &begins);

    assert_true(node >= 0 && node < HEALTH_NODES_MAX);
    assert_int_equal(begins, is_begin);
    return (unsigned)node;
}

static void say(unsigned node, enum health_view view, bool differs)
{
    assert_int_equal(health_views_set(&views, &nodes, node, view, 5), differs);
}

static enum health_view most(enum health_view own)
{
    return health_votes_majority(health_votes_count(&views, &nodes, own));
}

/* views: of this node first; U up, D down, - unknown. */
static void test_majority(void **state)
{
    static const struct {
        const char *views;
        unsigned up, down;
        enum health_view majority;
    } rows[] = {
        {"-", 0, 0, HEALTH_UNKNOWN},   {"U", 1, 0, HEALTH_UP},
        {"D", 0, 1, HEALTH_DOWN},      {"UD", 1, 1, HEALTH_UNKNOWN},
        {"DU", 1, 1, HEALTH_UNKNOWN},  {"DD", 0, 2, HEALTH_DOWN},
        {"DUU", 2, 1, HEALTH_UP},      {"UDD", 1, 2, HEALTH_DOWN},
        {"DU-", 1, 1, HEALTH_UNKNOWN}, {"-UU", 2, 0, HEALTH_UP},
        {"-D", 0, 1, HEALTH_DOWN},     {"--", 0, 0, HEALTH_UNKNOWN},
        {"DDUUU", 3, 2, HEALTH_UP},    {"UUDD", 2, 2, HEALTH_UNKNOWN},
        {"UDDDU", 2, 3, HEALTH_DOWN},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum health_view own = HEALTH_UNKNOWN;

        health_views_fini(&views);
        nodes = (struct health_nodes){0};
        for (unsigned k = 0; rows[i].views[k] != '\0'; k++) {
            const char c = rows[i].views[k];
            const enum health_view view = c == 'U'   ? HEALTH_UP
                                          : c == 'D' ? HEALTH_DOWN
                                                     : HEALTH_UNKNOWN;
            if (k == 0)
                own = view;
            else
                say(hear(k, 1, 0, true), view, view != HEALTH_UNKNOWN);
        }
        const struct health_votes votes = health_votes_count(&views, &nodes, own);
        assert_int_equal(votes.up, rows[i].up);
        assert_int_equal(votes.down, rows[i].down);
        assert_int_equal(health_votes_majority(votes), rows[i].majority);
    }
}

static void test_who_is_silent_does_not_count(void **state)
{
    (void)state;
    say(hear(7, 1, 0, true), HEALTH_UP, true);
    say(hear(8, 1, 1000, true), HEALTH_UP, true);
    assert_int_equal(most(HEALTH_DOWN), HEALTH_UP);
    assert_false(health_nodes_age(&nodes, LIMIT_MS - 1, LIMIT_MS));
    assert_int_equal(health_nodes_fresh_n(&nodes), 2);
    assert_true(health_nodes_age(&nodes, LIMIT_MS, LIMIT_MS));
    assert_int_equal(health_nodes_fresh_n(&nodes), 1);
    assert_int_equal(most(HEALTH_DOWN), HEALTH_UNKNOWN); /* 1 to 1 */
    assert_true(health_nodes_age(&nodes, LIMIT_MS + 1000, LIMIT_MS));
    assert_int_equal(most(HEALTH_DOWN), HEALTH_DOWN);
    assert_false(health_nodes_age(&nodes, LIMIT_MS + 2000, LIMIT_MS));
}

/* What it said before it was silent counts no more when it is back: it may have changed. */
static void test_who_is_back_says_it_anew(void **state)
{
    (void)state;
    const unsigned node = hear(7, 1, 0, true);
    say(node, HEALTH_UP, true);
    assert_true(health_nodes_age(&nodes, LIMIT_MS, LIMIT_MS));
    assert_int_equal(hear(7, 1, LIMIT_MS, true), node);
    assert_int_equal(most(HEALTH_UNKNOWN), HEALTH_UNKNOWN);
    assert_null(health_views_next(&views, &nodes, NULL));
    say(node, HEALTH_UP, true);
    say(node, HEALTH_UP, false);
    assert_int_equal(most(HEALTH_UNKNOWN), HEALTH_UP);
    /* Started again within the limit. */
    assert_int_equal(hear(7, 2, LIMIT_MS + 1, true), node);
    assert_int_equal(most(HEALTH_UNKNOWN), HEALTH_UNKNOWN);
    assert_int_equal(views.n, 1);
}

static void test_views_one_after_the_other(void **state)
{
    const struct health_seen *s;

    (void)state;
    say(hear(7, 1, 0, true), HEALTH_UP, true);
    say(hear(8, 1, 0, true), HEALTH_DOWN, true);
    say(hear(9, 1, 9000, true), HEALTH_UNKNOWN, false);
    assert_true(health_nodes_age(&nodes, 9000, 9000));
    say(hear(8, 1, 9000, true), HEALTH_DOWN, true);
    s = health_views_next(&views, &nodes, NULL);
    assert_int_equal(nodes.list[s->node].id, 8);
    assert_int_equal(s->view, HEALTH_DOWN);
    assert_int_equal(s->since_us, 5);
    s = health_views_next(&views, &nodes, s);
    assert_int_equal(nodes.list[s->node].id, 9);
    assert_int_equal(s->view, HEALTH_UNKNOWN);
    assert_null(health_views_next(&views, &nodes, s));
}

/* Whoever is fresh keeps its place; a new one takes that of who is silent for longest. */
static void test_places(void **state)
{
    bool begins;

    (void)state;
    for (uint64_t id = 1; id <= HEALTH_NODES_MAX; id++)
        say(hear(id, 1, id, true), HEALTH_UP, true);
    assert_int_equal(health_nodes_hear(&nodes, 99, 1, 100, &begins), WERR_TOO_BIG);
    assert_true(health_nodes_age(&nodes, LIMIT_MS + 2, LIMIT_MS));
    assert_int_equal(health_votes_count(&views, &nodes, HEALTH_UNKNOWN).up,
                     HEALTH_NODES_MAX - 2);
    assert_int_equal(hear(99, 1, LIMIT_MS + 2, true), 0);
    assert_int_equal(hear(98, 1, LIMIT_MS + 2, true), 1);
    /* Nothing that those before said is theirs. */
    assert_int_equal(health_votes_count(&views, &nodes, HEALTH_UNKNOWN).up,
                     HEALTH_NODES_MAX - 2);
    assert_int_equal(views.n, HEALTH_NODES_MAX);
}

static void test_without_memory(void **state)
{
    (void)state;
    const unsigned node = hear(7, 1, 0, true);
    fault_set(1);
    assert_int_equal(health_views_set(&views, &nodes, node, HEALTH_UP, 5), WERR_NOMEM);
    assert_int_equal(views.n, 0);
    say(node, HEALTH_UP, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_majority, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_is_silent_does_not_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_is_back_says_it_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_views_one_after_the_other, setup, teardown),
        cmocka_unit_test_setup_teardown(test_places, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_memory, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
