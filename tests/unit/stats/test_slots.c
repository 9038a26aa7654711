/* Slots of pools and listeners: found by id in every process, cleared for the next, and a
 * segment that takes no more memory than what is used of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "stats/stats.h"

static uint64_t bytes_of(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    return (uint64_t)st.st_blocks * 512;
}

static void test_both_sides_find_it(void **state)
{
    int fd = -1;
    struct stats *manager = stats_new(2, &fd);
    struct stats *worker = stats_open(fd);
    const uint32_t a = stats_slot_take(manager, STATS_OF_POOL, 71);
    const uint32_t b = stats_slot_take(manager, STATS_OF_POOL, 0); /* "default" */

    (void)state;
    assert_int_not_equal(a, b);
    assert_int_equal(stats_slot_take(manager, STATS_OF_POOL, 71), a);
    assert_int_equal(stats_slot_find(worker, STATS_OF_POOL, 0), b);
    assert_int_equal(stats_slot_find(worker, STATS_OF_LISTENER, 0), STATS_NO_SLOT);
    for (unsigned i = 0; i < 2; i++) {
        stats_pool_add(stats_worker(worker, i), b, STATS_POOL_in_flight, 3);
        stats_pool_add(stats_worker(worker, i), b, STATS_POOL_requests, 5);
        stats_pool_add(stats_worker(worker, i), STATS_NO_SLOT, STATS_POOL_requests, 5);
    }
    assert_int_equal(stats_sum_pool(manager, b, STATS_POOL_requests), 10);
    assert_int_equal(stats_sum_pool(manager, a, STATS_POOL_requests), 0);
    assert_int_equal(stats_sum_pool(manager, STATS_NO_SLOT, STATS_POOL_requests), 0);
    /* A worker that has died runs nothing any more, what it has done stays. */
    stats_worker_reset_gauges(manager, 1);
    assert_int_equal(stats_sum_pool(manager, b, STATS_POOL_in_flight), 3);
    assert_int_equal(stats_sum_pool(manager, b, STATS_POOL_requests), 10);
    stats_free(worker);
    stats_free(manager);
    close(fd);
}

static void test_next_one_begins_at_zero(void **state)
{
    int fd = -1;
    struct stats *s = stats_new(1, &fd);
    const uint32_t busy = stats_slot_take(s, STATS_OF_LISTENER, 1);
    const uint32_t quiet = stats_slot_take(s, STATS_OF_LISTENER, 2);
    uint32_t slot = STATS_NO_SLOT;

    (void)state;
    for (uint64_t id = 3; id <= STATS_LISTENERS_MAX; id++)
        assert_int_not_equal(stats_slot_take(s, STATS_OF_LISTENER, id), STATS_NO_SLOT);
    assert_int_equal(stats_slot_take(s, STATS_OF_LISTENER, 5000), STATS_NO_SLOT);
    stats_listener_add(stats_worker(s, 0), busy, STATS_LISTENER_open, 1);
    stats_listener_add(stats_worker(s, 0), quiet, STATS_LISTENER_requests, 9);
    stats_slot_give(s, STATS_OF_LISTENER, 1);
    stats_slot_give(s, STATS_OF_LISTENER, 2);
    stats_slot_give(s, STATS_OF_LISTENER, 4711);
    assert_int_equal(stats_slot_find(s, STATS_OF_LISTENER, 1), STATS_NO_SLOT);
    slot = stats_slot_take(s, STATS_OF_LISTENER, 5000);
    assert_int_equal(slot, quiet);
    assert_int_equal(stats_sum_listener(s, slot, STATS_LISTENER_requests), 0);
    assert_int_equal(stats_slot_take(s, STATS_OF_LISTENER, 5001), STATS_NO_SLOT);
    stats_listener_add(stats_worker(s, 0), busy, STATS_LISTENER_open, -1);
    assert_int_equal(stats_slot_take(s, STATS_OF_LISTENER, 5001), busy);
    stats_free(s);
    close(fd);
}

/* The largest segment there is; what a small instance uses of it is some pages. */
static void test_little_used_is_little_memory(void **state)
{
    enum { WORKERS = 8, PAGE = 4096 };
    int fd = -1;
    struct stats *s = stats_new(WORKERS, &fd);
    const uint32_t pool = stats_slot_take(s, STATS_OF_POOL, 1);
    const uint32_t listener = stats_slot_take(s, STATS_OF_LISTENER, 2);

    (void)state;
    stats_server_clear(s, 0);
    for (unsigned i = 0; i < WORKERS; i++) {
        struct stats_worker *w = stats_worker(s, i);

        stats_add(w, STATS_requests, 1);
        stats_server_add(w, 0, STATS_SERVER_in_flight, 1);
        stats_pool_add(w, pool, STATS_POOL_in_flight, 1);
        stats_listener_add(w, listener, STATS_LISTENER_open, 1);
        stats_worker_reset_gauges(s, i);
    }
    assert_int_equal(stats_sum_pool(s, pool, STATS_POOL_in_flight), 0);
    assert_int_equal(stats_slot_find(s, STATS_OF_POOL, 99), STATS_NO_SLOT);
    /* Each worker: its counters and the first page of each kind of slots. */
    assert_true(bytes_of(fd) <= (uint64_t)PAGE * (1 + 2 + WORKERS * 7));
    for (uint64_t id = 2; id <= STATS_POOLS_MAX; id++)
        (void)stats_slot_take(s, STATS_OF_POOL, id);
    assert_int_equal(stats_slot_find(s, STATS_OF_POOL, STATS_POOLS_MAX), STATS_POOLS_MAX - 1);
    assert_true(bytes_of(fd) <= (uint64_t)PAGE * (1 + 10 + WORKERS * 7));
    stats_free(s);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_sides_find_it),
        cmocka_unit_test(test_next_one_begins_at_zero),
        cmocka_unit_test(test_little_used_is_little_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
