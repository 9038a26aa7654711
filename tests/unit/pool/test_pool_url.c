#include "pool_fixture.h"

#include "base/fault.h"

struct good_url {
    const char *url, *canonical, *host, *authority;
    uint16_t port;
};

static const struct good_url good_urls[] = {
    {"http://127.0.0.1:12345", "http://127.0.0.1:12345", "127.0.0.1", "127.0.0.1:12345", 12345},
    {"http://127.0.0.1", "http://127.0.0.1:80", "127.0.0.1", "127.0.0.1", 80},
    {"http://127.0.0.1:80/", "http://127.0.0.1:80", "127.0.0.1", "127.0.0.1", 80},
    {"HTTP://1.2.3.4:65535/", "http://1.2.3.4:65535", "1.2.3.4", "1.2.3.4:65535", 65535},
    {"http://[::1]:1", "http://[::1]:1", "::1", "[::1]:1", 1},
    {"http://[::1]", "http://[::1]:80", "::1", "[::1]", 80},
    {"http://[2001:DB8:0:0:0:0:0:1]:8080", "http://[2001:db8::1]:8080", "2001:db8::1",
     "[2001:db8::1]:8080", 8080},
    {"http://[::ffff:1.2.3.4]:81", "http://1.2.3.4:81", "1.2.3.4", "1.2.3.4:81", 81},
    {"http://LocalHost", "http://localhost:80", "localhost", "localhost", 80},
    {"http://app-1.weldr_net.internal:8080/", "http://app-1.weldr_net.internal:8080",
     "app-1.weldr_net.internal", "app-1.weldr_net.internal:8080", 8080},
    {"http://10.example", "http://10.example:80", "10.example", "10.example", 80},
    {"http://App.Internal.:8080", "http://app.internal.:8080", "app.internal.",
     "app.internal.:8080", 8080},
    {"http://app./", "http://app.:80", "app.", "app.", 80},
    {"https://127.0.0.1", "https://127.0.0.1:443", "127.0.0.1", "127.0.0.1", 443},
    {"HTTPS://App:443/", "https://app:443", "app", "app", 443},
    {"https://app:80", "https://app:80", "app", "app:80", 80},
    {"http://app:443", "http://app:443", "app", "app:443", 443},
    {"https://[::1]", "https://[::1]:443", "::1", "[::1]", 443},
    {"https://[::1]:8443", "https://[::1]:8443", "::1", "[::1]:8443", 8443},
};

/* A name has none: it is looked up elsewhere. */
static int family_of(const char *host)
{
    if (strchr(host, ':') != NULL)
        return AF_INET6;
    return strspn(host, "0123456789.") == strlen(host) ? AF_INET : 0;
}

static void test_good_urls(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good_urls) / sizeof(good_urls[0]); i++) {
        const struct good_url *want = &good_urls[i];
        struct pool_command c;
        struct pool_error error = {0};
        pool_command_init(&c, POOL_ADD_SERVER);
        assert_int_equal(pool_check_url(span_from_str(want->url), &c.server, &error), 0);
        assert_string_equal(c.server.url, want->canonical);
        assert_string_equal(c.server.host, want->host);
        assert_string_equal(c.server.authority, want->authority);
        assert_int_equal(c.server.addr.port, want->port);
        assert_int_equal(c.server.is_tls, strncmp(want->canonical, "https:", 6) == 0);
        assert_int_equal(c.server.addr.family, family_of(want->host));
        pool_command_fini(&c);
    }
}

/* A canonical URL stands for itself. */
static void test_canonical_is_stable(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good_urls) / sizeof(good_urls[0]); i++) {
        struct pool_command c;
        pool_command_init(&c, POOL_ADD_SERVER);
        assert_int_equal(pool_check_url(span_from_str(good_urls[i].canonical), &c.server, NULL),
                         0);
        assert_string_equal(c.server.url, good_urls[i].canonical);
        pool_command_fini(&c);
    }
}

struct bad_url {
    const char *url, *detail; /* a part of it */
};

