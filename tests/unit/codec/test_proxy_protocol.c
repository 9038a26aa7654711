/* Headers of the PROXY protocol: each case whole, byte by byte and with a request behind it. */
#include "../base/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/proxy_protocol.h"

#define SIG "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(literal)                 \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

#define UNIX_64  "/run/socket-of-some-program/with/a/path/of/sixty-four/bytes/1234"
#define UNIX_44  "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqr"
#define UNIX_108 UNIX_64 UNIX_44
#define V6_A     "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
#define V6_B     "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
#define MAPPED   "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\1\2\3"
#define ADDR4    "\xc0\0\2\1\xc6\x33\x64\2\x30\x39\1\xbb"

struct header_case {
    const char *name;
    struct span in;
    const char *client, *local; /* "-": none; NULL: no header */
};

static const struct header_case good[] = {
    {"v1 tcp4", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\r\n"), "192.0.2.1:12345",
     "198.51.100.2:443"},
    {"v1 tcp6", BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n"), "[2001:db8::1]:1",
     "[2001:db8::2]:65535"},
    {"v1 tcp6, longest",
     BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
    {"v1 tcp6 that is mapped", BYTES("PROXY TCP6 ::ffff:10.1.2.3 ::1 5 6\r\n"), "10.1.2.3:5",
     "[::1]:6"},
    {"v1 port 0", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 0 0\r\n"), "192.0.2.1:0",
     "198.51.100.2:0"},
    {"v1 unknown", BYTES("PROXY UNKNOWN\r\n"), "-", "-"},
    {"v1 unknown with addresses", BYTES("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n"), "-",
     "-"},
    {"v1 unknown of 107 bytes",
     BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     "-", "-"},
    {"v2 tcp4", BYTES(SIG "\x21\x11\0\x0c" ADDR4), "192.0.2.1:12345", "198.51.100.2:443"},
    {"v2 tcp6", BYTES(SIG "\x21\x21\0\x24" V6_A V6_B "\0\1\xff\xff"), "[2001:db8::1]:1",
     "[2001:db8::2]:65535"},
    {"v2 tcp6 that is mapped", BYTES(SIG "\x21\x21\0\x24" MAPPED MAPPED "\0\1\0\2"),
     "10.1.2.3:1", "10.1.2.3:2"},
    {"v2 with values", BYTES(SIG "\x21\x11\0\x17" ADDR4 "\1\0\2h2\4\0\0\xee\0\0"),
     "192.0.2.1:12345", "198.51.100.2:443"},
    {"v2 unix", BYTES(SIG "\x21\x31\0\xd8" UNIX_108 UNIX_108), "-", "-"},
    {"v2 unspec", BYTES(SIG "\x21\0\0\0"), "-", "-"},
    {"v2 unspec with bytes", BYTES(SIG "\x21\0\0\5hello"), "-", "-"},
    {"v2 local", BYTES(SIG "\x20\0\0\0"), "-", "-"},
    {"v2 local with addresses", BYTES(SIG "\x20\x11\0\x0c" ADDR4), "-", "-"},
    {"v2 local of any family", BYTES(SIG "\x20\xff\0\1x"), "-", "-"},
};

static const struct header_case bad[] = {
    {"a request", BYTES("GET / HTTP/1.1\r\n"), NULL, NULL},
    {"nearly", BYTES("PROXX TCP4"), NULL, NULL},
    {"a method PROXY", BYTES("PROXY / HTTP/1.1\r\n"), NULL, NULL},
    {"lower case", BYTES("proxy TCP4 192.0.2.1 198.51.100.2 1 2\r\n"), NULL, NULL},
    {"leading space", BYTES(" PROXY UNKNOWN\r\n"), NULL, NULL},
    {"v1 bare LF", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n"), NULL, NULL},
    {"v1 CR inside", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\r\n"), NULL, NULL},
    {"v1 nothing", BYTES("PROXY \r\n"), NULL, NULL},
    {"v1 no addresses", BYTES("PROXY TCP4\r\n"), NULL, NULL},
    {"v1 no ports", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2\r\n"), NULL, NULL},
    {"v1 one port", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n"), NULL, NULL},
    {"v1 three ports", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n"), NULL, NULL},
    {"v1 two spaces", BYTES("PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n"), NULL, NULL},
    {"v1 space at the end", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 \r\n"), NULL, NULL},
    {"v1 tab", BYTES("PROXY TCP4\t192.0.2.1 198.51.100.2 1 2\r\n"), NULL, NULL},
    {"v1 zero before a port", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n"), NULL, NULL},
    {"v1 port too big", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 65536\r\n"), NULL, NULL},
    {"v1 signed port", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 +1 2\r\n"), NULL, NULL},
    {"v1 zero before a byte", BYTES("PROXY TCP4 192.0.02.1 198.51.100.2 1 2\r\n"), NULL, NULL},
    {"v1 ip6 as tcp4", BYTES("PROXY TCP4 ::1 ::1 1 2\r\n"), NULL, NULL},
    {"v1 ip4 as tcp6", BYTES("PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n"), NULL, NULL},
    {"v1 brackets", BYTES("PROXY TCP6 [::1] [::1] 1 2\r\n"), NULL, NULL},
    {"v1 udp", BYTES("PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n"), NULL, NULL},
    {"v1 unknown with a control byte", BYTES("PROXY UNKNOWN \1\r\n"), NULL, NULL},
    {"v1 word that begins as unknown", BYTES("PROXY UNKNOWNS\r\n"), NULL, NULL},
    {"v1 of 108 bytes",
     BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535    \r\n"),
     NULL, NULL},
    {"v1 without end",
     BYTES(
         "PROXY UNKNOWN 00000000000000000000000000000000000000000000000000000000000000000000000"
         "0000000000000000000000"),
     NULL, NULL},
    {"v2 signature spoiled", BYTES("\r\n\r\n\0\r\nQUIT\r\x21\x11\0\x0c" ADDR4), NULL, NULL},
    {"v2 version 1", BYTES(SIG "\x11\x11\0\x0c" ADDR4), NULL, NULL},
    {"v2 version 3", BYTES(SIG "\x31\x11\0\x0c" ADDR4), NULL, NULL},
    {"v2 command 2", BYTES(SIG "\x22\x11\0\x0c" ADDR4), NULL, NULL},
    {"v2 udp", BYTES(SIG "\x21\x12\0\x0c" ADDR4), NULL, NULL},
    {"v2 family without protocol", BYTES(SIG "\x21\x10\0\x0c" ADDR4), NULL, NULL},
    {"v2 unknown family", BYTES(SIG "\x21\x41\0\x0c" ADDR4), NULL, NULL},
    {"v2 tcp4 too short", BYTES(SIG "\x21\x11\0\x0b"), NULL, NULL},
    {"v2 tcp6 too short", BYTES(SIG "\x21\x21\0\x23"), NULL, NULL},
    {"v2 unix too short", BYTES(SIG "\x21\x31\0\xd7"), NULL, NULL},
    {"v2 over the limit", BYTES(SIG "\x21\x11\x0f\xf1"), NULL, NULL},
    {"v2 local over the limit", BYTES(SIG "\x20\x11\xff\xff"), NULL, NULL},
    {"v2 value cut off", BYTES(SIG "\x21\x11\0\x10" ADDR4 "\1\0\2h"), NULL, NULL},
    {"v2 value without its length", BYTES(SIG "\x21\x11\0\x0e" ADDR4 "\1\0"), NULL, NULL},
};

static void check_addr(const char *name, const struct addr *a, const char *want)
{
    char text[ADDR_TEXT_MAX];
    addr_print(a, text);
    if (strcmp(text, want) != 0)
        fail_msg("%s: %s instead of %s", name, text, want);
}

/* A block of exactly that size, so that a byte read too far is seen. */
static int64_t read_first(struct span in, size_t n, struct proxy_header *h)
{
    char *copy = malloc(n > 0 ? n : 1);
    assert_non_null(copy);
    if (n > 0)
        memcpy(copy, in.ptr, n);
    int64_t rc = proxy_header_read(span_from(copy, n), h);
    free(copy);
    return rc;
}

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        const struct header_case *c = &good[i];
        struct proxy_header h = {.client = {.port = 77}};
        for (size_t n = 0; n < c->in.len; n++) {
            if (read_first(c->in, n, &h) != 0)
                fail_msg("%s: not 0 for the first %zu bytes", c->name, n);
        }
        assert_int_equal(h.client.port, 77);
        if (read_first(c->in, c->in.len, &h) != (int64_t)c->in.len)
            fail_msg("%s: not read", c->name);
        check_addr(c->name, &h.client, c->client);
        check_addr(c->name, &h.local, c->local);
    }
}

static void test_what_follows_is_left(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        char buf[600];
        struct proxy_header h;
        memcpy(buf, good[i].in.ptr, good[i].in.len);
        memcpy(buf + good[i].in.len, "GET /\r\n", 7);
        assert_int_equal(proxy_header_read(span_from(buf, good[i].in.len + 7), &h),
                         good[i].in.len);
    }
}

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        const struct header_case *c = &bad[i];
        struct proxy_header h = {.client = {.port = 77}};
        int64_t rc = 0;
        for (size_t n = 0; n <= c->in.len; n++) {
            int64_t before = rc;
            rc = read_first(c->in, n, &h);
            if (rc > 0 || (before < 0 && rc != before))
                fail_msg("%s: %d for the first %zu bytes", c->name, (int)rc, n);
        }
        if (rc != WERR_SYNTAX)
            fail_msg("%s: %d", c->name, (int)rc);
        assert_int_equal(h.client.port, 77);
    }
}

/* The largest header is one that is read. */
static void test_largest(void **state)
{
    static char buf[PROXY_V2_MAX_BYTES];
    struct proxy_header h;
    (void)state;
    memcpy(buf, SIG "\x21\x11\x0f\xf0" ADDR4 "\4\x0f\xe1", 31);
    assert_int_equal(proxy_header_read(span_from(buf, sizeof(buf) - 1), &h), 0);
    assert_int_equal(proxy_header_read(span_from(buf, sizeof(buf)), &h), sizeof(buf));
}

static void test_write(void **state)
{
    static const struct {
        const char *client, *local, *got_client, *got_local;
        size_t bytes;
    } cases[] = {
        {"192.0.2.1:12345", "198.51.100.2:443", "192.0.2.1:12345", "198.51.100.2:443", 28},
        {"[2001:db8::1]:1", "[::1]:65535", "[2001:db8::1]:1", "[::1]:65535", 52},
        {"192.0.2.1:12345", "[::1]:443", "192.0.2.1:12345", "[::1]:443", 52},
        {"[::1]:443", "192.0.2.1:12345", "[::1]:443", "192.0.2.1:12345", 52},
        {NULL, NULL, "-", "-", 16},
        {"192.0.2.1:12345", NULL, "-", "-", 16},
        {NULL, "192.0.2.1:12345", "-", "-", 16},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct proxy_header h = {0}, back;
        char buf[PROXY_WRITE_MAX_BYTES];
        if (cases[i].client != NULL)
            assert_int_equal(addr_from_text(span_from_str(cases[i].client), &h.client), 0);
        if (cases[i].local != NULL)
            assert_int_equal(addr_from_text(span_from_str(cases[i].local), &h.local), 0);
        assert_int_equal(proxy_header_write(buf, &h), cases[i].bytes);
        assert_int_equal(proxy_header_read(span_from(buf, cases[i].bytes), &back),
                         cases[i].bytes);
        check_addr("client", &back.client, cases[i].got_client);
        check_addr("local", &back.local, cases[i].got_local);
    }
}

static void test_written_bytes(void **state)
{
    static const char want[] = SIG "\x21\x11\0\x0c" ADDR4;
    struct proxy_header h;
    char buf[PROXY_WRITE_MAX_BYTES];
    (void)state;
    assert_int_equal(addr_from_text(SPAN("192.0.2.1:12345"), &h.client), 0);
    assert_int_equal(addr_from_text(SPAN("198.51.100.2:443"), &h.local), 0);
    assert_int_equal(proxy_header_write(buf, &h), sizeof(want) - 1);
    assert_memory_equal(buf, want, sizeof(want) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),  cmocka_unit_test(test_what_follows_is_left),
        cmocka_unit_test(test_bad),   cmocka_unit_test(test_largest),
        cmocka_unit_test(test_write), cmocka_unit_test(test_written_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
