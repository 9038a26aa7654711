#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/near.h"

static void test_distance(void **state)
{
    static const struct {
        const char *a, *b;
        unsigned distance;
    } cases[] = {
        {"", "", 0},           {"wait", "wait", 0},
        {"", "wait", 4},       {"dry-run", "dry_run", 0},
        {"Drain", "drain", 0}, {"drian", "drain", 1},
        {"dran", "drain", 1},  {"draain", "drain", 1},
        {"dtain", "drain", 1}, {"WELDR_ACESS_LOG", "WELDR_ACCESS_LOG", 1},
        {"abc", "xyz", 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct span a = span_from_str(cases[i].a), b = span_from_str(cases[i].b);

        assert_int_equal(near_distance(a, b), cases[i].distance);
        assert_int_equal(near_distance(b, a), cases[i].distance);
    }
}

static void test_long_words(void **state)
{
    static const char word[NEAR_LEN_MAX + 1] = {0};

    (void)state;
    assert_int_equal(near_distance(span_from(word, NEAR_LEN_MAX), SPAN("")), NEAR_LEN_MAX);
    assert_int_equal(near_distance(span_from(word, NEAR_LEN_MAX + 1), SPAN("a")), NEAR_FAR);
    assert_null(near_find(span_from(word, NEAR_LEN_MAX + 1), SPAN("a b")).ptr);
}

static void test_find(void **state)
{
    static const struct {
        const char *word, *found;
    } cases[] = {
        {"dry-run", "dry_run"}, {"dryrun", "dry_run"}, {"time", "timeout"}, {"wiat", "wait"},
        {"tiemout", "timeout"}, {"pretty", NULL},      {"x", NULL},         {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct span found =
            near_find(span_from_str(cases[i].word), SPAN("drain wait timeout force dry_run"));

        if (cases[i].found == NULL)
            assert_null(found.ptr);
        else
            assert_true(span_is_equal(found, span_from_str(cases[i].found)));
    }
    assert_null(near_find(SPAN("wait"), SPAN("")).ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_long_words),
        cmocka_unit_test(test_find),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
