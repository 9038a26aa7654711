/* What can be kept of a damaged log, in the log of log_fixture.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/repair_plan.h"
#include "log_fixture.h"

enum { BATCH_BYTES = 8 + 8 + 16 + LOG_ENTRY_BYTES, SEGMENT_BYTES = 8 + 10 * BATCH_BYTES };

static struct log_place place;
static struct repair_plan plan;

static void make(void)
{
    log_make(&place);
}

static void end(void)
{
    log_remove(&place);
}

static enum repair_fate fate_of(const char *name)
{
    for (size_t i = 0; i < plan.in.n; i++)
        if (strcmp(plan.in.files[i].name, name) == 0)
            return (enum repair_fate)plan.files[i].fate;
    fail_msg("%s is not among the files", name);
    return REPAIR_DROP;
}

static void look(void)
{
    assert_int_equal(repair_plan_make(&plan, place.disk.fd, &place.mark), 0);
}

/* Up to that entry, from that snapshot; the plan is free again. */
static void assert_plan(uint64_t snapshot, uint64_t last)
{
    look();
    assert_int_equal(plan.snapshot, snapshot);
    assert_int_equal(plan.last, last);
    assert_int_equal(plan.seen, LOG_LAST);
    repair_plan_free(&plan);
}

static void test_whole(void **state)
{
    (void)state;
    make();
    look();
    assert_int_equal(plan.snapshot, 20);
    assert_int_equal(plan.last, LOG_LAST);
    assert_int_equal(plan.last_term, LOG_TERM);
    assert_int_equal(plan.term, LOG_TERM);
    assert_int_equal(fate_of("open-1"), REPAIR_CUT); /* becomes a closed one */
    assert_int_equal(fate_of("open-2"), REPAIR_FORGET);
    assert_int_equal(fate_of(LOG_SNAPSHOT_1), REPAIR_KEEP);
    assert_int_equal(fate_of(LOG_SNAPSHOT_2), REPAIR_KEEP);
    assert_int_equal(fate_of(LOG_SNAPSHOT_2 ".meta"), REPAIR_KEEP);
    repair_plan_free(&plan);
    end();
}

/* A flipped byte anywhere in the last segment: the batches before it are kept. */
static void test_the_end(void **state)
{
    (void)state;
    make();
    for (size_t at = 8; at < SEGMENT_BYTES; at += 31) {
        const uint64_t whole = (at - 8) / BATCH_BYTES;

        disk_flip(place.disk.fd, "open-1", at);
        look();
        assert_int_equal(plan.last, 20 + whole);
        assert_int_equal(plan.snapshot, 20);
        assert_int_equal(plan.seen, LOG_LAST); /* by the mark */
        assert_int_equal(fate_of("open-1"), whole > 0 ? REPAIR_CUT : REPAIR_DROP);
        for (size_t i = 0; i < plan.in.n; i++)
            if (strcmp(plan.in.files[i].name, "open-1") == 0 && whole > 0) {
                assert_int_equal(plan.files[i].first, 21);
                assert_int_equal(plan.files[i].last, 20 + whole);
                assert_int_equal(plan.files[i].bytes, 8 + whole * BATCH_BYTES);
            }
        repair_plan_free(&plan);
        disk_flip(place.disk.fd, "open-1", at);
    }
    end();
}

/* What a snapshot has is not needed. */
static void test_before_the_snapshot(void **state)
{
    (void)state;
    make();
    disk_flip(place.disk.fd, LOG_CLOSED_1, 500);
    assert_plan(20, LOG_LAST);
    disk_flip(place.disk.fd, LOG_CLOSED_2, 500);
    assert_plan(20, LOG_LAST);
    assert_int_equal(unlinkat(place.disk.fd, LOG_CLOSED_1, 0), 0);
    assert_plan(20, LOG_LAST);
    end();
}