static const struct bad_url bad_urls[] = {
    {"", "http://"},
    {"127.0.0.1:80", "http://"},
    {"ftp://127.0.0.1", "http://"},
    {"http:/127.0.0.1", "http://"},
    {"https:/127.0.0.1", "https://"},
    {"httpss://127.0.0.1", "https://"},
    {"https://", "no host"},
    {"https://127.0.0.1:0", "port"},
    {"https://user@127.0.0.1", "user information"},
    {"https://a/x", "path"},
    {"http://", "no host"},
    {"http:///", "no host"},
    {"http://:80", "no host"},
    {"http://[]:80", "no host"},
    {"http://127.0.0.1/x", "path"},
    {"http://127.0.0.1//", "path"},
    {"http://127.0.0.1\\", "path"},
    {"http://127.0.0.1?", "query"},
    {"http://127.0.0.1/?a=b", "query"},
    {"http://127.0.0.1/#x", "fragment"},
    {"http://127.0.0.1#x", "fragment"},
    {"http://user@127.0.0.1", "user information"},
    {"http://user:secret@127.0.0.1/", "user information"},
    {" http://127.0.0.1", "spaces"},
    {"http://127.0.0.1 ", "spaces"},
    {"http://127.0.0.1\n", "spaces"},
    {"http://127.0.0.1\xc3\xbc", "ASCII"},
    {"http://127.0.0.1:", "port"},
    {"http://127.0.0.1:0", "port"},
    {"http://127.0.0.1:65536", "port"},
    {"http://127.0.0.1:080", "port"},
    {"http://127.0.0.1:+80", "port"},
    {"http://127.0.0.1:80a", "port"},
    {"http://127.0.0.1:80:80", "port"},
    {"http://[::1]:99999999999999999999", "port"},
    {"http://127.1", "four plain"},
    {"http://0177.0.0.1", "four plain"},
    {"http://127.0.0.01", "four plain"},
    {"http://2130706433", "four plain"},
    {"http://0x7f000001", "four plain"},
    {"http://256.0.0.1", "four plain"},
    {"http://1.2.3.4.5", "four plain"},
    {"http://app.7", "four plain"},
    {"http://app.0x7f", "four plain"},
    {"http://app..internal", "host name"},
    {"http://.app", "host name"},
    {"http://app..", "host name"},
    {"http://.", "host name"},
    {"http://..", "host name"},
    {"http://app-.", "host name"},
    {"http://1.2.3.4.", "four plain"},
    {"http://app.7.", "four plain"},
    {"http://app.0x7f.", "four plain"},
    {"http://[::1.]", "IPv6"},
    {"http://-app", "host name"},
    {"http://app-.internal", "host name"},
    {"http://a%70p", "host name"},
    {"http://app!", "host name"},
    {"http://[app]", "IPv6"},
    {"http://a234567890123456789012345678901234567890123456789012345678901234", "host name"},
    {"http://0.0.0.0:80", "wildcard"},
    {"http://[::]:80", "wildcard"},
    {"http://[::1", "closing bracket"},
    {"http://[::1]80", "between"},
    {"http://[::1%25lo]:80", "IPv6"},
    {"http://[1.2.3.4]:80", "brackets"},
    {"http://[::g]:80", "IPv6"},
    {"http://::1", "no host"},
};

static void test_bad_urls(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_urls) / sizeof(bad_urls[0]); i++) {
        struct pool_command c;
        struct pool_error error = {0};
        pool_command_init(&c, POOL_ADD_SERVER);
        int rc = pool_check_url(span_from_str(bad_urls[i].url), &c.server, &error);
        if (rc != WERR_INVALID || strstr(error.detail, bad_urls[i].detail) == NULL)
            fail_msg("%s: %d %s", bad_urls[i].url, rc, error.detail);
        assert_string_equal(error.code, "invalid_url");
        assert_string_equal(error.field, "url");
        assert_null(c.server.url);
        pool_command_fini(&c);
    }
}

static void test_too_long(void **state)
{
    (void)state;
    char url[POOL_URL_MAX + 2];
    struct pool_server server = {0};
    struct pool_error error = {0};
    memset(url, '1', sizeof(url));
    memcpy(url, "http://", 7);
    assert_int_equal(pool_check_url(span_from(url, sizeof(url)), &server, &error),
                     WERR_INVALID);
    assert_non_null(strstr(error.detail, "300"));
    assert_int_equal(pool_check_url(span_from("http://1.2.3.4\0", 15), &server, &error),
                     WERR_INVALID);
}

/* A name of 253 bytes, or one more, of labels that are none too long. The final dot of an
 * absolute name is not counted. */
static void test_longest_name(void **state)
{
    enum { PREFIX = 7, LONGEST = 253 };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        const size_t len = PREFIX + LONGEST + i / 2;
        char url[PREFIX + LONGEST + 2];
        struct pool_command c;

        memset(url, 'a', sizeof(url));
        memcpy(url, "http://", PREFIX);
        for (size_t k = 63; k < LONGEST; k += 64)
            url[PREFIX + k] = '.';
        if (i % 2 == 1)
            url[len] = '.';
        pool_command_init(&c, POOL_ADD_SERVER);
        assert_int_equal(pool_check_url(span_from(url, len + i % 2), &c.server, NULL),
                         i < 2 ? 0 : WERR_INVALID);
        pool_command_fini(&c);
    }
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct pool_command c;
    pool_command_init(&c, POOL_ADD_SERVER);
    unsigned n = 1;
    for (;; n++) {
        fault_set(n);
        int rc = pool_check_url(SPAN("http://127.0.0.1:81"), &c.server, NULL);
        bool has_passed = fault_is_armed();
        fault_set(0);
        if (has_passed) {
            assert_int_equal(rc, 0);
            break;
        }
        assert_int_equal(rc, WERR_NOMEM);
        assert_null(c.server.url);
    }
    assert_int_equal(n, 4);
    pool_command_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_urls),    cmocka_unit_test(test_canonical_is_stable),
        cmocka_unit_test(test_bad_urls),     cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_longest_name), cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
