#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "net/signals.h"

static int seen[8];
static unsigned seen_n;
static struct loop *loop;

static void on_signal(void *arg, int number)
{
    assert_ptr_equal(arg, &seen_n);
    assert_true(seen_n < 8);
    seen[seen_n++] = number;
    if (number == SIGTERM)
        loop_stop(loop);
}

static void test_signals_come_by_the_loop(void **state)
{
    static const int numbers[] = {SIGTERM, SIGUSR1, SIGCHLD, 0};
    struct sigaction now;
    int fds[2];

    (void)state;
    loop = loop_epoll_new();
    assert_non_null(loop);
    assert_int_equal(signals_start(loop, numbers, on_signal, &seen_n), 0);
    errno = 4711;
    raise(SIGUSR1);
    assert_int_equal(errno, 4711);
    raise(SIGCHLD);
    assert_int_equal(seen_n, 0);
    loop_turn(loop, 0);
    loop_turn(loop, 0);
    assert_int_equal(seen_n, 2);
    assert_int_equal(seen[0], SIGUSR1);
    assert_int_equal(seen[1], SIGCHLD);

    raise(SIGTERM);
    loop_run(loop);
    assert_int_equal(seen_n, 3);

    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    assert_int_equal(write(fds[1], "x", 1), -1);
    assert_int_equal(errno, EPIPE);
    close(fds[1]);

    signals_stop();
    signals_stop();
    sigaction(SIGUSR1, NULL, &now);
    assert_true(now.sa_handler == SIG_DFL);
    loop_free(loop);
}

/* A storm of signals must not block the handler. */
static void test_storm(void **state)
{
    static const int numbers[] = {SIGUSR2, 0};

    (void)state;
    seen_n = 0;
    loop = loop_epoll_new();
    assert_int_equal(signals_start(loop, numbers, on_signal, &seen_n), 0);
    for (int i = 0; i < 5000; i++)
        raise(SIGUSR2);
    signals_stop();
    loop_turn(loop, 0);
    assert_int_equal(seen_n, 0);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals_come_by_the_loop),
        cmocka_unit_test(test_storm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
