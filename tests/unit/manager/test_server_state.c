#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "manager/facts.h"
#include "manager/server_state.h"

static void test_words(void **state)
{
    static const struct {
        enum server_state state;
        const char *word;
        bool gets_requests;
    } rows[] = {
        {SERVER_INITIAL, "initial", false},   {SERVER_ACTIVE, "active", true},
        {SERVER_DOWN, "down", false},         {SERVER_EJECTED, "ejected", false},
        {SERVER_DRAINING, "draining", false}, {SERVER_MAINTENANCE, "maintenance", false},
        {SERVER_STANDBY, "standby", false},
    };

    (void)state;
    assert_int_equal(sizeof(rows) / sizeof(rows[0]), SERVER_STATES);
    for (size_t i = 0; i < SERVER_STATES; i++) {
        assert_string_equal(server_state_word(rows[i].state), rows[i].word);
        assert_int_equal(server_state_gets_requests(rows[i].state), rows[i].gets_requests);
    }
}

/* What people want counts more than health, health more than weight, weight more than errors.
 */
static void test_what_the_facts_mean(void **state)
{
    static const struct {
        uint8_t admin;
        bool is_up, is_untried;
        uint32_t weight;
        bool is_ejected;
        enum server_state want;
    } rows[] = {
        {POOL_ADMIN_ENABLED, true, true, 1, false, SERVER_ACTIVE},
        {POOL_ADMIN_ENABLED, true, false, 1, true, SERVER_EJECTED},
        {POOL_ADMIN_ENABLED, true, false, 0, true, SERVER_STANDBY},
        {POOL_ADMIN_ENABLED, false, false, 0, true, SERVER_DOWN},
        {POOL_ADMIN_ENABLED, false, true, 1, false, SERVER_INITIAL},
        {POOL_ADMIN_DRAINING, false, true, 0, true, SERVER_DRAINING},
        {POOL_ADMIN_MAINTENANCE, true, false, 1, true, SERVER_MAINTENANCE},
    };
    const struct addr addr = {AF_INET, 80, {10, 0, 0, 1}};
    struct facts facts;

    (void)state;
    facts_init(&facts);
    struct server_facts *s = facts_add(&facts, 1, &addr, 5);
    assert_non_null(s);
    assert_int_equal(s->record.state, SERVER_ACTIVE);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        s->admin = rows[i].admin;
        s->is_up = rows[i].is_up;
        s->is_untried = rows[i].is_untried;
        s->weight = rows[i].weight;
        s->is_ejected = rows[i].is_ejected;
        assert_int_equal(facts_state(s), rows[i].want);
    }
    facts_fini(&facts);
}

static void test_a_name_is_initial_until_it_fails(void **state)
{
    struct facts facts;

    (void)state;
    facts_init(&facts);
    struct server_facts *s = facts_add(&facts, 1, &(struct addr){0}, 5);
    assert_non_null(s);
    assert_int_equal(s->record.state, SERVER_INITIAL);
    strcpy(s->name_error, "no such name");
    assert_int_equal(facts_state(s), SERVER_DOWN);
    facts_fini(&facts);
}

static void flip(struct server_record *r, unsigned i)
{
    char reason[32];

    (void)snprintf(reason, sizeof(reason), "no %u", i);
    server_record_move(r, i % 2 != 0 ? SERVER_DOWN : SERVER_ACTIVE, i, reason);
}

static void test_history_keeps_twenty(void **state)
{
    struct server_record r;

    (void)state;
    server_record_init(&r, SERVER_ACTIVE, 0);
    assert_null(server_record_transition(&r, 0));
    for (unsigned i = 1; i <= 25; i++)
        flip(&r, i);
    assert_int_equal(r.transitions, 25);
    assert_int_equal(r.since_us, 25);
    assert_int_equal(r.state, SERVER_DOWN);
    for (unsigned n = 0; n < SERVER_HISTORY_N; n++)
        assert_int_equal(server_record_transition(&r, n)->at_us, 25 - n);
    assert_string_equal(server_record_transition(&r, 0)->reason, "no 25");
    assert_int_equal(server_record_transition(&r, 0)->from, SERVER_ACTIVE);
    assert_null(server_record_transition(&r, SERVER_HISTORY_N));
    server_record_fini(&r);
}

static void test_without_memory_it_counts(void **state)
{
    struct server_record r;

    (void)state;
    server_record_init(&r, SERVER_ACTIVE, 0);
    fault_set(1);
    flip(&r, 1);
    fault_set(0);
    assert_int_equal(r.transitions, 1);
    assert_null(server_record_transition(&r, 0));
    flip(&r, 2);
    assert_string_equal(server_record_transition(&r, 0)->reason, "no 2");
    server_record_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_what_the_facts_mean),
        cmocka_unit_test(test_a_name_is_initial_until_it_fails),
        cmocka_unit_test(test_history_keeps_twenty),
        cmocka_unit_test(test_without_memory_it_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
