#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/log_file.h"
#include "segment_writer.h"

static void test_names(void **state)
{
    static const struct {
        const char *name;
        enum log_file_kind kind;
        uint64_t numbers[3];
    } cases[] = {
        {"0000000000000001-0000000000000010", LOG_FILE_CLOSED, {1, 10}},
        {"12345678901234567-12345678901234568",
         LOG_FILE_CLOSED,
         {12345678901234567, 12345678901234568}},
        {"open-1", LOG_FILE_OPEN, {1}},
        {"open-18446744073709551615", LOG_FILE_OPEN, {UINT64_MAX}},
        {"snapshot-2-15-1000", LOG_FILE_SNAPSHOT, {2, 15, 1000}},
        {"snapshot-2-15-1000.meta", LOG_FILE_META, {2, 15, 1000}},
        {"open-18446744073709551616", LOG_FILE_OTHER, {0}},
        {"open-01", LOG_FILE_OTHER, {0}},
        {"open-", LOG_FILE_OTHER, {0}},
        {"open--1", LOG_FILE_OTHER, {0}},
        {"open-1.new", LOG_FILE_OTHER, {0}},
        {"1-10", LOG_FILE_OTHER, {0}},
        {"0000000000000001-0000000000000010-1", LOG_FILE_OTHER, {0}},
        {"snapshot-2-15", LOG_FILE_OTHER, {0}},
        {"snapshot-2-15-1000-1", LOG_FILE_OTHER, {0}},
        {"snapshot-2-15-1000.met", LOG_FILE_OTHER, {0}},
        {".meta", LOG_FILE_OTHER, {0}},
        {"metadata1", LOG_FILE_OTHER, {0}},
        {"tmp-snapshot-2-15-1000", LOG_FILE_OTHER, {0}},
        {"corrupt-17-open-1", LOG_FILE_OTHER, {0}},
        {"", LOG_FILE_OTHER, {0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct log_file f;

        log_file_name(cases[i].name, &f);
        assert_int_equal(f.kind, cases[i].kind);
        if (f.kind != LOG_FILE_OTHER)
            assert_memory_equal(f.numbers, cases[i].numbers, sizeof(f.numbers));
    }
}

static void test_order(void **state)
{
    static const char *const names[] = {"0000000000000009-0000000000000010",
                                        "0000000000000011-0000000000000012",
                                        "open-9",
                                        "open-10",
                                        "snapshot-2-15-1000",
                                        "snapshot-2-100-1",
                                        "snapshot-10-1-1",
                                        "snapshot-1-1-1.meta"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
            struct log_file a;
            struct log_file b;

            log_file_name(names[i], &a);
            log_file_name(names[j], &b);
            const int sign = log_file_compare(&a, &b);
            assert_true(i < j ? sign < 0 : i > j ? sign > 0 : sign == 0);
        }
}

static void test_vote(void **state)
{
    uint8_t bytes[33] = {0};
    struct vote vote;

    (void)state;
    writer_vote(bytes, 5, 6, 7);
    assert_int_equal(log_file_vote(span_from(bytes, 32), &vote), 0);
    assert_true(vote.version == 5 && vote.term == 6 && vote.voted_for == 7);
    for (size_t n = 0; n < 32; n++)
        assert_int_equal(log_file_vote(span_from(bytes, n), &vote), WERR_EOF);
    assert_int_equal(log_file_vote(span_from(bytes, 33), &vote), WERR_CORRUPT);
    writer_vote(bytes, 0, 6, 7);
    assert_int_equal(log_file_vote(span_from(bytes, 32), &vote), WERR_CORRUPT);
    writer_vote(bytes, 5, 6, 7);
    bytes[0] = 2;
    assert_int_equal(log_file_vote(span_from(bytes, 32), &vote), WERR_UNSUPPORTED);
}

static void test_two_votes(void **state)
{
    static const struct {
        struct vote votes[2];
        bool has[2];
        uint64_t version; /* that counts; UINT64_MAX: refused */
    } cases[] = {
        {{{0}, {0}}, {false, false}, 0},
        {{{1, 1, 0}, {0}}, {true, false}, 1},
        {{{3, 1, 0}, {0}}, {true, false}, UINT64_MAX},
        {{{0}, {2, 1, 0}}, {false, true}, UINT64_MAX},
        {{{1, 1, 0}, {2, 1, 5}}, {true, true}, 2},
        {{{3, 2, 0}, {2, 1, 5}}, {true, true}, 3},
        {{{5, 2, 0}, {2, 1, 5}}, {true, true}, UINT64_MAX},
        {{{2, 1, 0}, {3, 1, 5}}, {true, true}, UINT64_MAX},
        {{{2, 1, 0}, {2, 1, 0}}, {true, true}, UINT64_MAX},
        {{{3, 1, 0}, {2, 4, 5}}, {true, true}, UINT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vote vote;
        const char *what = log_file_votes(cases[i].votes, cases[i].has, &vote);

        assert_true((what != NULL) == (cases[i].version == UINT64_MAX));
        if (what == NULL)
            assert_int_equal(vote.version, cases[i].version);
    }
}

static void test_meta(void **state)
{
    uint8_t bytes[49] = {0};

    (void)state;
    writer_meta(bytes, 3);
    assert_int_equal(log_file_meta(span_from(bytes, 48)), 0);
    for (size_t n = 0; n < 48; n++)
        assert_int_equal(log_file_meta(span_from(bytes, n)), WERR_CORRUPT);
    assert_int_equal(log_file_meta(span_from(bytes, 49)), WERR_CORRUPT);
    for (size_t i = 0; i < 48; i++) {
        bytes[i] ^= 0x10;
        assert_int_equal(log_file_meta(span_from(bytes, 48)),
                         i < 8 ? WERR_UNSUPPORTED : WERR_CORRUPT);
        bytes[i] ^= 0x10;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names), cmocka_unit_test(test_order),
        cmocka_unit_test(test_vote),  cmocka_unit_test(test_two_votes),
        cmocka_unit_test(test_meta),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
