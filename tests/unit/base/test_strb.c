#include "cm.h"

#include "base/strb.h"
#include "forked.h"

static void test_adds(void **state)
{
    char buf[128];
    struct strb b;
    (void)state;
    strb_init(&b, buf, sizeof(buf));
    assert_string_equal(buf, "");
    strb_add(&b, SPAN("id="));
    strb_add_u64(&b, UINT64_MAX);
    strb_add_char(&b, ' ');
    strb_add_str(&b, "hex=");
    strb_add_hex(&b, UINT64_MAX);
    strb_addf(&b, " %s:%d ", "port", 80);
    strb_add_hex16(&b, 171);
    strb_add(&b, SPAN_NONE);
    assert_string_equal(
        buf, "id=18446744073709551615 hex=ffffffffffffffff port:80 00000000000000ab");
    assert_int_equal(b.len, strlen(buf));
    assert_true(span_is_equal(strb_span(&b), span_from_str(buf)));
    assert_false(strb_is_full(&b));
}

static void test_exact_fit_is_not_full(void **state)
{
    char buf[6];
    struct strb b;
    (void)state;
    strb_init(&b, buf, sizeof(buf));
    strb_add(&b, SPAN("abcde"));
    assert_false(strb_is_full(&b));
    strb_add_char(&b, 'f');
    assert_true(strb_is_full(&b));
    assert_string_equal(buf, "abcde");
    strb_init(&b, buf, sizeof(buf));
    strb_addf(&b, "%d", 12345);
    assert_false(strb_is_full(&b));
    assert_string_equal(buf, "12345");
}

static void test_cut_once_then_nothing(void **state)
{
    char buf[6];
    struct strb b;
    (void)state;
    strb_init(&b, buf, sizeof(buf));
    strb_add(&b, SPAN("abc"));
    strb_add(&b, SPAN("defg"));
    assert_true(strb_is_full(&b));
    strb_add_char(&b, 'x');
    strb_addf(&b, "x");
    assert_string_equal(buf, "abcde");
    assert_int_equal(b.len, 5);

    strb_init(&b, buf, sizeof(buf));
    strb_add(&b, SPAN("abc"));
    strb_addf(&b, "%d", 1234);
    assert_true(strb_is_full(&b));
    assert_string_equal(buf, "abc12");
    assert_int_equal(b.len, 5);
}

static void test_room_for_nothing(void **state)
{
    char buf[2] = "zz";
    struct strb b;
    (void)state;
    strb_init(&b, buf, 1);
    strb_add(&b, SPAN(""));
    assert_false(strb_is_full(&b));
    strb_add_u64(&b, 0);
    assert_true(strb_is_full(&b));
    assert_string_equal(buf, "");
    assert_int_equal(buf[1], 'z');
}

static void init_without_room(void *arg)
{
    char buf[1];
    strb_init(arg, buf, 0);
}

static void test_no_buffer_is_a_bug(void **state)
{
    struct strb b;
    (void)state;
    assert_true(forked_fails_must(init_without_room, &b, "cap > 0"));
}

static void test_written_in_place(void **state)
{
    char buf[8];
    struct strb b;

    (void)state;
    strb_init(&b, buf, sizeof(buf));
    assert_true(strb_has_room(&b, 7));
    assert_ptr_equal(strb_end(&b), buf);
    memcpy(strb_end(&b), "abcd", 4);
    strb_commit(&b, 4);
    assert_string_equal(buf, "abcd");
    assert_false(strb_has_room(&b, 4)); /* none left for the NUL */
    assert_true(strb_has_room(&b, 3));
    assert_false(strb_is_full(&b));
    strb_add(&b, SPAN("efgh"));
    assert_true(strb_is_full(&b));
    assert_false(strb_has_room(&b, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_in_place),
        cmocka_unit_test(test_adds),
        cmocka_unit_test(test_exact_fit_is_not_full),
        cmocka_unit_test(test_cut_once_then_nothing),
        cmocka_unit_test(test_room_for_nothing),
        cmocka_unit_test(test_no_buffer_is_a_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
