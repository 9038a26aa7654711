#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/werr.h"
#include "manager/views_message.h"

static struct views_message_out out;

static int read_copy(struct span bytes, struct views_message *m)
{
    static char *exact;

    free(exact); /* of its very size, so that a read beyond its end is seen */
    exact = malloc(bytes.len > 0 ? bytes.len : 1);
    assert_non_null(exact);
    memcpy(exact, bytes.ptr, bytes.len);
    const int rc = views_message_read(span_from(exact, bytes.len), m);
    assert_true(rc == 0 || rc == WERR_CORRUPT);
    return rc;
}

static struct span write_n(unsigned n)
{
    views_message_begin(&out, 0x1122334455667788, true);
    for (unsigned i = 0; i < n; i++) {
        assert_false(views_message_is_full(&out));
        views_message_add(&out,
                          &(struct views_message_item){.id = i + 1,
                                                       .view = (uint8_t)(i % HEALTH_VIEWS),
                                                       .since_us = 1795446494123000 + i});
    }
    return views_message_bytes(&out);
}

static void check(unsigned n)
{
    struct views_message_item item;
    struct views_message m;

    assert_int_equal(read_copy(write_n(n), &m), 0);
    assert_true(m.life == 0x1122334455667788 && m.asks);
    for (unsigned i = 0; i < n; i++) {
        assert_true(views_message_next(&m, &item));
        assert_int_equal(item.id, i + 1);
        assert_int_equal(item.view, i % HEALTH_VIEWS);
        assert_int_equal(item.since_us, 1795446494123000 + i);
    }
    assert_false(views_message_next(&m, &item));
}

static void test_out_and_in(void **state)
{
    (void)state;
    check(0);
    check(1);
    check(VIEWS_MESSAGE_MAX_N);
    assert_true(views_message_is_full(&out));
    assert_true(sizeof(out.buf) <= 16 * 1024); /* what the cluster shares at once */
}

static void test_cut_and_changed(void **state)
{
    char bytes[VIEWS_MESSAGE_HEAD_BYTES + 3 * VIEWS_MESSAGE_ITEM_BYTES + 1] = {0};
    const struct span whole = write_n(3);
    struct views_message m;

    (void)state;
    memcpy(bytes, whole.ptr, whole.len);
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        const bool is_whole = len >= VIEWS_MESSAGE_HEAD_BYTES &&
                              (len - VIEWS_MESSAGE_HEAD_BYTES) % VIEWS_MESSAGE_ITEM_BYTES == 0;
        assert_int_equal(read_copy(span_from(bytes, len), &m), is_whole ? 0 : WERR_CORRUPT);
    }
    bytes[8] = 2; /* asks */
    assert_int_equal(read_copy(span_from(bytes, whole.len), &m), WERR_CORRUPT);
    bytes[8] = 0;
    bytes[VIEWS_MESSAGE_HEAD_BYTES + VIEWS_MESSAGE_ITEM_BYTES + 8] = HEALTH_VIEWS;
    assert_int_equal(read_copy(span_from(bytes, whole.len), &m), WERR_CORRUPT);
}

static void test_too_many(void **state)
{
    static char bytes[VIEWS_MESSAGE_BYTES_MAX + VIEWS_MESSAGE_ITEM_BYTES];
    struct views_message m;

    (void)state;
    assert_int_equal(read_copy(span_from(bytes, VIEWS_MESSAGE_BYTES_MAX), &m), 0);
    assert_int_equal(read_copy(span_from(bytes, sizeof(bytes)), &m), WERR_CORRUPT);
    assert_int_equal(views_message_read(SPAN_NONE, &m), WERR_CORRUPT);
    (void)read_copy(write_n(0), &m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_out_and_in),
        cmocka_unit_test(test_cut_and_changed),
        cmocka_unit_test(test_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
