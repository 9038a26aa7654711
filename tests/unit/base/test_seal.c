/* Secrets that are closed with a key: opened with the same one alone, changed never. */
#include "cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/seal.h"

static const unsigned char key[SEAL_KEY_BYTES] = "a key of thirty-two bytes, or so";
static const unsigned char other_key[SEAL_KEY_BYTES] = "another one";
static const unsigned char nonce[SEAL_NONCE_BYTES] = "used once, never again.";

static void assert_opens(const char *text, struct span plain)
{
    struct seal_opened opened;

    assert_int_equal(seal_open(key, span_from_str(text), &opened), 0);
    assert_int_equal(opened.len, plain.len);
    assert_memory_equal(opened.ptr, plain.ptr, plain.len);
    assert_int_equal(opened.ptr[opened.len], '\0');
    seal_opened_free(&opened);
    assert_null(opened.ptr);
    seal_opened_free(&opened);
}

static void test_what_is_closed_opens(void **state)
{
    static char plain[SEAL_PLAIN_MAX + 1];
    static const size_t lengths[] = {0, 1, 2, 3, 31, 32, 33, 241, 4096, SEAL_PLAIN_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(plain); i++)
        plain[i] = (char)(i * 7);
    for (unsigned i = 0; i < COUNT(lengths); i++) {
        char *text = seal_close(key, nonce, span_from(plain, lengths[i]));
        assert_non_null(text);
        assert_opens(text, span_from(plain, lengths[i]));
        free(text);
    }
    assert_null(seal_close(key, nonce, span_from(plain, SEAL_PLAIN_MAX + 1)));
}

/* Nothing of the plain text is in it, and another nonce gives another text. */
static void test_it_tells_nothing(void **state)
{
    static const unsigned char other[SEAL_NONCE_BYTES] = "used once, by another.";
    const struct span plain = SPAN("-----BEGIN PRIVATE KEY-----");
    char *text = seal_close(key, nonce, plain);
    char *again = seal_close(key, other, plain);

    (void)state;
    assert_non_null(text);
    assert_non_null(again);
    assert_null(strstr(text, "PRIVATE"));
    assert_null(strstr(text, "UFJJVkFURS")); /* … in base64 */
    assert_string_not_equal(text, again);
    assert_string_not_equal(text + SEAL_NONCE_BYTES * 4 / 3, again + SEAL_NONCE_BYTES * 4 / 3);
    assert_opens(again, plain);
    free(text);
    free(again);
}

static void assert_shut(const unsigned char *by, struct span text)
{
    struct seal_opened opened = {.ptr = NULL, .len = 1};

    assert_int_equal(seal_open(by, text, &opened), WERR_SYNTAX);
    assert_true(opened.ptr == NULL && opened.len == 0);
}

static void test_another_key_does_not_open_it(void **state)
{
    char *text = seal_close(key, nonce, SPAN("secret"));

    (void)state;
    for (unsigned i = 0; i < SEAL_KEY_BYTES; i++) {
        unsigned char wrong[SEAL_KEY_BYTES];
        memcpy(wrong, key, sizeof(wrong));
        wrong[i] ^= 1;
        assert_shut(wrong, span_from_str(text));
    }
    free(text);
}

/* Each character, another; each length, cut; something behind it, or something else. */
static void test_damage_shows(void **state)
{
    char *text = seal_close(key, nonce, SPAN("secret"));
    const size_t len = strlen(text);
    char longer[200];

    (void)state;
    for (size_t i = 0; i < len; i++) {
        const char was = text[i];
        text[i] = was == 'A' ? 'B' : 'A';
        assert_shut(key, span_from(text, len));
        text[i] = '!';
        assert_shut(key, span_from(text, len));
        text[i] = was;
        assert_shut(key, span_from(text, i));
    }
    snprintf(longer, sizeof(longer), "%sAAAA", text);
    assert_shut(key, span_from_str(longer));
    assert_shut(key, SPAN_NONE);
    assert_shut(key, SPAN("===="));
    assert_opens(text, SPAN("secret"));
    free(text);
}

static void test_too_long_is_refused_unread(void **state)
{
    const size_t len = (SEAL_PLAIN_MAX + 4096) * 4 / 3;
    char *text = malloc(len);

    (void)state;
    memset(text, 'A', len);
    assert_shut(key, span_from(text, len));
    free(text);
}

