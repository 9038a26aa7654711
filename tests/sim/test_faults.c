#include "../unit/base/cm.h"
#include "base/fault.h"
#include "response.h"
#include "worker/ends.h"
#include "world.h"

/* The same small scenario again and again; each time another single thing fails: the n-th
 * allocation of the worker, or the n-th operation of the network. Whatever it was: no crash, no
 * leak, no exchange that hangs, no response that looks right and is wrong. */

enum { SWEEP_MAX = 5000, CLIENTS = 5 };

struct outcome {
    unsigned whole_n; /* responses */
    unsigned cut_n;   /* those that were in flight at the server that was removed */
    bool was_struck;
};

static const char *const says[CLIENTS] = {
    "GET /len/3000/1 HTTP/1.1\r\nHost: h\r\n\r\nGET /chunked/3000/2 HTTP/1.1\r\nHost: "
    "h\r\n\r\n",
    "POST /echo/0/3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    "5\r\nhello\r\n0\r\n\r\n",
    "GET /len/200000/4 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "GET /until/300/5 HTTP/1.1\r\nHost: h\r\n\r\nGET /garbage/0/6 HTTP/1.1\r\nHost: h\r\n\r\n",
};

static unsigned count_answers(const struct world_client *c)
{
    struct span in = text_span(&c->peer.in);
    unsigned n = 0;

    for (;;) {
        struct response a;
        enum response_result rc = response_read(in, false, c->peer.has_fin, &a);
        struct text want = {0};

        CHECK(rc != RESPONSE_BROKEN);
        if (rc == RESPONSE_WHOLE && a.id > 0 && a.id != 3) {
            fake_body(&want, (unsigned long)a.id, a.body.len);
            CHECK(want.len == 0 || memcmp(want.ptr, a.body.ptr, want.len) == 0);
            text_free(&want);
        }
        text_free(&a.body);
        if (rc != RESPONSE_WHOLE)
            return n;
        n++;
        in = span_skip(in, a.bytes);
    }
}

/* Changes of the pool while requests run; what a worker that can't apply does is die: here the
 * world ends. */
static int change_pool(struct world *w)
{
    uint64_t id = w->server_id[1];
    int rc = world_add_server(w, 2, 2);

    if (rc == 0)
        rc = world_set_weight(w, 0, 3);
    if (rc == 0)
        rc = world_remove_server(w, 1);
    return rc == 0 ? world_forget(w, id) : rc;
}

static unsigned ask_all(struct world *w, struct world_client *clients[CLIENTS])
{
    unsigned n = 0;

    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = world_client(w);
        clients[i]->peer.read_piece = 30000;
        clients[i]->peer.read_gap_ms = i == 2 ? 5 : 0;
        world_say(clients[i], says[i]);
    }
    world_run_ms(w, 20);
    (void)change_pool(w);
    world_run_ms(w, 200000);
    CHECK(w->worker.exchanges_slab.in_use == 0);
    CHECK(world_stat(w, STATS_in_flight) == 0);
    for (unsigned i = 0; i < CLIENTS; i++)
        n += count_answers(clients[i]);
    return n;
}

static const struct world_setup scenario = {
    .seed = 1, .server_n = 2, .faults = {.buffer_bytes = 8192, .max_delay_us = 300}};

/* Which server a request meets depends on when it is whole: in clear none is cut, over TLS the
 * longest. */
static bool has_all(const struct outcome *out)
{
    return out->whole_n + out->cut_n == 7 && out->cut_n == (world_over_tls != NULL);
}

static struct outcome run_with_allocation(unsigned n)
{
    struct world *w = world_new(&scenario);
    struct world_client *clients[CLIENTS];
    struct outcome out = {0};

    fault_set(n);
    if (world_start(w) == 0)
        out.whole_n = ask_all(w, clients);
    out.cut_n = (unsigned)w->stats->end[END_DRAINED];
    out.was_struck = !fault_is_armed();
    fault_set(0);
    world_end(w);
    return out;
}

static void test_allocations(void **state)
{
    unsigned n = 0;
    struct outcome out;

    (void)state;
    do {
        CHECK((n += world_stride()) < SWEEP_MAX);
        out = run_with_allocation(n);
    } while (out.was_struck);
    print_message("%u allocations\n", n - 1);
    CHECK(has_all(&out) && n > 20);
}

static struct outcome run_with_operation(unsigned n)
{
    struct world_setup setup = scenario;
    struct world_client *clients[CLIENTS];
    struct world *w;
    struct outcome out = {0};

    setup.faults.fail_op = n;
    w = world_open(&setup);
    out.whole_n = ask_all(w, clients);
    out.cut_n = (unsigned)w->stats->end[END_DRAINED];
    out.was_struck = loop_sim_ops(w->loop) >= n;
    world_end(w);
    return out;
}

static void test_operations(void **state)
{
    unsigned n = 0;
    struct outcome out;

    (void)state;
    do {
        CHECK((n += world_stride()) < SWEEP_MAX);
        out = run_with_operation(n);
        CHECK(out.whole_n >= 3); /* one thing fails, not all */
    } while (out.was_struck);
    print_message("%u operations\n", n - 1);
    CHECK(has_all(&out) && n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_allocations),
                                       cmocka_unit_test(test_operations)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
