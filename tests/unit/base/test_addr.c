#include "cm.h"

#include <stdio.h>
#include <string.h>

#include "base/addr.h"

static const struct {
    const char *text, *printed; /* NULL: malformed */
} from_texts[] = {
    {"127.0.0.1:80", "127.0.0.1:80"},
    {"255.255.255.255:65535", "255.255.255.255:65535"},
    {"0.0.0.0:0", "0.0.0.0:0"},
    {"[::1]:8080", "[::1]:8080"},
    {"[2001:DB8:0:0:1:0:0:1]:1", "[2001:db8::1:0:0:1]:1"},
    {"[2001:db8:0:1:1:1:1:1]:1", "[2001:db8:0:1:1:1:1:1]:1"},
    {"[::ffff:10.0.0.1]:5", "10.0.0.1:5"},
    {"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
    {":8080", "[::]:8080"},
    {"*:8080", "[::]:8080"},
    {"", NULL},
    {":", NULL},
    {"127.0.0.1", NULL},
    {"127.0.0.1:", NULL},
    {"127.0.0.1:65536", NULL},
    {"127.0.0.1:-1", NULL},
    {"127.0.0.1: 80", NULL},
    {"127.0.0.1:80x", NULL},
    {" 127.0.0.1:80", NULL},
    {"127.0.1:80", NULL},
    {"127.0.0.256:80", NULL},
    {"127.0.0.01:80", NULL},
    {"[127.0.0.1]:80", NULL},
    {"::1:80", NULL},
    {"[::1]", NULL},
    {"[::1]80", NULL},
    {"[::1:80", NULL},
    {"::1]:80", NULL},
    {"[]:80", NULL},
    {"[fe80::1%lo]:80", NULL},
    {"localhost:80", NULL},
    {"**:80", NULL},
    {"[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee]:1", NULL},
};

static void test_from_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(from_texts); i++) {
        struct addr a = {.port = 77}, again;
        char buf[ADDR_TEXT_MAX];
        int rc = addr_from_text(span_from_str(from_texts[i].text), &a);
        if (from_texts[i].printed == NULL) {
            assert_int_equal(rc, WERR_SYNTAX);
            assert_int_equal(a.port, 77);
            continue;
        }
        assert_int_equal(rc, 0);
        assert_int_equal(addr_print(&a, buf), strlen(from_texts[i].printed));
        assert_string_equal(buf, from_texts[i].printed);
        assert_int_equal(addr_from_text(span_from_str(buf), &again), 0);
        assert_true(addr_is_equal(&a, &again));
    }
    struct addr a;
    assert_int_equal(addr_from_text(SPAN("127.0.0.1\0:80"), &a), WERR_SYNTAX);
}

static void test_from_ip(void **state)
{
    static const struct {
        const char *text, *printed;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1"},
        {"::1", "::1"},
        {"[::1]", "::1"},
        {"::", "::"},
        {"::FFFF:1.2.3.4", "1.2.3.4"},
        {"::1.2.3.4", "::102:304"},
        {"::1:2", "::1:2"},
        {"1:0:0:0:0:0:0:0", "1::"},
        {"64:ff9b::1.2.3.4", "64:ff9b::102:304"},
        {"", NULL},
        {"[]", NULL},
        {"[127.0.0.1]", NULL},
        {"127.0.0.1:80", NULL},
        {"1.2.3", NULL},
        {":::", NULL},
        {"[", NULL},
        {"[::1", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct addr a;
        char buf[ADDR_TEXT_MAX];
        int rc = addr_from_ip(span_from_str(cases[i].text), 99, &a);
        assert_int_equal(rc, cases[i].printed != NULL ? 0 : WERR_SYNTAX);
        if (rc == 0) {
            assert_int_equal(a.port, 99);
            assert_int_equal(addr_print_ip(&a, buf), strlen(cases[i].printed));
            assert_string_equal(buf, cases[i].printed);
        }
    }
}

static void test_sockaddr_and_back(void **state)
{
    static const struct {
        const char *text;
        int family;
        size_t len;
    } cases[] = {
        {"1.2.3.4:5", AF_INET, sizeof(struct sockaddr_in)},
        {"[2001:db8::7]:65535", AF_INET6, sizeof(struct sockaddr_in6)},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sockaddr_storage ss;
        struct addr a, back;
        assert_int_equal(addr_from_text(span_from_str(cases[i].text), &a), 0);
        assert_int_equal(addr_to_sockaddr(&a, &ss), cases[i].len);
        assert_int_equal(ss.ss_family, cases[i].family);
        addr_from_sockaddr((struct sockaddr *)&ss, &back);
        assert_true(addr_is_equal(&a, &back));
    }
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(258)};
    struct addr a;
    addr_from_sockaddr((struct sockaddr *)&in, &a);
    assert_int_equal(a.port, 258);
}

