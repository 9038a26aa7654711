/* What one life has counted, carried into the next: each sum goes on from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "stats/carried.h"

enum { WORKERS = 2, ID = 71, RULE = 5, SERVER_SLOT = 9 };

struct life {
    struct stats *s;
    int fd;
    uint32_t slot[STATS_TOTAL_KINDS];
};

/* before: slots that others have. */
static struct life begin(unsigned before)
{
    struct life l = {.fd = -1};

    l.s = stats_new(WORKERS, &l.fd);
    assert_non_null(l.s);
    for (unsigned i = 0; i < before; i++) {
        (void)stats_slot_take(l.s, STATS_OF_POOL, 1000 + i);
        (void)stats_slot_take(l.s, STATS_OF_LISTENER, 1000 + i);
    }
    l.slot[STATS_TOTAL_POOL] = stats_slot_take(l.s, STATS_OF_POOL, ID);
    l.slot[STATS_TOTAL_LISTENER] = stats_slot_take(l.s, STATS_OF_LISTENER, ID);
    l.slot[STATS_TOTAL_SERVER] = SERVER_SLOT + before;
    stats_server_clear(l.s, l.slot[STATS_TOTAL_SERVER]);
    return l;
}

static void end(struct life *l)
{
    stats_free(l->s);
    (void)close(l->fd);
}

static bool is_gone(const void *arg, uint64_t id)
{
    (void)arg;
    (void)id;
    return false;
}

static void add(uint64_t *n, size_t count, uint64_t what)
{
    for (size_t i = 0; i < count; i++)
        n[i] += what + i;
}
#define ADD(member, what) \
    add((uint64_t *)(void *)&(member), sizeof(member) / sizeof(uint64_t), what)

/* In each number of each worker, gauges too. */
static void count(struct life *l)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        struct stats_worker *w = stats_worker(l->s, i);

        ADD(w->value, 10);
        ADD(w->end, 2000);
        ADD(w->tls_failed, 3000);
        ADD(w->tls_agreed, 4000);
        ADD(w->latency_us, 5000);
        ADD(w->tls_handshake, 6000);
        ADD(w->listener[l->slot[STATS_TOTAL_LISTENER]], 7000);
        ADD(w->listener_classes[l->slot[STATS_TOTAL_LISTENER]], 8000);
        ADD(w->pool[l->slot[STATS_TOTAL_POOL]], 9000);
        ADD(w->pool_served[l->slot[STATS_TOTAL_POOL]], 10000);
        ADD(w->server[l->slot[STATS_TOTAL_SERVER]], 11000);
        ADD(w->server_served[l->slot[STATS_TOTAL_SERVER]], 12000);
        rule_hits_add(&w->rule_hits, RULE, is_gone, NULL);
    }
}

static struct stats_total get(const struct life *l, enum stats_total_kind kind)
{
    struct stats_total one = {.kind = (uint8_t)kind,
                              .id = kind == STATS_TOTAL_RULE ? RULE : ID};

    stats_total_get(l->s, l->slot[kind], &one);
    return one;
}

static void carry_all(const struct life *from, struct life *to)
{
    for (unsigned kind = 0; kind < STATS_TOTAL_KINDS; kind++) {
        const struct stats_total one = get(from, (enum stats_total_kind)kind);

        assert_int_equal(stats_carry(to->s, to->slot[kind], &one), 0);
    }
}

static void assert_times(const struct stats *s, enum stats_times_of of, uint32_t slot,
                         uint64_t first, unsigned lives)
{
    struct times t;

    stats_sum_times(s, of, slot, &t);
    assert_int_equal(t.bucket[0], lives * WORKERS * first);
    assert_int_equal(t.sum_us, lives * WORKERS * (first + TIMES_BOUNDS + 1));
}

static void assert_classes(const struct stats *s, enum stats_classes_of of, uint32_t slot,
                           uint64_t first, unsigned lives)
{
    struct stats_classes c;

    stats_sum_classes(s, of, slot, &c);
    for (unsigned i = 0; i < STATS_CLASSES; i++)
        assert_int_equal(c.n[i], lives * WORKERS * (first + i));
}

static void assert_node(const struct stats *s, unsigned lives)
{
    struct histogram latency;

    for (unsigned i = 0; i < STATS_COUNTERS; i++) {
        const bool is_gauge = stats_counter_is_gauge((enum stats_counter)i);

        assert_int_equal(stats_sum(s, (enum stats_counter)i),
                         (is_gauge ? 1 : lives) * WORKERS * (10 + i));
    }
    assert_int_equal(stats_sum_end(s, 0), lives * WORKERS * 2000);
    assert_int_equal(stats_sum_tls_failed(s, STATS_TLS_OTHER),
                     lives * WORKERS * (3000 + STATS_TLS_OTHER));
    assert_int_equal(stats_sum_tls_agreed(s, STATS_TLS_AGREED_OTHER),
                     lives * WORKERS * (4000 + STATS_TLS_AGREED_OTHER));
    stats_sum_latency(s, &latency);
    assert_int_equal(latency.n, lives * WORKERS * 5000);
    assert_int_equal(latency.bucket[HISTOGRAM_BUCKETS - 1],
                     lives * WORKERS * (5000 + HISTOGRAM_BUCKETS + 1));
    assert_times(s, STATS_TIMES_TLS_HANDSHAKE, 0, 6000, lives);
    assert_int_equal(stats_sum_rule(s, RULE), lives * WORKERS);
}

