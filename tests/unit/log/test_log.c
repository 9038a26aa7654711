#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/span.h"
#include "log/log.h"

static int saved_stderr;
static char text[65536];

static int save_stderr(void **state)
{
    (void)state;
    saved_stderr = dup(STDERR_FILENO);
    return saved_stderr >= 0 ? 0 : -1;
}

static int restore_stderr(void **state)
{
    (void)state;
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    log_init("test", -1, LOG_INFO);
    return 0;
}

/* What the test before has lost is told here. */
static void tell_losses(void)
{
    const int fd = memfd_create("log", MFD_CLOEXEC);

    dup2(fd, STDERR_FILENO);
    log_init("manager", -1, LOG_DEBUG);
    log_debug("m");
    close(fd);
}

static int start_file(void)
{
    int fd = memfd_create("log", MFD_CLOEXEC);

    assert_true(fd >= 0);
    dup2(fd, STDERR_FILENO);
    return fd;
}

static const char *read_file(int fd)
{
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

    assert_true(n >= 0);
    text[n] = 0;
    return text;
}

/* The line after its time, whose form is checked on the way. */
static const char *after_time(const char *line)
{
    int year, month, day, hour, minute, second, ms, len = 0;

    assert_int_equal(sscanf(line, "time=%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &year, &month, &day,
                            &hour, &minute, &second, &ms, &len),
                     7);
    assert_int_equal(len, 29);
    return line + len;
}

static unsigned count_lines(const char *from)
{
    unsigned n = 0;

    for (; (from = strchr(from, '\n')) != NULL; from++)
        n++;
    return n;
}

static void test_line(void **state)
{
    int fd = start_file();

    (void)state;
    log_init("worker", 3, LOG_INFO);
    log_info("proxy listens", LOG_S("address", "127.0.0.1:8080"),
             LOG_U("n", 18446744073709551615U), LOG_I("delta", -42), LOG_X("server", 0xbeef),
             LOG_ID("member", 0xbeef), LOG_B("part", span_first(SPAN("abcdef"), 3)));
    assert_string_equal(
        after_time(read_file(fd)),
        " level=info role=worker worker=3 msg=\"proxy listens\" address=127.0.0.1:8080 "
        "n=18446744073709551615 delta=-42 server=beef member=000000000000beef part=abc\n");
    close(fd);
}

static void test_no_pairs_and_no_worker(void **state)
{
    int fd = start_file();

    (void)state;
    log_init("manager", -1, LOG_INFO);
    log_error("stop");
    assert_string_equal(after_time(read_file(fd)), " level=error role=manager msg=stop\n");
    close(fd);
}

