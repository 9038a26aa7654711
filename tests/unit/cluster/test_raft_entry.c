#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/raft_entry.h"

static const uint8_t request_id[CLUSTER_ID_BYTES] = {1, 2, 3, [15] = 9};

static void test_written_and_read(void **state)
{
    static const char text[] = "0123456789abcdef";
    uint8_t bytes[64];

    (void)state;
    for (size_t len = 0; len < sizeof(text); len++) {
        struct engine_entry_view view;
        const size_t size = engine_entry_size(len);

        assert_true(size % 8 == 0 && size >= ENGINE_ENTRY_HEAD_BYTES + len);
        memset(bytes, 0xFF, sizeof(bytes));
        engine_entry_write(&(struct engine_entry_view){.type = len % 2 == 0
                                                                   ? ENGINE_ENTRY_COMMAND
                                                                   : ENGINE_ENTRY_ROSTER,
                                                       .level = (uint8_t)(len * 16),
                                                       .command = span_from(text, len),
                                                       .request_id = request_id},
                           bytes);
        assert_int_equal(engine_entry_read(span_from((char *)bytes, size), &view), 0);
        assert_int_equal(view.type, len % 2 == 0 ? ENGINE_ENTRY_COMMAND : ENGINE_ENTRY_ROSTER);
        assert_int_equal(view.level, (uint8_t)(len * 16));
        assert_true(span_is_equal(view.command, span_from(text, len)));
        assert_memory_equal(view.request_id, request_id, sizeof(request_id));
        assert_int_equal(engine_entry_read(span_from((char *)bytes, size + 8), &view),
                         WERR_CORRUPT);
        for (size_t cut = 0; cut < size; cut++)
            assert_int_equal(engine_entry_read(span_from((char *)bytes, cut), &view),
                             WERR_CORRUPT);
    }
}

static void write_abc(enum engine_entry_type type, uint8_t *bytes)
{
    engine_entry_write(
        &(struct engine_entry_view){
            .type = type, .level = 7, .command = SPAN("abc"), .request_id = request_id},
        bytes);
}

static void test_is_never_passed_over(void **state)
{
    static const size_t places[] = {0, 1, 3}; /* format, type, flags */
    struct engine_entry_view view;
    uint8_t bytes[32];

    (void)state;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        write_abc(ENGINE_ENTRY_ROSTER, bytes);
        bytes[places[i]]++;
        assert_int_equal(engine_entry_read(span_from((char *)bytes, sizeof(bytes)), &view),
                         WERR_UNSUPPORTED);
        assert_int_equal(view.level, 7); /* whatever it is, who halts says what it needs */
    }
    write_abc(ENGINE_ENTRY_COMMAND, bytes);
    memset(bytes + 4, 0xFF, 4);
    assert_int_equal(engine_entry_read(span_from((char *)bytes, sizeof(bytes)), &view),
                     WERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_and_read),
        cmocka_unit_test(test_is_never_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
