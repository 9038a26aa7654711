/* A long list of servers, taken in parts. */
#include "lone_worker.h"

#include <stdio.h>

#include "worker/bulk.h"

enum { SERVERS_N = 600, TURNS_MAX = 1000 };

struct setup {
    struct lone_worker lone;
    struct bulk bulk;
    unsigned done_n;
    int rc;
};

static void on_done(struct bulk *b, int rc)
{
    struct setup *s = (struct setup *)((char *)b - offsetof(struct setup, bulk));

    assert_false(bulk_is_busy(b));
    s->done_n++;
    s->rc = rc;
}

static struct setup *make(void)
{
    struct setup *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    lone_worker_init(&s->lone);
    assert_int_equal(lone_worker_take_snapshot(&s->lone), 0);
    bulk_init(&s->bulk, &s->lone.worker, on_done);
    return s;
}

static void drop(struct setup *s)
{
    bulk_drop(&s->bulk);
    for (unsigned i = 0; i < 10; i++)
        loop_turn(s->lone.loop, 0);
    lone_worker_fini(&s->lone);
    free(s);
}

/* Servers from first on, with a weight. */
static void make_list(struct pool_command *c, unsigned first, unsigned weight)
{
    struct pool_error error;

    pool_command_init(c, POOL_SET_SERVERS);
    c->list = calloc(SERVERS_N, sizeof(c->list[0]));
    assert_non_null(c->list);
    for (; c->list_n < SERVERS_N; c->list_n++) {
        const unsigned i = first + c->list_n;
        struct pool_server *server = &c->list[c->list_n];
        char url[64];

        snprintf(url, sizeof(url), "http://10.%u.%u.%u:81", i >> 16, i >> 8 & 255, i & 255);
        assert_int_equal(pool_check_url(span_from_str(url), server, &error), 0);
        server->weight = (uint16_t)weight;
    }
}

/* Applies in the manager's copy; the entry is the caller's. */
static char *make_entry(struct setup *s, unsigned first, unsigned weight, size_t *len)
{
    struct pool_command c;
    struct pool_change change;
    char *entry;

    make_list(&c, first, weight);
    assert_int_equal(pool_code_encode(&c, &entry, len), 0);
    assert_int_equal(pool_apply(s->lone.pool, &c, s->lone.pool->index + 1, &change), 0);
    pool_change_fini(&change);
    pool_command_fini(&c);
    return entry;
}

static int apply(struct setup *s, unsigned first, unsigned weight)
{
    size_t len;
    char *entry = make_entry(s, first, weight, &len);
    const int rc = bulk_apply(&s->bulk, s->lone.pool->index, span_from(entry, len));

    free(entry); /* it is copied */
    return rc;
}

static unsigned turns_until_done(struct setup *s)
{
    const unsigned before = s->done_n;
    unsigned n = 0;

    for (; s->done_n == before; n++) {
        assert_true(n < TURNS_MAX);
        loop_turn(s->lone.loop, 0);
    }
    return n;
}

static void test_parts(void **state)
{
    struct setup *s = make();
    static const unsigned lists[][2] = {{0, 1}, {0, 2}, {300, 2}, {5000, 1}, {5000, 1}};

    (void)state;
    for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const uint64_t before = s->lone.worker.pool_state->digest;

        assert_int_equal(apply(s, lists[i][0], lists[i][1]), POOL_CODE_MORE);
        assert_true(bulk_is_busy(&s->bulk));
        loop_turn(s->lone.loop, 0); /* the description is the old one until all is read */
        assert_int_equal(s->lone.worker.pool_state->digest, before);
        assert_true(turns_until_done(s) >= SERVERS_N / BULK_READ_N - 1);
        assert_int_equal(s->rc, 0);
        assert_int_equal(s->lone.worker.pool_state->digest, s->lone.pool->digest);
        assert_int_equal(s->lone.worker.pool_state->index, s->lone.pool->index);
    }
    drop(s);
}

/* Whatever comes first to be short: who lacks memory takes a snapshot. */
static void test_out_of_memory(void **state)
{
    struct setup *s = make();
    unsigned failed_n = 0;

    (void)state;
    for (unsigned n = 1;; n += n / 8 + 1) {
        size_t len;
        char *entry = make_entry(s, n * SERVERS_N, 1, &len);

        fault_set(n);
        int rc = bulk_apply(&s->bulk, s->lone.pool->index, span_from(entry, len));
        if (rc == POOL_CODE_MORE) {
            turns_until_done(s);
            rc = s->rc;
        }
        const bool is_over = fault_is_armed();
        fault_set(0);
        free(entry);
        if (rc == 0 && is_over)
            break;
        assert_int_equal(rc, WERR_NOMEM);
        failed_n++;
        assert_int_equal(lone_worker_take_snapshot(&s->lone), 0);
        assert_int_equal(s->lone.worker.pool_state->digest, s->lone.pool->digest);
    }
    assert_true(failed_n > 20);
    drop(s);
}

/* The channel closes at any moment. */
static void test_dropped(void **state)
{
    (void)state;
    for (unsigned turns = 0; turns < SERVERS_N / BULK_READ_N + 4; turns++) {
        struct setup *s = make();

        assert_int_equal(apply(s, 0, 1), POOL_CODE_MORE);
        for (unsigned i = 0; i < turns; i++)
            loop_turn(s->lone.loop, 0);
        bulk_drop(&s->bulk);
        for (unsigned i = 0; i < 10; i++)
            loop_turn(s->lone.loop, 0);
        drop(s);
    }
}

static void test_bad_lists(void **state)
{
    static const char *const ends[] = {"", "]}", "]}}}", ",]}}", "x]}}"};
    struct setup *s = make();

    (void)state;
    for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t len;
        char *entry = make_entry(s, 0, i + 1, &len);
        const size_t n = len - strlen("]}}") + strlen(ends[i]);
        char *bad = malloc(n + 1);

        assert_non_null(bad);
        memcpy(bad, entry, len - strlen("]}}"));
        memcpy(bad + len - strlen("]}}"), ends[i], strlen(ends[i]));
        const uint32_t payload = (uint32_t)(n - POOL_ENTRY_HEADER_BYTES);
        memcpy(bad + 4, &payload, sizeof(payload));
        assert_int_equal(bulk_apply(&s->bulk, s->lone.pool->index, span_from(bad, n)),
                         POOL_CODE_MORE);
        turns_until_done(s);
        assert_int_equal(s->rc, WERR_CORRUPT);
        free(bad);
        free(entry);
    }
    drop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_bad_lists),
    };

    return cmocka_run_group_tests_name("bulk", tests, NULL, NULL);
}
