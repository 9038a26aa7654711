/* Clients with a hundred streams on one connection, one of them stalled, over a whole worker
 * to servers that speak HTTP/1: relay, back-pressure, drain. What ends streams before their
 * time is in test_streams_end.c. */
#include "../unit/base/cm.h"
#include "toy_many.h"
#include "worker/client.h"
#include "worker/exchange.h"
#include "worker/origin_conn.h"

enum { MIB = 1024 * 1024, SMALL_BYTES = 4096, ONE_READ_BYTES = 2 * LOOP_SCRATCH_BYTES };

/* ---- relay ---- */

static void test_all_are_answered(void **state)
{
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_ask_many(w, 0);

    (void)state;
    world_run_ms(w, 1000);
    CHECK(toy_whole_n(t) == MANY);
    CHECK(world_stat(w, STATS_requests) == MANY);
    CHECK(world_stat(w, STATS_client_success) == MANY);
    CHECK(world_stat(w, STATS_client_connections) == 1);
    toy_check_idle(t);
    toy_end(t);
}

static void test_one_is_stalled(void **state)
{
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_ask_many(w, BIG_BYTES);
    struct toy_ask *a = &t->asks[STALLED];

    (void)state;
    world_run_ms(w, 1000);
    CHECK(toy_whole_n(t) == MANY - 1);
    CHECK(a->status == 200 && !a->has_ended && a->body.len == TOY_CREDIT_BYTES);
    CHECK(world_stat(w, STATS_in_flight) == 1 && w->worker.streams.slab.in_use == 1);
    toy_pause(a, false);
    world_run_ms(w, 1000);
    CHECK(toy_is_whole(a, BIG_BYTES));
    CHECK(world_stat(w, STATS_client_success) == MANY);
    toy_check_idle(t);
    toy_end(t);
}

/* However the network cuts the bytes, there and back. */
static void run_cut(uint64_t seed)
{
    const struct world_setup setup = {.seed = seed,
                                      .server_n = 2,
                                      .faults = {.buffer_bytes = 9000,
                                                 .max_delay_us = 2000,
                                                 .short_reads = true,
                                                 .short_sends = true}};
    struct world *w = toy_world(&setup);
    struct toy_client *t = toy_client(w);

    for (unsigned i = 0; i < 30; i++)
        (void)toy_askf(t, i % 2 ? BODY_BYTES : 0, "/%s/%u/%u", i % 2 ? "echo" : "len",
                       BODY_BYTES, i);
    t->asks[STALLED].pauses_at_head = true;
    world_run_ms(w, 20000);
    CHECK(toy_whole_n(t) == 29);
    toy_pause(&t->asks[STALLED], false);
    world_run_ms(w, 20000);
    CHECK(toy_whole_n(t) == 30);
    CHECK(world_stat(w, STATS_client_bytes_in) == 15 * BODY_BYTES);
    toy_check_idle(t);
    toy_end(t);
}

static void test_cut_anywhere(void **state)
{
    bool is_given;
    uint64_t seed = world_seed(1, &is_given);
    uint64_t last = seed + (is_given ? 1 : 15);

    (void)state;
    for (; seed < last; seed++)
        run_cut(seed);
}

/* Each is known as the caller that the connection's PROXY header names. */
static void test_all_have_one_caller(void **state)
{
    const struct world_setup setup = {.seed = 1, .server_n = 1, .is_behind_proxy = true};
    struct world *w = toy_world(&setup);
    struct toy_client *t = toy_client(w);

    (void)state;
    peer_say(&t->base.peer, SPAN("PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n"));
    w->origins[0].names_client = true;
    for (unsigned i = 0; i < MANY; i++)
        (void)toy_askf(t, 0, "/len/%u/%u", BODY_BYTES, i);
    world_run_ms(w, 1000);
    CHECK(toy_whole_n(t) == MANY);
    for (unsigned i = 0; i < MANY; i++)
        CHECK_TEXT(fake_origin_conn(&w->origins[0], i)->request.forwarded_for, "192.0.2.7");
    toy_end(t);
}

