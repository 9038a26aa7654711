#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "log_fixture.h"

static const char *const all_files[] = {
    LOG_CLOSED_1,          LOG_CLOSED_2,   "open-1",       "metadata1",
    "metadata2",           LOG_SNAPSHOT_1, LOG_SNAPSHOT_2, LOG_SNAPSHOT_1 ".meta",
    LOG_SNAPSHOT_2 ".meta"};
enum { FILES_N = sizeof(all_files) / sizeof(all_files[0]) };

static size_t size_of(const struct log_place *p, const char *name)
{
    struct stat st;

    assert_int_equal(fstatat(p->disk.fd, name, &st, 0), 0);
    return (size_t)st.st_size;
}

/* Bytes of a file that say something: an open segment ends in zeros. */
static size_t used_of(const struct log_place *p, const char *name)
{
    const size_t batch = 8 + 8 + 16 + LOG_ENTRY_BYTES;

    return strcmp(name, "open-1") == 0 ? 8 + 10 * batch : size_of(p, name);
}

static void test_whole(void **state)
{
    struct log_place p;

    (void)state;
    log_make(&p);
    log_assert_whole(&p, LOG_LAST);
    assert_int_equal(p.s.first_index, 1);
    assert_int_equal(p.s.last_term, LOG_TERM);
    assert_int_equal(p.s.snapshot_index, 20);
    assert_int_equal(p.s.snapshot_term, 2);
    assert_int_equal(p.s.vote.version, 4);
    assert_int_equal(segments_heal(p.disk.fd, p.disk.path, &p.s, disk_wrong(&p.disk)), 0);
    assert_int_equal(size_of(&p, "open-1"), LOG_OPEN_BYTES);
    log_remove(&p);
}

static void test_nothing_yet(void **state)
{
    struct log_place p = {0};

    (void)state;
    disk_make(&p.disk);
    p.fds = disk_fds();
    log_assert_whole(&p, 0);
    p.mark.index = 1;
    log_assert_refused(&p, NULL, "ends at entry 0, but entry 1 was applied");
    log_remove(&p);
}

/* The older of two votes is not read, and the next to be written over. */
static bool is_of_no_account(const char *name, size_t offset)
{
    return strcmp(name, "metadata1") == 0 && offset >= 24;
}

/* 20 places and more of each file. */
static void test_a_flipped_byte_anywhere(void **state)
{
    struct log_place p;

    (void)state;
    log_make(&p);
    for (size_t f = 0; f < FILES_N; f++) {
        const char *name = all_files[f];
        const size_t n = used_of(&p, name);
        const size_t step = n > 400 ? n / 97 : 1;

        for (size_t i = 0; i < n; i += step) {
            disk_flip(p.disk.fd, name, i);
            const int rc = log_check(&p);
            if (rc != WERR_CORRUPT && rc != WERR_UNSUPPORTED && !is_of_no_account(name, i))
                fail_msg("%s: a flip of byte %zu gives %d", name, i, rc);
            if (rc < 0)
                assert_non_null(strstr(p.disk.text, p.disk.path));
            disk_flip(p.disk.fd, name, i);
        }
    }
    log_assert_whole(&p, LOG_LAST);
    log_remove(&p);
}

static void test_flipped_behind_the_entries(void **state)
{
    struct log_place p;

    (void)state;
    log_make(&p);
    for (size_t i = used_of(&p, "open-1"); i < LOG_OPEN_BYTES; i += 203) {
        disk_flip(p.disk.fd, "open-1", i);
        assert_int_equal(log_check(&p), 0); /* as if a write had begun: healed */
        assert_true(p.s.is_torn);
        disk_flip(p.disk.fd, "open-1", i);
    }
    disk_flip(p.disk.fd, "open-2", 5000);
    assert_int_equal(log_check(&p), 0);
    assert_true(p.s.is_torn);
    assert_string_equal(p.s.file, "open-2");
    assert_int_equal(segments_heal(p.disk.fd, p.disk.path, &p.s, disk_wrong(&p.disk)), 0);
    assert_int_equal(size_of(&p, "open-2"), 0);
    log_assert_whole(&p, LOG_LAST);
    log_remove(&p);
}

