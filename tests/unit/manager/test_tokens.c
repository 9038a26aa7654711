#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "manager/tokens.h"

enum { ERROR_BYTES = 256 };

static char one_path[] = "/tmp/weldr-token-XXXXXX", many_path[] = "/tmp/weldr-tokens-XXXXXX";

static void write_file(char *path, const char *content)
{
    memset(path + strlen(path) - 6, 'X', 6);
    const int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
}

/* Of the file with one token, or with many; NULL: none is given. */
static int load(struct tokens *t, const char *one, const char *many, char *error)
{
    const struct config config = {.admin_token_file = one != NULL ? one_path : NULL,
                                  .admin_tokens_file = many != NULL ? many_path : NULL};

    memset(error, 0, ERROR_BYTES);
    if (one != NULL)
        write_file(one_path, one);
    if (many != NULL)
        write_file(many_path, many);
    const int rc = tokens_load(t, &config, error, ERROR_BYTES);

    if (one != NULL)
        unlink(one_path);
    if (many != NULL)
        unlink(many_path);
    return rc;
}

static void assert_is(const struct tokens *t, const char *text, const char *name,
                      enum token_role role)
{
    const struct token *found = tokens_find(t, span_from_str(text));

    assert_non_null(found);
    assert_string_equal(found->name, name);
    assert_int_equal(found->role, role);
}

static void test_one_token(void **state)
{
    static struct tokens t;
    char error[ERROR_BYTES];

    (void)state;
    assert_int_equal(load(&t, " abc def\r\n\n", NULL, error), 0);
    assert_is(&t, "abc def", "admin", TOKEN_ADMIN);
    assert_null(tokens_find(&t, SPAN(" abc def")));
    assert_int_equal(load(&t, "", NULL, error), WERR_INVALID);
    assert_non_null(strstr(error, one_path));
    assert_int_equal(load(&t, " \n\t", NULL, error), WERR_INVALID);
    assert_is(&t, "abc def", "admin", TOKEN_ADMIN); /* as it was */
}

static void test_many_tokens(void **state)
{
    static struct tokens t;
    char error[ERROR_BYTES];

    (void)state;
    assert_int_equal(load(&t, "old", "deploy:d1:admin\n# x:y:z\n\n look:l1:read\n", error), 0);
    assert_is(&t, "old", "admin", TOKEN_ADMIN);
    assert_is(&t, "d1", "deploy", TOKEN_ADMIN);
    assert_is(&t, "l1", "look", TOKEN_READ);
    assert_null(tokens_find(&t, SPAN("deploy:d1:admin")));
    assert_null(tokens_find(&t, SPAN("y")));
    assert_int_equal(load(&t, NULL, "look:l2:read", error), 0);
    assert_null(tokens_find(&t, SPAN("old")));
    assert_is(&t, "l2", "look", TOKEN_READ);
}

static void test_refused_files(void **state)
{
    static const struct {
        const char *one, *many, *wrong;
    } cases[] = {
        {NULL, "", "holds no token"},
        {NULL, "# nothing\n", "holds no token"},
        {NULL, "a:sesame:admin\nb:sesame:root\n", "line 2: the role"},
        {NULL, "a:sesame:admin\n\n#\na:sesame2:read\n", "line 4: the name is there"},
        {NULL, "a:sesame:admin\nb:sesame:read\n", "line 2: the token is there"},
        {"sesame", "b:sesame:read\n", "line 1: the token is there"},
        {"x", "admin:sesame:admin\n", "line 1: the name is there"},
        {NULL, "sesame\n", "line 1: must be NAME:TOKEN:ROLE"},
    };
    static struct tokens t;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char error[ERROR_BYTES];

        if (load(&t, cases[i].one, cases[i].many, error) != WERR_INVALID ||
            strstr(error, cases[i].wrong) == NULL || strstr(error, many_path) == NULL ||
            strstr(error, "sesame") != NULL)
            fail_msg("%s: %s", cases[i].many, error);
        assert_int_equal(t.secrets.n, 0);
    }
}

static void test_too_many_and_too_long(void **state)
{
    static char text[80 * 1024];
    static struct tokens t;
    char error[ERROR_BYTES];
    size_t len = 0;

    (void)state;
    for (int i = 0; i <= SECRETS_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "n%d:t%d:read\n", i, i);
    assert_int_equal(load(&t, NULL, text, error), WERR_INVALID);
    assert_non_null(strstr(error, "line 65: there may be at most 64 tokens"));
    memset(text, 'x', sizeof(text));
    memcpy(text, "n:", 2);
    strcpy(text + SECRET_MAX + 3, ":read\n");
    assert_int_equal(load(&t, NULL, text, error), WERR_INVALID);
    assert_non_null(strstr(error, "line 1: the token is too long"));
    memset(text, '\n', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(load(&t, NULL, text, error), WERR_INVALID);
    assert_non_null(strstr(error, "too long"));
}

static void test_missing_files(void **state)
{
    char nowhere[] = "/nonexistent/token";
    const struct config configs[] = {{.admin_token_file = nowhere},
                                     {.admin_tokens_file = nowhere}};
    static struct tokens t;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char error[ERROR_BYTES];

        assert_true(tokens_have_files(&configs[i]));
        assert_int_equal(tokens_load(&t, &configs[i], error, sizeof(error)), WERR_INVALID);
        assert_non_null(strstr(error, nowhere));
    }
}

static void test_none_and_environment(void **state)
{
    char token[] = "sesame", blank[] = " ";
    const struct config none = {0}, given = {.admin_token = token},
                        bad = {.admin_token = blank};
    static struct tokens t;
    char error[ERROR_BYTES];

    (void)state;
    assert_int_equal(tokens_load(&t, &none, error, sizeof(error)), 0);
    assert_int_equal(t.secrets.n, 0);
    assert_false(tokens_have_files(&none));
    assert_int_equal(tokens_load(&t, &given, error, sizeof(error)), 0);
    assert_is(&t, token, "admin", TOKEN_ADMIN);
    assert_int_equal(tokens_load(&t, &bad, error, sizeof(error)), WERR_INVALID);
}

static void test_generated(void **state)
{
    static struct tokens a, b;
    const struct config none = {0};
    char one[TOKENS_GENERATED_MAX], two[TOKENS_GENERATED_MAX], error[ERROR_BYTES];

    (void)state;
    assert_int_equal(tokens_load(&a, &none, error, sizeof(error)), 0);
    assert_int_equal(tokens_load(&b, &none, error, sizeof(error)), 0);
    assert_int_equal(tokens_generate(&a, one), 0);
    assert_int_equal(tokens_generate(&b, two), 0);
    assert_int_equal(strlen(one), 2 * TOKENS_RANDOM_BYTES);
    assert_string_not_equal(one, two);
    assert_is(&a, one, "admin", TOKEN_ADMIN);
    assert_null(tokens_find(&a, span_from_str(two)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_token),     cmocka_unit_test(test_many_tokens),
        cmocka_unit_test(test_refused_files), cmocka_unit_test(test_too_many_and_too_long),
        cmocka_unit_test(test_missing_files), cmocka_unit_test(test_none_and_environment),
        cmocka_unit_test(test_generated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
