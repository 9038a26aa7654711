#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/high_water.h"
#include "disk_fixture.h"

struct place {
    struct disk disk;
    struct data_dir d;
    struct high_water h;
};

static void open_dir(struct place *p)
{
    char path[80];

    (void)snprintf(path, sizeof(path), "%s/node", p->disk.path);
    assert_int_equal(data_dir_open(&p->d, path, disk_wrong(&p->disk)), 0);
}

static int open_mark(struct place *p)
{
    return high_water_open(&p->h, &p->d, disk_wrong(&p->disk));
}

/* A directory in use, with the mark open. */
static void make_place(struct place *p)
{
    *p = (struct place){0};
    disk_make(&p->disk);
    open_dir(p);
    assert_int_equal(open_mark(p), 0);
    assert_int_equal(data_dir_settle(&p->d, disk_wrong(&p->disk)), 0);
}

static void remove_place(struct place *p)
{
    data_dir_close(&p->d);
    disk_remove(&p->disk);
}

static void write_mark(struct place *p, uint64_t index)
{
    assert_int_equal(high_water_write(&p->h, index, index / 10, index * 3), 0);
}

static void assert_mark(const struct place *p, uint64_t index)
{
    assert_int_equal(p->h.mark.index, index);
    assert_int_equal(p->h.mark.term, index / 10);
    assert_int_equal(p->h.mark.checksum, index * 3);
}

static void reopen(struct place *p)
{
    high_water_close(&p->h);
    assert_int_equal(open_mark(p), 0);
}

