#include "cm.h"

#include <errno.h>
#include <stdio.h>

#include "base/werr.h"
#include "forked.h"

static void test_numbers_are_negative_in_order(void **state)
{
    (void)state;
    assert_int_equal(WERR_OK, 0);
    assert_int_equal(WERR_AGAIN, -1);
    assert_int_equal(WERR_NOMEM, -2);
    assert_int_equal(WERR_IO, -21); /* new ones come behind */
    assert_int_equal(WERR_HALTED, -(WERR_ORD_END - 1));
}

static void test_text_and_word(void **state)
{
    static const struct {
        int error;
        const char *text, *word;
    } cases[] = {
        {0, "no error", "ok"},
        {WERR_REFUSED, "connection refused", "refused"},
        {WERR_EOF, "ended early", "eof"},
        {WERR_ADDR_UNAVAILABLE, "address not available", "addr_unavailable"},
        {WERR_IO, "input/output error", "io"},
        {-WERR_ORD_END, "unknown error", "unknown"},
        {1, "unknown error", "unknown"},
        {-2147483647 - 1, "unknown error", "unknown"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_string_equal(werr_text(cases[i].error), cases[i].text);
        assert_string_equal(werr_word(cases[i].error), cases[i].word);
        assert_string_equal(werr_word(cases[i].error), cases[i].word);
    }
    for (int ordinal = 0; ordinal < WERR_ORD_END; ordinal++)
        assert_true(strlen(werr_text(-ordinal)) > 0 && strlen(werr_word(-ordinal)) < 20);
}

static void test_from_errno(void **state)
{
    static const struct {
        int errnum, error;
    } cases[] = {
        {EAGAIN, WERR_AGAIN},
        {ECONNREFUSED, WERR_REFUSED},
        {ECONNRESET, WERR_RESET},
        {EPIPE, WERR_RESET},
        {ETIMEDOUT, WERR_TIMEOUT},
        {EHOSTUNREACH, WERR_UNREACHABLE},
        {ENETUNREACH, WERR_UNREACHABLE},
        {EMFILE, WERR_NO_FD},
        {ENFILE, WERR_NO_FD},
        {EADDRINUSE, WERR_ADDR_IN_USE},
        {EADDRNOTAVAIL, WERR_ADDR_UNAVAILABLE},
        {ENOSPC, WERR_NO_SPACE},
        {EDQUOT, WERR_NO_SPACE},
        {EACCES, WERR_DENIED},
        {ENOMEM, WERR_NOMEM},
        {EXDEV, WERR_IO},
        {0, WERR_IO},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(werr_from_errno(cases[i].errnum), cases[i].error);
}

static void fail_one_is_two(void *arg)
{
    (void)arg;
    int one = 1;
    MUST(one == 1);
    MUST(one == 2);
}

static void print_hook(void *arg)
{
    dprintf(STDERR_FILENO, "[hook %s]", (const char *)arg);
}

static void failing_hook(void *arg)
{
    print_hook(arg);
    MUST(arg == NULL);
}

static void fail_with_hook(void *arg)
{
    werr_set_panic_hook(print_hook, arg);
    fail_one_is_two(NULL);
}

static void fail_with_failing_hook(void *arg)
{
    werr_set_panic_hook(failing_hook, arg);
    fail_one_is_two(NULL);
}

static void test_must_says_where_and_aborts(void **state)
{
    struct forked f;
    (void)state;
    forked_run(&f, fail_one_is_two, NULL);
    assert_true(WIFSIGNALED(f.status) && WTERMSIG(f.status) == SIGABRT);
    assert_ptr_equal(strstr(f.text, "MUST failed: one == 2 (fail_one_is_two, "), f.text);
    assert_non_null(strstr(f.text, "test_werr.c:"));
}

static unsigned count_of(const char *text, const char *part)
{
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        n++;
    return n;
}

static void test_panic_hook_runs_once(void **state)
{
    char name[] = "dump";
    struct forked f;
    (void)state;
    forked_run(&f, fail_with_hook, name);
    assert_true(WIFSIGNALED(f.status));
    assert_int_equal(count_of(f.text, "[hook dump]"), 1);
    forked_run(&f, fail_with_failing_hook, name);
    assert_true(WIFSIGNALED(f.status) && WTERMSIG(f.status) == SIGABRT);
    assert_int_equal(count_of(f.text, "[hook dump]"), 1);
    assert_int_equal(count_of(f.text, "MUST failed: "), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_negative_in_order),
        cmocka_unit_test(test_text_and_word),
        cmocka_unit_test(test_from_errno),
        cmocka_unit_test(test_must_says_where_and_aborts),
        cmocka_unit_test(test_panic_hook_runs_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