static void test_cut_anywhere(void **state)
{
    struct log_place p;

    (void)state;
    log_make(&p);
    for (size_t f = 0; f < FILES_N; f++) {
        const char *name = all_files[f];
        size_t n;
        uint8_t *whole = disk_get(p.disk.fd, name, &n);
        const size_t used = used_of(&p, name);

        for (size_t i = 1; i<used; i += used> 400 ? used / 61 : 1) {
            disk_cut(p.disk.fd, name, i);
            assert_int_equal(log_check(&p), WERR_CORRUPT);
            disk_put(p.disk.fd, name, whole, n);
        }
        free(whole);
    }
    log_assert_whole(&p, LOG_LAST);
    log_remove(&p);
}

/* Healed where nothing is lost: a snapshot or its .meta that is alone is one that was being
 * written, and an older one stands in for it, with the log. */
static void test_missing(void **state)
{
    static const char *const harmless[] = {LOG_SNAPSHOT_1,
                                           LOG_SNAPSHOT_2,
                                           LOG_SNAPSHOT_1 ".meta",
                                           LOG_SNAPSHOT_2 ".meta",
                                           LOG_CLOSED_1,
                                           "open-2",
                                           "open-3"};
    static const char *const harmful[] = {LOG_CLOSED_2, "open-1", "metadata1", "metadata2"};
    struct log_place p;

    (void)state;
    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
        log_make(&p);
        assert_int_equal(unlinkat(p.disk.fd, harmless[i], 0), 0);
        log_assert_whole(&p, LOG_LAST);
        log_remove(&p);
    }
    for (size_t i = 0; i < sizeof(harmful) / sizeof(harmful[0]); i++) {
        log_make(&p);
        assert_int_equal(unlinkat(p.disk.fd, harmful[i], 0), 0);
        assert_int_equal(log_check(&p), WERR_CORRUPT);
        log_remove(&p);
    }
}

static void test_without_its_snapshots_the_log_must_be_whole(void **state)
{
    struct log_place p;

    (void)state;
    log_make(&p);
    assert_int_equal(unlinkat(p.disk.fd, LOG_CLOSED_1, 0), 0);
    assert_int_equal(unlinkat(p.disk.fd, LOG_SNAPSHOT_2, 0), 0);
    log_assert_whole(&p, LOG_LAST); /* 15, then 11 … 30 */
    assert_int_equal(unlinkat(p.disk.fd, LOG_SNAPSHOT_1, 0), 0);
    log_assert_refused(&p, LOG_CLOSED_2, "the entries before it is missing");
    log_remove(&p);
}

static void test_both_votes_missing(void **state)
{
    struct log_place p;

    (void)state;
    log_make(&p);
    assert_int_equal(unlinkat(p.disk.fd, "metadata1", 0), 0);
    assert_int_equal(unlinkat(p.disk.fd, "metadata2", 0), 0);
    log_assert_refused(&p, "metadata1", "missing beside a log");
    log_remove(&p);
}

/* Older copies, as a restored backup or a strange disk brings them back. */
static void test_swapped_with_an_older_copy(void **state)
{
    struct log_place p;

    (void)state;
    log_make(&p);
    log_put_segment(p.disk.fd, "open-1", LOG_TERM, 21, 29, LOG_OPEN_BYTES);
    log_assert_refused(&p, NULL, "ends at entry 29, but entry 30 was applied");
    log_put_segment(p.disk.fd, "open-1", 2, 21, LOG_LAST, LOG_OPEN_BYTES);
    log_assert_refused(&p, NULL, "entry 30 (term 2) is not the one that was applied (term 3)");
    log_put_segment(p.disk.fd, "open-1", LOG_TERM, 121, 130, LOG_OPEN_BYTES);
    log_assert_refused(&p, NULL, "is not the one that was applied");
    log_put_segment(p.disk.fd, "open-1", LOG_TERM, 21, LOG_LAST, LOG_OPEN_BYTES);
    log_assert_whole(&p, LOG_LAST);

    log_put_segment(p.disk.fd, LOG_CLOSED_2, 1, 1, 9, 0);
    log_assert_refused(&p, LOG_CLOSED_2, "not the entries that its name speaks of");
    log_put_segment(p.disk.fd, LOG_CLOSED_2, 2, 11, 20, 0);

    log_put_snapshot(p.disk.fd, LOG_SNAPSHOT_2, 15);
    log_assert_refused(&p, LOG_SNAPSHOT_2, "of another index");
    log_put_snapshot(p.disk.fd, LOG_SNAPSHOT_2, 20);

    log_put_vote(p.disk.fd, 2, 1, 7);
    log_assert_refused(&p, "metadata1", ""); /* 2 and 3: the term is before the log's */
    log_put_vote(p.disk.fd, 4, LOG_TERM, 8);
    log_assert_refused(&p, "metadata2", "not the vote that was given");
    log_put_vote(p.disk.fd, 4, LOG_TERM, 7);
    log_put_vote(p.disk.fd, 5, 4, 8); /* newer than what was noted: killed in between */
    assert_int_equal(log_check(&p), 0);
    log_remove(&p);
}

