#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/listen.h"

static struct addr addr_of(const char *text)
{
    struct addr a;

    assert_int_equal(addr_from_text(span_from_str(text), &a), 0);
    return a;
}

static int option_of(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static void test_options(void **state)
{
    struct addr at = addr_of("127.0.0.1:0");
    struct addr bound;
    int fd = listen_open(&at, true, true, &bound);

    (void)state;
    assert_true(fd >= 0);
    assert_true(addr_is_loopback(&bound));
    assert_int_not_equal(bound.port, 0);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_REUSEADDR), 1);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_REUSEPORT), 1);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_true(option_of(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT) > 0);
    listen_set_deferring(fd, false);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT), 0);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 128 * 1024);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    close(fd);
    fd = listen_open(&at, false, false, &bound);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_REUSEPORT), 0);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT), 0);
    close(fd);
}

static void test_sharing(void **state)
{
    static const struct {
        bool first, second;
        bool is_allowed;
    } cases[] = {{true, true, true}, {false, false, false}, {false, true, false}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct addr at = addr_of("127.0.0.1:0");
        struct addr bound;
        struct addr again;
        int first = listen_open(&at, cases[i].first, false, &bound);
        int second = listen_open(&bound, cases[i].second, false, &again);

        assert_true(first >= 0);
        if (cases[i].is_allowed) {
            assert_true(second >= 0);
            assert_true(addr_is_equal(&bound, &again));
            close(second);
        } else {
            assert_int_equal(second, WERR_ADDR_IN_USE);
        }
        close(first);
    }
}

enum { SHARERS = 3, CALLERS = 60 };

static void call(const struct addr *to)
{
    struct sockaddr_storage sa;
    const socklen_t len = addr_to_sockaddr(to, &sa);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
    close(fd);
}

/* How many of some callers wait at each socket now. */
static void call_and_count(const int *fds, const struct addr *to, unsigned *n)
{
    struct addr peer;

    for (unsigned i = 0; i < CALLERS; i++)
        call(to);
    for (unsigned i = 0; i < SHARERS; i++) {
        int fd;

        for (n[i] = 0; (fd = listen_accept(fds[i], &peer)) >= 0; n[i]++)
            close(fd);
    }
}

/* The first ones get all, by turns of chance; then again everybody. */
static void test_steering(void **state)
{
    struct addr at = addr_of("127.0.0.1:0");
    int fds[SHARERS];
    unsigned n[SHARERS];

    (void)state;
    for (unsigned i = 0; i < SHARERS; i++) {
        fds[i] = listen_open(&at, true, false, &at);
        assert_true(fds[i] >= 0);
    }
    assert_int_equal(listen_steer(fds[2], 1), 0);
    call_and_count(fds, &at, n);
    assert_int_equal(n[0], CALLERS);
    assert_int_equal(listen_steer(fds[0], 2), 0);
    call_and_count(fds, &at, n);
    assert_true(n[0] > 0 && n[1] > 0);
    assert_int_equal(n[2], 0);
    assert_int_equal(listen_steer(fds[0], SHARERS), 0);
    call_and_count(fds, &at, n);
    assert_true(n[0] > 0 && n[1] > 0 && n[2] > 0);
    for (unsigned i = 0; i < SHARERS; i++)
        close(fds[i]);
}

static void test_address_of_nobody_here(void **state)
{
    struct addr at = addr_of("192.0.2.1:0");
    struct addr bound;

    (void)state;
    assert_int_equal(listen_open(&at, false, false, &bound), WERR_ADDR_UNAVAILABLE);
}

/* An address that may come later is bound at once. */
static void test_absent_address(void **state)
{
    static const char *const absent[] = {"192.0.2.1:0", "[2001:db8::1]:0"};
    struct addr at, bound;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        at = addr_of(absent[i]);
        const int fd = listen_open_absent(&at, true, false, &bound);

        assert_true(fd >= 0);
        assert_int_not_equal(bound.port, 0);
        at.port = bound.port;
        assert_true(addr_is_equal(&at, &bound));
        assert_int_equal(listen_open_absent(&at, false, false, &bound), WERR_ADDR_IN_USE);
        close(fd);
    }
}

static void test_wildcard_takes_ipv4(void **state)
{
    struct addr at = addr_of("*:0");
    struct addr bound;
    struct sockaddr_storage sa;
    struct addr to = addr_of("127.0.0.1:0");
    socklen_t len;
    int fd = listen_open(&at, false, false, &bound);
    int client = socket(AF_INET, SOCK_STREAM, 0);

    (void)state;
    assert_true(fd >= 0);
    to.port = bound.port;
    len = addr_to_sockaddr(&to, &sa);
    assert_int_equal(connect(client, (struct sockaddr *)&sa, len), 0);
    close(client);
    close(fd);
}

static void test_pair(void **state)
{
    int fds[2];
    char byte = 0;

    (void)state;
    assert_int_equal(listen_pair(fds), 0);
    assert_int_equal(read(fds[0], &byte, 1), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(write(fds[1], "w", 1), 1);
    assert_int_equal(read(fds[0], &byte, 1), 1);
    assert_int_equal(byte, 'w');
    assert_int_equal(fcntl(fds[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(fds[0]);
    close(fds[1]);
}

static void test_raise_fd_limit(void **state)
{
    struct rlimit before;
    struct rlimit low;
    struct rlimit after;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = before;
    low.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(listen_raise_fd_limit(), before.rlim_max);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &after), 0);
    assert_int_equal(after.rlim_cur, before.rlim_max);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void test_source(void **state)
{
    struct addr to, from;

    (void)state;
    assert_int_equal(addr_from_text(SPAN("127.0.0.1:8688"), &to), 0);
    assert_int_equal(listen_source(&to, &from), 0);
    from.port = to.port;
    assert_true(addr_is_equal(&from, &to));
    assert_int_equal(addr_from_text(SPAN("255.255.255.255:1"), &to), 0);
    assert_true(listen_source(&to, &from) < 0); /* not without asking for broadcasts */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_source),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_sharing),
        cmocka_unit_test(test_steering),
        cmocka_unit_test(test_address_of_nobody_here),
        cmocka_unit_test(test_absent_address),
        cmocka_unit_test(test_wildcard_takes_ipv4),
        cmocka_unit_test(test_pair),
        cmocka_unit_test(test_raise_fd_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
