/* Messages of a link come out as they were put in, however the bytes are split. */
#include <stdlib.h>
#include <string.h>

#include "../base/cm.h"
#include "base/fault.h"
#include "base/rand.h"
#include "cluster/link_message.h"

enum { MAX = 300000, STREAM_MAX = 1024 * 1024 };

static const size_t sizes[] = {0, 1, 2, 255, 256, 257, 0, 70000, 3, MAX - 1, 0, 5};

static char stream[STREAM_MAX];
static size_t stream_n;

static char byte_of(size_t message, size_t at)
{
    return (char)(message * 31 + at * 7 + at / 256);
}

static void make_stream(void)
{
    stream_n = 0;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        link_message_head((uint8_t)(i + 1), sizes[i], stream + stream_n);
        stream_n += LINK_MESSAGE_HEAD_BYTES;
        for (size_t at = 0; at < sizes[i]; at++)
            stream[stream_n++] = byte_of(i, at);
    }
}

static size_t take_all(struct link_message *m, struct span in, size_t n)
{
    struct span payload;
    uint8_t type;
    int rc;

    while ((rc = link_message_take(m, &in, MAX, &type, &payload)) > 0) {
        assert_true(n < COUNT(sizes));
        assert_int_equal(type, n + 1);
        assert_int_equal(payload.len, sizes[n]);
        for (size_t at = 0; at < payload.len; at++)
            assert_true(payload.ptr[at] == byte_of(n, at));
        n++;
    }
    assert_int_equal(rc, 0);
    assert_int_equal(in.len, 0);
    return n;
}

static void test_any_split(void **state)
{
    static const size_t pieces[] = {1, 2, 3, 5, 7, 1000, 65536, STREAM_MAX};
    struct rand_state r;

    (void)state;
    rand_seed(&r, 7);
    make_stream();
    for (size_t i = 0; i < COUNT(pieces) * 2; i++) {
        const size_t most = pieces[i / 2];
        struct link_message m = {.n = 0};
        size_t n = 0;

        for (size_t at = 0; at < stream_n;) {
            size_t len = i % 2 == 0 ? most : 1 + rand_below(&r, most);

            len = len < stream_n - at ? len : stream_n - at;
            char *copy = malloc(len); /* a byte read too far is seen */

            assert_non_null(copy);
            memcpy(copy, stream + at, len);
            n = take_all(&m, span_from(copy, len), n);
            free(copy);
            at += len;
        }
        assert_int_equal(n, COUNT(sizes));
        link_message_fini(&m);
    }
}

static int take_text(struct link_message *m, const char *bytes, size_t n)
{
    struct span in = span_from(bytes, n), payload;
    uint8_t type;

    return link_message_take(m, &in, MAX, &type, &payload);
}

/* Before a byte of it is kept; whole and byte by byte. */
static void test_lengths_refused(void **state)
{
    static const struct {
        const char *bytes;
        int rc;
    } rows[] = {
        {"\0\0\0\0\1", WERR_SYNTAX},
        {"\xe1\x93\x04\0\1", WERR_TOO_BIG}, /* MAX + 1 */
        {"\xff\xff\xff\xff\1", WERR_TOO_BIG},
        {"\xe0\x93\x04\0\1", 0}, /* MAX */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct link_message m = {.n = 0};

        assert_int_equal(take_text(&m, rows[i].bytes, 5), rows[i].rc);
        assert_true(m.cap < 1024);
        link_message_fini(&m);
        for (size_t at = 0; at < 3; at++)
            assert_int_equal(take_text(&m, rows[i].bytes + at, 1), 0);
        assert_int_equal(take_text(&m, rows[i].bytes + 3, 1), rows[i].rc);
        assert_true(m.cap < 1024);
        link_message_fini(&m);
    }
}

/* What is announced costs nothing; a large message that was handed on is not kept. */
static void test_memory(void **state)
{
    static char much[MAX];
    struct link_message m = {.n = 0};
    struct span in, payload;
    uint8_t type;

    (void)state;
    assert_int_equal(take_text(&m, "\xe0\x93\x04\0\1", 5), 0);
    assert_true(m.cap < 1024);
    in = span_from(much, MAX - 1);
    assert_int_equal(link_message_take(&m, &in, MAX, &type, &payload), 1);
    assert_int_equal(payload.len, MAX - 1);
    assert_int_equal(take_text(&m, "", 0), 0);
    assert_int_equal(m.cap, 0);
    fault_set(1);
    assert_int_equal(take_text(&m, "\2", 1), WERR_NOMEM);
    link_message_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_split),
        cmocka_unit_test(test_lengths_refused),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
