/* Host and port by the grammar of RFC 3986, and an IPv6 address against inet_pton. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rand.h"
#include "codec/h1_int.h"

static const char *const good[] = {
    "a",
    "A.Example.",
    "a_b-c~d",
    "1",
    "1.2.3.4",
    "256.1.1.1",
    "1.2.3.4.5",
    "%41",
    "a%c3%A9b",
    "%25zz",
    "!$&'()*+;=",
    "a:",
    "a:0",
    "a:65535",
    "a:00080",
    "%41:80",
    "[::]",
    "[::1]",
    "[1::]",
    "[1:2:3:4:5:6:7:8]",
    "[1:2:3:4:5:6:7::]",
    "[::2:3:4:5:6:7:8]",
    "[1:2:3::5:6:7:8]",
    "[ABCD:ef01::]",
    "[0000::0000]",
    "[::1.2.3.4]",
    "[1:2:3:4:5:6:1.2.3.4]",
    "[1:2:3:4:5::1.2.3.4]",
    "[::ffff:255.0.10.199]",
    "[::1]:",
    "[::1]:443",
    "[v1.a]",
    "[VfF.a:b~!$&'()*+;=]:1",
};

static const char *const bad[] = {
    "",
    ":",
    ":80",
    "a:65536",
    "a:000080",
    "a:8a",
    "a:-1",
    "a:80:81",
    "a b",
    "a/b",
    "a?b",
    "a@b",
    "a,b",
    "a\\b",
    "a[b",
    "\"a\"",
    "a\351",
    "%",
    "%4",
    "%zz",
    "%4g",
    "a%",
    "a%4:80",
    "a%:80",
    "a:%38",
    "[",
    "[]",
    "]",
    "[a]",
    "[::1",
    "::1",
    "[::1]a",
    "[::1]]",
    "[[::1]]",
    "[:]",
    "[:::]",
    "[1]",
    "[1:]",
    "[:1]",
    "[1:2:3:4:5:6:7]",
    "[1:2:3:4:5:6:7:8:9]",
    "[1:2:3:4:5:6:7:]",
    "[:2:3:4:5:6:7:8]",
    "[1:2:3:4::5:6:7:8]",
    "[1:2:3:4:5:6:7:8::]",
    "[::1:2:3:4:5:6:7:8]",
    "[1::2::3]",
    "[::1::]",
    "[12345::]",
    "[::12345]",
    "[g::]",
    "[1.2.3.4]",
    "[1.2.3.4::]",
    "[::1.2.3]",
    "[::1.2.3.]",
    "[::.1.2.3]",
    "[::1.2.3.4.5]",
    "[::1.2.3.256]",
    "[::01.2.3.4]",
    "[::1.2.3.4:5]",
    "[1:2:3:4:5:6:7:1.2.3.4]",
    "[1:2:3:4:5:6::1.2.3.4]",
    "[::1 ]",
    "[::1%25eth0]",
    "[fe80::1%eth0]",
    "[v.a]",
    "[v1.]",
    "[v1]",
    "[v1a]",
    "[vg.a]",
    "[v1.%41]",
    "[v1.a,b]",
    "[v1.a/b]",
    "[v1.a]b",
};

/* In a heap block of its own: a byte read too far is seen. */
static bool is_valid(const char *text, size_t n)
{
    char *block = malloc(n > 0 ? n : 1);
    assert_non_null(block);
    memcpy(block, text, n);
    bool valid = h1_authority_is_valid(span_from(block, n));
    free(block);
    return valid;
}

static void test_tables(void **state)
{
    bool all_hold = true;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (is_valid(good[i], strlen(good[i])))
            continue;
        print_error("refused: %s\n", good[i]);
        all_hold = false;
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (!is_valid(bad[i], strlen(bad[i])))
            continue;
        print_error("taken: %s\n", bad[i]);
        all_hold = false;
    }
    assert_true(all_hold);
    assert_false(is_valid("a\0b", 3));
    assert_false(is_valid("[::\0]", 5));
}

static void test_bytes(void **state)
{
    (void)state;
    for (unsigned c = 1; c < 256; c++) {
        char byte = (char)c;
        bool is_name = (field_classes[c] & FIELD_CLASS_HOST) != 0;
        assert_int_equal(is_valid(&byte, 1), is_name);
    }
}

/* What the C library takes for an IPv6 address and what RFC 3986 does are the same but for
 * zeros in front of an IPv4 octet, which inet_pton may or may not take: none are made here. */
static void test_against_the_library(void **state)
{
    static const char *const parts[] = {"1", "2f", "ABC", "ffff",    "12345",    ":",
                                        ":", ":",  "::",  "1.2.3.4", "1.2.3.256"};
    struct rand_state rng;
    unsigned taken_n = 0;

    (void)state;
    rand_seed(&rng, 7);
    for (unsigned i = 0; i < 200000; i++) {
        char text[256] = "[";
        struct in6_addr addr;
        for (uint64_t n = 1 + rand_below(&rng, 16); n > 0; n--)
            strcat(text, parts[rand_below(&rng, sizeof(parts) / sizeof(parts[0]))]);
        bool wanted = inet_pton(AF_INET6, text + 1, &addr) == 1;
        strcat(text, "]");
        if (h1_authority_is_valid(span_from_str(text)) != wanted)
            fail_msg("%s is %s to inet_pton", text, wanted ? "an address" : "none");
        taken_n += wanted;
    }
    assert_true(taken_n > 1000);
}

/* Wherever it stands, and however many bytes are looked at together. */
static void test_places(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 13; len++) {
        for (size_t at = 0; at < len; at++) {
            char text[16] = "aaaaaaaaaaaaa";
            text[at] = '/';
            assert_false(h1_authority_is_valid(span_from(text, len)));
            text[at] = ':';
            assert_int_equal(h1_authority_is_valid(span_from(text, len)),
                             at > 0 && at + 1 == len);
            memcpy(text + at, "%41", 3);
            assert_int_equal(h1_authority_is_valid(span_from(text, len)), at + 3 <= len);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_against_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
