#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stats/stats.h"

static void test_two_mappings(void **state)
{
    int fd = -1;
    struct stats *manager = stats_new(3, &fd);
    struct stats *worker;
    struct stats_worker *w[3];

    (void)state;
    assert_non_null(manager);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    worker = stats_open(fd);
    assert_non_null(worker);
    assert_int_equal(stats_worker_n(worker), 3);
    for (unsigned i = 0; i < 3; i++) {
        w[i] = stats_worker(worker, i);
        assert_int_equal((uintptr_t)w[i] % 64, 0);
        assert_int_equal((uintptr_t)&w[i]->share % 64, 0);
        stats_add(w[i], STATS_client_success, 10 + i);
        stats_add(w[i], STATS_in_flight, 5);
        stats_sub(w[i], STATS_in_flight, 3);
        w[i]->end[7] = 2;
        histogram_add(&w[i]->latency_us, 100);
        stats_server_add(w[i], STATS_SERVERS_MAX - 1, STATS_SERVER_in_flight, 4);
        stats_server_add(w[i], STATS_SERVERS_MAX - 1, STATS_SERVER_in_flight, -1);
        stats_server_add(w[i], STATS_NO_SLOT, STATS_SERVER_success, 1);
    }
    assert_int_equal(stats_sum(manager, STATS_client_success), 33);
    assert_int_equal(stats_sum(manager, STATS_in_flight), 6);
    assert_int_equal(stats_sum(manager, STATS_client_failed), 0);
    assert_int_equal(stats_sum_end(manager, 7), 6);
    assert_int_equal(stats_sum_server(manager, STATS_SERVERS_MAX - 1, STATS_SERVER_in_flight),
                     9);
    assert_int_equal(stats_sum_server(manager, STATS_NO_SLOT, STATS_SERVER_success), 0);

    /* The segment outlives a mapping. */
    stats_free(worker);
    assert_int_equal(stats_sum(manager, STATS_client_success), 33);
    stats_free(manager);
    close(fd);
}

static void test_latency(void **state)
{
    int fd = -1;
    struct stats *s = stats_new(2, &fd);
    struct histogram h;

    (void)state;
    histogram_add(&stats_worker(s, 0)->latency_us, 10);
    histogram_add(&stats_worker(s, 1)->latency_us, 5000);
    memset(&h, 0xff, sizeof(h));
    stats_sum_latency(s, &h);
    assert_int_equal(h.n, 2);
    assert_int_equal(h.sum_us, 5010);
    assert_int_equal(histogram_group(&h, 1), 1); /* 8 to 15 µs */
    stats_free(s);
    close(fd);
}

/* Of a segment for many workers only what was ever in use is looked at, and that for good. */
static void test_slots_in_use(void **state)
{
    int fd = -1;
    struct stats *s = stats_new(4, &fd);
    struct stats *worker = stats_open(fd);

    (void)state;
    stats_use(s, 1);
    for (unsigned i = 0; i < 4; i++)
        stats_add(stats_worker(worker, i), STATS_requests, 1);
    assert_int_equal(stats_sum(s, STATS_requests), 1);
    stats_use(s, 3);
    assert_int_equal(stats_sum(s, STATS_requests), 3);
    assert_int_equal(stats_sum(worker, STATS_requests), 3);
    assert_int_equal(stats_worker_n(worker), 4);
    stats_free(worker);
    stats_free(s);
    close(fd);
}

