#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/token_file.h"

static void test_lines(void **state)
{
    static const char text[] = "# who may\n"
                               "deploy:s3cret:admin\n"
                               "\n"
                               "  # more\r\n"
                               " \tlook_at-it.1:!#~:read \r\n"
                               "last:x:read";
    static const struct {
        const char *name, *token;
        enum token_role role;
        unsigned line_n;
    } wanted[] = {{"deploy", "s3cret", TOKEN_ADMIN, 2},
                  {"look_at-it.1", "!#~", TOKEN_READ, 5},
                  {"last", "x", TOKEN_READ, 6}};
    struct token_file f;
    struct token_line line;

    (void)state;
    token_file_init(&f, SPAN(text));
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        assert_int_equal(token_file_next(&f, &line), 1);
        assert_true(span_is_equal(line.name, span_from_str(wanted[i].name)));
        assert_true(span_is_equal(line.token, span_from_str(wanted[i].token)));
        assert_int_equal(line.role, wanted[i].role);
        assert_int_equal(f.line_n, wanted[i].line_n);
    }
    assert_int_equal(token_file_next(&f, &line), 0);
    assert_int_equal(token_file_next(&f, &line), 0);
}

static void test_nothing(void **state)
{
    static const char *const texts[] = {"", "\n", "\n\n  \n", "#", "# a:b:admin\n"};
    struct token_file f;
    struct token_line line;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        token_file_init(&f, span_from_str(texts[i]));
        assert_int_equal(token_file_next(&f, &line), 0);
    }
}

static void test_wrong_lines(void **state)
{
    static const struct {
        const char *line, *wrong;
    } cases[] = {
        {"token", "NAME:TOKEN:ROLE"},
        {"name:token", "NAME:TOKEN:ROLE"},
        {"a:b:admin:", "NAME:TOKEN"},
        {"a:b:c:admin", "NAME:TOKEN"},
        {":token:admin", "the name"},
        {"a b:token:admin", "the name"},
        {"\xc3\xa4:token:admin", "the name"},
        {"a::admin", "the token"},
        {"a:b c:admin", "the token"},
        {"a:b\x7f:admin", "the token"},
        {"a:b:", "the role"},
        {"a:b:Admin", "the role"},
        {"a:b:write", "the role"},
        {"a:b: read", "the role"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct token_file f;
        struct token_line line;
        char text[64];

        snprintf(text, sizeof(text), "#\n%s\n", cases[i].line);
        token_file_init(&f, span_from_str(text));
        assert_int_equal(token_file_next(&f, &line), WERR_SYNTAX);
        assert_int_equal(f.line_n, 2);
        if (strstr(f.wrong, cases[i].wrong) == NULL)
            fail_msg("%s: %s", cases[i].line, f.wrong);
    }
}

static void test_names(void **state)
{
    struct token_file f;
    struct token_line line;
    char text[TOKEN_NAME_MAX + 16];

    (void)state;
    memset(text, 'n', TOKEN_NAME_MAX);
    strcpy(text + TOKEN_NAME_MAX, ":t:read");
    token_file_init(&f, span_from_str(text));
    assert_int_equal(token_file_next(&f, &line), 1);
    memset(text, 'n', TOKEN_NAME_MAX + 1);
    strcpy(text + TOKEN_NAME_MAX + 1, ":t:read");
    token_file_init(&f, span_from_str(text));
    assert_int_equal(token_file_next(&f, &line), WERR_SYNTAX);
    token_file_init(&f, SPAN("a\0b:t:read"));
    assert_int_equal(token_file_next(&f, &line), WERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_wrong_lines),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