static void test_mapped_and_unknown_sockaddr(void **state)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(7)};
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct sockaddr_storage ss;
    struct addr a;
    char buf[ADDR_TEXT_MAX];
    (void)state;
    memcpy(in6.sin6_addr.s6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x01\x02\x03\x04", 16);
    addr_from_sockaddr((struct sockaddr *)&in6, &a);
    assert_int_equal(a.family, AF_INET);
    (void)addr_print(&a, buf);
    assert_string_equal(buf, "1.2.3.4:7");
    addr_from_sockaddr(&other, &a);
    assert_int_equal(a.family, 0);
    assert_int_equal(addr_to_sockaddr(&a, &ss), 0);
    (void)addr_print(&a, buf);
    assert_string_equal(buf, "-");
}

static void test_predicates(void **state)
{
    static const struct {
        const char *text;
        bool is_loopback, is_wildcard;
    } cases[] = {
        {"127.0.0.1:1", true, false},  {"127.255.0.9:1", true, false},
        {"128.0.0.1:1", false, false}, {"[::1]:1", true, false},
        {"[::2]:1", false, false},     {"[::ffff:127.0.0.1]:1", true, false},
        {"0.0.0.0:1", false, true},    {"[::]:1", false, true},
        {":1", false, true},           {"0.0.0.1:1", false, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct addr a;
        assert_int_equal(addr_from_text(span_from_str(cases[i].text), &a), 0);
        assert_int_equal(addr_is_loopback(&a), cases[i].is_loopback);
        assert_int_equal(addr_is_wildcard(&a), cases[i].is_wildcard);
    }
    struct addr none = {0};
    assert_false(addr_is_loopback(&none));
    assert_false(addr_is_wildcard(&none));
    assert_false(addr_is_multicast(&none));
    assert_false(addr_is_broadcast(&none));
}

static void test_addresses_of_nobody(void **state)
{
    static const struct {
        const char *text;
        bool is_multicast, is_broadcast;
    } cases[] = {
        {"223.255.255.255:1", false, false}, {"224.0.0.0:1", true, false},
        {"239.255.255.255:1", true, false},  {"240.0.0.0:1", false, false},
        {"255.255.255.255:1", false, true},  {"[::ffff:255.255.255.255]:1", false, true},
        {"255.255.255.254:1", false, false}, {"[ff02::1]:1", true, false},
        {"[fe80::1]:1", false, false},       {"[::ffff:224.0.0.1]:1", true, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct addr a;
        assert_int_equal(addr_from_text(span_from_str(cases[i].text), &a), 0);
        assert_int_equal(addr_is_multicast(&a), cases[i].is_multicast);
        assert_int_equal(addr_is_broadcast(&a), cases[i].is_broadcast);
    }
}

static void test_equal(void **state)
{
    static const char *const texts[] = {"1.2.3.4:5",     "1.2.3.4:6", "1.2.3.5:5",
                                        "[102:304::]:5", "[::1]:5",   "[::2]:5"};
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        for (size_t k = 0; k < COUNT(texts); k++) {
            struct addr a, b;
            assert_int_equal(addr_from_text(span_from_str(texts[i]), &a), 0);
            assert_int_equal(addr_from_text(span_from_str(texts[k]), &b), 0);
            assert_int_equal(addr_is_equal(&a, &b), i == k);
        }
    }
}

/* Every octet, in every place. */
static void test_print_octets(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 256; n++) {
        struct addr a = {.family = AF_INET,
                         .ip = {(uint8_t)n, (uint8_t)(255 - n), 7, (uint8_t)n}};
        char got[ADDR_TEXT_MAX];
        char want[ADDR_TEXT_MAX];

        (void)snprintf(want, sizeof(want), "%u.%u.7.%u", n, 255 - n, n);
        assert_int_equal(addr_print_ip(&a, got), strlen(want));
        assert_string_equal(got, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print_octets),
        cmocka_unit_test(test_from_text),
        cmocka_unit_test(test_from_ip),
        cmocka_unit_test(test_sockaddr_and_back),
        cmocka_unit_test(test_mapped_and_unknown_sockaddr),
        cmocka_unit_test(test_predicates),
        cmocka_unit_test(test_addresses_of_nobody),
        cmocka_unit_test(test_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
