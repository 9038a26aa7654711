#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "manager/facts.h"

static struct facts facts;

static struct server_facts *add(uint64_t id)
{
    struct server_facts *s = facts_add(&facts, id);

    assert_non_null(s);
    return s;
}

static int setup(void **state)
{
    (void)state;
    facts_init(&facts);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    facts_fini(&facts);
    return 0;
}

static void test_new_facts(void **state)
{
    const struct server_facts *s = add(7);

    (void)state;
    assert_int_equal(s->id, 7);
    assert_int_equal(s->stats_slot, 0);
    assert_true(s->rule.up);
    assert_false(s->has_result);
    assert_string_equal(facts_state(s), "active");
    assert_ptr_equal(facts_find(&facts, 7), s);
    assert_null(facts_find(&facts, 8));
}

static void test_lowest_free_slot(void **state)
{
    (void)state;
    for (uint64_t id = 1; id <= 200; id++)
        assert_int_equal(add(id)->stats_slot, id - 1);
    facts_drop(&facts, facts_find(&facts, 70));
    facts_drop(&facts, facts_find(&facts, 3));
    assert_int_equal(add(201)->stats_slot, 2);
    assert_int_equal(add(202)->stats_slot, 69);
    assert_int_equal(add(203)->stats_slot, 200);
}

static void test_out_of_slots(void **state)
{
    (void)state;
    for (uint64_t id = 1; id <= STATS_SERVERS_MAX; id++)
        assert_int_equal(add(id)->stats_slot, id - 1);
    assert_int_equal(add(99999)->stats_slot, STATS_NO_SLOT);
    facts_drop(&facts, facts_find(&facts, 99999)); /* frees no slot */
    assert_int_equal(add(99999)->stats_slot, STATS_NO_SLOT);
    facts_drop(&facts, facts_find(&facts, 5));
    assert_int_equal(add(100000)->stats_slot, 4);
}

static void test_states(void **state)
{
    struct server_facts *s = add(1);

    (void)state;
    s->rule.up = false;
    assert_string_equal(facts_state(s), "down");
    facts_drain(&facts, s, calloc(1, sizeof(struct pool_server)));
    assert_string_equal(facts_state(s), "draining");
    facts_set_leaving(&facts, s, true);
    facts_set_leaving(&facts, s, true);
    assert_int_equal(facts.leaving_n, 1);
    assert_int_equal(facts.draining_n, 1);
    assert_ptr_equal(TAILQ_FIRST(&facts.leaving), s);
    assert_ptr_equal(TAILQ_FIRST(&facts.draining), s);
    assert_int_equal(add(2)->stats_slot, 1); /* a draining server keeps its slot */
    facts_drop(&facts, s);
    assert_int_equal(facts.draining_n, 0);
    assert_int_equal(facts.leaving_n, 0);
    assert_true(TAILQ_EMPTY(&facts.leaving) && TAILQ_EMPTY(&facts.draining));
    assert_int_equal(add(3)->stats_slot, 0);
}

/* What people decided hides what the checks say. */
static void test_admin_states(void **state)
{
    struct server_facts *s = add(1);

    (void)state;
    s->rule.up = false;
    s->admin = POOL_ADMIN_DRAINING;
    assert_string_equal(facts_state(s), "draining");
    s->admin = POOL_ADMIN_MAINTENANCE;
    assert_string_equal(facts_state(s), "maintenance");
    s->admin = POOL_ADMIN_ENABLED;
    assert_string_equal(facts_state(s), "down");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_new_facts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lowest_free_slot, setup, teardown),
        cmocka_unit_test_setup_teardown(test_out_of_slots, setup, teardown),
        cmocka_unit_test_setup_teardown(test_states, setup, teardown),
        cmocka_unit_test_setup_teardown(test_admin_states, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
