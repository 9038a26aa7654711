#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "manager/own_address.h"

static struct addr at(const char *text)
{
    struct addr a;

    assert_int_equal(addr_from_text(span_from_str(text), &a), 0);
    return a;
}

static bool is_own(const char *listener, const char *address)
{
    struct own_addresses o = {.n = 0};
    const struct addr l = at(listener), a = at(address);

    own_addresses_add(&o, &l);
    return own_address_is(&o, &a);
}

static void test_addresses(void **state)
{
    static const struct {
        const char *listener, *address;
        bool is_own;
    } rows[] = {
        {"127.0.0.1:8080", "127.0.0.1:8080", true},
        {"127.0.0.1:8080", "127.0.0.1:8081", false},
        {"127.0.0.1:8080", "127.0.0.2:8080", false},
        {"127.0.0.1:8080", "[::1]:8080", false},
        {"127.0.0.1:8080", "[::ffff:127.0.0.1]:8080", true},
        {"[::1]:8080", "[::1]:8080", true},
        {"[::1]:8080", "127.0.0.1:8080", false},
        {"0.0.0.0:8080", "127.0.0.1:8080", true},
        {"0.0.0.0:8080", "127.9.8.7:8080", true},
        {"0.0.0.0:8080", "[::1]:8080", false},
        {"0.0.0.0:8080", "198.51.100.7:8080", false},
        {"[::]:8080", "127.0.0.1:8080", true},
        {"[::]:8080", "127.9.8.7:8080", true},
        {"[::]:8080", "[::1]:8080", true},
        {"[::]:8080", "[::ffff:127.0.0.1]:8080", true},
        {"[::]:8080", "127.0.0.1:8081", false},
        {"[::]:8080", "198.51.100.7:8080", false},
        {"[::]:8080", "[2001:db8::1]:8080", false},
        {"198.51.100.7:8080", "198.51.100.7:8080", true},
        {"198.51.100.7:8080", "198.51.100.8:8080", false},
        {"198.51.100.7:8080", "127.0.0.1:8080", false},
        {"127.0.0.1:0", "127.0.0.1:8080", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (is_own(rows[i].listener, rows[i].address) != rows[i].is_own)
            fail_msg("%s and %s", rows[i].listener, rows[i].address);
}

static void check_url(const char *url, bool is_refused)
{
    const struct addr listener = at("127.0.0.1:8080");
    struct own_addresses o = {.n = 0};
    struct pool_command c;
    struct pool_error error;
    int result;

    own_addresses_add(&o, &listener);
    pool_command_init(&c, POOL_ADD_SERVER);
    assert_int_equal(pool_check_url(span_from_str(url), &c.server, &error), 0);
    result = own_address_check(&o, &c.server, &error);
    if ((result < 0) != is_refused)
        fail_msg("%s", url);
    if (is_refused) {
        assert_int_equal(result, WERR_INVALID);
        assert_string_equal(error.code, "own_address");
        assert_string_equal(error.field, "url");
    }
    pool_command_fini(&c);
}

static void test_urls(void **state)
{
    (void)state;
    check_url("http://127.0.0.1:8080", true);
    check_url("http://localhost:8080", true);
    check_url("http://LocalHost:8080/", true);
    check_url("http://app.localhost:8080", true);
    check_url("http://localhost:8081", false);
    check_url("http://notlocalhost:8080", false);
    check_url("http://localhost.example:8080", false);
    check_url("http://127.0.0.1:8081", false);
}

static void test_each_once(void **state)
{
    const struct addr listener = at("[::]:8080");
    const struct addr any_port = at("127.0.0.1:0");
    struct own_addresses o = {.n = 0};

    (void)state;
    own_addresses_add(&o, &listener);
    own_addresses_add(&o, &listener);
    own_addresses_add(&o, &any_port);
    assert_int_equal(o.n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_each_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
