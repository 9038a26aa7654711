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
    struct tlsio_context *dear; /* of take_dear */
} crowd;

static void take_with(const struct conn_ops *ops, struct accepted *a)
{
    struct side *side = &crowd.sides[crowd.side_n++];

    assert_int_equal(conn_accept_tls(&side->conn, &world_now->shared, ops, a, CODEC_H1,
                                     &codec_limits_request),
                     0);
}

static void take_one(struct sock *s, struct accepted *a)
{
    (void)s;
    take_with(&side_ops, a);
}

static struct tlsio_context *dear_context(struct conn *c)
{
    (void)c;
    return crowd.dear;
}

static void take_dear(struct sock *s, struct accepted *a)
{
    static struct conn_ops ops;

    (void)s;
    ops = side_ops;
    ops.tls_context = dear_context;
    take_with(&ops, a);
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

static void connect_crowd(struct world *w, unsigned n, const struct sock_ops *ops,
                          const struct addr *at)
{
    for (; crowd.raw_n < n; crowd.raw_n++) {
        struct raw *r = &crowd.raws[crowd.raw_n];

        r->got = calloc(1, GOT_MAX);
        assert_int_equal(sock_connect(w->loop, &r->sock, ops, at), WERR_AGAIN);
    }
}

static void test_clients(void **state)
{
    struct addr at;
    struct world *w = open_crowd(take_one, &at);

    (void)state;
    connect_crowd(w, CROWD, &raw_ops, &at);
    assert_in_range(run_crowd(w), 1, STEPS_A_TURN);
    end_crowd(w);
}

static unsigned count_begun(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < crowd.side_n; i++)
        n += !crowd.sides[i].is_closed && crowd.sides[i].conn.tls != NULL;
    return n;
}

/* With RSA one signature takes most of a turn's budget, and no second one is begun in it. */
static void test_dear_clients(void **state)
{
    struct identity leaf;
    struct identities dear = {.n = 0};
    struct addr at;
    struct world *w = open_crowd(take_dear, &at);
    unsigned most = 0;

    (void)state;
    identity_make(&leaf, &(struct identity_wish){KEY_RSA, "w.example", &world_tls.authority,
                                                 -DAY_S, DAY_S});
    identities_add(&dear, &leaf);
    crowd.dear = identities_server(&dear, TLSIO_INTERMEDIATE);
    connect_crowd(w, 1, &raw_ops, &at); /* so it is known what they cost */
    run_ms(w, 2);
    assert_int_equal(count(CONN_OPEN), 1);
    connect_crowd(w, CROWD, &raw_ops, &at);
    for (unsigned turn = 0; turn < 1000 && count(CONN_OPEN) < CROWD; turn++) {
        const unsigned before = count_begun();

        loop_turn(w->loop, turn % 4 == 0);
        if (count_begun() - before > most)
            most = count_begun() - before;
    }
    assert_int_equal(count(CONN_OPEN), CROWD);
    assert_int_equal(most, 1);
    end_crowd(w);
    tlsio_context_put(crowd.dear);
    identities_free(&dear);
    identity_free(&leaf);
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

static void close_begun(struct world *w)
{
    for (unsigned i = 0; i < crowd.side_n; i++)
        if (!crowd.sides[i].is_closed && crowd.sides[i].conn.tls != NULL)
            conn_close(&crowd.sides[i].conn, CONN_CLOSE_NOW);
    run_ms(w, 2);
}

static const struct sock_ops bare_ops = {.on_recv = raw_on_recv,
                                         .on_send = raw_on_send,
                                         .on_connect = raw_on_send,
                                         .on_hangup = raw_on_hangup,
                                         .on_closed = raw_on_closed};

static unsigned count_answered(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < crowd.raw_n; i++)
        n += crowd.raws[i].n > 0;
    return n;
}

static unsigned count_refused(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < crowd.side_n; i++)
        n += strcmp(crowd.sides[i].log, "gone=no_space closed ") == 0;
    return n;
}

/* The rest of what record_hello brought, in a record of its own. */
static size_t split_off(const char *hello, size_t n, char *rest)
{
    enum { HEAD = 5, FIRST = HEAD + 1 };

    memcpy(rest, hello, HEAD);
    memcpy(rest + HEAD, hello + FIRST, n - FIRST);
    rest[3] = (char)((n - FIRST) >> 8);
    rest[4] = (char)(n - FIRST);
    return n - 1;
}

/* So many send a whole record, but not a whole ClientHello: they have begun, and cost nothing
 * yet. Then all send the rest at once. */
