#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "stats/stats.h"

enum { WORKERS = 2 };

static struct stats *s;
static int fd;

static int setup(void **state)
{
    (void)state;
    s = stats_new(WORKERS, &fd);
    return s != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    stats_free(s);
    close(fd);
    return 0;
}

static uint64_t count(const struct times *h)
{
    uint64_t n = 0;

    for (unsigned i = 0; i <= TIMES_BOUNDS; i++)
        n += h->bucket[i];
    return n;
}

static void test_classes(void **state)
{
    static const struct {
        unsigned status, class;
    } rows[] = {{0, 0},   {101, 1}, {199, 1}, {200, 2}, {299, 2}, {304, 3},
                {499, 4}, {500, 5}, {599, 5}, {600, 6}, {999, 6}};
    struct stats_classes c = {{0}};

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const uint64_t before = c.n[rows[i].class];

        stats_classes_add(&c, rows[i].status);
        assert_int_equal(c.n[rows[i].class], before + 1);
    }
    assert_int_equal(c.n[STATS_CLASSES], 0);
}

/* Each number in its place, summed over the workers, and none in that of another. */
static void test_sums(void **state)
{
    const uint32_t pool = stats_slot_take(s, STATS_OF_POOL, 5);
    struct stats_classes c;
    struct times t;

    (void)state;
    for (unsigned i = 0; i < WORKERS; i++) {
        struct stats_worker *w = stats_worker(s, i);

        stats_classes_add(&w->server_served[7].classes, 200);
        times_add(&w->server_served[7].head, &times_long, 10);
        times_add(&w->server_served[7].total, &times_long, 20);
        stats_classes_add(&w->pool_served[pool].served.classes, 500);
        times_add(&w->pool_served[pool].served.head, &times_long, 30);
        times_add(&w->pool_served[pool].served.total, &times_long, 40);
        times_add(&w->pool_served[pool].added, &times_short, 50);
        stats_classes_add(&w->listener_classes[3], 404);
    }
    stats_sum_classes(s, STATS_CLASSES_OF_SERVER, 7, &c);
    assert_int_equal(c.n[2], WORKERS);
    stats_sum_classes(s, STATS_CLASSES_OF_POOL, pool, &c);
    assert_int_equal(c.n[5], WORKERS);
    stats_sum_classes(s, STATS_CLASSES_OF_LISTENER, 3, &c);
    assert_int_equal(c.n[4], WORKERS);
    for (unsigned of = STATS_TIMES_SERVER_HEAD; of <= STATS_TIMES_POOL_ADDED; of++) {
        const bool is_server = of <= STATS_TIMES_SERVER_TOTAL;

        stats_sum_times(s, (enum stats_times_of)of, is_server ? 7 : pool, &t);
        assert_int_equal(t.sum_us, WORKERS * 10 * (of + 1));
        assert_int_equal(count(&t), WORKERS);
        stats_sum_times(s, (enum stats_times_of)of, 8, &t);
        assert_int_equal(count(&t), 0);
        stats_sum_times(s, (enum stats_times_of)of, STATS_NO_SLOT, &t);
        assert_int_equal(t.sum_us, 0);
    }
}

static void test_next_one_begins_at_zero(void **state)
{
    const uint32_t pool = stats_slot_take(s, STATS_OF_POOL, 5);
    const uint32_t listener = stats_slot_take(s, STATS_OF_LISTENER, 6);
    struct stats_worker *w = stats_worker(s, 1);
    struct stats_classes c;
    struct times t;

    (void)state;
    stats_server_clear(s, 0);
    times_add(&w->server_served[0].total, &times_long, 20);
    times_add(&w->pool_served[pool].added, &times_short, 20);
    stats_classes_add(&w->listener_classes[listener], 200);
    stats_server_clear(s, 0);
    stats_sum_times(s, STATS_TIMES_SERVER_TOTAL, 0, &t);
    assert_int_equal(t.sum_us + count(&t), 0);
    stats_slot_give(s, STATS_OF_POOL, 5);
    stats_slot_give(s, STATS_OF_LISTENER, 6);
    for (uint64_t id = 100; stats_slot_take(s, STATS_OF_POOL, id) != pool; id++)
        ;
    for (uint64_t id = 100; stats_slot_take(s, STATS_OF_LISTENER, id) != listener; id++)
        ;
    stats_sum_times(s, STATS_TIMES_POOL_ADDED, pool, &t);
    assert_int_equal(t.sum_us + count(&t), 0);
    stats_sum_classes(s, STATS_CLASSES_OF_LISTENER, listener, &c);
    assert_int_equal(c.n[2], 0);
}

/* Ten thousand servers that nobody asks cost no more than their counters. */
static void test_new_slots_take_no_memory(void **state)
{
    struct stat st;

    (void)state;
    for (uint32_t slot = 0; slot < 10000; slot++)
        stats_server_clear(s, slot);
    assert_int_equal(fstat(fd, &st), 0);
    assert_true((uint64_t)st.st_blocks * 512 <
                WORKERS * 10000 * sizeof(struct stats_line) + 65536);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test_setup_teardown(test_sums, setup, teardown),
        cmocka_unit_test_setup_teardown(test_next_one_begins_at_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(test_new_slots_take_no_memory, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
