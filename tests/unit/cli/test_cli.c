#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli.h"

static unsigned managers, workers, worker_id;

static int run_manager(const struct config *config)
{
    managers++;
    return (int)config->workers;
}

static int run_worker(const struct config *config)
{
    workers++;
    worker_id = config->worker_id;
    return 7;
}

/* Runs with what goes to fd caught in text. */
static int run_caught(const char *const *args, int fd, char *text, size_t size)
{
    static const struct cli_roles roles = {
        .manager = run_manager, .worker = run_worker, .level = 7};
    char *const env[] = {NULL};
    char *argv[8] = {NULL};
    FILE *file = tmpfile();
    const int saved = dup(fd);
    int argc = 0, code;
    size_t n;

    for (; args[argc] != NULL; argc++)
        argv[argc] = strdup(args[argc]);
    fflush(NULL);
    dup2(fileno(file), fd);
    code = cli_run(argc, argv, env, &roles);
    fflush(NULL);
    dup2(saved, fd);
    close(saved);
    rewind(file);
    n = fread(text, 1, size - 1, file);
    text[n] = '\0';
    fclose(file);
    while (argc > 0)
        free(argv[--argc]);
    return code;
}

static void test_roles(void **state)
{
    char text[256];

    (void)state;
    assert_int_equal(run_caught((const char *[]){"weldr", "--workers", "5", NULL},
                                STDOUT_FILENO, text, sizeof(text)),
                     5);
    assert_int_equal(managers, 1);
    assert_int_equal(workers, 0);
    assert_int_equal(run_caught((const char *[]){"weldr", "worker", "--id", "3", NULL},
                                STDOUT_FILENO, text, sizeof(text)),
                     7);
    assert_int_equal(managers, 1);
    assert_int_equal(workers, 1);
    assert_int_equal(worker_id, 3);
    assert_string_equal(text, "");
}

static void test_version_and_help(void **state)
{
    char text[16384];

    (void)state;
    assert_int_equal(run_caught((const char *[]){"weldr", "--version", NULL}, STDOUT_FILENO,
                                text, sizeof(text)),
                     CLI_EXIT_OK);
    assert_string_equal(text, "weldr " WELDR_VERSION "\n");
    assert_int_equal(run_caught((const char *[]){"weldr", "--version", "--verbose", NULL},
                                STDOUT_FILENO, text, sizeof(text)),
                     CLI_EXIT_OK);
    assert_ptr_equal(strstr(text, "weldr " WELDR_VERSION "\nlevel 7\n"), text);
    assert_non_null(strstr(text, "\nopenssl "));
    assert_int_equal(run_caught((const char *[]){"weldr", "--help", NULL}, STDOUT_FILENO, text,
                                sizeof(text)),
                     CLI_EXIT_OK);
    assert_non_null(strstr(text, "--admin-ip"));
}

static void test_mistake_is_one_line_and_2(void **state)
{
    char text[1024];
    const unsigned before = managers + workers;

    (void)state;
    assert_int_equal(run_caught((const char *[]){"weldr", "--nonsense", NULL}, STDERR_FILENO,
                                text, sizeof(text)),
                     CLI_EXIT_USAGE);
    assert_int_equal(strncmp(text, "error: ", 7), 0);
    assert_non_null(strstr(text, "--nonsense"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_int_equal(managers + workers, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_version_and_help),
        cmocka_unit_test(test_mistake_is_one_line_and_2),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