static void test_dead_worker_loses_gauges_only(void **state)
{
    int fd = -1;
    struct stats *s = stats_new(2, &fd);

    (void)state;
    stats_server_clear(s, 17);
    for (unsigned id = 0; id < 2; id++) {
        for (unsigned c = 0; c < STATS_COUNTERS; c++)
            stats_add(stats_worker(s, id), (enum stats_counter)c, 1);
        for (unsigned c = 0; c < STATS_SERVER_COUNTERS; c++)
            stats_server_add(stats_worker(s, id), 17, (enum stats_server_counter)c, 1);
    }
    for (unsigned id = 0; id < 2; id++) {
        share_set_open(&stats_worker(s, id)->share, 3);
        share_set_takes(&stats_worker(s, id)->share, true);
        share_add_waiting(&stats_worker(s, id)->share);
    }
    stats_worker_reset_gauges(s, 1);
    /* It takes none, and what waits for it waits for its successor. */
    assert_true(share_takes(&stats_worker(s, 0)->share));
    assert_false(share_takes(&stats_worker(s, 1)->share));
    assert_int_equal(share_load(&stats_worker(s, 0)->share), 4);
    assert_int_equal(share_load(&stats_worker(s, 1)->share), 1);
    share_forget_waiting(&stats_worker(s, 1)->share);
    share_drop_waiting(&stats_worker(s, 1)->share);
    assert_int_equal(share_load(&stats_worker(s, 1)->share), 0);
    for (unsigned c = 0; c < STATS_COUNTERS; c++) {
        unsigned left = stats_counter_is_gauge((enum stats_counter)c) ? 1 : 2;

        assert_int_equal(stats_sum(s, (enum stats_counter)c), left);
    }
    assert_int_equal(stats_sum_server(s, 17, STATS_SERVER_in_flight), 1);
    assert_int_equal(stats_sum_server(s, 17, STATS_SERVER_success), 2);
    stats_server_clear(s, 17);
    for (unsigned c = 0; c < STATS_SERVER_COUNTERS; c++)
        assert_int_equal(stats_sum_server(s, 17, (enum stats_server_counter)c), 0);
    stats_free(s);
    close(fd);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(stats_counter_name(STATS_client_success), "client_success");
    assert_string_equal(stats_counter_name(STATS_client_aborts), "client_aborts");
    assert_true(stats_counter_is_gauge(STATS_in_flight));
    assert_false(stats_counter_is_gauge(STATS_requests));
}

/* What is no segment of ours must be refused, not read. */
static void test_foreign_segments(void **state)
{
    int fd = -1;
    struct stats *s = stats_new(1, &fd);
    struct stat st;
    char page[4096];
    int copy = memfd_create("copy", MFD_CLOEXEC);

    (void)state;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(pread(fd, page, sizeof(page), 0), sizeof(page));
    assert_null(stats_open(copy));
    assert_int_equal(ftruncate(copy, st.st_size), 0);
    assert_null(stats_open(copy));
    assert_int_equal(pwrite(copy, page, sizeof(page), 0), sizeof(page));
    stats_free(stats_open(copy));
    for (size_t i = 0; i < 24; i++) {
        char saved = page[i];

        page[i] ^= 0x10;
        assert_int_equal(pwrite(copy, page, sizeof(page), 0), sizeof(page));
        assert_null(stats_open(copy));
        page[i] = saved;
    }
    assert_int_equal(pwrite(copy, page, sizeof(page), 0), sizeof(page));
    assert_int_equal(ftruncate(copy, st.st_size - 4096), 0);
    assert_null(stats_open(copy));
    assert_null(stats_open(-1));
    close(copy);

    /* Nobody can cut the real one short. */
    assert_int_equal(ftruncate(fd, 0), -1);
    stats_free(s);
    stats_free(NULL);
    close(fd);
}

static void test_untouched_pages_cost_nothing(void **state)
{
    int fd = -1;
    struct stats *s = stats_new(64, &fd);
    struct stat st;

    (void)state;
    stats_add(stats_worker(s, 63), STATS_requests, 1);
    assert_int_equal(fstat(fd, &st), 0);
    assert_true(st.st_size > 64 * 1024 * 1024);
    assert_true(st.st_blocks * 512 < 1024 * 1024);
    stats_free(s);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_mappings),
        cmocka_unit_test(test_latency),
        cmocka_unit_test(test_slots_in_use),
        cmocka_unit_test(test_dead_worker_loses_gauges_only),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_foreign_segments),
        cmocka_unit_test(test_untouched_pages_cost_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
