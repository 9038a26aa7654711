/* log_fixture.h - a log as the engine leaves it, in a directory of the test's own.
 *
 *     0000000000000001-0000000000000010   ten batches of one entry, term 1
 *     0000000000000011-0000000000000020   and so on, term 2
 *     open-1                              entries 21 … 30, term 3, zeros behind them
 *     open-2, open-3                      allocated for later
 *     metadata1 (version 3, term 2), metadata2 (version 4, term 3)
 *     snapshot-2-15-1000, snapshot-2-20-2000, and their .meta
 */
#ifndef WELDR_TESTS_LOG_FIXTURE_H
#define WELDR_TESTS_LOG_FIXTURE_H

#include <cmocka.h>

#include "cluster/image.h"
#include "cluster/segments.h"
#include "disk_fixture.h"
#include "segment_writer.h"

enum { LOG_ENTRY_BYTES = 104, LOG_OPEN_BYTES = 16384, LOG_LAST = 30, LOG_TERM = 3 };

#define LOG_CLOSED_1   "0000000000000001-0000000000000010"
#define LOG_CLOSED_2   "0000000000000011-0000000000000020"
#define LOG_SNAPSHOT_1 "snapshot-2-15-1000"
#define LOG_SNAPSHOT_2 "snapshot-2-20-2000"

struct log_place {
    struct disk disk;
    unsigned fds; /* open ones, when it was made */
    struct high_water_mark mark;
    struct segments s;
};

/* Entries from first to last, one a batch; cap 0: a closed segment, else an open one. */
static inline void log_put_segment(int fd, const char *name, uint64_t term, uint64_t first,
                                   uint64_t last, size_t cap)
{
    struct writer w;

    writer_begin(&w, LOG_OPEN_BYTES);
    for (uint64_t i = first; i <= last; i++)
        writer_batch(&w, term, i, 1, LOG_ENTRY_BYTES);
    disk_put(fd, name, w.bytes, cap > 0 ? cap : w.n);
    writer_free(&w);
}

static inline void log_put_snapshot(int fd, const char *name, uint64_t index)
{
    uint8_t whole[IMAGE_HEAD_BYTES + 400];
    uint8_t meta[48];
    char meta_name[SEGMENTS_NAME_MAX];

    memset(whole, (int)index, sizeof(whole));
    image_make(
        &(struct image){.index = index, .bytes = span_from(whole + IMAGE_HEAD_BYTES, 400)},
        whole);
    disk_put(fd, name, whole, sizeof(whole));
    writer_meta(meta, 1);
    (void)snprintf(meta_name, sizeof(meta_name), "%s.meta", name);
    disk_put(fd, meta_name, meta, sizeof(meta));
}

static inline void log_put_vote(int fd, uint64_t version, uint64_t term, uint64_t voted_for)
{
    uint8_t bytes[32];

    writer_vote(bytes, version, term, voted_for);
    disk_put(fd, version % 2 == 1 ? "metadata1" : "metadata2", bytes, sizeof(bytes));
}

/* The mark of an entry of the fixture's log. */
static inline void log_mark(struct log_place *p, uint64_t index, uint64_t term)
{
    uint8_t entry[LOG_ENTRY_BYTES];

    writer_entry(index, entry, sizeof(entry));
    p->mark.index = index;
    p->mark.term = term;
    p->mark.checksum = high_water_checksum(span_from(entry, sizeof(entry)));
}

static inline void log_make(struct log_place *p)
{
    static const uint8_t zeros[LOG_OPEN_BYTES];

    *p = (struct log_place){0};
    disk_make(&p->disk);
    p->fds = disk_fds();
    const int fd = p->disk.fd;
    log_put_segment(fd, LOG_CLOSED_1, 1, 1, 10, 0);
    log_put_segment(fd, LOG_CLOSED_2, 2, 11, 20, 0);
    log_put_segment(fd, "open-1", LOG_TERM, 21, LOG_LAST, LOG_OPEN_BYTES);
    disk_put(fd, "open-2", zeros, sizeof(zeros));
    disk_put(fd, "open-3", zeros, sizeof(zeros));
    log_put_vote(fd, 3, 2, 7);
    log_put_vote(fd, 4, LOG_TERM, 7);
    log_put_snapshot(fd, LOG_SNAPSHOT_1, 15);
    log_put_snapshot(fd, LOG_SNAPSHOT_2, 20);
    log_mark(p, LOG_LAST, LOG_TERM);
    p->mark.vote = (struct vote){.version = 4, .term = LOG_TERM, .voted_for = 7};
}

static inline void log_remove(struct log_place *p)
{
    assert_int_equal(disk_fds(), p->fds);
    disk_remove(&p->disk);
}

static inline int log_check(struct log_place *p)
{
    return segments_check(p->disk.fd, p->disk.path, &p->mark, &p->s, disk_wrong(&p->disk));
}

static inline void log_assert_whole(struct log_place *p, uint64_t last)
{
    const int rc = log_check(p);

    if (rc < 0)
        fail_msg("refused: %s", p->disk.text);
    assert_false(p->s.is_torn);
    assert_int_equal(p->s.last_index, last);
}

/* Refused, with a sentence that has the file (none: NULL), and this. */
static inline void log_assert_refused(struct log_place *p, const char *name, const char *says)
{
    assert_int_equal(log_check(p), WERR_CORRUPT);
    assert_non_null(strstr(p->disk.text, p->disk.path));
    assert_non_null(strstr(p->disk.text, data_dir_way_out));
    if (strstr(p->disk.text, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", p->disk.text, says);
    if (name == NULL)
        return;
    assert_string_equal(p->s.file, name);
    assert_non_null(strstr(p->disk.text, name));
}

#endif
