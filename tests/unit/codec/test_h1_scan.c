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
        cmocka_unit_test(test_choice_is_the_last_variant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
