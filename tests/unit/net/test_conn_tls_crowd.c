/* Many handshakes at once: those of a turn are few, the others wait in line, and a line has an
 * end. */
#define WORLD_TLS
#include "conn_world.h"

#include "net/tlsio.h"

enum {
    CROWD = 60,
    STEPS_A_TURN = 12, /* what the budget of a turn lets pass, generously */
    FLOOD = 1120,
    IN_PROGRESS = 64, /* with a small budget of memory */
    IN_LINE = 1024
};

static struct {
    struct raw raws[FLOOD];
    struct side sides[FLOOD];
    unsigned raw_n, side_n;
    struct sock listener;
} crowd;

static void take_one(struct sock *s, struct accepted *a)
{
    struct side *side = &crowd.sides[crowd.side_n++];

    (void)s;
    assert_int_equal(conn_accept_tls(&side->conn, &world_now->shared, &side_ops, a, CODEC_H1,
                                     &codec_limits_request),
                     0);
}

static void serve_one(struct sock *s, struct accepted *a)
{
    struct raw *r = &crowd.raws[crowd.raw_n++];

    (void)s;
    r->got = calloc(1, GOT_MAX);
    assert_non_null(r->got);
    accepted_take(a, &r->sock, &raw_ops);
    sock_recv_start(&r->sock);
    r->tls = tlsio_new_server(world_tls.shared, world_tls.server);
}

static struct world *open_crowd(void (*take)(struct sock *s, struct accepted *a),
                                struct addr *at)
{
    static struct sock_ops ops;
    struct world *w = world_open(NULL);

    memset(&crowd, 0, sizeof(crowd));
    ops = (struct sock_ops){.on_accept = take, .on_closed = raw_on_closed};
    *at = w->at;
    at->port = 81;
    sock_accept_start(w->loop, &crowd.listener, &ops, loop_sim_listen(w->loop, at));
    return w;
}

static void end_crowd(struct world *w)
{
    for (unsigned i = 0; i < crowd.side_n; i++)
        if (!crowd.sides[i].is_closed)
            conn_close(&crowd.sides[i].conn, CONN_CLOSE_NOW);
    for (unsigned i = 0; i < crowd.raw_n; i++)
        sock_close(&crowd.raws[i].sock, false);
    sock_close(&crowd.listener, false);
    run_ms(w, 5);
    for (unsigned i = 0; i < crowd.raw_n; i++) {
        tlsio_free(crowd.raws[i].tls);
        free(crowd.raws[i].got);
    }
    world_end(w);
}

static unsigned count(enum conn_state state)
{
    unsigned n = 0;

    for (unsigned i = 0; i < crowd.side_n; i++)
        n += crowd.sides[i].conn.state == state && !crowd.sides[i].is_closed;
    return n;
}

/* All but one come to pass; the last one leaves when the first is through. Returns the most
 * that a turn has brought to an end. */
static unsigned run_crowd(struct world *w)
{
    struct side *last = &crowd.sides[CROWD - 1];
    unsigned most = 0;

    for (unsigned turn = 0; turn < 1000 && count(CONN_OPEN) < CROWD - 1; turn++) {
        const unsigned before = count(CONN_OPEN);

        loop_turn(w->loop, turn % 4 == 0);
        if (count(CONN_OPEN) - before > most)
            most = count(CONN_OPEN) - before;
        if (before > 0 && !last->is_closed && last->conn.state == CONN_TLS)
            conn_close(&last->conn, CONN_CLOSE_NOW);
    }
    assert_int_equal(count(CONN_OPEN), CROWD - 1);
    assert_true(last->is_closed);
    return most;
}

static void test_clients(void **state)
{
    struct addr at;
    struct world *w = open_crowd(take_one, &at);

    (void)state;
    for (; crowd.raw_n < CROWD; crowd.raw_n++) {
        struct raw *r = &crowd.raws[crowd.raw_n];

        r->got = calloc(1, GOT_MAX);
        assert_int_equal(sock_connect(w->loop, &r->sock, &raw_ops, &at), WERR_AGAIN);
    }
    assert_in_range(run_crowd(w), 1, STEPS_A_TURN);
    end_crowd(w);
}

