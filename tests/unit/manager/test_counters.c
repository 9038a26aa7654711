/* Counters over lives of the manager: a manager without workers, a directory, and numbers that
 * the test counts for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "fixture.h"
#include "manager/counters.h"
#include "stats/carried.h"

enum { SERVERS = 3 * COUNTERS_SLICE };

static char folder[] = "/tmp/weldr-counters-XXXXXX";
static struct counters counters;

static void path_of(const char *name, char *path)
{
    (void)snprintf(path, 128, "%s/%s", folder, name);
}

static bool has(const char *name)
{
    char path[128];

    path_of(name, path);
    return access(path, F_OK) == 0;
}

static void drop(const char *name)
{
    char path[128];

    path_of(name, path);
    (void)unlink(path);
}

static void add_server(struct manager *m, unsigned port)
{
    char body[128];

    (void)snprintf(body, sizeof(body),
                   "{\"url\":\"http://127.0.0.1:%u\",\"check\":{\"type\":\"none\"}}", port);
    assert_int_equal(fixture_add(m, body, NULL), 0);
}

/* A life: its servers listen at so many ports from this one on. */
static struct manager *begin(unsigned port, unsigned n)
{
    struct manager *m = fixture_start(ENGINE_SOLO, NULL);

    for (unsigned i = 0; i < n; i++)
        add_server(m, port + i);
    m->started_us = loop_wall_us(m->loop);
    m->data_dir.path = folder;
    m->data_dir.fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(m->data_dir.fd >= 0);
    counters_init(&counters, m);
    counters_begin(m);
    return m;
}

/* Without a word to the file. */
static void kill_it(struct manager *m)
{
    timer_stop(loop_timers(m->loop), &counters.timer);
    stats_totals_free(&counters.text);
    if (counters.phase == COUNTERS_WALKING)
        (void)close(counters.fd);
    (void)close(m->data_dir.fd);
    m->data_dir.path = NULL;
    fixture_stop(m);
}

static void end(struct manager *m)
{
    counters_fini(&counters);
    kill_it(m);
}

static uint32_t slot_of(const struct manager *m, unsigned port)
{
    char url[64];

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
    const struct pool_server *server = pool_find_url(pool_default(m->pool), span_from_str(url));
    assert_non_null(server);
    return facts_find(&m->facts, server->id)->stats_slot;
}

/* So many requests at a server, as a worker counts them. */
static void count(struct manager *m, unsigned port, int64_t n)
{
    struct stats_worker *w = stats_worker(m->stats, 0);

    stats_add(w, STATS_requests, (uint64_t)n);
    stats_add(w, STATS_in_flight, 1);
    stats_server_add(w, slot_of(m, port), STATS_SERVER_success, n);
    stats_pool_add(w, stats_slot_find(m->stats, STATS_OF_POOL, 0), STATS_POOL_requests, n);
    stats_listener_add(w, stats_slot_find(m->stats, STATS_OF_LISTENER, 0),
                       STATS_LISTENER_requests, n);
}

static uint64_t requests(const struct manager *m)
{
    return stats_sum(m->stats, STATS_requests);
}

static uint64_t at_server(const struct manager *m, unsigned port)
{
    return stats_sum_server(m->stats, slot_of(m, port), STATS_SERVER_success);
}

/* The time of the next look has come, and all of its slices. */
static void look(struct manager *m)
{
    do {
        timer_stop(loop_timers(m->loop), &counters.timer);
        counters.timer.on_fire(&counters.timer);
    } while (counters.phase == COUNTERS_WALKING);
}

static int setup(void **state)
{
    (void)state;
    drop("counters");
    drop("counters.aside");
    drop("counters.new");
    return 0;
}

static void test_clean_end(void **state)
{
    struct manager *m = begin(1000, 2);
    const uint64_t since_us = counters_since_us(m);

    (void)state;
    assert_int_equal(since_us, m->started_us);
    count(m, 1000, 5);
    count(m, 1001, 7);
    end(m);
    m = begin(1000, 2);
    assert_int_equal(requests(m), 12);
    assert_int_equal(stats_sum(m->stats, STATS_in_flight), 0);
    assert_int_equal(at_server(m, 1000), 5);
    assert_int_equal(at_server(m, 1001), 7);
    assert_int_equal(stats_sum_pool(m->stats, stats_slot_find(m->stats, STATS_OF_POOL, 0),
                                    STATS_POOL_requests),
                     12);
    assert_int_equal(stats_sum_listener(m->stats,
                                        stats_slot_find(m->stats, STATS_OF_LISTENER, 0),
                                        STATS_LISTENER_requests),
                     12);
    assert_int_equal(counters_since_us(m), since_us);
    count(m, 1000, 1);
    end(m);
    m = begin(1000, 2);
    assert_int_equal(at_server(m, 1000), 6);
    assert_int_equal(requests(m), 13);
    end(m);
}

/* In slices, of which a kill cuts one: what the write before has is there. */
static void test_killed(void **state)
{
    struct manager *m = begin(1000, SERVERS);

    (void)state;
    count(m, 1000, 5);
    count(m, 1000 + SERVERS - 1, 6);
    assert_false(has("counters"));
    look(m);
    assert_true(has("counters"));
    count(m, 1000, 100);
    timer_stop(loop_timers(m->loop), &counters.timer);
    counters.timer.on_fire(&counters.timer);
    assert_int_equal(counters.phase, COUNTERS_WALKING);
    kill_it(m);
    m = begin(1000, SERVERS);
    assert_int_equal(requests(m), 11);
    assert_int_equal(at_server(m, 1000), 5);
    assert_int_equal(at_server(m, 1000 + SERVERS - 1), 6);
    kill_it(m);
}

