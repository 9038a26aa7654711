#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/image.h"

enum { BYTES = 1000, WHOLE = IMAGE_HEAD_BYTES + BYTES };

static void make(uint8_t *whole, uint64_t index)
{
    for (size_t i = 0; i < BYTES; i++)
        whole[IMAGE_HEAD_BYTES + i] = (uint8_t)(i * 7);
    image_make(&(struct image){.index = index,
                               .level = 3,
                               .bytes = span_from(whole + IMAGE_HEAD_BYTES, BYTES)},
               whole);
}

static void test_made_and_opened(void **state)
{
    uint8_t whole[WHOLE];
    struct image image;

    (void)state;
    make(whole, 77);
    assert_int_equal(image_open(span_from(whole, WHOLE), &image), 0);
    assert_int_equal(image.index, 77);
    assert_int_equal(image.level, 3);
    assert_ptr_equal(image.bytes.ptr, whole + IMAGE_HEAD_BYTES);
    assert_int_equal(image.bytes.len, BYTES);
}

static void test_of_pieces(void **state)
{
    uint8_t whole[WHOLE], head[IMAGE_HEAD_BYTES];

    (void)state;
    make(whole, 77);
    const char *bytes = (const char *)whole + IMAGE_HEAD_BYTES;
    for (size_t cut = 0; cut <= BYTES; cut += 50) {
        const struct span pieces[] = {span_from(bytes, cut), SPAN_NONE,
                                      span_from(bytes + cut, BYTES - cut)};

        image_make_of(&(struct image){.index = 77, .level = 3}, pieces, 3, head);
        assert_memory_equal(head, whole, sizeof(head));
    }
}

static void test_of_nothing(void **state)
{
    uint8_t head[IMAGE_HEAD_BYTES];
    struct image image;

    (void)state;
    image_make(&(struct image){.index = 1}, head);
    assert_int_equal(image_open(span_from(head, sizeof(head)), &image), 0);
    assert_int_equal(image.bytes.len, 0);
    assert_int_equal(image_open(SPAN_NONE, &image), WERR_CORRUPT);
}

/* The format alone, changed by nobody but a later Weldr, could be told apart; a flipped bit of
 * it is damage. */
static void test_any_flipped_bit_is_refused(void **state)
{
    uint8_t whole[WHOLE];
    struct image image = {.index = 5};

    (void)state;
    make(whole, 77);
    for (size_t i = 0; i < (size_t)WHOLE * 8; i++) {
        whole[i / 8] ^= (uint8_t)(1U << i % 8);
        assert_int_equal(image_open(span_from(whole, WHOLE), &image), WERR_CORRUPT);
        whole[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    assert_int_equal(image.index, 5);
}

static void test_any_other_length_is_refused(void **state)
{
    uint8_t whole[WHOLE + 1] = {0};
    struct image image;

    (void)state;
    make(whole, 77);
    for (size_t n = 0; n < WHOLE; n++)
        assert_int_equal(image_open(span_from(whole, n), &image), WERR_CORRUPT);
    assert_int_equal(image_open(span_from(whole, WHOLE + 1), &image), WERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_and_opened),
        cmocka_unit_test(test_of_pieces),
        cmocka_unit_test(test_of_nothing),
        cmocka_unit_test(test_any_flipped_bit_is_refused),
        cmocka_unit_test(test_any_other_length_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
