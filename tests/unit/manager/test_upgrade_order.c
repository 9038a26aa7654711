#include "../base/cm.h"

#include <stdlib.h>
#include <string.h>

#include "manager/upgrade_order.h"

static const struct upgrade_order example_order = {.kind = UPGRADE_ORDER_BEGIN,
                                                   .binary = "/opt/w\xC3\xA4ldr"};
static const struct upgrade_said example_said = {.result = UPGRADE_REFUSED,
                                                 .why = "it is not there",
                                                 .phase = "idle",
                                                 .is_ready = true,
                                                 .has_leader = true,
                                                 .is_halted = true,
                                                 .applied = 6,
                                                 .has_predecessor = true,
                                                 .pid = 1,
                                                 .done_n = 2,
                                                 .failed_n = 3,
                                                 .version = "0.1.0",
                                                 .level = 4,
                                                 .failure = "it was killed",
                                                 .offered_version = "0.2.0",
                                                 .offered_level = 5};

/* In memory of that length, so that a look beyond is seen. */
static int take_order(struct span bytes, struct upgrade_order *o)
{
    char *exact = malloc(bytes.len > 0 ? bytes.len : 1);

    assert_non_null(exact);
    if (bytes.len > 0)
        memcpy(exact, bytes.ptr, bytes.len);
    const int rc = upgrade_order_get(span_from(exact, bytes.len), o);
    free(exact);
    return rc;
}

static int take_said(struct span bytes, struct upgrade_said *s)
{
    char *exact = malloc(bytes.len > 0 ? bytes.len : 1);

    assert_non_null(exact);
    if (bytes.len > 0)
        memcpy(exact, bytes.ptr, bytes.len);
    const int rc = upgrade_said_get(span_from(exact, bytes.len), s);
    free(exact);
    return rc;
}

static void test_whole_and_cut(void **state)
{
    char buf[UPGRADE_ORDER_BYTES_MAX + 1], said_buf[UPGRADE_SAID_BYTES_MAX + 1];
    const struct span order = upgrade_order_put(&example_order, buf);
    const struct span said = upgrade_said_put(&example_said, said_buf);
    struct upgrade_order o;
    struct upgrade_said s;

    (void)state;
    assert_int_equal(take_order(order, &o), 0);
    assert_int_equal(o.kind, UPGRADE_ORDER_BEGIN);
    assert_string_equal(o.binary, example_order.binary);
    assert_int_equal(take_said(said, &s), 0);
    assert_true(s.result == UPGRADE_REFUSED && s.is_ready && s.has_leader && s.is_halted &&
                s.applied == 6 && s.has_predecessor && s.pid == 1 && s.done_n == 2 &&
                s.failed_n == 3 && s.level == 4 && s.offered_level == 5);
    assert_string_equal(s.why, example_said.why);
    assert_string_equal(s.phase, example_said.phase);
    assert_string_equal(s.version, example_said.version);
    assert_string_equal(s.failure, example_said.failure);
    assert_string_equal(s.offered_version, example_said.offered_version);
    for (size_t cut = 0; cut < order.len; cut++)
        assert_int_equal(take_order(span_first(order, cut), &o), WERR_CORRUPT);
    for (size_t cut = 0; cut < said.len; cut++)
        assert_int_equal(take_said(span_first(said, cut), &s), WERR_CORRUPT);
    buf[order.len] = said_buf[said.len] = 0;
    assert_int_equal(take_order(span_from(buf, order.len + 1), &o), WERR_CORRUPT);
    assert_int_equal(take_said(span_from(said_buf, said.len + 1), &s), WERR_CORRUPT);
}

static void test_values_that_cannot_be(void **state)
{
    char buf[UPGRADE_ORDER_BYTES_MAX], said_buf[UPGRADE_SAID_BYTES_MAX];
    const struct span order = upgrade_order_put(&example_order, buf);
    const struct span said = upgrade_said_put(&example_said, said_buf);
    struct upgrade_order o;
    struct upgrade_said s;

    (void)state;
    buf[0] = UPGRADE_ORDER_KINDS;
    assert_int_equal(take_order(order, &o), WERR_CORRUPT);
    buf[0] = UPGRADE_ORDER_STATE;
    buf[5] = '\0'; /* within the path */
    assert_int_equal(take_order(order, &o), WERR_CORRUPT);
    said_buf[0] = UPGRADE_RESULTS;
    assert_int_equal(take_said(said, &s), WERR_CORRUPT);
    said_buf[0] = UPGRADE_DONE;
    said_buf[5] = '\x1B'; /* for a terminal */
    assert_int_equal(take_said(said, &s), WERR_CORRUPT);
}

/* The longest of all, and what is no ASCII: it is shown to people. */
static void test_the_longest(void **state)
{
    static struct upgrade_order o = {.kind = UPGRADE_ORDER_CHECK};
    struct upgrade_said s = example_said;
    char buf[UPGRADE_ORDER_BYTES_MAX], said_buf[UPGRADE_SAID_BYTES_MAX];

    (void)state;
    memset(o.binary, 'b', sizeof(o.binary) - 1);
    assert_int_equal(take_order(upgrade_order_put(&o, buf), &o), 0);
    assert_int_equal(strlen(o.binary), PATH_MAX - 1);
    memset(s.why, '\n', sizeof(s.why) - 1);
    memset(s.failure, 0xFF, sizeof(s.failure) - 1);
    memset(s.phase, 'p', sizeof(s.phase) - 1);
    memset(s.version, 'v', sizeof(s.version) - 1);
    memset(s.offered_version, 'v', sizeof(s.offered_version) - 1);
    assert_int_equal(take_said(upgrade_said_put(&s, said_buf), &s), 0);
    assert_int_equal(strspn(s.why, "?"), sizeof(s.why) - 1);
    assert_int_equal(strspn(s.failure, "?"), sizeof(s.failure) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_and_cut),
        cmocka_unit_test(test_values_that_cannot_be),
        cmocka_unit_test(test_the_longest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