/* What a server has said waits in the same way: to verify it is as dear. */
static void test_servers(void **state)
{
    struct addr at;
    struct world *w = open_crowd(serve_one, &at);

    (void)state;
    for (; crowd.side_n < CROWD; crowd.side_n++)
        assert_int_equal(conn_connect_tls(&crowd.sides[crowd.side_n].conn, &w->shared,
                                          &side_ops, &at, CODEC_H1, &codec_limits_response),
                         0);
    assert_in_range(run_crowd(w), 1, STEPS_A_TURN);
    end_crowd(w);
}

/* Some wait when their servers go: each one hears that it could not connect, once. */
static void test_servers_that_go(void **state)
{
    (void)state;
    for (unsigned resets = 0; resets < 2; resets++) {
        struct addr at;
        struct world *w = open_crowd(serve_one, &at);

        for (; crowd.side_n < CROWD; crowd.side_n++)
            assert_int_equal(conn_connect_tls(&crowd.sides[crowd.side_n].conn, &w->shared,
                                              &side_ops, &at, CODEC_H1, &codec_limits_response),
                             0);
        while (count(CONN_OPEN) == 0)
            loop_turn(w->loop, 0);
        const unsigned open_n = count(CONN_OPEN);

        assert_in_range(open_n, 1, CROWD / 2);
        for (unsigned i = 0; i < crowd.raw_n; i++)
            sock_close(&crowd.raws[i].sock, resets != 0);
        run_ms(w, 20);
        for (unsigned i = 0; i < CROWD; i++)
            assert_true(crowd.sides[i].is_closed &&
                        strncmp(crowd.sides[i].log, "open=", 5) == 0);
        end_crowd(w);
    }
}

/* ---- the end of the line ---- */

static size_t record_hello(char *to, size_t size)
{
    struct tlsio *t = tlsio_new_client(world_tls.shared, world_tls.client,
                                       &(struct tlsio_peer_name){.name = "w.example"});

    assert_int_equal(tlsio_handshake(t), WERR_AGAIN);
    const struct span out = tlsio_output(t);

    assert_in_range(out.len, 100, size);
    memcpy(to, out.ptr, out.len);
    tlsio_output_taken(t);
    tlsio_free(t);
    return out.len;
}

/* Of those who say hello and no more: in progress. */
static unsigned count_begun(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < crowd.side_n; i++)
        n += !crowd.sides[i].is_closed && crowd.sides[i].conn.tls != NULL;
    return n;
}

static unsigned count_refused(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < crowd.side_n; i++)
        n += strcmp(crowd.sides[i].log, "gone=no_space closed ") == 0;
    return n;
}

static void close_begun(struct world *w)
{
    for (unsigned i = 0; i < crowd.side_n; i++)
        if (!crowd.sides[i].is_closed && crowd.sides[i].conn.tls != NULL)
            conn_close(&crowd.sides[i].conn, CONN_CLOSE_NOW);
    run_ms(w, 2);
}

/* Nobody goes on: as many as there is memory for are in progress, as many as the line holds
 * wait, the others are refused. When some go, those who wait have their turn. */
static void test_a_line_that_is_full(void **state)
{
    static const struct sock_ops bare = {.on_recv = raw_on_recv,
                                         .on_send = raw_on_send,
                                         .on_connect = raw_on_send,
                                         .on_hangup = raw_on_hangup,
                                         .on_closed = raw_on_closed};
    struct addr at;
    struct world *w = open_crowd(take_one, &at);
    char hello[1024];
    const size_t n = record_hello(hello, sizeof(hello));

    (void)state;
    conn_set_queue_budget(&w->shared, 1024 * 1024);
    for (; crowd.raw_n < FLOOD; crowd.raw_n++) {
        struct raw *r = &crowd.raws[crowd.raw_n];

        assert_int_equal(sock_connect(w->loop, &r->sock, &bare, &at), WERR_AGAIN);
        run_ms(w, 1);
        assert_int_equal(sock_send(&r->sock, &(struct iovec){(void *)(uintptr_t)hello, n}, 1),
                         n);
    }
    run_ms(w, 2);
    assert_int_equal(count_begun(), IN_PROGRESS);
    assert_int_equal(count_refused(), FLOOD - IN_PROGRESS - IN_LINE);
    for (unsigned left = IN_LINE; left > 0; left -= left < IN_PROGRESS ? left : IN_PROGRESS) {
        close_begun(w);
        assert_int_equal(count_begun(), left < IN_PROGRESS ? left : IN_PROGRESS);
    }
    end_crowd(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients),
        cmocka_unit_test(test_servers),
        cmocka_unit_test(test_servers_that_go),
        cmocka_unit_test(test_a_line_that_is_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
