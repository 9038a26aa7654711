#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/fault.h"
#include "manager/facts.h"

static struct facts facts;

static const struct addr somewhere = {AF_INET, 80, {10, 0, 0, 1}};
static const struct addr nowhere; /* given by name */

static struct server_facts *add(uint64_t id)
{
    struct server_facts *s = facts_add(&facts, id, &somewhere, 5);

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
    assert_true(s->is_up);
    assert_int_equal(s->addr_n, 1);
    assert_true(addr_is_equal(&TAILQ_FIRST(&s->addrs)->addr, &somewhere));
    assert_null(facts_explain(s));
    assert_int_equal(facts_state(s), SERVER_ACTIVE);
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
    s->is_up = false;
    assert_int_equal(facts_state(s), SERVER_INITIAL);
    s->is_untried = false;
    assert_int_equal(facts_state(s), SERVER_DOWN);
    facts_drain(&facts, s, calloc(1, sizeof(struct pool_server)));
    assert_int_equal(facts_state(s), SERVER_DRAINING);
    facts_move_leave(&facts, s, LEAVE_FINISHING);
    facts_move_leave(&facts, s, LEAVE_FINISHING);
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

static struct server_facts *drain(uint64_t id)
{
    struct server_facts *s = add(id);

    facts_drain(&facts, s, calloc(1, sizeof(struct pool_server)));
    return s;
}

/* Lists go through them while they go: behind one that has gone comes the one that came after
 * it. */
static void test_walk_of_the_draining(void **state)
{
    struct server_facts *s[4];

    (void)state;
    assert_null(facts_next_draining(&facts, 0, 0));
    for (unsigned i = 0; i < 4; i++)
        s[i] = drain(40 - i); /* not in the order of their ids */
    assert_ptr_equal(facts_next_draining(&facts, 0, 0), s[0]);
    assert_ptr_equal(facts_next_draining(&facts, 40, s[0]->drain_no), s[1]);
    assert_null(facts_next_draining(&facts, 37, s[3]->drain_no));
    facts_drop(&facts, s[1]);
    assert_ptr_equal(facts_next_draining(&facts, 39, 2), s[2]);
    s[1] = drain(39); /* the id again, of another one */
    assert_ptr_equal(facts_next_draining(&facts, 39, 2), s[2]);
    assert_ptr_equal(facts_next_draining(&facts, 37, s[3]->drain_no), s[1]);
}

/* What people decided hides what the checks say. */
static void test_admin_states(void **state)
{
    struct server_facts *s = add(1);

    (void)state;
    s->is_up = false;
    assert_null(facts_leave_reason(s));
    s->admin = POOL_ADMIN_DRAINING;
    assert_int_equal(facts_state(s), SERVER_DRAINING);
    s->admin = POOL_ADMIN_MAINTENANCE;
    assert_int_equal(facts_state(s), SERVER_MAINTENANCE);
    facts_move_leave(&facts, s, LEAVE_FINISHING);
    assert_string_equal(facts_leave_reason(s), "requests in flight finish");
    facts_move_leave(&facts, s, LEAVE_CUT);
    assert_string_equal(facts_leave_reason(s), "requests in flight finish");
    facts_move_leave(&facts, s, LEAVE_DRAINED);
    assert_string_equal(facts_leave_reason(s), "drained");
    assert_int_equal(facts.leaving_n, 0);
    s->admin = POOL_ADMIN_ENABLED;
    s->is_untried = false;
    assert_int_equal(facts_state(s), SERVER_DOWN);
}

static struct addr addr_of(uint8_t last)
{
    return (struct addr){AF_INET, 80, {10, 0, 0, last}};
}

/* Gives the server those addresses: the last bytes as digits. */
static void set_addrs(struct server_facts *s, const char *digits, uint64_t now_us)
{
    struct addr addrs[8];
    unsigned n = 0;
    struct facts_addrs gone;
    struct facts_addr *a;

    for (; digits[n] != '\0'; n++)
        addrs[n] = addr_of((uint8_t)(digits[n] - '0'));
    assert_int_equal(facts_set_addrs(s, addrs, n, now_us, &gone), 0);
    while ((a = TAILQ_FIRST(&gone)) != NULL) {
        TAILQ_REMOVE(&gone, a, entry);
        free(a);
    }
    assert_int_equal(s->addr_n, n);
}

static struct facts_addr *addr_at(struct server_facts *s, unsigned i)
{
    struct facts_addr *a = TAILQ_FIRST(&s->addrs);

