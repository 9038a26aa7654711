#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/listen.h"
#include "net/passed.h"

static const struct addr loopback = {.family = AF_INET, .ip = {127, 0, 0, 1}};

/* Another address for each. */
static struct addr address_of(unsigned port)
{
    struct addr at = loopback;

    at.port = (uint16_t)port;
    return at;
}

static int add(const char *name, unsigned port)
{
    const struct addr at = address_of(port);
    const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(passed_add(span_from_str(name), &at, fd), 0);
    return fd;
}

static unsigned count(enum passed_use use, unsigned port)
{
    const struct addr at = address_of(port);

    return passed_count(use, &at);
}

static int take(enum passed_use use, unsigned port, unsigned i)
{
    const struct addr at = address_of(port);

    return passed_open(use, &at, i);
}

static int end(void **state)
{
    (void)state;
    passed_end();
    assert_null(passed_at(0));
    return 0;
}

static void test_by_address(void **state)
{
    (void)state;
    add("web", 80);
    assert_int_equal(take(PASSED_PROXY, 81, 0), WERR_NOT_FOUND);
    const int fd = take(PASSED_PROXY, 80, 7);
    assert_true(fd >= 0 && fd != passed_at(0)->fd);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(close(fd), 0);
    assert_true(fcntl(passed_at(0)->fd, F_GETFD) >= 0); /* it stays */
    assert_int_equal(passed_most(), 1);
}

static void test_who_asks_first_has_it(void **state)
{
    (void)state;
    add("web", 80);
    add("web", 81);
    (void)close(take(PASSED_PROXY, 80, 0));
    (void)close(take(PASSED_API, 81, 0));
    assert_int_equal(take(PASSED_API, 80, 0), WERR_NOT_FOUND);
    assert_int_equal(take(PASSED_PROXY, 81, 0), WERR_NOT_FOUND);
    assert_int_equal(count(PASSED_PROXY, 80), 1);
    assert_int_equal(count(PASSED_API, 81), 1);
}

static void test_admin_is_for_the_api(void **state)
{
    (void)state;
    add("admin", 80);
    assert_true(passed_at(0)->is_admin);
    assert_int_equal(count(PASSED_PROXY, 80), 0);
    assert_int_equal(count(PASSED_API, 80), 1);
    assert_int_equal(passed_most(), 0);
}

static ino_t inode(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    (void)close(fd);
    return st.st_ino;
}

/* Of k sockets number i modulo k, in their order, whatever lies between. */
static void test_slots_share(void **state)
{
    struct addr bound;
    int fds[2];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        fds[i] = listen_open(&loopback, false, false, &bound);
        const struct addr at = address_of(80);
        assert_int_equal(passed_add(span_from_str("web"), &at, fds[i]), 0);
        add("other", 90 + i);
    }
    assert_int_equal(passed_most(), 2);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(inode(take(PASSED_PROXY, 80, i)), inode(dup(fds[i % 2])));
}

static void test_so_many_and_no_more(void **state)
{
    const struct addr at = address_of(80);

    (void)state;
    for (unsigned i = 0; i < PASSED_MAX; i++)
        add("web", 80);
    assert_int_equal(passed_add(span_from_str("web"), &at, 0), WERR_NO_FD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_by_address, end),
        cmocka_unit_test_teardown(test_who_asks_first_has_it, end),
        cmocka_unit_test_teardown(test_admin_is_for_the_api, end),
        cmocka_unit_test_teardown(test_slots_share, end),
        cmocka_unit_test_teardown(test_so_many_and_no_more, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
