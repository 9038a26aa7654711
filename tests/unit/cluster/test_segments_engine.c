#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>

#include "cluster/log_file.h"
#include "engine_child.h"
#include "log_fixture.h"

/* What libraft itself writes, and how it takes what was healed. */

enum { ENTRIES = 150, FLIPS = 20, BATCH = 8 + 8 + 16 + ENGINE_ENTRY_BYTES };

/* A directory with the entries of a node that was killed, and the mark of the last one. */
static void make(struct log_place *p, bool has_snapshots)
{
    struct engine_said said;

    *p = (struct log_place){0};
    disk_make(&p->disk);
    p->fds = disk_fds();
    assert_true(engine_run(p->disk.path, ENTRIES, has_snapshots, &said));
    assert_int_equal(said.rc, 0);
    p->mark.index = said.last_index;
    assert_int_equal(segments_vote(p->disk.fd, p->disk.path, &p->mark.vote, &p->disk.wrong), 0);
    p->mark.term = p->mark.vote.term;
}

static void assert_starts(struct log_place *p, uint64_t last_index)
{
    struct engine_said said;

    assert_true(engine_run(p->disk.path, 0, false, &said));
    assert_int_equal(said.rc, 0);
    assert_int_equal(said.last_index, last_index);
}

static void test_what_it_writes_is_whole(void **state)
{
    struct log_place p;

    (void)state;
    for (unsigned with = 0; with < 2; with++) {
        make(&p, with == 1);
        log_assert_whole(&p, p.mark.index);
        assert_int_equal(p.s.last_index, ENTRIES + 1); /* the first is of the members */
        assert_true((p.s.snapshot_index > 0) == (with == 1));
        assert_int_equal(segments_heal(p.disk.fd, p.disk.path, &p.s, disk_wrong(&p.disk)), 0);
        assert_starts(&p, p.mark.index);
        log_assert_whole(&p, p.mark.index);
        log_remove(&p);
    }
}

/* Bytes before the zeros at the end. */
static size_t used_of(const struct log_place *p, const char *name)
{
    size_t n;
    uint8_t *bytes = disk_get(p->disk.fd, name, &n);

    while (n > 0 && bytes[n - 1] == 0)
        n--;
    free(bytes);
    return n;
}

static void flip_file(struct log_place *p, const char *name)
{
    const size_t used = used_of(p, name);

    for (size_t i = 0; i < FLIPS && used > 0; i++) {
        const size_t at = i * (used - 1) / (FLIPS - 1);

        disk_flip(p->disk.fd, name, at);
        const int rc = log_check(p);
        if (rc != WERR_CORRUPT && rc != WERR_UNSUPPORTED)
            fail_msg("%s: a flip of byte %zu gives %d", name, at, rc);
        disk_flip(p->disk.fd, name, at);
    }
}

static void test_a_flipped_byte_in_each_file(void **state)
{
    struct log_place p;
    unsigned files_n = 0;

    (void)state;
    make(&p, true);
    DIR *list = opendir(p.disk.path);
    for (struct dirent *e = readdir(list); e != NULL; e = readdir(list)) {
        if (e->d_name[0] == '.')
            continue;
        flip_file(&p, e->d_name);
        files_n++;
    }
    (void)closedir(list);
    assert_true(files_n >= 7);
    log_assert_whole(&p, p.mark.index);
    log_remove(&p);
}

/* The engine aborts on most of these as they are. */
static void test_it_starts_on_a_healed_log(void **state)
{
    static const size_t lengths[] = {0,
                                     1,
                                     8,
                                     9,
                                     20,
                                     24,
                                     8 + BATCH,
                                     8 + BATCH + 7,
                                     4096,
                                     4100,
                                     8192,
                                     8 + 90 * BATCH - 3,
                                     8 + 90 * BATCH + 15};

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct log_place p;

        make(&p, false);
        disk_cut(p.disk.fd, "open-1", lengths[i]);
        assert_int_equal(log_check(&p), WERR_CORRUPT); /* with the mark: a loss */
        p.mark.index = 1;
        assert_int_equal(log_check(&p), 0);
        const uint64_t last = p.s.last_index;
        assert_int_equal(segments_heal(p.disk.fd, p.disk.path, &p.s, disk_wrong(&p.disk)), 0);
        assert_starts(&p, last);
        log_remove(&p);
    }
}

/* A torn last write whose head claims more than the file has: zeros behind it would not help.
 */
static void test_it_starts_after_a_torn_write(void **state)
{
    uint8_t torn[512];
    struct log_place p;

    (void)state;
    make(&p, false);
    memset(torn, 0, sizeof(torn));
    memset(torn, 0x5a, 8);
    torn[10] = 3; /* 196,608 entries */
    const size_t end = 8 + (size_t)ENTRIES * BATCH;
    const int fd = openat(p.disk.fd, "open-1", O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, torn, sizeof(torn), (off_t)end), sizeof(torn));
    assert_int_equal(ftruncate(fd, (off_t)(end + 8192)), 0);
    (void)close(fd);
    assert_int_equal(log_check(&p), 0);
    assert_true(p.s.is_torn);
    assert_int_equal(p.s.offset, end);
    assert_int_equal(segments_heal(p.disk.fd, p.disk.path, &p.s, disk_wrong(&p.disk)), 0);
    assert_starts(&p, p.mark.index);
    log_remove(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_writes_is_whole),
        cmocka_unit_test(test_a_flipped_byte_in_each_file),
        cmocka_unit_test(test_it_starts_on_a_healed_log),
        cmocka_unit_test(test_it_starts_after_a_torn_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
