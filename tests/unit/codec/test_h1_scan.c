/* The scan variants against the table: every byte value at every offset and alignment, and
 * random runs. Spans end where their heap block ends, so that a byte read too far is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rand.h"
#include "codec/h1_int.h"
#include "codec/h1_scan.h"
#include "http/field.h"

static size_t scan_slowly(const char *p, size_t n, unsigned field_class)
{
    size_t i = 0;
    while (i < n && (field_classes[(unsigned char)p[i]] & field_class))
        i++;
    return i;
}

static void check_all(const char *p, size_t n)
{
    size_t token = scan_slowly(p, n, FIELD_CLASS_TOKEN);
    size_t target = scan_slowly(p, n, FIELD_CLASS_TARGET);
    size_t value = scan_slowly(p, n, FIELD_CLASS_VALUE);
    for (unsigned i = 0; h1_scan_variant(i) != NULL; i++) {
        const struct h1_scan *s = h1_scan_variant(i);
        assert_int_equal(s->token(p, n), token);
        assert_int_equal(s->target(p, n), target);
        assert_int_equal(s->value(p, n), value);
    }
}

enum { SPAN_MAX = 100 };

static void test_every_byte_everywhere(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 15, 16, 17, 31, 32, 33, 48, 63, 65, 97};
    for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
        size_t n = lengths[k];
        char *p = malloc(n);
        assert_non_null(p);
        memset(p, 'a', n);
        for (size_t at = 0; at < n; at++) {
            for (unsigned c = 0; c < 256; c++) {
                p[at] = (char)c;
                check_all(p, n);
            }
            p[at] = 'a';
        }
        free(p);
    }
}

static void test_alignments(void **state)
{
    (void)state;
    for (size_t shift = 0; shift < 32; shift++) {
        for (size_t n = 0; n < SPAN_MAX; n++) {
            char *block = malloc(shift + n + 1);
            assert_non_null(block);
            memset(block, 'z', shift + n + 1);
            memmove(block + 1, block, shift + n);
            check_all(block + shift + 1, n);
            if (n > 0) {
                block[shift + n] = '\r';
                check_all(block + shift + 1, n);
            }
            free(block);
        }
    }
}

static void test_random_runs(void **state)
{
    (void)state;
    struct rand_state rng;
    rand_seed(&rng, 1);
    char p[SPAN_MAX];
    for (unsigned round = 0; round < 20000; round++) {
        size_t n = (size_t)rand_below(&rng, SPAN_MAX);
        for (size_t i = 0; i < n; i++)
            p[i] = (char)(rand_below(&rng, 16) == 0 ? rand_below(&rng, 256)
                                                    : 'A' + rand_below(&rng, 26));
        check_all(p, n);
    }
}

enum { LINES_MAX = 8 };

/* What lines() takes, h1_fields_read reads the same; where it stops is no line of the usual
 * form. */
static void check_lines(const struct h1_scan *s, const char *p, size_t len)
{
    struct msg_field fields[LINES_MAX];
    struct h1_fault fault;
    const char *at = p;
    const char *stop = p;
    unsigned n = s->lines(p, &stop, p + len, fields, LINES_MAX);
    struct msg_field f;

    for (unsigned i = 0; i < n; i++) {
        at = h1_fields_read(p, at, p + len, &f, &fault);
        assert_non_null(at);
        assert_int_equal(f.flags, MSG_FIELD_TIGHT);
        assert_memory_equal(&f, &fields[i], sizeof(f));
    }
    assert_ptr_equal(at, stop);
    if (n == LINES_MAX || h1_fields_read(p, at, p + len, &f, &fault) == NULL)
        return;
    assert_true(f.flags != MSG_FIELD_TIGHT || f.value_len == 0);
}

static void check_all_lines(const char *text, size_t len)
{
    char *p = malloc(len + 1);
    assert_non_null(p);
    memcpy(p + 1, text, len);
    for (unsigned i = 0; h1_scan_variant(i) != NULL; i++)
        check_lines(h1_scan_variant(i), p + 1, len);
    free(p);
}

/* Whole, cut off anywhere, and with any byte in any place. */
static void test_lines(void **state)
{
    (void)state;
    static const char text[] = "Host: a\r\nX-A-Name-Of-More-Than-16-Bytes: b c\r\nVia: a value "
                               "that is longer than 32 bytes, so that it takes a step\r\n\r\n";
    for (size_t len = 0; len < sizeof(text); len++)
        check_all_lines(text, len);
    for (size_t at = 0; at < sizeof(text) - 1; at++) {
        char other[sizeof(text)];
        memcpy(other, text, sizeof(text));
        for (unsigned c = 0; c < 256; c++) {
            other[at] = (char)c;
            check_all_lines(other, sizeof(text) - 1);
        }
    }
}

static void test_lines_are_not_more_than_there_is_room_for(void **state)
{
    (void)state;
    static const char text[] = "A: 1\r\nB: 2\r\nC: 3\r\n";
    for (unsigned i = 0; h1_scan_variant(i) != NULL; i++) {
        struct msg_field fields[2] = {{0}};
        const char *at = text;
        assert_int_equal(
            h1_scan_variant(i)->lines(text, &at, text + sizeof(text) - 1, fields, 1), 1);
        assert_ptr_equal(at, text + 6);
        assert_int_equal(fields[1].name_len, 0);
    }
}

static void test_names_are_short_enough_for_their_length(void **state)
{
    (void)state;
    enum { NAME_BYTES = UINT16_MAX + 1 };
    char *text = malloc(NAME_BYTES + 8);
    assert_non_null(text);
    memset(text, 'a', NAME_BYTES);
    memcpy(text + NAME_BYTES, ": b\r\n", 5);
    for (unsigned i = 0; h1_scan_variant(i) != NULL; i++) {
        const struct h1_scan *s = h1_scan_variant(i);
        const char *at = text;
        struct msg_field field;
        assert_int_equal(s->lines(text, &at, text + NAME_BYTES + 5, &field, 1), 0);
        assert_ptr_equal(at, text);
        at = text + 1;
        assert_int_equal(s->lines(text, &at, text + NAME_BYTES + 5, &field, 1), 1);
        assert_int_equal(field.name_len, UINT16_MAX);
    }
    free(text);
}

static void test_choice_is_the_last_variant(void **state)
{
    (void)state;
    assert_string_equal(h1_scan->name, "plain");
    h1_scan_choose();
    unsigned n = 0;
    while (h1_scan_variant(n) != NULL)
        n++;
    assert_ptr_equal(h1_scan, h1_scan_variant(n - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte_everywhere),
        cmocka_unit_test(test_alignments),
        cmocka_unit_test(test_random_runs),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_lines_are_not_more_than_there_is_room_for),
        cmocka_unit_test(test_names_are_short_enough_for_their_length),
        cmocka_unit_test(test_choice_is_the_last_variant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