/* The mark is of a command, and what an older file has in its place is none. */
static void test_no_command_in_its_place(void **state)
{
    struct log_place p;
    struct writer w;

    (void)state;
    log_make(&p);
    p.mark.term = 0; /* the engine does not tell it */
    log_assert_whole(&p, LOG_LAST);
    writer_begin(&w, LOG_OPEN_BYTES);
    for (uint64_t i = 21; i <= LOG_LAST; i++) {
        w.type = i == LOG_LAST ? WRITER_BARRIER : WRITER_COMMAND;
        writer_batch(&w, LOG_TERM, i, 1, LOG_ENTRY_BYTES);
    }
    disk_put(p.disk.fd, "open-1", w.bytes, LOG_OPEN_BYTES);
    writer_free(&w);
    log_assert_refused(&p, NULL, "is not the one that was applied");
    log_remove(&p);
}

static void test_vote_that_was_never_noted(void **state)
{
    struct log_place p;

    (void)state;
    log_make(&p);
    p.mark.vote = (struct vote){0};
    log_assert_whole(&p, LOG_LAST);
    log_put_vote(p.disk.fd, 3, 1, 7);
    log_put_vote(p.disk.fd, 4, 2, 7);
    log_assert_refused(&p, "metadata2", "a term before the one of the log");
    log_mark(&p, 20, 2); /* stored and never applied: the term of the log counts too */
    log_assert_refused(&p, "metadata2", "a term before the one of the log");
    log_remove(&p);
}

/* The mark decides: the last entry damaged is a write that nobody was told of, or a loss. */
static void test_last_entry(void **state)
{
    struct log_place p;

    (void)state;
    log_make(&p);
    disk_flip(p.disk.fd, "open-1", used_of(&p, "open-1") - 3);
    log_assert_refused(&p, "open-1", "a wrong checksum of entries");
    log_mark(&p, LOG_LAST - 1, LOG_TERM);
    assert_int_equal(log_check(&p), 0);
    assert_true(p.s.is_torn);
    assert_int_equal(p.s.last_index, LOG_LAST - 1);
    assert_int_equal(segments_heal(p.disk.fd, p.disk.path, &p.s, disk_wrong(&p.disk)), 0);
    assert_int_equal(size_of(&p, "open-1"), p.s.offset);
    log_assert_whole(&p, LOG_LAST - 1);
    log_remove(&p);
}

/* In the middle it is damage, however low the mark is. */
static void test_middle_is_never_torn(void **state)
{
    struct log_place p;

    (void)state;
    log_make(&p);
    log_mark(&p, 20, 2);
    disk_flip(p.disk.fd, "open-1", used_of(&p, "open-1") / 2);
    log_assert_refused(&p, "open-1", "a wrong checksum");
    log_remove(&p);
}

/* A torn last write, and entries in the next file: the engine begins that when the write before
 * has been synced. */
static void test_later_file_has_entries(void **state)
{
    struct log_place p;

    (void)state;
    log_make(&p);
    log_mark(&p, 20, 2);
    disk_flip(p.disk.fd, "open-1", used_of(&p, "open-1") - 3);
    log_put_segment(p.disk.fd, "open-2", LOG_TERM, 31, 33, LOG_OPEN_BYTES);
    log_assert_refused(&p, "open-1", "more entries come in later files");
    disk_flip(p.disk.fd, "open-1", used_of(&p, "open-1") - 3);
    log_assert_whole(&p, 33);
    log_put_segment(p.disk.fd, "open-3", LOG_TERM, 34, 35, LOG_OPEN_BYTES);
    log_assert_whole(&p, 35);
    assert_int_equal(unlinkat(p.disk.fd, "open-2", 0), 0);
    log_assert_refused(&p, "open-3", "the file before it is missing");
    log_remove(&p);
}