/* Everything that a reader may ask for; gauges are of this life alone. */
static void assert_sums(const struct life *l, unsigned lives)
{
    const uint32_t pool = l->slot[STATS_TOTAL_POOL], server = l->slot[STATS_TOTAL_SERVER];
    const uint32_t listener = l->slot[STATS_TOTAL_LISTENER];

    assert_node(l->s, lives);
    assert_int_equal(stats_sum_listener(l->s, listener, STATS_LISTENER_requests),
                     lives * WORKERS * (7000 + STATS_LISTENER_requests));
    assert_int_equal(stats_sum_listener(l->s, listener, STATS_LISTENER_open),
                     WORKERS * (7000 + STATS_LISTENER_open));
    assert_classes(l->s, STATS_CLASSES_OF_LISTENER, listener, 8000, lives);
    assert_int_equal(stats_sum_pool(l->s, pool, STATS_POOL_queue_timeout),
                     lives * WORKERS * (9000 + STATS_POOL_queue_timeout));
    assert_int_equal(stats_sum_pool(l->s, pool, STATS_POOL_in_flight),
                     WORKERS * (9000 + STATS_POOL_in_flight));
    assert_classes(l->s, STATS_CLASSES_OF_POOL, pool, 10000, lives);
    assert_times(l->s, STATS_TIMES_POOL_HEAD, pool, 10008, lives);
    assert_times(l->s, STATS_TIMES_POOL_ADDED, pool, 10040, lives);
    assert_int_equal(stats_sum_server(l->s, server, STATS_SERVER_tls_failed),
                     lives * WORKERS * (11000 + STATS_SERVER_tls_failed));
    assert_int_equal(stats_sum_server(l->s, server, STATS_SERVER_ejected),
                     WORKERS * (11000 + STATS_SERVER_ejected));
    assert_classes(l->s, STATS_CLASSES_OF_SERVER, server, 12000, lives);
    assert_times(l->s, STATS_TIMES_SERVER_TOTAL, server, 12024, lives);
}

static void test_sums_go_on(void **state)
{
    struct life first = begin(0), second = begin(3), third = begin(1);

    (void)state;
    count(&first);
    assert_sums(&first, 1);
    carry_all(&first, &second);
    for (unsigned kind = 0; kind < STATS_TOTAL_KINDS; kind++) {
        const struct stats_total was = get(&first, (enum stats_total_kind)kind);
        const struct stats_total is = get(&second, (enum stats_total_kind)kind);

        assert_memory_equal(&was, &is, sizeof(is));
    }
    count(&second);
    assert_sums(&second, 2);
    carry_all(&second, &third);
    count(&third);
    assert_sums(&third, 3);
    end(&first);
    end(&second);
    end(&third);
}

/* What a worker sees is its own life: limits are kept by what runs now. */
static void test_workers_do_not_see_it(void **state)
{
    struct life first = begin(0), second = begin(0);

    (void)state;
    count(&first);
    carry_all(&first, &second);
    struct stats *worker = stats_open(second.fd);
    assert_int_equal(stats_sum(worker, STATS_requests), 0);
    assert_int_equal(stats_sum(second.s, STATS_requests), stats_sum(first.s, STATS_requests));
    stats_free(worker);
    end(&first);
    end(&second);
}

/* A slot that another gets, and one that there is not. */
static void test_slots(void **state)
{
    struct life first = begin(0), second = begin(0);
    struct stats_total one;

    (void)state;
    count(&first);
    carry_all(&first, &second);
    stats_server_clear(second.s, second.slot[STATS_TOTAL_SERVER]);
    stats_slot_give(second.s, STATS_OF_POOL, ID);
    stats_slot_give(second.s, STATS_OF_LISTENER, ID);
    for (uint64_t id = 2000;
         stats_slot_find(second.s, STATS_OF_POOL, id - 1) != second.slot[STATS_TOTAL_POOL];
         id++)
        (void)stats_slot_take(second.s, STATS_OF_POOL, id);
    for (uint64_t id = 2000; stats_slot_find(second.s, STATS_OF_LISTENER, id - 1) !=
                             second.slot[STATS_TOTAL_LISTENER];
         id++)
        (void)stats_slot_take(second.s, STATS_OF_LISTENER, id);
    static const enum stats_total_kind kinds[] = {STATS_TOTAL_SERVER, STATS_TOTAL_POOL,
                                                  STATS_TOTAL_LISTENER};
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct stats_total nothing = {.kind = (uint8_t)kinds[i], .id = ID};

        one = get(&second, kinds[i]);
        assert_memory_equal(&one, &nothing, sizeof(one));
        one = get(&first, kinds[i]);
        assert_int_equal(stats_carry(second.s, STATS_NO_SLOT, &one), 0);
        stats_total_get(second.s, STATS_NO_SLOT, &one);
        assert_memory_equal(&one, &nothing, sizeof(one));
    }
    end(&first);
    end(&second);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_go_on),
        cmocka_unit_test(test_workers_do_not_see_it),
        cmocka_unit_test(test_slots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
