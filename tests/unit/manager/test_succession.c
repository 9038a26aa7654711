#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "manager/succession.h"

static int read_copy(const char *bytes, size_t len, struct succession *s)
{
    static char *exact;

    free(exact); /* of its very size, so that a read beyond its end is seen */
    exact = malloc(len > 0 ? len : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, len);
    return succession_get(span_from(exact, len), s);
}

/* Out and in again; then each part of it alone. */
static void pass(const struct succession *s, struct succession *back)
{
    char buf[SUCCESSION_MAX_BYTES];
    const size_t len = succession_put(buf, s);
    struct succession part;

    for (size_t i = 0; i < len; i++)
        assert_int_equal(read_copy(buf, i, &part), WERR_CORRUPT);
    if (len < sizeof(buf)) {
        buf[len] = 0;
        assert_int_equal(read_copy(buf, len + 1, &part), WERR_CORRUPT);
    }
    assert_int_equal(read_copy(buf, len, back), 0);
    assert_int_equal(back->type, s->type);
}

static void test_hello(void **state)
{
    struct succession back;

    (void)state;
    pass(&(struct succession){.type = SUCCESSION_HELLO,
                              .protocol = SUCCESSION_PROTOCOL,
                              .text = SPAN("1.2.3")},
         &back);
    assert_int_equal(back.protocol, SUCCESSION_PROTOCOL);
    assert_true(span_is_equal(back.text, SPAN("1.2.3")));
}

/* Of a later version nothing is known but the number. */
static void test_another_protocol(void **state)
{
    static const char later[] = {SUCCESSION_HELLO, 9, 0, 0, 0, 'x', 'y'};
    struct succession back;

    (void)state;
    assert_int_equal(read_copy(later, sizeof(later), &back), 0);
    assert_int_equal(back.protocol, 9);
}

static void test_node(void **state)
{
    const struct succession_node node = {.pid = 77,
                                         .workers = 2,
                                         .slots = 3,
                                         .log_level = 4,
                                         .queue_bytes = 1ULL << 40,
                                         .done_n = 5,
                                         .failed_n = 6,
                                         .version = "0.1.0"};
    struct succession back, out = {.type = SUCCESSION_NODE, .node = node};
    char buf[SUCCESSION_MAX_BYTES];

    (void)state;
    pass(&out, &back);
    assert_memory_equal(&back.node, &node, sizeof(node));
    out.node.workers = 4; /* more than have sockets */
    assert_int_equal(read_copy(buf, succession_put(buf, &out), &back), WERR_CORRUPT);
}

static void test_listener(void **state)
{
    const struct addr wanted = {.family = AF_INET6, .port = 0, .ip = {0xfe, 0x80, 1}};
    const struct addr bound = {.family = AF_INET, .port = 8080, .ip = {127, 0, 0, 1}};
    struct succession back;

    (void)state;
    pass(&(struct succession){.type = SUCCESSION_LISTENER,
                              .listener = {.use = 2,
                                           .slot = 255,
                                           .wanted = wanted,
                                           .bound = bound,
                                           .name = SPAN("default")}},
         &back);
    assert_int_equal(back.listener.use, 2);
    assert_int_equal(back.listener.slot, 255);
    assert_true(addr_is_equal(&back.listener.wanted, &wanted));
    assert_true(addr_is_equal(&back.listener.bound, &bound));
    assert_true(span_is_equal(back.listener.name, SPAN("default")));
    assert_true(succession_has_fd(SUCCESSION_LISTENER));
}

static void test_keys_and_texts(void **state)
{
    char seal[32], tickets[240], longest[SUCCESSION_TEXT_MAX];
    struct succession back;

    (void)state;
    memset(seal, 1, sizeof(seal));
    memset(tickets, 2, sizeof(tickets));
    memset(longest, 'x', sizeof(longest));
    pass(&(struct succession){.type = SUCCESSION_KEYS,
                              .seal = span_from(seal, sizeof(seal)),
                              .text = span_from(tickets, sizeof(tickets))},
         &back);
    assert_true(span_is_equal(back.seal, span_from(seal, sizeof(seal))));
    assert_true(span_is_equal(back.text, span_from(tickets, sizeof(tickets))));
    pass(&(struct succession){.type = SUCCESSION_TOKEN,
                              .text = span_from(longest, sizeof(longest))},
         &back);
    assert_int_equal(back.text.len, SUCCESSION_TEXT_MAX);
    pass(&(struct succession){.type = SUCCESSION_SNAPSHOT, .index = UINT64_MAX}, &back);
    assert_true(back.index == UINT64_MAX);
}

/* Those that say all by their type. */
static void test_words(void **state)
{
    static const enum succession_type words[] = {SUCCESSION_TOTALS, SUCCESSION_GO,
                                                 SUCCESSION_READY};
    struct succession back;

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        pass(&(struct succession){.type = (uint8_t)words[i]}, &back);
    assert_string_equal(succession_word(SUCCESSION_GO), "GO");
    assert_false(succession_has_fd(SUCCESSION_GO));
    assert_int_equal(read_copy("\x63", 1, &back), WERR_CORRUPT);
    assert_int_equal(read_copy("", 0, &back), WERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello), cmocka_unit_test(test_another_protocol),
        cmocka_unit_test(test_node),  cmocka_unit_test(test_listener),
        cmocka_unit_test(test_words), cmocka_unit_test(test_keys_and_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
