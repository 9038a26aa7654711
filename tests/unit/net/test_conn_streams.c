/* Many streams on one conn: each has its own credit, its own end and its own place in the
 * queues; what becomes of one is nothing to the others. */
#include "codec/h1.h"
#include "streams_world.h"

enum { MANY = 100, BODY_BYTES = 60000, STALLED = 7 };

static struct streams *open_many(uint32_t buffer_bytes, bool upload)
{
    struct streams *w = streams_new(&toy_kind, buffer_bytes);

    w->answer_bytes = BODY_BYTES;
    for (unsigned i = 0; i < MANY; i++)
        assert_non_null(streams_ask(w, i, upload));
    return w;
}

static void expect_none_left(const struct streams *w)
{
    assert_int_equal(toy_stream_n(w->asks.conn.codec), 0);
    assert_int_equal(toy_stream_n(w->serves.conn.codec), 0);
}

static void test_all_are_answered(void **state)
{
    struct streams *w = open_many(0, false);

    (void)state;
    streams_run(w);
    assert_int_equal(streams_whole_n(w), MANY);
    assert_true(w->serves.ends[0].was_full); /* credit was short */
    expect_none_left(w);
    assert_true(conn_can_reuse(&w->asks.conn));
    streams_end(w);
}

/* However the bytes are cut: the network takes 97 at a time. */
static void test_cut_anywhere(void **state)
{
    struct streams *w = streams_new(&toy_kind, 97);

    (void)state;
    w->answer_bytes = 3000;
    for (unsigned i = 0; i < 10; i++)
        assert_non_null(streams_ask(w, i, true));
    streams_run(w);
    assert_int_equal(streams_whole_n(w), 10);
    assert_true(w->serves.congested_n > 0 && w->serves.drained_n > 0);
    expect_none_left(w);
    streams_end(w);
}

/* ---- one is stalled ---- */

static struct end *pause_stalled(struct end *e)
{
    if (e->number == STALLED && e->side == &e->side->w->asks)
        conn_stream_pause(&e->side->conn, e->st);
    return e;
}

static void test_one_stalled_download(void **state)
{
    struct streams *w = open_many(0, false);
    struct end *e = &w->asks.ends[STALLED];
    const struct end *source;

    (void)state;
    w->on_head = pause_stalled;
    streams_run(w);
    assert_int_equal(streams_whole_n(w), MANY - 1);
    assert_int_equal(e->got, TOY_CREDIT_BYTES);
    source = &w->serves.ends[STALLED];
    assert_int_equal(source->number, STALLED);
    assert_true(source->is_full);
    assert_in_range(toy_kept_bytes(source->st), 1, PIECE_BYTES); /* its source has stopped */
    assert_int_equal(toy_stream_n(w->serves.conn.codec), 1);
    end_resume(e);
    streams_run(w);
    assert_int_equal(streams_whole_n(w), MANY);
    expect_none_left(w);
    streams_end(w);
}

static struct end *pause_stalled_upload(struct end *e)
{
    if (e->number == STALLED && e->side == &e->side->w->serves)
        conn_stream_pause(&e->side->conn, e->st);
    return e;
}

static void test_one_stalled_upload(void **state)
{
    struct streams *w = streams_new(&toy_kind, 0);
    struct end *e;

    (void)state;
    w->answer_bytes = BODY_BYTES;
    w->on_head = pause_stalled_upload;
    for (unsigned i = 0; i < MANY; i++)
        assert_non_null(streams_ask(w, i, true));
    streams_run(w);
    assert_int_equal(streams_whole_n(w), MANY - 1);
    e = &w->serves.ends[STALLED];
    assert_int_equal(e->number, STALLED);
    assert_int_equal(e->got, TOY_CREDIT_BYTES);
    end_resume(e);
    streams_run(w);
    assert_int_equal(streams_whole_n(w), MANY);
    expect_none_left(w);
    streams_end(w);
}

/* ---- one is reset ---- */

static struct end *reset_stalled(struct end *e)
{
    if (e->number != STALLED || e->side != &e->side->w->asks)
        return e;
    conn_stream_reset(&e->side->conn, e->st, CODEC_CANCELLED);
    e->st = NULL;
    return NULL;
}

/* Within its own event, and with its bytes on their way. */
static void test_reset_of_one(void **state)
{
    struct streams *w = open_many(0, false);

    (void)state;
    w->on_head = reset_stalled;
    streams_run(w);
    assert_int_equal(streams_whole_n(w), MANY - 1);
    assert_int_equal(w->serves.ends[STALLED].error, WERR_RESET);
    assert_int_equal(w->asks.ends[STALLED].got, 0);
    assert_int_equal(w->serves.gone_n + w->asks.gone_n, 0);
    expect_none_left(w);
    streams_end(w);
}

