/* Every event has a name of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/event.h"

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(event_name(EVENT_INFO), "INFO");
    assert_string_equal(event_name(EVENT_HEAD), "HEAD");
    assert_string_equal(event_name(EVENT_BODY), "BODY");
    assert_string_equal(event_name(EVENT_TRAILERS), "TRAILERS");
    assert_string_equal(event_name(EVENT_END), "END");
    assert_string_equal(event_name(EVENT_RESET), "RESET");
    assert_string_equal(event_name((enum event_type)(EVENT_RESET + 1)), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
