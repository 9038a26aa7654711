#include "cm.h"

#include "base/span.h"
#include "base/werr.h"

static void test_equal_and_prefix(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal, nocase, prefix;
    } cases[] = {
        {"", "", true, true, true},         {"a", "", false, false, true},
        {"", "a", false, false, false},     {"Host", "host", false, true, false},
        {"host", "host", true, true, true}, {"hostx", "host", false, false, true},
        {"[", "{", false, false, false}, /* differ by 0x20 without being letters */
        {"@", "`", false, false, false},    {"\xc0", "\xe0", false, false, false},
        {"AZ", "az", false, true, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span a = span_from_str(cases[i].a), b = span_from_str(cases[i].b);
        assert_int_equal(span_is_equal(a, b), cases[i].equal);
        assert_int_equal(span_is_equal_nocase(a, b), cases[i].nocase);
        assert_int_equal(span_has_prefix(a, b), cases[i].prefix);
    }
    assert_true(span_is_equal(SPAN_NONE, SPAN("")));
    assert_true(span_is_equal_nocase(SPAN_NONE, SPAN("")));
    assert_true(span_has_prefix(SPAN("x"), SPAN_NONE));
}

static void test_cutting(void **state)
{
    (void)state;
    assert_true(span_is_equal(span_skip(SPAN("abc"), 1), SPAN("bc")));
    assert_int_equal(span_skip(SPAN("abc"), 3).len, 0);
    assert_null(span_skip(SPAN_NONE, 0).ptr);
    assert_true(span_is_equal(span_first(SPAN("abc"), 2), SPAN("ab")));
    assert_true(span_is_equal(span_first(SPAN("abc"), 9), SPAN("abc")));
    assert_int_equal(span_find(SPAN("abca"), 'a'), 0);
    assert_int_equal(span_find(SPAN("abca"), 'c'), 2);
    assert_int_equal(span_find(SPAN("abca"), 'x'), 4);
    assert_int_equal(span_find(SPAN_NONE, 'x'), 0);
}

static void test_trim(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", ""},    {" ", ""},    {" \t ", ""},       {"a", "a"},
        {" a", "a"}, {"a\t", "a"}, {"\t a b ", "a b"}, {"\na ", "\na"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_true(
            span_is_equal(span_trim(span_from_str(cases[i].in)), span_from_str(cases[i].out)));
    assert_int_equal(span_trim(SPAN_NONE).len, 0);
}

static void test_trim_lines(void **state)
{
    (void)state;
    assert_true(span_is_equal(span_trim_lines(SPAN(" a b\r\n")), SPAN("a b")));
    assert_true(span_is_equal(span_trim_lines(SPAN("\n\t\ra")), SPAN("a")));
    assert_int_equal(span_trim_lines(SPAN(" \r\n")).len, 0);
    assert_int_equal(span_trim_lines(SPAN_NONE).len, 0);
}

/* That the last part had no separator behind it is told apart from an empty last part. */
static void test_cut(void **state)
{
    struct span rest = SPAN("a::b:");
    (void)state;
    assert_true(span_is_equal(span_cut(&rest, ':'), SPAN("a")));
    assert_true(span_is_equal(span_cut(&rest, ':'), SPAN("")));
    assert_true(span_is_equal(span_cut(&rest, ':'), SPAN("b")));
    assert_int_equal(rest.len, 0);
    assert_non_null(rest.ptr);
    rest = SPAN("ab");
    assert_true(span_is_equal(span_cut(&rest, ':'), SPAN("ab")));
    assert_null(rest.ptr);
    assert_int_equal(span_cut(&rest, ':').len, 0);
}

static void test_list_items(void **state)
{
    static const struct {
        const char *list;
        const char *items[4];
    } cases[] = {
        {"", {NULL}},
        {" , ,\t,", {NULL}},
        {"a", {"a"}},
        {"close", {"close"}},
        {"a,b", {"a", "b"}},
        {" a ,, b c\t,", {"a", "b c"}},
        {",,a,b,c", {"a", "b", "c"}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span rest = span_from_str(cases[i].list), item;
        size_t n = 0;
        while (span_next_item(&rest, &item)) {
            assert_non_null(cases[i].items[n]);
            assert_true(span_is_equal(item, span_from_str(cases[i].items[n])));
            n++;
        }
        assert_null(cases[i].items[n]);
        assert_int_equal(rest.len, 0);
    }
}

static void test_to_str(void **state)
{
    char buf[4] = "zzz";
    (void)state;
    assert_int_equal(span_to_str(SPAN("abc"), buf, sizeof(buf)), 0);
    assert_string_equal(buf, "abc");
    assert_int_equal(span_to_str(SPAN("abcd"), buf, sizeof(buf)), WERR_TOO_BIG);
    assert_string_equal(buf, "");
    assert_int_equal(span_to_str(SPAN("a\0b"), buf, sizeof(buf)), WERR_TOO_BIG);
    assert_string_equal(buf, "");
    buf[0] = 'z';
    assert_int_equal(span_to_str(SPAN_NONE, buf, 1), 0);
    assert_string_equal(buf, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_and_prefix),
        cmocka_unit_test(test_cutting),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_trim_lines),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_list_items),
        cmocka_unit_test(test_to_str),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