static struct end *refuse_stalled(struct end *e)
{
    if (e->number != STALLED || e->side != &e->side->w->serves)
        return e;
    conn_stream_reset(&e->side->conn, e->st, CODEC_REFUSED);
    e->st = NULL;
    return NULL;
}

static void test_server_refuses_one(void **state)
{
    struct streams *w = open_many(0, false);

    (void)state;
    w->on_head = refuse_stalled;
    streams_run(w);
    assert_int_equal(streams_whole_n(w), MANY - 1);
    assert_int_equal(w->asks.ends[STALLED].error, WERR_REFUSED);
    expect_none_left(w);
    streams_end(w);
}

/* Not within an event of it: nothing else has to be said meanwhile. */
static void test_reset_of_a_stalled_one(void **state)
{
    struct streams *w = open_many(0, false);
    struct end *e = &w->asks.ends[STALLED];

    (void)state;
    w->on_head = pause_stalled;
    streams_run(w);
    conn_stream_reset(&w->asks.conn, e->st, CODEC_CANCELLED);
    e->st = NULL;
    side_pump_soon(&w->asks); /* as if it were in a callback */
    streams_run(w);
    assert_int_equal(w->serves.ends[STALLED].error, WERR_RESET);
    expect_none_left(w);
    streams_end(w);
}

/* ---- drain ---- */

static void test_drain_while_idle(void **state)
{
    struct streams *w = streams_new(&toy_kind, 0);

    (void)state;
    conn_close_after(&w->serves.conn);
    side_pump_soon(&w->serves);
    streams_run(w);
    assert_false(conn_can_reuse(&w->asks.conn));
    assert_null(streams_ask(w, 0, false));
    streams_end(w);
}

static void test_drain(void **state)
{
    struct streams *w = open_many(0, false);

    (void)state;
    for (unsigned turn = 0; turn < 12; turn++)
        loop_turn(w->loop, 0);
    assert_int_equal(w->serves.n, MANY);
    assert_true(streams_whole_n(w) < MANY);
    conn_close_after(&w->serves.conn);
    conn_close_after(&w->serves.conn);            /* once is enough */
    assert_non_null(streams_ask(w, MANY, false)); /* does not know yet */
    streams_run(w);
    assert_int_equal(streams_whole_n(w), MANY);
    assert_int_equal(w->asks.ends[MANY].error, WERR_REFUSED);
    assert_int_equal(w->serves.n, MANY);
    assert_null(streams_ask(w, MANY + 1, false));
    assert_false(conn_can_reuse(&w->asks.conn));
    assert_false(conn_can_reuse(&w->serves.conn));
    conn_close(&w->serves.conn, CONN_CLOSE_FLUSH);
    streams_run(w);
    assert_int_equal(w->asks.gone_n, 1);
    streams_end(w);
}

static void test_more_than_allowed(void **state)
{
    struct streams *w = streams_new(&toy_kind, 0);

    (void)state;
    for (unsigned i = 0; i < TOY_STREAMS_MAX; i++)
        assert_non_null(conn_stream_open(&w->asks.conn, NULL));
    assert_null(conn_stream_open(&w->asks.conn, NULL));
    streams_end(w);
}

/* ---- queues ---- */

static struct end *pause_all(struct end *e)
{
    if (e->side == &e->side->w->asks)
        conn_stream_pause(&e->side->conn, e->st);
    return e;
}

/* All are stalled: each keeps a piece, no more, and all of it counts in the budget. */
static void test_all_stalled(void **state)
{
    enum { KEPT_MAX_BYTES = 8192 }; /* the block that a piece lies in */
    struct streams *w = open_many(0, false);

    (void)state;
    conn_set_queue_budget(&w->shared, MANY * 1024);
    w->on_head = pause_all;
    streams_run(w);
    assert_int_equal(streams_whole_n(w), 0);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(w->asks.ends[i].got, TOY_CREDIT_BYTES);
        assert_in_range(toy_kept_bytes(w->serves.ends[i].st), 1, PIECE_BYTES);
    }
    assert_in_range(w->shared.queued_bytes, MANY * PIECE_BYTES / 2, MANY * KEPT_MAX_BYTES);
    assert_true(conn_queues_are_full(&w->shared));
    for (unsigned i = 0; i < MANY; i++)
        end_resume(&w->asks.ends[i]);
    w->on_head = NULL;
    streams_run(w);
    assert_int_equal(streams_whole_n(w), MANY);
    assert_int_equal(w->shared.queued_bytes, 0);
    expect_none_left(w);
    streams_end(w);
}