    while (i-- > 0)
        a = TAILQ_NEXT(a, entry);
    return a;
}

static void test_addresses_of_a_name(void **state)
{
    struct server_facts *s = facts_add(&facts, 1, &nowhere, 5);

    (void)state;
    assert_true(facts_has_no_addr(s));
    assert_int_equal(facts_state(s), SERVER_INITIAL);
    s->is_untried = false;
    set_addrs(s, "13", 10);
    assert_int_equal(facts_state(s), SERVER_ACTIVE);
    addr_at(s, 1)->rule.up = false;
    assert_false(facts_judge(s));
    set_addrs(s, "123", 20); /* who stays keeps what is known */
    assert_true(addr_at(s, 0)->rule.up && addr_at(s, 1)->rule.up);
    assert_false(addr_at(s, 2)->rule.up);
    assert_int_equal(addr_at(s, 0)->since_us, 10);
    assert_int_equal(addr_at(s, 1)->since_us, 20);
    set_addrs(s, "3", 30);
    assert_true(facts_judge(s)); /* the last one is down */
    assert_int_equal(facts_state(s), SERVER_DOWN);
    set_addrs(s, "34", 40);
    assert_true(facts_judge(s));
    assert_int_equal(facts_state(s), SERVER_ACTIVE);
}

/* Up is explained by one that is up, down by the newest that is down. */
static void test_explanation(void **state)
{
    struct server_facts *s = facts_add(&facts, 1, &nowhere, 5);

    (void)state;
    set_addrs(s, "123", 10);
    addr_at(s, 0)->rule.up = false;
    addr_at(s, 0)->has_result = true;
    addr_at(s, 0)->last.at_us = 50;
    assert_null(facts_explain(s));
    for (unsigned i = 1; i < 3; i++) {
        addr_at(s, i)->has_result = true;
        addr_at(s, i)->last.at_us = 20 + i;
    }
    assert_ptr_equal(facts_explain(s), addr_at(s, 2));
    addr_at(s, 1)->rule.up = addr_at(s, 2)->rule.up = false;
    assert_true(facts_judge(s));
    assert_ptr_equal(facts_explain(s), addr_at(s, 0));
}

static void test_no_memory_for_addresses(void **state)
{
    struct server_facts *s = facts_add(&facts, 1, &nowhere, 5);
    const struct addr more[] = {addr_of(1), addr_of(2), addr_of(3), addr_of(4)};
    struct facts_addrs gone;

    (void)state;
    set_addrs(s, "13", 10);
    for (unsigned n = 1; n <= 2; n++) {
        fault_set(n);
        assert_int_equal(facts_set_addrs(s, more, 4, 20, &gone), WERR_NOMEM);
        fault_set(0);
        assert_int_equal(s->addr_n, 2);
        assert_int_equal(addr_at(s, 1)->addr.ip[3], 3);
    }
}

static void test_waiting(void **state)
{
    struct server_facts *s = add(1);

    (void)state;
    assert_false(facts_is_waiting(s));
    s->is_up = false;
    assert_true(facts_is_waiting(s));
    s->is_untried = false;
    assert_false(facts_is_waiting(s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_new_facts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lowest_free_slot, setup, teardown),
        cmocka_unit_test_setup_teardown(test_out_of_slots, setup, teardown),
        cmocka_unit_test_setup_teardown(test_states, setup, teardown),
        cmocka_unit_test_setup_teardown(test_walk_of_the_draining, setup, teardown),
        cmocka_unit_test_setup_teardown(test_admin_states, setup, teardown),
        cmocka_unit_test_setup_teardown(test_waiting, setup, teardown),
        cmocka_unit_test_setup_teardown(test_addresses_of_a_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_explanation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory_for_addresses, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
