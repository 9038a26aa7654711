#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stats/rule_hits.h"

static struct rule_hits hits;
static uint64_t gone_from, gone_upto, asked_n;

static bool is_gone(const void *arg, uint64_t id)
{
    assert_ptr_equal(arg, &hits);
    asked_n++;
    return id >= gone_from && id < gone_upto;
}

static int setup(void **state)
{
    (void)state;
    memset(&hits, 0, sizeof(hits));
    gone_from = gone_upto = asked_n = 0;
    return 0;
}

static void add(uint64_t id)
{
    rule_hits_add(&hits, id, is_gone, &hits);
}

static uint64_t count(uint64_t id)
{
    const struct rule_hit *hit = rule_hits_find(&hits, id);
    return hit != NULL ? hit->n : 0;
}

static void test_each_rule_has_its_number(void **state)
{
    (void)state;
    assert_null(rule_hits_find(&hits, 5));
    for (uint64_t id = 0; id < 4096; id++)
        for (uint64_t i = 0; i <= id % 3; i++)
            add(id * id);
    for (uint64_t id = 0; id < 4096; id++)
        assert_int_equal(count(id * id), id % 3 + 1);
    assert_null(rule_hits_find(&hits, 5));
    assert_int_equal(asked_n, 0);
}

/* All of its places are taken by rules that are there: it is not counted, and they are. */
static void test_full(void **state)
{
    (void)state;
    for (uint64_t id = 0; id < 2 * (uint64_t)RULE_HITS_MAX; id++)
        add(id);
    uint64_t counted = 0;
    for (uint64_t id = 0; id < 2 * (uint64_t)RULE_HITS_MAX; id++) {
        assert_true(count(id) <= 1);
        counted += count(id);
    }
    assert_int_equal(counted, RULE_HITS_MAX);
    assert_true(asked_n >= RULE_HITS_MAX && asked_n <= 2 * RULE_HITS_MAX);
}

/* Whatever was there before: rules that have come since are counted, each from 0. */
static void test_places_of_rules_that_are_gone(void **state)
{
    (void)state;
    for (uint64_t id = 0; id < 2 * (uint64_t)RULE_HITS_MAX; id++)
        add(id);
    gone_upto = 2 * RULE_HITS_MAX;
    for (uint64_t id = gone_upto; id < gone_upto + 1000; id++) {
        add(id);
        add(id);
    }
    for (uint64_t id = gone_upto; id < gone_upto + 1000; id++)
        assert_int_equal(count(id), 2);
}

static void test_set(void **state)
{
    (void)state;
    rule_hits_set(&hits, 5, 40);
    add(5);
    assert_int_equal(count(5), 41);
    rule_hits_set(&hits, 5, 7);
    assert_int_equal(count(5), 7);
    for (uint64_t id = 0; id < 2 * (uint64_t)RULE_HITS_MAX; id++)
        rule_hits_set(&hits, id, 3); /* those without a place are left out */
    for (uint64_t id = 0; id < 2 * (uint64_t)RULE_HITS_MAX; id++)
        assert_true(count(id) == 3 || count(id) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_each_rule_has_its_number, setup),
        cmocka_unit_test_setup(test_full, setup),
        cmocka_unit_test_setup(test_places_of_rules_that_are_gone, setup),
        cmocka_unit_test_setup(test_set, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
