#include "../base/cm.h"

#include "cluster/orders.h"

/* What each order that has ended has heard, by the letter that it was given with. */
static char heard[64];
static unsigned heard_n;
static int last_error;
static struct orders *again; /* another order is given within done */

static uint64_t add(struct orders *o, uint64_t to, uint64_t end_ms, char letter);

static void on_done(void *arg, int error, struct span text)
{
    assert_true(heard_n < sizeof(heard) - 1);
    heard[heard_n++] = (char)(intptr_t)arg;
    heard[heard_n] = '\0';
    last_error = error;
    if (error == 0)
        assert_true(span_is_equal(text, SPAN("done")));
    else
        assert_int_equal(text.len, 0);
    if (again != NULL)
        assert_true(add(again, 2, 100, 'x') != 0);
}

static uint64_t add(struct orders *o, uint64_t to, uint64_t end_ms, char letter)
{
    return orders_add(o, to, end_ms, on_done, (void *)(intptr_t)letter);
}

static struct orders make(void)
{
    heard_n = 0;
    heard[0] = '\0';
    again = NULL;
    return (struct orders){.last = 7};
}

static void test_the_answer_ends_it_once(void **state)
{
    struct orders o = make();
    const uint64_t a = add(&o, 1, 100, 'a'), b = add(&o, 2, 100, 'b');

    (void)state;
    assert_int_equal(a, 8);
    assert_int_equal(b, 9);
    orders_end(&o, 0, 1, 0, SPAN("done"));  /* no number */
    orders_end(&o, 99, 1, 0, SPAN("done")); /* nobody's */
    orders_end(&o, b, 1, 0, SPAN("done"));  /* another member's */
    assert_string_equal(heard, "");
    orders_end(&o, b, 2, 0, SPAN("done"));
    orders_end(&o, b, 2, 0, SPAN("done"));
    assert_string_equal(heard, "b");
    assert_int_equal(last_error, 0);
    orders_end(&o, a, 1, WERR_UNREACHABLE, SPAN("passed over"));
    assert_string_equal(heard, "ba");
    assert_int_equal(last_error, WERR_UNREACHABLE);
}

static void test_one_that_was_not_sent(void **state)
{
    struct orders o = make();

    (void)state;
    orders_drop(&o, add(&o, 1, 100, 'a'));
    orders_end_all(&o, 0, WERR_CLOSED);
    assert_string_equal(heard, "");
}

static void test_time(void **state)
{
    struct orders o = make();

    (void)state;
    assert_true(add(&o, 1, 100, 'a') != 0);
    assert_true(add(&o, 1, 101, 'b') != 0);
    orders_end_late(&o, 99);
    assert_string_equal(heard, "");
    orders_end_late(&o, 100);
    assert_string_equal(heard, "a");
    assert_int_equal(last_error, WERR_TIMEOUT);
    orders_end_late(&o, 200);
    assert_string_equal(heard, "ab");
}

static void test_a_link_that_is_gone(void **state)
{
    struct orders o = make();

    (void)state;
    assert_true(add(&o, 1, 100, 'a') != 0);
    assert_true(add(&o, 2, 100, 'b') != 0);
    assert_true(add(&o, 1, 100, 'c') != 0);
    orders_end_all(&o, 1, WERR_OUTCOME_UNKNOWN);
    assert_string_equal(heard, "ac");
    assert_int_equal(last_error, WERR_OUTCOME_UNKNOWN);
    orders_end_all(&o, 0, WERR_SHUTTING_DOWN);
    assert_string_equal(heard, "acb");
}

/* What is given while others end is none of them. */
static void test_another_one_in_between(void **state)
{
    struct orders o = make();

    (void)state;
    assert_true(add(&o, 2, 50, 'a') != 0);
    assert_true(add(&o, 2, 50, 'b') != 0);
    again = &o;
    orders_end_all(&o, 2, WERR_OUTCOME_UNKNOWN);
    assert_string_equal(heard, "ab");
    orders_end_late(&o, 60);
    assert_string_equal(heard, "ab");
    again = NULL;
    orders_end_late(&o, 100);
    assert_string_equal(heard, "abxx");
}

static void test_too_many(void **state)
{
    struct orders o = make();

    (void)state;
    for (unsigned i = 0; i < ORDERS_MAX; i++)
        assert_int_equal(add(&o, 1, 100, 'a'), 8 + i);
    assert_int_equal(add(&o, 1, 100, 'a'), 0);
    orders_end(&o, 8, 1, 0, SPAN("done"));
    assert_true(add(&o, 1, 100, 'a') != 0);
    orders_end_all(&o, 0, WERR_SHUTTING_DOWN);
    assert_int_equal(heard_n, ORDERS_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_answer_ends_it_once),
        cmocka_unit_test(test_one_that_was_not_sent),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_a_link_that_is_gone),
        cmocka_unit_test(test_another_one_in_between),
        cmocka_unit_test(test_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
