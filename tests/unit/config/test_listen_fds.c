#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/listen_fds.h"

enum { OWN_PID = 77 };

static struct listen_fds l;
static const char *bad, *why;

static int take(const char *fds, const char *pid, const char *names)
{
    const struct listen_fds_texts texts = {fds, pid, names};

    bad = why = NULL;
    return listen_fds_read(&texts, OWN_PID, &l, &bad, &why);
}

static void assert_name(unsigned i, const char *name)
{
    assert_true(span_is_equal(listen_fds_name(&l, i), span_from_str(name)));
}

static void test_meant_for_this_process(void **state)
{
    (void)state;
    assert_int_equal(take("3", "77", "web::admin"), 0);
    assert_int_equal(l.n, 3);
    assert_name(0, "web");
    assert_name(1, "");
    assert_name(2, "admin");
    assert_int_equal(take("1", "77", ""), 0);
    assert_name(0, "");
}

static void test_without_names(void **state)
{
    (void)state;
    assert_int_equal(take("2", "77", NULL), 0);
    assert_int_equal(l.n, 2);
    assert_name(0, "unknown");
    assert_name(1, "unknown");
}

static void test_none(void **state)
{
    (void)state;
    assert_int_equal(take(NULL, NULL, NULL), 0);
    assert_int_equal(l.n, 0);
    assert_int_equal(take("2", "78", "a:b"), 0); /* another process's */
    assert_int_equal(l.n, 0);
    assert_int_equal(take("2", NULL, "a:b"), 0);
    assert_int_equal(l.n, 0);
    assert_int_equal(take("0", "77", ""), 0);
    assert_int_equal(l.n, 0);
}

static void test_bad_ones_are_named(void **state)
{
    static const struct {
        const char *fds, *pid, *names, *bad;
    } rows[] = {
        {"two", "77", NULL, "LISTEN_FDS"},     {"", "77", NULL, "LISTEN_FDS"},
        {"-1", "77", NULL, "LISTEN_FDS"},      {"257", "77", NULL, "LISTEN_FDS"},
        {"1", "self", NULL, "LISTEN_PID"},     {"1", "", NULL, "LISTEN_PID"},
        {"2", "77", "one", "LISTEN_FDNAMES"},  {"2", "77", "a:b:c", "LISTEN_FDNAMES"},
        {"1", "77", "one:", "LISTEN_FDNAMES"}, {"2", "77", "", "LISTEN_FDNAMES"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(take(rows[i].fds, rows[i].pid, rows[i].names), WERR_INVALID);
        assert_string_equal(bad, rows[i].bad);
        assert_non_null(why);
    }
}

static void test_a_name_has_255_bytes(void **state)
{
    char name[LISTEN_FDS_NAME_MAX + 2];

    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(take("1", "77", name), WERR_INVALID);
    name[sizeof(name) - 2] = '\0';
    assert_int_equal(take("1", "77", name), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meant_for_this_process),
        cmocka_unit_test(test_without_names),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_bad_ones_are_named),
        cmocka_unit_test(test_a_name_has_255_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