static void test_snapshots(void **state)
{
    (void)state;
    make();
    disk_flip(place.disk.fd, LOG_SNAPSHOT_2, 100);
    look();
    assert_int_equal(plan.snapshot, 15);
    assert_int_equal(plan.last, LOG_LAST);
    assert_int_equal(fate_of(LOG_SNAPSHOT_2), REPAIR_DROP);
    assert_int_equal(fate_of(LOG_SNAPSHOT_2 ".meta"), REPAIR_DROP);
    assert_int_equal(fate_of(LOG_CLOSED_2), REPAIR_KEEP);
    assert_int_equal(fate_of(LOG_CLOSED_1), REPAIR_DROP); /* of no use behind a snapshot */
    repair_plan_free(&plan);

    disk_flip(place.disk.fd, LOG_SNAPSHOT_1 ".meta", 20);
    assert_plan(0, LOG_LAST); /* from the beginning */
    assert_int_equal(unlinkat(place.disk.fd, LOG_CLOSED_1, 0), 0);
    assert_plan(0, 0); /* there is none */
    disk_flip(place.disk.fd, LOG_SNAPSHOT_1 ".meta", 20);
    assert_plan(15, LOG_LAST);
    disk_flip(place.disk.fd, LOG_CLOSED_2, 8 + 6 * BATCH_BYTES + 9); /* entry 17 */
    look();
    assert_int_equal(plan.last, 16);
    assert_int_equal(fate_of(LOG_CLOSED_2), REPAIR_CUT);
    assert_int_equal(fate_of("open-1"), REPAIR_DROP);
    repair_plan_free(&plan);
    end();
}

/* The snapshot that brings one the furthest, be it the older one. */
static void test_a_gap_behind_the_latest_snapshot(void **state)
{
    (void)state;
    make();
    assert_int_equal(unlinkat(place.disk.fd, "open-1", 0), 0);
    assert_plan(20, 20);
    assert_int_equal(unlinkat(place.disk.fd, LOG_CLOSED_2, 0), 0);
    assert_plan(20, 20);
    disk_flip(place.disk.fd, LOG_SNAPSHOT_2, 100);
    assert_plan(15, 15);
    end();
}

/* Under the name of another file, or with other entries than the mark's. */
static void test_files_of_another_log(void **state)
{
    size_t n;

    (void)state;
    make();
    disk_flip(place.disk.fd, LOG_SNAPSHOT_1, 100);
    disk_flip(place.disk.fd, LOG_SNAPSHOT_2, 100);
    uint8_t *open = disk_get(place.disk.fd, "open-1", &n);
    log_put_segment(place.disk.fd, "open-1", LOG_TERM, 22, LOG_LAST + 1, LOG_OPEN_BYTES);
    assert_plan(0, 20); /* another entry 30 */
    disk_put(place.disk.fd, "open-1", open, n);
    assert_plan(0, LOG_LAST);
    log_put_segment(place.disk.fd, LOG_CLOSED_2, 2, 11, 21, 0); /* one too many */
    assert_plan(0, 10);
    log_put_segment(place.disk.fd, LOG_CLOSED_2, 2, 11, 18, 0); /* and too few */
    assert_plan(0, 18);
    free(open);
    end();
}

/* An open segment behind a missing one may begin anywhere. */
static void test_a_missing_open_segment(void **state)
{
    (void)state;
    make();
    disk_flip(place.disk.fd, LOG_SNAPSHOT_1, 100);
    disk_flip(place.disk.fd, LOG_SNAPSHOT_2, 100);
    log_put_segment(place.disk.fd, "open-3", LOG_TERM, LOG_LAST + 1, LOG_LAST + 5,
                    LOG_OPEN_BYTES);
    look();
    assert_int_equal(plan.last, LOG_LAST);
    assert_int_equal(fate_of("open-3"), REPAIR_DROP);
    repair_plan_free(&plan);
    end();
}

/* Without closed ones an open segment begins behind the latest snapshot. */
static void test_open_segments_alone(void **state)
{
    (void)state;
    make();
    assert_int_equal(unlinkat(place.disk.fd, LOG_CLOSED_1, 0), 0);
    assert_int_equal(unlinkat(place.disk.fd, LOG_CLOSED_2, 0), 0);
    assert_plan(20, LOG_LAST);
    disk_flip(place.disk.fd, LOG_SNAPSHOT_2, 100); /* that one is behind entry 20 still */
    assert_plan(15, 15);
    end();
}

static void test_the_mark_is_not_known(void **state)
{
    (void)state;
    make();
    place.mark = (struct high_water_mark){0};
    assert_plan(20, LOG_LAST);
    disk_flip(place.disk.fd, "open-1", 8 + 5 * BATCH_BYTES + 3);
    look();
    assert_int_equal(plan.last, 25);
    assert_int_equal(plan.seen, 25); /* nothing tells of more */
    repair_plan_free(&plan);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_the_end),
        cmocka_unit_test(test_before_the_snapshot),
        cmocka_unit_test(test_snapshots),
        cmocka_unit_test(test_a_gap_behind_the_latest_snapshot),
        cmocka_unit_test(test_files_of_another_log),
        cmocka_unit_test(test_a_missing_open_segment),
        cmocka_unit_test(test_open_segments_alone),
        cmocka_unit_test(test_the_mark_is_not_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
