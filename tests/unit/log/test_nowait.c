#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log/nowait.h"

enum { PATIENCE_S = 20, TRIES = 5000 };

static char line[PIPE_BUF];

/* Writes until nothing more is taken. A write that waits is ended by the alarm, and the test
 * with it. */
static size_t fill(int fd, uint8_t way, size_t piece)
{
    size_t taken = 0;
    ssize_t n = 0;

    memset(line, 'x', sizeof(line));
    (void)alarm(PATIENCE_S);
    for (unsigned i = 0; i < TRIES && (n = nowait_write(fd, way, line, piece)) > 0; i++)
        taken += (size_t)n;
    (void)alarm(0);
    assert_int_equal(n, -1);
    assert_int_equal(errno, EAGAIN);
    return taken;
}

static void test_pipe(void **state)
{
    uint8_t way;
    int fds[2];
    int fd;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    fd = nowait_open(fds[1], false, &way);
    assert_int_equal(way, NOWAIT_OWN);
    assert_true(fill(fd, way, 100) > 1000);
    assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
    close(fd);
    close(fds[0]);
    close(fds[1]);
}

static void test_terminal(void **state)
{
    uint8_t way;
    int master;
    int slave;
    int fd;

    (void)state;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    fd = nowait_open(slave, false, &way);
    assert_int_equal(way, NOWAIT_OWN);
    assert_true(fill(fd, way, 100) > 1000);
    assert_int_equal(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
    close(fd);
    close(master);
    close(slave);
}

static void test_socket(void **state)
{
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        uint8_t way;
        int fds[2];
        int fd;

        assert_int_equal(socketpair(AF_UNIX, types[i], 0, fds), 0);
        fd = nowait_open(fds[1], false, &way);
        assert_int_equal(way, NOWAIT_SOCKET);
        assert_true(fill(fd, way, 100) >= 1000);
        close(fd);
        close(fds[0]);
        close(fds[1]);
    }
}

/* Another user's pipe or terminal. */
static void test_shared_pipe(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_true(fill(fds[1], NOWAIT_SHARED, 100) > 1000);
    assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
    close(fds[0]);
    close(fds[1]);
}

static void test_shared_terminal(void **state)
{
    int master;
    int slave;

    (void)state;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    (void)fill(slave, NOWAIT_SHARED, 100);
    assert_int_equal(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
    close(master);
    close(slave);
}

/* Who else has the descriptor goes on behind what we wrote; or we are always at the end. */
static void test_file(void **state)
{
    char name[] = "/tmp/weldr-nowait-XXXXXX";
    char text[32] = "";
    const int fd = mkstemp(name);
    uint8_t way;
    int ours;

    (void)state;
    ours = nowait_open(fd, false, &way);
    assert_int_equal(way, NOWAIT_FILE);
    assert_int_equal(nowait_write(ours, way, "one ", 4), 4);
    assert_int_equal(write(fd, "two ", 4), 4);
    close(ours);
    ours = nowait_open(fd, true, &way);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(nowait_write(ours, way, "three", 5), 5);
    close(ours);
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    assert_string_equal(text, "one two three");
    close(fd);
    unlink(name);
}

static void test_closed(void **state)
{
    uint8_t way;

    (void)state;
    assert_int_equal(nowait_open(1000000, false, &way), -1);
    assert_int_equal(errno, EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipe),
        cmocka_unit_test(test_terminal),
        cmocka_unit_test(test_socket),
        cmocka_unit_test(test_shared_pipe),
        cmocka_unit_test(test_shared_terminal),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