/* Each length of the file: the engine aborts on most of them. Healed is what lost nothing. */
static void test_short_open_files(void **state)
{
    const size_t batch = 8 + 8 + 16 + LOG_ENTRY_BYTES;

    (void)state;
    for (size_t n = 0; n < 8 + 11 * batch; n += 5) {
        struct log_place p;
        const size_t whole = n < 8 ? 0 : (n - 8) / batch;
        const uint64_t last = 20 + (whole < 10 ? whole : 10);

        log_make(&p);
        log_mark(&p, last, last == 20 ? 2 : LOG_TERM);
        disk_cut(p.disk.fd, "open-1", n);
        assert_int_equal(log_check(&p), 0);
        assert_int_equal(p.s.last_index, last);
        assert_int_equal(segments_heal(p.disk.fd, p.disk.path, &p.s, disk_wrong(&p.disk)), 0);
        const size_t left = size_of(&p, "open-1");
        const size_t end = last == 20 ? 0 : 8 + (last - 20) * batch;
        assert_true(left == end || (left == n && n >= end + 16));
        log_assert_whole(&p, last);
        log_mark(&p, last + 1, LOG_TERM);
        assert_int_equal(log_check(&p), WERR_CORRUPT);
        log_remove(&p);
    }
}

static void test_what_cut_off_writes_leave(void **state)
{
    struct log_place p;

    (void)state;
    log_make(&p);
    disk_put(p.disk.fd, "tmp-snapshot-3-30-3000", "half", 4);
    log_put_snapshot(p.disk.fd, "snapshot-3-30-3000", 30);
    assert_int_equal(unlinkat(p.disk.fd, "snapshot-3-30-3000", 0), 0);
    disk_put(p.disk.fd, "snapshot-3-29-3000", "half", 4);
    log_assert_whole(&p, LOG_LAST);
    assert_int_equal(p.s.snapshot_index, 20);
    log_remove(&p);
}

static void test_snapshot_alone(void **state)
{
    struct log_place p;

    (void)state;
    log_make(&p);
    assert_int_equal(unlinkat(p.disk.fd, "open-1", 0), 0);
    assert_int_equal(unlinkat(p.disk.fd, LOG_CLOSED_1, 0), 0);
    assert_int_equal(unlinkat(p.disk.fd, LOG_CLOSED_2, 0), 0);
    log_mark(&p, 20, 2);
    p.mark.checksum = 0;
    log_assert_whole(&p, 20);
    assert_int_equal(p.s.first_index, 0);
    assert_int_equal(p.s.last_term, 2);
    p.mark.term = 3;
    log_assert_refused(&p, NULL, "is not the one that was applied");
    log_remove(&p);
}

static void test_without_memory(void **state)
{
    struct log_place p;
    unsigned n = 1;

    (void)state;
    log_make(&p);
    for (;; n++) {
        fault_set(n);
        const int rc = log_check(&p);
        if (fault_is_armed())
            break;
        assert_int_equal(rc, WERR_NOMEM);
        assert_non_null(strstr(p.disk.text, p.disk.path));
    }
    fault_set(0);
    assert_true(n > 3); /* a file that is longer than those before it */
    log_assert_whole(&p, LOG_LAST);
    log_remove(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_nothing_yet),
        cmocka_unit_test(test_a_flipped_byte_anywhere),
        cmocka_unit_test(test_flipped_behind_the_entries),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_without_its_snapshots_the_log_must_be_whole),
        cmocka_unit_test(test_both_votes_missing),
        cmocka_unit_test(test_swapped_with_an_older_copy),
        cmocka_unit_test(test_vote_that_was_never_noted),
        cmocka_unit_test(test_no_command_in_its_place),
        cmocka_unit_test(test_last_entry),
        cmocka_unit_test(test_middle_is_never_torn),
        cmocka_unit_test(test_later_file_has_entries),
        cmocka_unit_test(test_short_open_files),
        cmocka_unit_test(test_what_cut_off_writes_leave),
        cmocka_unit_test(test_snapshot_alone),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
