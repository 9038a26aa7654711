#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/inherited.h"

static const struct addr any = {.family = AF_INET, .ip = {127, 0, 0, 1}};
static const struct addr bound = {.family = AF_INET, .port = 4711, .ip = {127, 0, 0, 1}};

static struct inherited_key key_of(enum inherited_use use, unsigned slot, const char *name)
{
    return (struct inherited_key){
        .use = use, .slot = slot, .wanted = any, .name = span_from_str(name)};
}

static int add(enum inherited_use use, unsigned slot, const char *name)
{
    const struct inherited_key key = key_of(use, slot, name);
    const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(inherited_add(&key, &bound, fd), 0);
    return fd;
}

static int take(enum inherited_use use, unsigned slot, const char *name)
{
    const struct inherited_key key = key_of(use, slot, name);
    struct addr at = {0};
    const int fd = inherited_take(&key, &at);

    if (fd >= 0)
        assert_true(addr_is_equal(&at, &bound));
    return fd;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0 || errno != EBADF;
}

/* By all of its key, and once. */
static void test_found_by_its_key(void **state)
{
    const int first = add(INHERITED_PROXY, 0, "default"),
              second = add(INHERITED_PROXY, 1, "default");
    const int other = add(INHERITED_PROXY, 0, "shop"), api = add(INHERITED_API, 0, "");

    (void)state;
    assert_int_equal(take(INHERITED_PROXY, 2, "default"), WERR_NOT_FOUND);
    assert_int_equal(take(INHERITED_PROXY, 0, "defaul"), WERR_NOT_FOUND);
    assert_int_equal(take(INHERITED_PROXY, 1, "default"), second);
    assert_int_equal(take(INHERITED_PROXY, 1, "default"), WERR_NOT_FOUND);
    assert_int_equal(take(INHERITED_PROXY, 0, "shop"), other);
    assert_int_equal(take(INHERITED_API, 0, ""), api);
    assert_int_equal(take(INHERITED_PROXY, 0, "default"), first);
    (void)close(first);
    (void)close(second);
    (void)close(other);
    (void)close(api);
}

static void test_the_rest_is_closed(void **state)
{
    const int taken = add(INHERITED_PROXY, 0, "a"), left = add(INHERITED_PROXY, 0, "b");
    const struct inherited_key key = key_of(INHERITED_PROXY, 0, "b");

    (void)state;
    assert_int_equal(take(INHERITED_PROXY, 0, "a"), taken);
    assert_true(inherited_has(&key));
    inherited_end();
    assert_false(inherited_has(&key));
    assert_false(is_open(left));
    assert_true(is_open(taken));
    (void)close(taken);
    inherited_end(); /* of nothing */
}

static void test_a_path_has_no_address(void **state)
{
    const struct inherited_key key = {.use = INHERITED_LOCAL, .name = SPAN("/run/api")};
    const struct inherited_key other = {.use = INHERITED_LOCAL, .name = SPAN("/run/other")};
    const struct addr none = {0};
    struct addr at;
    const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(inherited_add(&key, &none, fd), 0);
    assert_false(inherited_has(&other));
    assert_int_equal(inherited_take(&key, &at), fd);
    (void)close(fd);
}

static void test_cluster(void **state)
{
    struct addr wanted;

    (void)state;
    assert_int_equal(inherited_cluster(&wanted), -1);
    inherited_note_cluster(7, &any);
    assert_int_equal(inherited_cluster(&wanted), 7);
    assert_true(addr_is_equal(&wanted, &any));
    inherited_note_cluster(-1, &any);
    assert_int_equal(inherited_cluster(&wanted), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_by_its_key),
        cmocka_unit_test(test_the_rest_is_closed),
        cmocka_unit_test(test_a_path_has_no_address),
        cmocka_unit_test(test_cluster),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