/* What the slab and the stores once had serves the next hundred. */
static void test_no_memory_is_taken_when_warm(void **state)
{
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_ask_many(w, 0);
    unsigned total_n;

    (void)state;
    world_run_ms(w, 100);
    CHECK(toy_whole_n(t) == MANY);
    total_n = w->worker.streams.slab.total_n;
    for (unsigned i = 0; i < MANY; i++)
        (void)toy_askf(t, 0, "/len/%u/%u", BODY_BYTES, MANY + i);
    world_run_ms(w, 100);
    CHECK(toy_whole_n(t) == 2 * MANY);
    CHECK(w->worker.streams.slab.total_n == total_n && total_n >= MANY);
    toy_end(t);
}

/* ---- back-pressure ---- */

static struct exchange *only_exchange(const struct world *w)
{
    struct exchange *ex = TAILQ_FIRST(&w->worker.exchanges);

    CHECK(ex != NULL && TAILQ_NEXT(ex, entry) == NULL);
    return ex;
}

static const struct conn *lane_conn(const struct exchange *ex)
{
    CHECK(ex->lane != NULL);
    return &origin_conn_of(ex->lane)->conn;
}

/* Its server is held, what is kept of it is little, and whoever comes later flows past it. */
static void test_stalled_download_holds_its_server(void **state)
{
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_ask_many(w, BIG_BYTES);
    struct exchange *ex;

    (void)state;
    world_run_ms(w, 1000);
    ex = only_exchange(w);
    CHECK(stream_is_congested(ex->client));
    CHECK(lane_conn(ex)->reading == READING_PAUSED);
    CHECK(ex->bytes_out < 200000);
    CHECK(world_stat(w, STATS_queued_bytes) > 0);
    CHECK(world_stat(w, STATS_queued_bytes) <= ONE_READ_BYTES);
    for (unsigned i = 0; i < MANY; i++)
        (void)toy_askf(t, 0, "/len/%u/%u", BODY_BYTES, MANY + i);
    world_run_ms(w, 1000);
    CHECK(toy_whole_n(t) == 2 * MANY - 1);
    CHECK(only_exchange(w) == ex && lane_conn(ex)->reading == READING_PAUSED);
    toy_pause(&t->asks[STALLED], false);
    world_run_ms(w, 1000);
    CHECK(toy_is_whole(&t->asks[STALLED], BIG_BYTES));
    CHECK(world_stat(w, STATS_queued_bytes) == 0);
    toy_end(t);
}

/* Nothing else is said on the connection, whose peer takes all: only the stream's own credit
 * holds its server. */
static void test_stalled_alone_holds_its_server(void **state)
{
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_client(w);
    struct toy_ask *a = toy_askf(t, 0, "/len/%u/1", BIG_BYTES);
    struct exchange *ex;

    (void)state;
    CHECK(a->has_begun);
    a->pauses_at_head = true;
    world_run_ms(w, 1000);
    ex = only_exchange(w);
    CHECK(a->body.len == TOY_CREDIT_BYTES && world_stat(w, STATS_queued_bytes) > 0);
    CHECK(stream_is_congested(ex->client) && lane_conn(ex)->reading == READING_PAUSED);
    CHECK(ex->bytes_out <= TOY_CREDIT_BYTES + ONE_READ_BYTES);
    toy_pause(a, false);
    world_run_ms(w, 1000);
    CHECK(toy_is_whole(a, BIG_BYTES));
    toy_check_idle(t);
    toy_end(t);
}

/* A server that reads nothing: its client gets no more credit, the other uploads flow. */
static void test_stalled_upload_holds_its_client(void **state)
{
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_client(w);
    struct toy_ask *deaf;
    struct exchange *ex;

    (void)state;
    world_add_pool(w, "green", 1);
    CHECK(world_describe(w, POOL_ADD_RULE, "default",
                         "{\"priority\":10,\"conditions\":{\"path_prefix\":\"/echo/1\"},"
                         "\"action\":{\"forward\":[{\"pool\":\"green\"}]}}",
                         NULL) == 0);
    w->origins[1].is_deaf = true;
    deaf = toy_askf(t, BIG_BYTES, "/echo/1/%u", STALLED);
    for (unsigned i = 1; i < MANY; i++)
        (void)toy_askf(t, BODY_BYTES, "/echo/0/%u", i);
    world_run_ms(w, 2000);
    CHECK(toy_whole_n(t) == MANY - 1);
    CHECK(!deaf->has_sent && deaf->is_full && deaf->status == 0);
    ex = only_exchange(w);
    CHECK(conn_is_congested(lane_conn(ex)));
    CHECK(world_stat(w, STATS_queued_bytes) > 0);
    CHECK(world_stat(w, STATS_queued_bytes) <= ONE_READ_BYTES);
    peer_listen(&fake_origin_conn(&w->origins[1], 0)->peer, true);
    world_run_ms(w, 2000);
    CHECK(toy_is_whole(deaf, BIG_BYTES));
    CHECK(world_stat(w, STATS_queued_bytes) == 0);
    toy_check_idle(t);
    toy_end(t);
}

