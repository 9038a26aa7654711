/* Reasons and the head of own answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/reply.h"

static void test_reasons(void **state)
{
    (void)state;
    assert_true(span_is_equal(reply_reason(200), SPAN("OK")));
    assert_true(span_is_equal(reply_reason(502), SPAN("Bad Gateway")));
    assert_true(span_is_equal(reply_reason(299), SPAN("Unknown")));
    for (unsigned status = 100; status < 600; status++) {
        struct span reason = reply_reason(status);
        assert_int_equal(reason.len, strlen(reason.ptr));
    }
}

static void test_init(void **state)
{
    (void)state;
    struct msg m;
    memset(&m, 0xff, sizeof(m));
    reply_init(&m, 503, 12);
    assert_int_equal(m.status, 503);
    assert_true(span_is_equal(msg_reason(&m), SPAN("Service Unavailable")));
    assert_int_equal(m.body, MSG_BODY_LENGTH);
    assert_int_equal(m.content_length, 12);
    assert_int_equal(m.flags, MSG_HAS_LENGTH);
    assert_int_equal(m.field_n, 0);
    assert_int_equal(m.added_n, 0);
    reply_init(&m, 404, 0);
    assert_int_equal(m.body, MSG_BODY_NONE);
    assert_int_equal(m.flags, MSG_HAS_LENGTH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_init),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
