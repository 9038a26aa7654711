/* The random bytes of the TLS library: never the same twice, in no other process, and nowhere
 * left when they were handed out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/rand.h>

#include "net/tlsio_context.h"
#include "net/tlsio_random.h"

enum { SECRET_BYTES = 32, MANY = 1000 };

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(tlsio_start(), 0);
    tlsio_random_start(); /* again: nothing */
    return 0;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, SECRET_BYTES);
}

static void test_nothing_comes_twice(void **state)
{
    static unsigned char got[MANY][SECRET_BYTES];

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        unsigned char other[MANY];

        assert_int_equal(RAND_bytes(other, (int)i), 1);
        assert_int_equal(i % 2 == 0 ? RAND_bytes(got[i], SECRET_BYTES)
                                    : RAND_priv_bytes(got[i], SECRET_BYTES),
                         1);
    }
    qsort(got, MANY, SECRET_BYTES, compare);
    for (unsigned i = 1; i < MANY; i++)
        assert_true(compare(got[i - 1], got[i]) < 0);
}

/* More than lies ready: each quarter of it is another one. */
static void test_many_at_once(void **state)
{
    enum { BYTES = 64 * 1024 };
    unsigned char *got = calloc(1, BYTES);

    (void)state;
    assert_int_equal(RAND_bytes(got, BYTES), 1);
    for (unsigned at = SECRET_BYTES; at < BYTES; at += SECRET_BYTES)
        assert_true(compare(got, got + at) != 0);
    free(got);
}

/* The library's generator asks each time that it is drawn from. */
static unsigned asked_n;

pid_t getpid(void)
{
    asked_n++;
    return (pid_t)syscall(SYS_getpid);
}

static void test_one_draw_serves_many(void **state)
{
    unsigned char bytes[SECRET_BYTES];

    (void)state;
    assert_int_equal(RAND_bytes(bytes, sizeof(bytes)), 1);
    asked_n = 0;
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(RAND_bytes(bytes, sizeof(bytes)), 1);
    assert_in_range(asked_n, 0, 2);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(RAND_bytes(bytes, sizeof(bytes)), 1);
    assert_in_range(asked_n, 1, 20);
}

static void test_a_child_has_others(void **state)
{
    unsigned char own[SECRET_BYTES], theirs[SECRET_BYTES];
    int pipe_fds[2], status;

    (void)state;
    assert_int_equal(RAND_bytes(own, sizeof(own)), 1);
    assert_int_equal(pipe(pipe_fds), 0);
    const pid_t child = fork();

    if (child == 0) {
        const bool is_well =
            RAND_bytes(theirs, sizeof(theirs)) == 1 &&
            write(pipe_fds[1], theirs, sizeof(theirs)) == (ssize_t)sizeof(theirs);

        _exit(is_well ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(read(pipe_fds[0], theirs, sizeof(theirs)), sizeof(theirs));
    assert_int_equal(RAND_bytes(own, sizeof(own)), 1);
    assert_memory_not_equal(own, theirs, sizeof(own));
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

/* The memory that the kernel leaves out of core files (dd) and clears after a fork (wf). */
static bool find_memory(unsigned char **begin, unsigned char **end)
{
    FILE *maps = fopen("/proc/self/smaps", "re");
    unsigned long from = 0, to = 0, a, b;
    char line[512];
    bool is_found = false;

    assert_non_null(maps);
    while (!is_found && fgets(line, sizeof(line), maps) != NULL) {
        if (sscanf(line, "%lx-%lx ", &a, &b) == 2) {
            from = a;
            to = b;
        }
        is_found = strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " dd") != NULL &&
                   strstr(line, " wf") != NULL;
    }
    fclose(maps);
    *begin = (unsigned char *)from;
    *end = (unsigned char *)to;
    return is_found;
}

static void test_nothing_stays(void **state)
{
    unsigned char bytes[SECRET_BYTES], *begin, *end;

    (void)state;
    assert_true(find_memory(&begin, &end));
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(RAND_bytes(bytes, sizeof(bytes)), 1);
        for (const unsigned char *at = begin; at + sizeof(bytes) <= end; at++)
            assert_memory_not_equal(at, bytes, sizeof(bytes));
    }
}

/* As in a process that never has a use for them: nothing leaks at its end. */
static void test_started_and_not_used(void **state)
{
    int status;

    (void)state;
    const pid_t child = fork();

    if (child == 0) {
        execl("/proc/self/exe", "test", "start", NULL);
        _exit(2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return tlsio_start() == 0 ? 0 : 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_comes_twice),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_one_draw_serves_many),
        cmocka_unit_test(test_a_child_has_others),
        cmocka_unit_test(test_nothing_stays),
        cmocka_unit_test(test_started_and_not_used),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
