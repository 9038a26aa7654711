#include "../base/cm.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/syn_filter.h"
#include "net/listen.h"

/* Real sockets on loopback, where a handshake that nobody drops is over when connect() returns:
 * a segment meets the other side within the call that sends it. */

enum { AGAIN_MS = 10000 }; /* the kernel tries again after one second, and then after two */

static struct addr ip_of(const char *text)
{
    struct addr a;

    assert_int_equal(addr_from_ip(span_from_str(text), 0, &a), 0);
    return a;
}

static int listen_at(const char *ip, bool defer, uint16_t *port)
{
    const struct addr at = ip_of(ip);
    struct addr bound;
    const int fd = listen_open(&at, false, defer, &bound);

    assert_true(fd >= 0);
    *port = bound.port;
    return fd;
}

static int begin(const char *ip, uint16_t port)
{
    struct addr to = ip_of(ip);
    struct sockaddr_storage sa;
    const int fd = socket(to.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    to.port = port;
    const socklen_t len = addr_to_sockaddr(&to, &sa);
    if (connect(fd, (struct sockaddr *)&sa, len) < 0)
        assert_int_equal(errno, EINPROGRESS);
    return fd;
}

static bool is_connected(int fd, int wait_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int error = -1;
    socklen_t len = sizeof(error);

    if (poll(&p, 1, wait_ms) == 0)
        return false;
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
    assert_int_equal(error, 0);
    return true;
}

static void check_connects(const char *ip, uint16_t port, bool connects)
{
    const int fd = begin(ip, port);

    if (is_connected(fd, 0) != connects)
        fail_msg("%s: %d", ip, connects);
    close(fd);
}

static int accept_one(int listener)
{
    struct pollfd p = {.fd = listener, .events = POLLIN};
    struct addr peer;

    assert_int_equal(poll(&p, 1, AGAIN_MS), 1);
    const int fd = listen_accept(listener, &peer);
    assert_true(fd >= 0);
    return fd;
}

/* Of a socket at all addresses, of both versions; the address alone counts, not the port. */
static void test_which(void **state)
{
    uint16_t port;
    const int fd = listen_at("::", false, &port);
    struct addr addrs[] = {ip_of("127.0.0.5"), ip_of("::1"), ip_of("127.0.0.7")};

    (void)state;
    addrs[2].port = 9;
    check_connects("127.0.0.5", port, true);
    assert_int_equal(syn_filter_set(fd, addrs, COUNT(addrs)), 0);
    check_connects("127.0.0.5", port, false);
    check_connects("127.0.0.7", port, false);
    check_connects("::1", port, false);
    check_connects("127.0.0.6", port, true);
    assert_int_equal(syn_filter_set(fd, addrs, 1), 0); /* in place of the one before */
    check_connects("127.0.0.5", port, false);
    check_connects("127.0.0.7", port, true);
    check_connects("::1", port, true);
    assert_int_equal(syn_filter_set(fd, addrs + 1, 1), 0);
    check_connects("127.0.0.5", port, true);
    check_connects("::1", port, false);
    assert_int_equal(syn_filter_set(fd, NULL, 0), 0);
    check_connects("::1", port, true);
    assert_int_equal(syn_filter_set(fd, NULL, 0), 0); /* there is none */
    close(fd);
}

/* Whoever was not let in is not refused, and comes in by himself when he may. */
static void test_comes_again(void **state)
{
    uint16_t port;
    const int fd = listen_at("0.0.0.0", false, &port);
    const struct addr at = ip_of("127.0.0.5");

    (void)state;
    assert_int_equal(syn_filter_set(fd, &at, 1), 0);
    const int client = begin("127.0.0.5", port);
    assert_false(is_connected(client, 0));
    assert_int_equal(syn_filter_set(fd, NULL, 0), 0);
    assert_true(is_connected(client, AGAIN_MS));
    close(client);
    close(fd);
}

static void check_talk(int from, int to)
{
    char got[8] = "";

    assert_int_equal(send(from, "hello", 5, 0), 5);
    struct pollfd p = {.fd = to, .events = POLLIN};
    assert_int_equal(poll(&p, 1, AGAIN_MS), 1);
    assert_int_equal(recv(to, got, sizeof(got), 0), 5);
    assert_memory_equal(got, "hello", 5);
}

/* A connection that had begun is accepted, also one that the kernel keeps until it speaks; and
 * what it inherits does it no harm. */
static void test_what_has_begun(void **state)
{
    const struct addr at = ip_of("127.0.0.5");

    (void)state;
    for (unsigned defer = 0; defer < 2; defer++) {
        uint16_t port;
        const int fd = listen_at("127.0.0.5", defer, &port);
        const int client = begin("127.0.0.5", port);

        assert_true(is_connected(client, 0));
        assert_int_equal(syn_filter_set(fd, &at, 1), 0);
        assert_int_equal(send(client, "!", 1, 0), 1);
        const int server = accept_one(fd);
        char got = 0;
        assert_int_equal(recv(server, &got, 1, 0), 1);
        check_talk(client, server);
        check_talk(server, client);
        close(client);
        close(server);
        close(fd);
    }
}

/* As many as there may be, of either version: the last counts as the first does. */
static void test_many(void **state)
{
    struct addr addrs[SYN_FILTER_MAX];
    uint16_t port;
    const int fd = listen_at("::", false, &port);

    (void)state;
    for (unsigned i = 0; i < SYN_FILTER_MAX; i++)
        addrs[i] = (struct addr){.family = AF_INET, .ip = {127, 0, 1, (uint8_t)i}};
    assert_int_equal(syn_filter_set(fd, addrs, SYN_FILTER_MAX), 0);
    check_connects("127.0.1.0", port, false);
    check_connects("127.0.1.63", port, false);
    check_connects("127.0.1.64", port, true);
    check_connects("::1", port, true);
    for (unsigned i = 0; i < SYN_FILTER_MAX; i++)
        addrs[i] = (struct addr){.family = AF_INET6, .ip = {0xfd, [15] = (uint8_t)i}};
    addrs[SYN_FILTER_MAX - 1] = ip_of("::1");
    assert_int_equal(syn_filter_set(fd, addrs, SYN_FILTER_MAX), 0);
    check_connects("::1", port, false);
    check_connects("127.0.1.63", port, true);
    close(fd);
}

static void test_refused(void **state)
{
    const struct addr at = ip_of("127.0.0.5");

    (void)state;
    assert_true(syn_filter_set(-1, &at, 1) < 0);
    assert_true(syn_filter_set(-1, NULL, 0) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which),          cmocka_unit_test(test_comes_again),
        cmocka_unit_test(test_what_has_begun), cmocka_unit_test(test_many),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