static void test_quoting(void **state)
{
    static const struct {
        struct span value;
        const char *printed;
    } cases[] = {
        {{"plain/1.0:x", 11}, "k=plain/1.0:x\n"},
        {{"", 0}, "k=\"\"\n"},
        {{"a b", 3}, "k=\"a b\"\n"},
        {{"a=b", 3}, "k=\"a=b\"\n"},
        {{"a\nlevel=error", 13}, "k=\"a\\nlevel=error\"\n"},
        {{"say \"x\\y\"", 9}, "k=\"say \\\"x\\\\y\\\"\"\n"},
        {{"\0\x1b\x7f\xff\r", 5}, "k=\"\\x00\\x1b\\x7f\\xff\\x0d\"\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fd = start_file();

        log_init("manager", -1, LOG_DEBUG);
        log_debug("m", LOG_B("k", cases[i].value));
        assert_string_equal(strstr(read_file(fd), "k="), cases[i].printed);
        close(fd);
    }
}

static void test_null_string(void **state)
{
    int fd = start_file();

    (void)state;
    log_init("manager", -1, LOG_INFO);
    log_info("m", LOG_S("k", NULL));
    assert_non_null(strstr(read_file(fd), " k=\"\"\n"));
    close(fd);
}

static void test_levels(void **state)
{
    static const char *const words[] = {"error", "warn", "info", "debug", "trace"};

    (void)state;
    for (int level = LOG_ERROR; level <= LOG_TRACE; level++) {
        int fd = start_file();

        log_init("manager", -1, LOG_ERROR);
        log_set_level((enum log_level)level);
        log_error("m");
        log_warn("m");
        log_info("m");
        log_debug("m");
        log_trace("m");
        assert_int_equal(count_lines(read_file(fd)), level + 1);
        assert_string_equal(log_level_word((enum log_level)level), words[level]);
        assert_non_null(strstr(text, words[level]));
        close(fd);
    }
}

static void test_rate_limit(void **state)
{
    static struct log_site site;
    static const struct log_pair none[] = {{0}};
    int fd = start_file();

    (void)state;
    log_init("manager", -1, LOG_DEBUG);
    for (int i = 0; i < 35; i++)
        log_line(&site, LOG_WARN, "flood", none);
    /* The second may have changed in between: then up to 20 lines came, the 11th of them late.
     */
    assert_in_range(count_lines(read_file(fd)), 10, 21);
    site = (struct log_site){.window_s = site.window_s, .n = 10, .suppressed = 24};
    site.window_s--; /* a second later */
    log_line(&site, LOG_WARN, "after", none);
    assert_non_null(strstr(read_file(fd), "msg=after suppressed=24\n"));
    log_line(&site, LOG_WARN, "again", none);
    assert_non_null(strstr(read_file(fd), "msg=again\n"));
    close(fd);
}

static void test_debug_is_not_limited(void **state)
{
    int fd = start_file();

    (void)state;
    log_init("manager", -1, LOG_DEBUG);
    for (int i = 0; i < 50; i++)
        log_debug("m");
    assert_int_equal(count_lines(read_file(fd)), 50);
    close(fd);
}

static void test_long_line(void **state)
{
    static char big[5000];
    int fd = start_file();

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    log_init("manager", -1, LOG_INFO);
    log_info("m", LOG_S("before", "1"), LOG_S("big", big), LOG_S("after", "2"));
    assert_non_null(strstr(read_file(fd), " msg=m before=1 truncated=1\n"));
    close(fd);
}

static void test_full_pipe_does_not_block(void **state)
{
    int fds[2];
    uint64_t dropped = log_dropped();
    char buf[4096];
    ssize_t n;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    dup2(fds[1], STDERR_FILENO);
    log_init("manager", -1, LOG_DEBUG);
    for (int i = 0; i < 2000; i++)
        log_debug("a line that takes some room in the pipe", LOG_U("i", i));
    assert_true(log_dropped() > dropped);
    assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
    for (int i = 0; i < 4; i++)
        assert_true(read(fds[0], buf, sizeof(buf)) > 0);
    dropped = log_dropped();
    log_debug("room again");
    assert_int_equal(log_dropped(), dropped);
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    text[0] = 0;
    while ((n = read(fds[0], text, sizeof(text) - 1)) > 0)
        text[n] = 0;
    assert_non_null(strstr(text, "msg=\"room again\"\n"));
    close(fds[0]);
    close(fds[1]);
}

static void test_full_socket_does_not_block(void **state)
{
    int fds[2];
    uint64_t dropped = log_dropped();

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    dup2(fds[1], STDERR_FILENO);
    log_init("manager", -1, LOG_DEBUG);
    for (int i = 0; i < 5000; i++)
        log_debug("a line that takes some room in the socket", LOG_U("i", i));
    assert_true(log_dropped() > dropped);
    close(fds[0]);
    close(fds[1]);
}

enum { FLOOD_LINES = 3000, PATIENCE_S = 20 };

/* Adds what comes to text until nothing has come for a moment. */
static size_t read_more(int fd, size_t len)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ssize_t n = 1;

    while (n > 0 && poll(&p, 1, 20) == 1) {
        n = read(fd, text + len, sizeof(text) - 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    text[len] = 0;
    return len;
}

/* Reads until a line gets out again. */
static void read_until_room(int fd)
{
    size_t len = read_more(fd, 0);

    for (unsigned i = 0; i < 500 && strstr(text, "room again") == NULL; i++) {
        log_debug("room again");
        len = read_more(fd, len);
    }
    assert_non_null(strstr(text, "room again"));
}

/* All that text tells of. */
static uint64_t count_told(void)
{
    static const char words[] = "log lines are lost";
    uint64_t n = 0;

    for (const char *at = text; (at = strstr(at, words)) != NULL; at++) {
        const char *lines = strstr(at, "lines=");

        assert_non_null(lines);
        n += strtoull(lines + strlen("lines="), NULL, 10);
    }
    return n;
}

/* A write that waits is ended by the alarm, and the test with it. */
static void flood(void)
{
    (void)alarm(PATIENCE_S);
    for (int i = 0; i < FLOOD_LINES; i++)
        log_debug("a line that takes some room", LOG_U("i", i));
    (void)alarm(0);
}

static void flood_terminal(bool is_stopped)
{
    const uint64_t dropped = log_dropped();
    int master;
    int slave;

    tell_losses();
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    dup2(slave, STDERR_FILENO);
    log_init("worker", 1, LOG_DEBUG);
    if (is_stopped)
        assert_int_equal(tcflow(slave, TCOOFF), 0); /* as Ctrl-S does */
    flood();
    assert_true(log_dropped() > dropped);
    assert_int_equal(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
    if (is_stopped)
        assert_int_equal(tcflow(slave, TCOON), 0);
    read_until_room(master);
    assert_int_equal(count_told(), log_dropped() - dropped);
    close(slave);
    close(master);
}

static void test_terminal_that_nobody_reads(void **state)
{
    (void)state;
    flood_terminal(false);
}

static void test_terminal_that_is_stopped(void **state)
{
    (void)state;
    flood_terminal(true);
}

/* It has taken half a line; the next one does not continue it. */
static void test_torn_line(void **state)
{
    const uint64_t dropped = log_dropped();
    const int size = 5000; /* for which no whole number of lines is right */
    int fds[2];

    (void)state;
    tell_losses();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
    dup2(fds[1], STDERR_FILENO);
    log_init("manager", -1, LOG_DEBUG);
    flood();
    read_until_room(fds[0]);
    assert_non_null(strstr(text, "\ntime="));
    assert_int_equal(count_told(), log_dropped() - dropped);
    for (const char *at = text; *at != '\0'; at = strchr(at, '\n') + 1)
        assert_memory_equal(at, "time=", 5);
    close(fds[0]);
    close(fds[1]);
}

static void test_terminal(void **state)
{
    int master;
    int slave;
    ssize_t n;

    (void)state;
    tell_losses();
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    dup2(slave, STDERR_FILENO);
    log_init("worker", 1, LOG_INFO);
    errno = 33;
    log_warn("short on a terminal", LOG_S("k", "v w"));
    assert_int_equal(errno, 33);
    n = read(master, text, sizeof(text) - 1);
    assert_true(n > 0);
    text[n] = 0;
    assert_int_equal(text[2], ':');
    assert_int_equal(text[8], '.');
    assert_non_null(strstr(text, "\033[33mwarn \033[0m short on a terminal  "));
    assert_non_null(strstr(text, "  worker=1 k=\"v w\"\r\n"));
    assert_null(strstr(text, "role="));
    close(slave);
    close(master);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_no_pairs_and_no_worker),
        cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_null_string),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_rate_limit),
        cmocka_unit_test(test_debug_is_not_limited),
        cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_full_pipe_does_not_block),
        cmocka_unit_test(test_full_socket_does_not_block),
        cmocka_unit_test(test_terminal),
        cmocka_unit_test(test_terminal_that_nobody_reads),
        cmocka_unit_test(test_terminal_that_is_stopped),
        cmocka_unit_test(test_torn_line),
    };

    return cmocka_run_group_tests(tests, save_stderr, restore_stderr);
}