/* The same id, and another server: the description was made anew. */
static void test_another_has_its_id(void **state)
{
    struct manager *m = begin(1000, 2);

    (void)state;
    count(m, 1000, 5);
    count(m, 1001, 7);
    end(m);
    m = begin(1001, 3);
    assert_int_equal(at_server(m, 1001), 0);
    assert_int_equal(at_server(m, 1002), 0);
    assert_int_equal(requests(m), 12);
    end(m);
}

static uint64_t inode(void)
{
    struct stat st;

    assert_int_equal(fstatat(counters.m->data_dir.fd, "counters", &st, 0), 0);
    return (uint64_t)st.st_ino ^ (uint64_t)st.st_mtim.tv_nsec ^ (uint64_t)st.st_mtim.tv_sec;
}

static void test_no_news_no_write(void **state)
{
    struct manager *m = begin(1000, 1);

    (void)state;
    look(m);
    assert_false(has("counters"));
    count(m, 1000, 1);
    look(m);
    const uint64_t first = inode();
    stats_add(stats_worker(m->stats, 0), STATS_in_flight, 1);
    look(m);
    assert_int_equal(inode(), first);
    end(m);
    m = begin(1000, 1);
    look(m);
    assert_int_equal(inode(), first);
    end(m);
}

/* A reader's numbers are written at the next look, which comes soon. */
static void test_shown(void **state)
{
    struct manager *m = begin(1000, 1);

    (void)state;
    counters.looked_ms = loop_now_ms(m->loop) - COUNTERS_PAUSE_MS;
    count(m, 1000, 3);
    counters_shown(m);
    for (unsigned i = 0; i < 3; i++)
        (void)loop_turn(m->loop, 0);
    assert_true(has("counters"));
    counters_shown(m); /* not more often than that */
    assert_true(timer_is_set(&counters.timer));
    kill_it(m);
}

static void damage(const char *text)
{
    char path[128];

    path_of("counters", path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fputs(text, f);
    (void)fclose(f);
}

static void test_damaged(void **state)
{
    struct manager *m = begin(1000, 1);

    (void)state;
    count(m, 1000, 3);
    end(m);
    damage("weldr-counters 1 5 6\nnode 0");
    m = begin(1000, 1);
    assert_int_equal(requests(m), 0);
    assert_int_equal(counters_since_us(m), m->started_us);
    assert_true(has("counters.aside"));
    assert_false(has("counters"));
    count(m, 1000, 2);
    end(m);
    m = begin(1000, 1);
    assert_int_equal(requests(m), 2);
    end(m);
}

/* A full disk, as it were: what was there stays, and the next write that succeeds has all. */
static void test_no_write(void **state)
{
    struct manager *m = begin(1000, SERVERS);
    char path[128];

    (void)state;
    count(m, 1000, 3);
    look(m);
    const uint64_t first = inode();
    count(m, 1000, 2);
    path_of("counters.new", path);
    assert_int_equal(mkdir(path, 0700), 0);
    look(m);
    assert_true(counters.has_failed);
    assert_int_equal(counters.phase, COUNTERS_WAITING);
    assert_int_equal(inode(), first);
    assert_int_equal(rmdir(path), 0);
    timer_stop(loop_timers(m->loop), &counters.timer);
    counters.timer.on_fire(&counters.timer);
    assert_int_equal(counters.phase, COUNTERS_WALKING);
    counters.error = WERR_NO_SPACE; /* of a piece */
    look(m);
    assert_true(counters.has_failed && !has("counters.new"));
    assert_int_equal(inode(), first);
    end(m);
    m = begin(1000, SERVERS);
    assert_int_equal(at_server(m, 1000), 5);
    end(m);
}

/* A write that there is no memory for is tried again; a read that has none begins at 0. */
static void test_without_memory(void **state)
{
    struct manager *m = begin(1000, 2);

    (void)state;
    count(m, 1000, 3);
    fault_set(1);
    look(m);
    assert_false(fault_is_armed());
    assert_false(has("counters"));
    look(m);
    assert_true(has("counters"));
    assert_false(counters.has_failed);
    kill_it(m);
    m = fixture_start(ENGINE_SOLO, NULL);
    m->data_dir.path = folder;
    m->data_dir.fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    counters_init(&counters, m);
    fault_set(1);
    counters_begin(m);
    assert_false(fault_is_armed());
    assert_int_equal(requests(m), 0);
    assert_true(has("counters"));
    kill_it(m);
}

static void test_no_directory(void **state)
{
    struct manager *m = fixture_start(ENGINE_SOLO, NULL);

    (void)state;
    counters_init(&counters, m);
    m->started_us = 17;
    counters_begin(m);
    counters_shown(m);
    assert_false(timer_is_set(&counters.timer));
    assert_int_equal(counters_since_us(m), 17);
    counters_fini(&counters);
    fixture_stop(m);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)setup(state);
    return rmdir(folder);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_clean_end, setup),
        cmocka_unit_test_setup(test_killed, setup),
        cmocka_unit_test_setup(test_another_has_its_id, setup),
        cmocka_unit_test_setup(test_no_news_no_write, setup),
        cmocka_unit_test_setup(test_shown, setup),
        cmocka_unit_test_setup(test_damaged, setup),
        cmocka_unit_test_setup(test_no_write, setup),
        cmocka_unit_test_setup(test_without_memory, setup),
        cmocka_unit_test_setup(test_no_directory, setup),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
