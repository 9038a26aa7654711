#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "config/config.h"

enum { ARGUMENTS_MAX = 8 };

static char folder[] = "CREDENTIALS_DIRECTORY=/run/credentials/weldr.service";
static const char *there; /* names that are there, between blanks; "*": any */

static bool is_there(const char *path)
{
    const char prefix[] = "/run/credentials/weldr.service/";

    assert_int_equal(strncmp(path, prefix, sizeof(prefix) - 1), 0);
    char name[64] = " ";
    strcat(strcat(name, path + sizeof(prefix) - 1), " ");
    return strcmp(there, "*") == 0 || strstr(there, name) != NULL;
}

/* Flags between blanks; variable: one more, or NULL. */
static struct config take(const char *flags, char *variable)
{
    char *env[] = {folder, variable, NULL};
    char text[256], error[256], *rest = text, *argv[ARGUMENTS_MAX] = {(char *)"weldr"};
    struct config c;
    int argc = 1;

    assert_true(strlen(flags) < sizeof(text));
    strcpy(text, flags);
    for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL;)
        argv[argc++] = word;
    assert_int_equal(config_from_args(&c, argc, argv, env, error, sizeof(error)), 0);
    assert_int_equal(config_take_credentials(&c, env, is_there), 0);
    return c;
}

static void assert_file(const char *path, const char *name)
{
    if (name == NULL) {
        assert_null(path);
        return;
    }
    assert_non_null(path);
    assert_string_equal(strrchr(path, '/') + 1, name);
}

static void test_all_that_are_there(void **state)
{
    (void)state;
    there = "*";
    struct config c = take("--join a:1", NULL);
    assert_file(c.admin_token_file, "weldr.admin-token");
    assert_file(c.admin_tokens_file, "weldr.admin-tokens");
    assert_file(c.join_token_file, "weldr.join-token");
    assert_file(c.node_key_file, "weldr.node-key");
    config_fini(&c);
}

static void test_only_those_that_are_there(void **state)
{
    (void)state;
    there = " weldr.node-key weldr.other ";
    struct config c = take("", NULL);
    assert_file(c.node_key_file, "weldr.node-key");
    assert_null(c.admin_token_file);
    assert_null(c.admin_tokens_file);
    config_fini(&c);
}

static void test_what_was_said_wins(void **state)
{
    static char token[] = "WELDR_ADMIN_TOKEN=secret", join[] = "WELDR_JOIN_TOKEN=secret";

    (void)state;
    there = "*";
    struct config c =
        take("--admin-token-file /t --admin-tokens-file /ts --node-key-file /k", NULL);
    assert_string_equal(c.admin_token_file, "/t");
    assert_string_equal(c.admin_tokens_file, "/ts");
    assert_string_equal(c.node_key_file, "/k");
    config_fini(&c);
    c = take("", token);
    assert_null(c.admin_token_file);
    config_fini(&c);
    c = take("--join a:1", join);
    assert_null(c.join_token_file);
    config_fini(&c);
}

/* They would be refused as flags: a key of a directory that is not there, a token to join
 * nobody. */
static void test_what_has_no_use_is_left(void **state)
{
    (void)state;
    there = "*";
    struct config c = take("--ephemeral", NULL);
    assert_null(c.node_key_file);
    assert_null(c.join_token_file);
    config_fini(&c);
}

static void test_no_directory(void **state)
{
    char *env[] = {NULL}, *argv[] = {(char *)"weldr"}, error[256];
    struct config c;

    (void)state;
    there = "*";
    assert_int_equal(config_from_args(&c, 1, argv, env, error, sizeof(error)), 0);
    assert_int_equal(config_take_credentials(&c, env, is_there), 0);
    assert_int_equal(config_take_credentials(&c, NULL, is_there), 0);
    assert_null(c.node_key_file);
    config_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_that_are_there),
        cmocka_unit_test(test_only_those_that_are_there),
        cmocka_unit_test(test_what_was_said_wins),
        cmocka_unit_test(test_what_has_no_use_is_left),
        cmocka_unit_test(test_no_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
