/* Places at a server: never more than the limit over all workers, whoever takes and dies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stats/places.h"

enum { WORKERS = 3, SLOT = 5, ROUNDS = 500000, PATIENCE = 1000 };

static void give(struct stats *s, unsigned worker)
{
    stats_server_add(stats_worker(s, worker), SLOT, STATS_SERVER_in_flight, -1);
}

static void test_limit_is_of_all_workers(void **state)
{
    int fd = -1;
    struct stats *s = stats_new(WORKERS, &fd);

    (void)state;
    assert_true(stats_place_take(s, stats_worker(s, 0), SLOT, 2));
    assert_true(stats_place_is_free(s, SLOT, 2));
    assert_true(stats_place_take(s, stats_worker(s, 1), SLOT, 2));
    for (unsigned i = 0; i < WORKERS; i++)
        assert_false(stats_place_take(s, stats_worker(s, i), SLOT, 2));
    assert_false(stats_place_is_free(s, SLOT, 2));
    assert_true(stats_place_is_free(s, SLOT, 3));
    assert_int_equal(stats_sum_server(s, SLOT, STATS_SERVER_in_flight), 2);
    give(s, 0);
    assert_true(stats_place_take(s, stats_worker(s, 2), SLOT, 2));
    /* A lower limit throws nobody out. */
    assert_false(stats_place_take(s, stats_worker(s, 0), SLOT, 1));
    give(s, 1);
    assert_false(stats_place_take(s, stats_worker(s, 0), SLOT, 1));
    give(s, 2);
    assert_true(stats_place_take(s, stats_worker(s, 0), SLOT, 1));
    stats_free(s);
    close(fd);
}

/* What a worker that was killed held is free as soon as the manager has seen to it. */
static void test_dead_worker_gives_back(void **state)
{
    int fd = -1;
    struct stats *s = stats_new(WORKERS, &fd);

    (void)state;
    stats_server_clear(s, SLOT);
    assert_true(stats_place_take(s, stats_worker(s, 0), SLOT, 2));
    assert_true(stats_place_take(s, stats_worker(s, 1), SLOT, 2));
    assert_false(stats_place_take(s, stats_worker(s, 2), SLOT, 2));
    stats_worker_reset_gauges(s, 1);
    assert_true(stats_place_take(s, stats_worker(s, 2), SLOT, 2));
    assert_false(stats_place_take(s, stats_worker(s, 1), SLOT, 2));
    stats_free(s);
    close(fd);
}

static void test_who_waits_longest(void **state)
{
    int fd = -1;
    struct stats *s = stats_new(WORKERS, &fd);
    const uint32_t pool = stats_slot_take(s, STATS_OF_POOL, 7);

    (void)state;
    assert_int_equal(stats_queue_elsewhere(s, stats_worker(s, 0), pool), 0);
    stats_queue_tell(stats_worker(s, 0), pool, 100);
    stats_queue_tell(stats_worker(s, 1), pool, 300);
    stats_queue_tell(stats_worker(s, 2), pool, 200);
    assert_int_equal(stats_queue_elsewhere(s, stats_worker(s, 0), pool), 200);
    assert_int_equal(stats_queue_elsewhere(s, stats_worker(s, 1), pool), 100);
    assert_int_equal(stats_queue_elsewhere(s, stats_worker(s, 1), STATS_NO_SLOT), 0);
    stats_queue_tell(stats_worker(s, 0), STATS_NO_SLOT, 1);
    stats_worker_reset_gauges(s, 0);
    assert_int_equal(stats_queue_elsewhere(s, stats_worker(s, 1), pool), 200);
    stats_free(s);
    close(fd);
}

/* Shared by the processes of the next test. */
struct seen {
    uint32_t there, inside, most, taken[WORKERS];
};

static void note_most(struct seen *seen, uint32_t n)
{
    uint32_t most = __atomic_load_n(&seen->most, __ATOMIC_SEQ_CST);

    while (n > most && !__atomic_compare_exchange_n(&seen->most, &most, n, false,
                                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
}

static void take_and_give(int fd, struct seen *seen, unsigned id, uint32_t max)
{
    struct stats *s = stats_open(fd);

    (void)__atomic_add_fetch(&seen->there, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&seen->there, __ATOMIC_SEQ_CST) < WORKERS)
        sched_yield();
    for (unsigned failed_n = 0; seen->taken[id] < ROUNDS;) {
        if (!stats_place_take(s, stats_worker(s, id), SLOT, max)) {
            if (++failed_n % PATIENCE == 0)
                sched_yield();
            continue;
        }
        note_most(seen, __atomic_add_fetch(&seen->inside, 1, __ATOMIC_SEQ_CST));
        seen->taken[id]++;
        (void)__atomic_sub_fetch(&seen->inside, 1, __ATOMIC_SEQ_CST);
        give(s, id);
    }
    _exit(0);
}

static void test_processes_never_exceed(void **state)
{
    int fd = -1;
    struct stats *s = stats_new(WORKERS, &fd);
    struct seen *seen =
        mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_ptr_not_equal(seen, MAP_FAILED);
    for (uint32_t max = 1; max < WORKERS; max++) {
        *seen = (struct seen){0};
        for (unsigned i = 0; i < WORKERS; i++)
            if (fork() == 0)
                take_and_give(fd, seen, i, max);
        for (unsigned i = 0; i < WORKERS; i++) {
            int status = -1;

            assert_true(wait(&status) > 0);
            assert_int_equal(status, 0);
        }
        assert_in_range(seen->most, 1, max);
        for (unsigned i = 0; i < WORKERS; i++)
            assert_int_equal(seen->taken[i], ROUNDS);
        assert_int_equal(stats_sum_server(s, SLOT, STATS_SERVER_in_flight), 0);
    }
    munmap(seen, sizeof(*seen));
    stats_free(s);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit_is_of_all_workers),
        cmocka_unit_test(test_dead_worker_gives_back),
        cmocka_unit_test(test_who_waits_longest),
        cmocka_unit_test(test_processes_never_exceed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