/* The peer reads nothing at all: the conn is congested, and no stream adds to that. */
static void test_congested_conn(void **state)
{
    struct streams *w = open_many(4000, false);

    (void)state;
    while (w->serves.n < MANY)
        loop_turn(w->loop, 0);
    conn_pause(&w->asks.conn);
    streams_run(w);
    assert_true(conn_is_congested(&w->serves.conn));
    assert_true(bufq_len(&w->serves.conn.out) < (size_t)MANY * 1024);
    conn_resume(&w->asks.conn);
    for (unsigned i = 0; i < 40; i++)
        streams_run(w);
    assert_int_equal(streams_whole_n(w), MANY);
    assert_true(w->serves.drained_n > 0);
    expect_none_left(w);
    streams_end(w);
}

/* Credit that comes while the conn is congested is used when that is over, and not before. */
static void test_credit_while_congested(void **state)
{
    enum { FIRST_BYTES = 20000, SECOND_BYTES = 12000 };
    struct streams *w = streams_new(&toy_kind, 4000);
    struct end *first, *source;

    (void)state;
    w->on_head = pause_all;
    w->answer_bytes = FIRST_BYTES;
    first = streams_ask(w, 0, false);
    streams_run(w);
    source = &w->serves.ends[0];
    assert_int_equal(toy_kept_bytes(source->st), FIRST_BYTES - TOY_CREDIT_BYTES);
    w->answer_bytes = SECOND_BYTES;
    conn_pause(&w->asks.conn);
    assert_non_null(streams_ask(w, 1, false));
    streams_run(w);
    assert_true(conn_is_congested(&w->serves.conn));
    end_resume(first);
    streams_run(w);
    assert_int_equal(toy_kept_bytes(source->st), FIRST_BYTES - TOY_CREDIT_BYTES);
    conn_resume(&w->asks.conn);
    streams_run(w);
    assert_int_equal(first->got, FIRST_BYTES);
    assert_int_equal(w->asks.ends[1].got, SECOND_BYTES);
    streams_end(w);
}

static void test_end_of_the_connection(void **state)
{
    struct streams *w = open_many(0, false);

    (void)state;
    w->on_head = pause_all;
    streams_run(w);
    conn_close(&w->asks.conn, CONN_CLOSE_NOW);
    streams_run(w);
    assert_int_equal(w->serves.gone_n, 1);
    assert_true(w->serves.is_closed);
    streams_end(w);
}

/* ---- the same calls where there is one stream ---- */

static void test_one_stream(void **state)
{
    struct streams *w = streams_new(&h1_kind, 0);

    (void)state;
    w->answer_bytes = BODY_BYTES;
    for (unsigned i = 0; i < 3; i++) {
        assert_non_null(streams_ask(w, i, true));
        assert_null(conn_stream_open(&w->asks.conn, NULL)); /* it is in use */
        streams_run(w);
        assert_int_equal(streams_whole_n(w), i + 1);
        assert_null(w->asks.ends[i].st);
        assert_null(w->serves.ends[i].st);
    }
    streams_end(w);
}

static void test_one_stream_stalled(void **state)
{
    struct streams *w = streams_new(&h1_kind, 0);

    (void)state;
    w->answer_bytes = BODY_BYTES;
    w->on_head = pause_all;
    assert_non_null(streams_ask(w, 0, false));
    streams_run(w);
    assert_true(w->serves.ends[0].has_head);
    assert_true(w->asks.ends[0].has_head);
    assert_int_equal(w->asks.ends[0].got, 0);
    assert_int_equal(w->asks.conn.reading, READING_PAUSED);
    end_resume(&w->asks.ends[0]);
    streams_run(w);
    assert_int_equal(streams_whole_n(w), 1);
    streams_end(w);
}

/* It can't end before its time but with the connection. */
static void test_one_stream_reset(void **state)
{
    struct streams *w = streams_new(&h1_kind, 0);

    (void)state;
    w->answer_bytes = BODY_BYTES;
    w->on_head = pause_all;
    assert_non_null(streams_ask(w, 0, false));
    streams_run(w);
    conn_stream_reset(&w->asks.conn, w->asks.ends[0].st, CODEC_CANCELLED);
    streams_run(w);
    assert_true(w->asks.is_closed);
    assert_int_equal(w->serves.gone_n, 1);
    streams_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_are_answered),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_one_stalled_download),
        cmocka_unit_test(test_one_stalled_upload),
        cmocka_unit_test(test_reset_of_one),
        cmocka_unit_test(test_server_refuses_one),
        cmocka_unit_test(test_reset_of_a_stalled_one),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_while_idle),
        cmocka_unit_test(test_more_than_allowed),
        cmocka_unit_test(test_all_stalled),
        cmocka_unit_test(test_congested_conn),
        cmocka_unit_test(test_credit_while_congested),
        cmocka_unit_test(test_end_of_the_connection),
        cmocka_unit_test(test_one_stream),
        cmocka_unit_test(test_one_stream_stalled),
        cmocka_unit_test(test_one_stream_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