static void assert_refused(struct place *p, const char *says)
{
    assert_int_equal(open_mark(p), WERR_CORRUPT);
    assert_non_null(strstr(p->disk.text, "/node/high_water"));
    if (strstr(p->disk.text, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", p->disk.text, says);
}

/* The index that a reader of the file finds; of a file without a mark 0. */
static uint64_t index_in_file(const struct place *p)
{
    struct high_water_slots slots;
    size_t n;
    uint8_t *bytes = disk_get(p->d.fd, "high_water", &n);
    const int rc = high_water_read(span_from(bytes, n), p->d.identity, &slots);

    free(bytes);
    return rc == 0 ? slots.mark.index : 0;
}

static void test_written_and_found_again(void **state)
{
    struct place p;

    (void)state;
    make_place(&p);
    assert_mark(&p, 0);
    for (uint64_t index = 1; index <= 50; index++) {
        write_mark(&p, index);
        assert_int_equal(index_in_file(&p), index); /* also for who comes after a SIGKILL */
        if (index % 7 == 0)
            assert_int_equal(high_water_sync(&p.h), 0);
        if (index % 5 == 0)
            reopen(&p);
        assert_mark(&p, index);
    }
    high_water_close(&p.h);
    remove_place(&p);
}

static void tear(const struct place *p, unsigned slot)
{
    char rest[64];

    memset(rest, 0xa5, sizeof(rest));
    const int fd = openat(p->d.fd, "high_water", O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, rest, sizeof(rest), (off_t)slot * HIGH_WATER_SLOT_BYTES + 20),
                     sizeof(rest));
    (void)close(fd);
}

/* Whatever is torn of what was not synced, also while a sync is under way: the synced one is
 * still there. */
static void test_torn_writes_spare_the_synced_mark(void **state)
{
    (void)state;
    for (unsigned syncs = 0; syncs < 5; syncs++) {
        struct place p;

        make_place(&p);
        for (unsigned i = 1; i <= syncs; i++) {
            write_mark(&p, 10ULL * i);
            assert_int_equal(high_water_sync(&p.h), 0);
        }
        write_mark(&p, 1000);
        high_water_sync_begin(&p.h);
        write_mark(&p, 1001);
        for (unsigned slot = 0; slot < HIGH_WATER_SLOTS; slot++)
            if (slot != p.h.kept)
                tear(&p, slot);
        reopen(&p);
        assert_mark(&p, 10ULL * syncs);
        assert_int_equal(__builtin_popcount(p.h.bad), 2);
        reopen(&p);
        assert_int_equal(p.h.bad, 0); /* mended */
        high_water_close(&p.h);
        remove_place(&p);
    }
}

static void test_failed_sync_keeps_the_one_before(void **state)
{
    struct place p;

    (void)state;
    make_place(&p);
    write_mark(&p, 10);
    assert_int_equal(high_water_sync(&p.h), 0);
    const unsigned kept = p.h.kept;
    for (uint64_t index = 11; index < 20; index++) {
        write_mark(&p, index);
        high_water_sync_begin(&p.h);
        high_water_sync_end(&p.h, WERR_IO);
        assert_int_equal(p.h.kept, kept);
        assert_int_not_equal(p.h.slot, kept);
        assert_true(high_water_is_behind(&p.h));
    }
    assert_int_equal(high_water_sync(&p.h), 0);
    assert_false(high_water_is_behind(&p.h));
    reopen(&p);
    assert_mark(&p, 19);
    high_water_close(&p.h);
    remove_place(&p);
}

static void test_when_to_sync(void **state)
{
    struct place p;

    (void)state;
    make_place(&p);
    assert_false(high_water_is_behind(&p.h));
    write_mark(&p, HIGH_WATER_SYNC_ENTRIES - 1);
    assert_true(high_water_is_behind(&p.h));
    assert_false(high_water_is_due(&p.h));
    write_mark(&p, HIGH_WATER_SYNC_ENTRIES);
    assert_true(high_water_is_due(&p.h));
    high_water_sync_begin(&p.h);
    write_mark(&p, HIGH_WATER_SYNC_ENTRIES + 1);
    high_water_sync_end(&p.h, 0);
    assert_true(
        high_water_is_behind(&p.h)); /* of that one nobody knows whether it went along */
    assert_false(high_water_is_due(&p.h));
    high_water_close(&p.h);
    remove_place(&p);
}

static void test_vote_is_kept(void **state)
{
    const struct vote vote = {.version = 4, .term = 7, .voted_for = 9};
    struct place p;

    (void)state;
    make_place(&p);
    assert_int_equal(high_water_vote(&p.h, &vote), 0);
    write_mark(&p, 10);
    reopen(&p);
    assert_mark(&p, 10);
    assert_memory_equal(&p.h.mark.vote, &vote, sizeof(vote));
    high_water_close(&p.h);
    remove_place(&p);
}

/* Each byte: the slots with marks, and the rest of the file, of which nothing is accepted that
 * was not written so. A slot that is damaged costs its mark, all of them the start. */
static void test_flipped_bytes(void **state)
{
    struct place p;

    (void)state;
    make_place(&p);
    write_mark(&p, 10);
    assert_int_equal(high_water_sync(&p.h), 0);
    const unsigned older = p.h.kept;
    write_mark(&p, 20);
    const unsigned newer = p.h.slot;
    high_water_close(&p.h);
    for (size_t i = 0; i < HIGH_WATER_FILE_BYTES;
         i += i % HIGH_WATER_SLOT_BYTES < 100 ? 1 : 97) {
        struct high_water_slots slots;
        size_t n;
        const unsigned hit = (unsigned)(i / HIGH_WATER_SLOT_BYTES);

        disk_flip(p.d.fd, "high_water", i);
        uint8_t *bytes = disk_get(p.d.fd, "high_water", &n);
        assert_int_equal(high_water_read(span_from(bytes, n), p.d.identity, &slots), 0);
        assert_int_equal(slots.bad, 1U << hit);
        assert_int_equal(slots.mark.index, hit == newer ? 10 : 20);
        free(bytes);
        disk_flip(p.d.fd, "high_water", i);
    }
    for (unsigned slot = 0; slot < HIGH_WATER_SLOTS; slot++)
        if (slot == newer || slot == older || slot == 0)
            disk_flip(p.d.fd, "high_water", (size_t)slot * HIGH_WATER_SLOT_BYTES + 30);
    assert_refused(&p, "is damaged");
    remove_place(&p);
}

static void test_missing_cut_or_of_another(void **state)
{
    struct place p, other;
    size_t n;

    (void)state;
    make_place(&p);
    make_place(&other);
    write_mark(&p, 10);
    high_water_close(&p.h);
    high_water_close(&other.h);
    uint8_t *whole = disk_get(p.d.fd, "high_water", &n);
    assert_int_equal(n, HIGH_WATER_FILE_BYTES);
    for (size_t cut = 0; cut < n; cut += 511) {
        disk_cut(p.d.fd, "high_water", cut);
        assert_refused(&p, "is damaged");
    }
    disk_put(p.d.fd, "high_water", whole, n);
    disk_cut(p.d.fd, "high_water", n + 1);
    assert_refused(&p, "is damaged");
    disk_put(other.d.fd, "high_water", whole, n);
    assert_refused(&other, "another node's");
    assert_int_equal(unlinkat(p.d.fd, "high_water", 0), 0);
    assert_refused(&p, "is missing");
    free(whole);
    remove_place(&p);
    remove_place(&other);
}

/* For who only looks: a damaged slot stays as it is. */
static void test_looked_at_it_stays(void **state)
{
    struct high_water_mark mark;
    struct place p;
    size_t n;

    (void)state;
    make_place(&p);
    write_mark(&p, 7);
    assert_int_equal(high_water_sync(&p.h), 0);
    write_mark(&p, 8);
    const unsigned slot = p.h.slot;
    high_water_close(&p.h);
    disk_flip(p.d.fd, "high_water", (size_t)slot * HIGH_WATER_SLOT_BYTES + 30);
    uint8_t *before = disk_get(p.d.fd, "high_water", &n);
    assert_int_equal(high_water_look(&p.d, &mark, disk_wrong(&p.disk)), 0);
    assert_int_equal(mark.index, 7);
    uint8_t *after = disk_get(p.d.fd, "high_water", &n);
    assert_memory_equal(before, after, n);
    disk_cut(p.d.fd, "high_water", n - 1);
    assert_int_equal(high_water_look(&p.d, &mark, disk_wrong(&p.disk)), WERR_CORRUPT);
    assert_non_null(strstr(p.disk.text, "is damaged"));
    assert_int_equal(unlinkat(p.d.fd, "high_water", 0), 0);
    assert_int_equal(high_water_look(&p.d, &mark, disk_wrong(&p.disk)), WERR_CORRUPT);
    assert_non_null(strstr(p.disk.text, "is missing"));
    free(before);
    free(after);
    remove_place(&p);
}

/* A first start that was cut off left a file: of another identity, which was never written. */
static void test_first_start_again(void **state)
{
    struct place p = {0};

    (void)state;
    disk_make(&p.disk);
    open_dir(&p);
    assert_int_equal(open_mark(&p), 0);
    high_water_close(&p.h);
    data_dir_close(&p.d);
    open_dir(&p);
    assert_true(p.d.is_new);
    assert_int_equal(open_mark(&p), 0);
    write_mark(&p, 1);
    high_water_close(&p.h);
    data_dir_close(&p.d);
    open_dir(&p); /* it had gone on and applied: so it is the identity that is gone */
    assert_refused(&p, "whose identity is missing");
    remove_place(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_and_found_again),
        cmocka_unit_test(test_torn_writes_spare_the_synced_mark),
        cmocka_unit_test(test_failed_sync_keeps_the_one_before),
        cmocka_unit_test(test_when_to_sync),
        cmocka_unit_test(test_vote_is_kept),
        cmocka_unit_test(test_flipped_bytes),
        cmocka_unit_test(test_missing_cut_or_of_another),
        cmocka_unit_test(test_looked_at_it_stays),
        cmocka_unit_test(test_first_start_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