static void test_memory_is_short(void **state)
{
    bool has_passed = false;

    (void)state;
    for (unsigned n = 1; !has_passed; n++) {
        struct seal_opened opened = {NULL, 0};
        fault_set(n);
        char *text = seal_close(key, nonce, SPAN("secret"));
        int rc = text != NULL ? seal_open(key, span_from_str(text), &opened) : WERR_NOMEM;
        has_passed = fault_is_armed();
        fault_set(0);
        assert_int_equal(rc, has_passed ? 0 : WERR_NOMEM);
        seal_opened_free(&opened);
        free(text);
    }
}

/* The flags of the mapping that holds the address: "dd" is not dumped. */
static bool is_dumped(const void *at)
{
    FILE *f = fopen("/proc/self/smaps", "r");
    char line[512];
    bool is_here = false, dumped = true;

    assert_non_null(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            is_here = (uintptr_t)at >= from && (uintptr_t)at < to;
        else if (is_here && strncmp(line, "VmFlags:", 8) == 0)
            dumped = strstr(line, " dd") == NULL;
    }
    fclose(f);
    return dumped;
}

static void test_memory_is_in_no_core_file(void **state)
{
    char *text = seal_close(key, nonce, SPAN("secret"));
    char *memory = seal_memory_new(10000);
    struct seal_opened opened;

    (void)state;
    assert_non_null(memory);
    assert_true((uintptr_t)memory % 64 == 0);
    for (unsigned i = 0; i < 10000; i++)
        assert_int_equal(memory[i], 0);
    memset(memory, 'x', 10000);
    assert_false(is_dumped(memory));
    seal_memory_free(memory);
    seal_memory_free(NULL);
    assert_int_equal(seal_open(key, span_from_str(text), &opened), 0);
    assert_false(is_dumped(opened.ptr));
    assert_true(is_dumped(text));
    seal_opened_free(&opened);
    free(text);
    fault_set(1);
    assert_null(seal_memory_new(1));
    fault_set(0);
}

/* That it was cleared nobody may look at: it is freed. */
static void test_a_block_is_cleared_and_freed(void **state)
{
    (void)state;
    seal_clear_and_free(NULL);
    seal_clear_and_free(malloc(100));
}

/* Of hashlib: blake2b(bytes([piece]) + number + label, key=key, digest_size=64). */
static void test_derived(void **state)
{
    static const unsigned char expected[80] = {
        0x38, 0x75, 0xf9, 0x9d, 0xe7, 0x41, 0x0a, 0xaa, 0x91, 0xc2, 0x95, 0x48, 0x22, 0xae,
        0x44, 0x48, 0x55, 0x29, 0x0f, 0x5d, 0xe0, 0x38, 0xf5, 0xdd, 0xaf, 0xae, 0x53, 0xcc,
        0x6b, 0x47, 0x91, 0x5f, 0xa7, 0x05, 0xcd, 0x3e, 0x36, 0x4b, 0x3e, 0xa1, 0x6e, 0x9d,
        0xa7, 0x98, 0x55, 0x47, 0xcb, 0x0a, 0xb3, 0xeb, 0x93, 0xb2, 0xc8, 0x49, 0x40, 0x79,
        0x88, 0x8a, 0xb1, 0xb6, 0x9c, 0x20, 0x68, 0xe9, 0x5e, 0x5d, 0x21, 0x18, 0xd8, 0x6e,
        0x18, 0x20, 0x79, 0x4d, 0xc7, 0x15, 0xd0, 0x6a, 0x00, 0x34};
    const uint64_t number = UINT64_C(0x0102030405060708);
    unsigned char derived[SEAL_DERIVED_MAX];

    (void)state;
    for (size_t n = 0; n <= sizeof(expected); n++) {
        memset(derived, 0xee, sizeof(derived));
        seal_derive(key, "tickets", number, derived, n);
        assert_memory_equal(derived, expected, n);
        assert_int_equal(derived[n], 0xee);
    }
    seal_derive(key, "tickets", number + 1, derived, sizeof(expected));
    assert_memory_not_equal(derived, expected, 8);
    seal_derive(key, "others", number, derived, sizeof(expected));
    assert_memory_not_equal(derived, expected, 8);
    seal_derive(other_key, "tickets", number, derived, sizeof(expected));
    assert_memory_not_equal(derived, expected, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_closed_opens),
        cmocka_unit_test(test_it_tells_nothing),
        cmocka_unit_test(test_another_key_does_not_open_it),
        cmocka_unit_test(test_damage_shows),
        cmocka_unit_test(test_too_long_is_refused_unread),
        cmocka_unit_test(test_memory_is_short),
        cmocka_unit_test(test_memory_is_in_no_core_file),
        cmocka_unit_test(test_a_block_is_cleared_and_freed),
        cmocka_unit_test(test_derived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