static void send_in_two_records(struct world *w, unsigned crowd_n, const struct addr *at)
{
    char hello[1024], rest[1024];
    const size_t n = split_off(hello, record_hello(hello, sizeof(hello)), rest);

    connect_crowd(w, crowd_n, &bare_ops, at);
    run_ms(w, 2);
    for (unsigned i = 0; i < crowd_n; i++) {
        sock_recv_start(&crowd.raws[i].sock);
        raw_send(&crowd.raws[i], "\x16\x03\x01\x00\x01\x01", 6);
        if (i % CROWD == 0)
            run_ms(w, 1); /* the line of newcomers has an end too */
    }
    for (unsigned ms = 0; ms < 100 && count_begun() < crowd_n; ms++)
        run_ms(w, 1);
    assert_int_equal(count_begun(), crowd_n);
    for (unsigned i = 0; i < crowd_n; i++)
        raw_send(&crowd.raws[i], rest, n);
}

/* They get ServerHellos as slowly as newcomers do. */
static void test_hellos_in_two_records(void **state)
{
    struct addr at;
    struct world *w = open_crowd(take_one, &at);
    unsigned most = 0;

    (void)state;
    send_in_two_records(w, CROWD, &at);
    for (unsigned turn = 0; turn < 1000 && count_answered() < CROWD; turn++) {
        const unsigned before = count_answered();

        loop_turn(w->loop, turn % 4 == 0);
        if (count_answered() - before > most)
            most = count_answered() - before;
    }
    assert_int_equal(count_answered(), CROWD);
    assert_in_range(most, 1, 4);
    end_crowd(w);
}

/* More than the line holds: the others are refused, and do not go on past it. */
static void test_too_many_in_two_records(void **state)
{
    struct addr at;
    struct world *w = open_crowd(take_one, &at);

    (void)state;
    send_in_two_records(w, FLOOD, &at);
    loop_turn(w->loop, 0);
    assert_in_range(count_answered(), 0, 4);
    run_ms(w, 1);
    assert_in_range(count_refused(), 1, FLOOD - IN_LINE);
    end_crowd(w);
}

/* Nobody goes on: as many as there is memory for are in progress, as many as the line holds
 * wait, the others are refused. */
static struct world *open_full_line(void)
{
    struct addr at;
    struct world *w = open_crowd(take_one, &at);
    char hello[1024];
    const size_t n = record_hello(hello, sizeof(hello));

    conn_set_queue_budget(&w->shared, 1024 * 1024);
    for (; crowd.raw_n < FLOOD; crowd.raw_n++) {
        struct raw *r = &crowd.raws[crowd.raw_n];

        assert_int_equal(sock_connect(w->loop, &r->sock, &bare_ops, &at), WERR_AGAIN);
        run_ms(w, 1);
        assert_int_equal(sock_send(&r->sock, &(struct iovec){(void *)(uintptr_t)hello, n}, 1),
                         n);
    }
    run_ms(w, 2);
    assert_int_equal(count_begun(), IN_PROGRESS);
    assert_int_equal(count_refused(), FLOOD - IN_PROGRESS - IN_LINE);
    return w;
}

/* When some go, those who wait have their turn. */
static void test_a_line_that_is_full(void **state)
{
    struct world *w = open_full_line();

    (void)state;
    for (unsigned left = IN_LINE; left > 0; left -= left < IN_PROGRESS ? left : IN_PROGRESS) {
        close_begun(w);
        assert_int_equal(count_begun(), left < IN_PROGRESS ? left : IN_PROGRESS);
    }
    end_crowd(w);
}

/* No handshake is begun for who has given up waiting, by an end or by a reset. */
static void test_who_leaves_the_line(void **state)
{
    struct world *w = open_full_line();

    (void)state;
    for (unsigned i = IN_PROGRESS; i < IN_PROGRESS + IN_LINE; i++)
        sock_close(&crowd.raws[i].sock, i % 2 == 0);
    run_ms(w, 2);
    assert_int_equal(count_begun(), IN_PROGRESS);
    assert_int_equal(count(CONN_TLS), IN_PROGRESS);
    for (unsigned i = IN_PROGRESS; i < IN_PROGRESS + IN_LINE; i++)
        assert_string_equal(crowd.sides[i].log,
                            i % 2 == 0 ? "gone=reset closed " : "gone=eof closed ");
    close_begun(w);
    assert_int_equal(count_begun(), 0);
    end_crowd(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients),
        cmocka_unit_test(test_servers),
        cmocka_unit_test(test_servers_that_go),
        cmocka_unit_test(test_dear_clients),
        cmocka_unit_test(test_hellos_in_two_records),
        cmocka_unit_test(test_too_many_in_two_records),
        cmocka_unit_test(test_a_line_that_is_full),
        cmocka_unit_test(test_who_leaves_the_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