/* The body of a request waits in its stream, until there is a connection to send it on. */
static void test_body_comes_before_the_lane(void **state)
{
    const struct world_setup setup = {
        .seed = 1, .server_n = 1, .faults = {.max_delay_us = 20000}};
    struct world *w = toy_world(&setup);
    struct toy_client *t = toy_client(w);

    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        (void)toy_askf(t, i % 2 ? 10 : BODY_BYTES, "/echo/0/%u", i);
    world_run_ms(w, 20000);
    CHECK(w->queued_max_bytes > 0);
    for (unsigned i = 0; i < MANY; i++)
        CHECK(toy_is_whole(&t->asks[i], i % 2 ? 10 : BODY_BYTES));
    CHECK(world_stat(w, STATS_client_bytes_in) == MANY / 2 * (BODY_BYTES + 10));
    toy_end(t);
}

/* All are stalled: the budget holds, and who comes then is refused and may ask again. */
static void test_budget_holds(void **state)
{
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_client(w);
    struct toy_ask *late;

    (void)state;
    world_set(w, "limits.queue_bytes", MIB);
    for (unsigned i = 0; i < MANY; i++)
        toy_askf(t, 0, "/len/%u/%u", BODY_BYTES * 5, i)->pauses_at_head = true;
    world_run_ms(w, 2000);
    CHECK(world_stat(w, STATS_in_flight) == MANY);
    CHECK(w->queued_max_bytes > MIB / 2);
    CHECK(w->queued_max_bytes <= MIB + MANY * 2 * SMALL_BYTES);
    if (!conn_queues_are_full(&w->worker.shared))
        world_set(w, "limits.queue_bytes", w->worker.shared.queued_bytes);
    late = toy_askf(t, 0, "/len/10/%u", MANY);
    world_run_ms(w, 100);
    CHECK(late->error == WERR_REFUSED && late->status == 0);
    for (unsigned i = 0; i < MANY; i++)
        toy_pause(&t->asks[i], false);
    world_run_ms(w, 5000);
    for (unsigned i = 0; i < MANY; i++)
        CHECK(toy_is_whole(&t->asks[i], (size_t)BODY_BYTES * 5));
    CHECK(world_stat(w, STATS_queued_bytes) == 0);
    late = toy_askf(t, 0, "/len/10/%u", MANY);
    world_run_ms(w, 100);
    CHECK(toy_is_whole(late, 10));
    toy_end(t);
}

/* A client that does not read at all: all its streams wait, and then all go on. */
static void test_deaf_connection(void **state)
{
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_client(w);

    (void)state;
    world_run_ms(w, 1);
    peer_listen(&t->base.peer, false);
    for (unsigned i = 0; i < MANY; i++)
        (void)toy_askf(t, 0, "/len/%u/%u", BODY_BYTES * 5, i);
    world_run_ms(w, 1000);
    CHECK(toy_stream_n(t->codec) == MANY && world_stat(w, STATS_in_flight) == MANY);
    CHECK(conn_is_congested(&LIST_FIRST(&w->worker.clients)->conn));
    peer_listen(&t->base.peer, true);
    world_run_ms(w, 2000);
    for (unsigned i = 0; i < MANY; i++)
        CHECK(toy_is_whole(&t->asks[i], (size_t)BODY_BYTES * 5));
    toy_check_idle(t);
    toy_end(t);
}

/* ---- drain ---- */

/* The streams that are open end, those that come then are refused, and it ends with the last.
 */
static void test_drain(void **state)
{
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_ask_many(w, BIG_BYTES);
    struct toy_ask *crossing, *late;

    (void)state;
    while (world_stat(w, STATS_requests) < MANY)
        loop_turn(w->loop, 1);
    world_drain(w, 60000);
    while (!w->worker.has_told_clients)
        loop_turn(w->loop, 1);
    crossing = toy_askf(t, 0, "/len/10/%u", MANY); /* does not know yet */
    CHECK(crossing->has_begun);
    world_run_ms(w, 5000);
    CHECK(toy_whole_n(t) == MANY - 1);
    CHECK(crossing->error == WERR_REFUSED && crossing->status == 0);
    late = toy_askf(t, 0, "/len/10/%u", MANY + 1);
    CHECK(!late->has_begun);
    CHECK(!w->is_drained && !t->base.peer.has_fin && world_stat(w, STATS_in_flight) == 1);
    toy_pause(&t->asks[STALLED], false);
    world_run_ms(w, 1000);
    CHECK(toy_is_whole(&t->asks[STALLED], BIG_BYTES));
    CHECK(t->base.peer.has_fin && !t->base.peer.has_reset);
    CHECK(world_stat(w, STATS_client_success) == MANY);
    CHECK(world_stat(w, STATS_requests) == MANY);
    peer_close(&t->base.peer, false);
    world_run_ms(w, 10);
    CHECK(w->is_drained);
    toy_end(t);
}

/* The last has been answered, but its client has not taken the response yet. */
static void test_drain_waits_for_what_is_kept(void **state)
{
    enum { A_LITTLE_MORE_BYTES = TOY_CREDIT_BYTES + 1000 };
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_client(w);
    struct toy_ask *a = toy_askf(t, 0, "/len/%u/7", A_LITTLE_MORE_BYTES);

    (void)state;
    world_calm_tls(); /* in parts, its last bytes would wait in front of the codec */
    a->pauses_at_head = true;
    world_run_ms(w, 100);
    CHECK(world_stat(w, STATS_in_flight) == 0 && w->worker.streams.slab.in_use == 1);
    CHECK(world_stat(w, STATS_client_success) == 1);
    world_drain(w, 60000);
    world_run_ms(w, 3000);
    CHECK(!t->base.peer.has_fin && !w->is_drained);
    toy_pause(a, false);
    world_run_ms(w, 100);
    CHECK(toy_is_whole(a, A_LITTLE_MORE_BYTES));
    CHECK(t->base.peer.has_fin && w->worker.streams.slab.in_use == 0);
    toy_end(t);
}

/* Whoever has not ended by then is cut off. */
static void test_drain_limit(void **state)
{
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_ask_many(w, BIG_BYTES);

    (void)state;
    world_run_ms(w, 1000);
    world_drain(w, 2000);
    world_run_ms(w, 1900);
    CHECK(!w->is_drained && world_stat(w, STATS_in_flight) == 1);
    world_run_ms(w, 300);
    CHECK(w->is_drained && world_stat(w, STATS_in_flight) == 0);
    CHECK(!t->asks[STALLED].has_ended && toy_is_right(&t->asks[STALLED]));
    CHECK(toy_whole_n(t) == MANY - 1);
    toy_end(t);
}

/* An idle connection, and one that has not asked yet, which may do so once. */
static void test_drain_while_idle(void **state)
{
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_client(w);
    struct toy_client *fresh = toy_client(w);
    struct toy_ask *a = toy_ask(t, "/len/10/1", 0);

    (void)state;
    world_run_ms(w, 100);
    CHECK(toy_is_whole(a, 10));
    world_drain(w, 60000);
    world_run_ms(w, 10);
    a = toy_ask(fresh, "/len/10/2", 0);
    CHECK(a->has_begun);
    world_run_ms(w, 1500);
    CHECK(toy_is_whole(a, 10));
    CHECK(!toy_ask(t, "/len/10/3", 0)->has_begun);
    CHECK(!toy_ask(fresh, "/len/10/4", 0)->has_begun);
    CHECK(t->base.peer.has_fin && fresh->base.peer.has_fin);
    toy_client_free(fresh);
    toy_end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_are_answered),
        cmocka_unit_test(test_one_is_stalled),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_all_have_one_caller),
        cmocka_unit_test(test_no_memory_is_taken_when_warm),
        cmocka_unit_test(test_stalled_download_holds_its_server),
        cmocka_unit_test(test_stalled_alone_holds_its_server),
        cmocka_unit_test(test_stalled_upload_holds_its_client),
        cmocka_unit_test(test_body_comes_before_the_lane),
        cmocka_unit_test(test_budget_holds),
        cmocka_unit_test(test_deaf_connection),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_waits_for_what_is_kept),
        cmocka_unit_test(test_drain_limit),
        cmocka_unit_test(test_drain_while_idle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
