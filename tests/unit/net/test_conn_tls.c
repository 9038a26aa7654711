/* A conn with TLS: what is its own beside what each conn does (those tests run over TLS too).
 */
#define WORLD_TLS
#include "conn_world.h"

#include "net/tlsio.h"
#include "net/tlsio_int.h"

/* ---- cut off ---- */

/* A body that ends with the connection is whole only behind a close_notify. */
static void test_cut_off(void **state)
{
    static const struct {
        const char *said, *log;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\n\r\nhello", "head=200 reset=eof "},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "head=200 end gone=eof closed "},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", "head=200 reset=eof "},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct world *w = world_call();

        ask(&w->side);
        say(w, cases[i].said);
        sock_shutdown(&w->raw.sock); /* without a word */
        run_ms(w, 2);
        if (w->side.conn.state == CONN_OPEN && conn_can_reuse(&w->side.conn))
            conn_next(&w->side.conn);
        run_ms(w, 2);
        assert_string_equal(w->side.log, cases[i].log);
        world_end(w);
    }
}

static void hear_and_wait(struct conn *c, struct event *ev)
{
    side_on_event(c, ev);
    conn_quiet(c);
    conn_timer_set(c, 1);
}

static void answer_late(struct conn *c)
{
    respond((struct side *)c);
    note((struct side *)c, conn_can_reuse(c) ? "next " : "last ");
    conn_next(c);
}

/* A client sends all it has to ask, and its end, at once: each request is heard. */
static void test_requests_before_the_end(void **state)
{
    static const char asked[] = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
                                "GET /b HTTP/1.1\r\nHost: h\r\n\r\n";
    struct iovec iov = {(void *)(uintptr_t)asked, sizeof(asked) - 1};
    struct conn_ops ops = side_ops;
    struct world *w = world_serve();

    (void)state;
    ops.on_event = hear_and_wait;
    ops.on_timer = answer_late;
    w->side.conn.ops = &ops;
    assert_int_equal(tlsio_write(w->raw.tls, &iov, 1), 0);
    raw_shut(&w->raw);
    run_ms(w, 5);
    assert_string_equal(w->side.log, "head=/a end next head=/b end last gone=eof closed ");
    world_end(w);
}

static void respond_at_once(struct conn *c, struct event *ev)
{
    side_on_event(c, ev);
    respond((struct side *)c);
    conn_flush(c);
}

static void respond_and_close(struct conn *c, struct event *ev)
{
    side_on_event(c, ev);
    respond((struct side *)c);
    conn_close(c, CONN_CLOSE_FLUSH);
}

static void respond_in_its_time(struct conn *c, struct event *ev)
{
    side_on_event(c, ev);
    respond((struct side *)c);
}

/* A request and a forged record come with one read: when the request is heard, nothing can be
 * said to its client any more. */
static void test_request_before_a_forged_record(void **state)
{
    static const char asked[] = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
    void (*const owners[])(struct conn *, struct event *) = {respond_at_once, respond_and_close,
                                                             respond_in_its_time};
    static const char *const logs[] = {"head=/a end gone=corrupt closed ",
                                       "head=/a end closed ",
                                       "head=/a end gone=corrupt closed "};
    struct iovec iov = {(void *)(uintptr_t)asked, sizeof(asked) - 1};

    (void)state;
    for (size_t i = 0; i < COUNT(owners); i++) {
        struct conn_ops ops = side_ops;
        struct world *w = world_serve();

        ops.on_event = owners[i];
        w->side.conn.ops = &ops;
        assert_int_equal(tlsio_write(w->raw.tls, &iov, 1), 0);
        assert_int_equal(tlsio_write(w->raw.tls, &iov, 1), 0);
        struct span out = tlsio_output(w->raw.tls);

        ((char *)(uintptr_t)out.ptr)[out.len - 1] ^= 1;
        iov = (struct iovec){(void *)(uintptr_t)out.ptr, out.len};
        assert_int_equal(sock_send(&w->raw.sock, &iov, 1), out.len);
        tlsio_output_taken(w->raw.tls);
        sock_recv_stop(&w->raw.sock); /* the alert would fail the other end */
        iov = (struct iovec){(void *)(uintptr_t)asked, sizeof(asked) - 1};
        run_ms(w, 5);
        assert_string_equal(w->side.log, logs[i]);
        world_end(w);
    }
}

/* ---- before the handshake ---- */

static struct world *world_knock(void)
{
    struct world *w = world_open(NULL);
    static const struct sock_ops bare = {.on_recv = raw_on_recv,
                                         .on_send = raw_on_send,
                                         .on_connect = raw_on_send,
                                         .on_hangup = raw_on_hangup,
                                         .on_closed = raw_on_closed};

    assert_int_equal(sock_connect(w->loop, &w->raw.sock, &bare, &w->at), WERR_AGAIN);
    run_ms(w, 1);
    sock_recv_start(&w->raw.sock);
    assert_string_equal(conn_state_name(&w->side.conn), "TLS");
    assert_null(w->side.conn.tls);
    return w;
}

static void test_strangers(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *log;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 27, "gone=syntax closed "},
        {"\x16\x03\x01\x7f\xff\x01", 6, "gone=too_big closed "},
        {"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10, "gone=syntax closed "},
        {"\x16\x03\x01\x00\x05\x01", 6, ""}, /* more must come */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct world *w = world_knock();

        raw_send(&w->raw, cases[i].bytes, cases[i].n);
        run_ms(w, 2);
        assert_string_equal(w->side.log, cases[i].log);
        world_end(w);
    }
}

static void gone_with_an_alert(struct conn *c, int error)
{
    if (tlsio_output(c->tls).len > 0)
        note((struct side *)c, "unsaid ");
    side_on_gone(c, error);
}

/* Whoever counts failures has done so by the time the peer hears of it. */
static void test_alert_goes_behind_gone(void **state)
{
    static const char hello[] = "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00";
    struct world *w = world_knock();
    struct conn_ops ops = *w->side.conn.ops;

    (void)state;
    ops.on_gone = gone_with_an_alert;
    w->side.conn.ops = &ops;
    raw_send(&w->raw, hello, sizeof(hello) - 1);
    run_ms(w, 2);
    assert_string_equal(w->side.log, "unsaid gone=syntax closed ");
    assert_int_equal(w->raw.n, 7);
    assert_memory_equal(w->raw.got, "\x15\x03\x03\x00\x02\x02", 6); /* fatal */
    world_end(w);
}

static void test_leaves_before_the_handshake(void **state)
{
    (void)state;
    for (unsigned resets = 0; resets < 2; resets++) {
        struct world *w = world_knock();

        raw_send(&w->raw, "\x16\x03\x01", 3);
        run_ms(w, 1);
        sock_close(&w->raw.sock, resets != 0);
        run_ms(w, 1);
        assert_string_equal(w->side.log, resets ? "gone=reset closed " : "gone=eof closed ");
        world_end(w);
    }
}

/* ---- what TLS says of its own account ---- */

enum { TICKET_MAX = 4096 };

/* A ticket of the other end, not sent yet. */
static size_t make_ticket(struct world *w, char *to)
{
    struct tlsio *t = w->raw.tls;

    assert_int_equal(SSL_new_session_ticket(t->ssl), 1);
    assert_int_equal(SSL_do_handshake(t->ssl), 1);
    const struct span out = tlsio_output(t);

    assert_in_range(out.len, 50, TICKET_MAX);
    memcpy(to, out.ptr, out.len);
    tlsio_output_taken(t);
    return out.len;
}

static void send_bytes(struct world *w, const char *bytes, size_t n)
{
    struct iovec iov = {(void *)(uintptr_t)bytes, n};

    assert_int_equal(sock_send(&w->raw.sock, &iov, 1), n);
    run_ms(w, 1);
}

/* Between two requests: no byte out of turn. While a part of it is missing nobody can tell what
 * it will be: the conn is signalled, so that no request is sent on it, and kept. */
static void test_a_ticket_when_idle(void **state)
{
    struct world *w = world_call();
    struct conn *c = &w->side.conn;
    char ticket[TICKET_MAX];

    (void)state;
    ask(&w->side);
    say(w, OK_ANSWER);
    conn_next(c);
    w->side.log[0] = '\0';
    const size_t n = make_ticket(w, ticket);

    for (size_t at = 0; at < n; at++) {
        assert_true(at == 0 || conn_is_signalled(c));
        assert_false(conn_is_talking(c));
        send_bytes(w, ticket + at, 1);
    }
    assert_false(conn_is_signalled(c) || conn_is_talking(c));
    ask(&w->side);
    say(w, OK_ANSWER);
    assert_string_equal(w->side.log, "head=200 end ");
    world_end(w);
}

/* What the kernel holds when a response ends may be a ticket, or bytes out of turn: received,
 * it tells. */
static void test_behind_a_response(void **state)
{
    static const struct {
        bool is_ticket;
        const char *log;
    } cases[] = {{true, ""}, {false, "reset=syntax "}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct world *w = world_call();
        struct conn *c = &w->side.conn;
        char ticket[TICKET_MAX];

        ask(&w->side);
        say(w, OK_ANSWER);
        conn_next(c);
        conn_pause(c);
        w->side.log[0] = '\0';
        if (cases[i].is_ticket)
            send_bytes(w, ticket, make_ticket(w, ticket));
        else
            say(w, "out of turn");
        assert_true(conn_is_signalled(c) && conn_has_more(c) && !conn_is_talking(c));
        conn_resume(c);
        run_ms(w, 1);
        assert_string_equal(w->side.log, cases[i].log);
        world_end(w);
    }
}

/* ---- want of memory ---- */

/* Whatever fails of what a handshake needs, the conn goes and nothing is left of it. */
static void test_no_memory_at_any_point(void **state)
{
    bool was_armed = true;

    (void)state;
    for (unsigned at = 1; was_armed && at < 50; at++) {
        struct world *w = world_open(NULL);

        assert_int_equal(sock_connect(w->loop, &w->raw.sock, &raw_ops, &w->at), WERR_AGAIN);
        fault_set(at);
        run_ms(w, 2);
        was_armed = !fault_is_armed();
        fault_set(0);
        world_end(w);
    }
    assert_false(was_armed);
}

/* ---- in clear before it ---- */

static void on_accept_bare(struct sock *s, struct accepted *a)
{
    (void)s;
    accepted_take(a, &world_now->raw.sock, &raw_ops);
    sock_recv_start(&world_now->raw.sock);
}

static struct tlsio_context *context_behind_a_prologue(struct conn *c)
{
    conn_send_prologue(c, SPAN("PROXY!"));
    return world_tls_context(c);
}

static void test_prologue_stands_before_the_hello(void **state)
{
    static const struct sock_ops bare_ops = {.on_accept = on_accept_bare,
                                             .on_closed = raw_on_closed};
    struct conn_ops ops = side_ops;
    struct world *w = world_open(NULL);
    struct addr at = w->at;
    struct sock listener;

    (void)state;
    at.port = 81;
    ops.tls_context = context_behind_a_prologue;
    sock_accept_start(w->loop, &listener, &bare_ops, loop_sim_listen(w->loop, &at));
    assert_int_equal(conn_connect_tls(&w->side.conn, &w->shared, &ops, &at, CODEC_H1,
                                      &codec_limits_response),
                     0);
    run_ms(w, 1);
    assert_true(w->raw.n > 100);
    assert_memory_equal(w->raw.got, "PROXY!\x16\x03\x01", 9);
    assert_string_equal(w->side.log, "");
    sock_close(&listener, false);
    world_end(w);
}

static bool holds_a_key(struct tlsio *t, int (*get)(SSL *ssl, EVP_PKEY **key))
{
    unsigned char bytes[64];
    size_t n = sizeof(bytes);
    EVP_PKEY *key = NULL;

    if (get(t->ssl, &key) != 1)
        return false;
    const bool holds = EVP_PKEY_get_raw_public_key(key, bytes, &n) == 1;

    EVP_PKEY_free(key);
    return holds;
}

static int get_own(SSL *ssl, EVP_PKEY **key)
{
    return (int)SSL_get_tmp_key(ssl, key);
}

static int get_peers(SSL *ssl, EVP_PKEY **key)
{
    return (int)SSL_get_peer_tmp_key(ssl, key);
}

/* What a handshake was for ends with it: who finds the memory later reads nothing. */
static void test_keys_of_the_exchange_go(void **state)
{
    struct world *w = world_serve();
    struct tlsio *ends[2] = {w->side.conn.tls, w->raw.tls};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(tlsio_state(ends[i]), TLSIO_OPEN);
        assert_false(holds_a_key(ends[i], get_own));
        assert_false(holds_a_key(ends[i], get_peers));
    }
    world_end(w);
}

/* What the handshake has sent is nothing of the request. */
static void test_has_sent_nothing_yet(void **state)
{
    struct world *w = world_call();

    (void)state;
    assert_false(conn_has_sent(&w->side.conn));
    ask(&w->side);
    run_ms(w, 1);
    assert_true(conn_has_sent(&w->side.conn));
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_requests_before_the_end),
        cmocka_unit_test(test_request_before_a_forged_record),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_alert_goes_behind_gone),
        cmocka_unit_test(test_leaves_before_the_handshake),
        cmocka_unit_test(test_a_ticket_when_idle),
        cmocka_unit_test(test_behind_a_response),
        cmocka_unit_test(test_no_memory_at_any_point),
        cmocka_unit_test(test_prologue_stands_before_the_hello),
        cmocka_unit_test(test_keys_of_the_exchange_go),
        cmocka_unit_test(test_has_sent_nothing_yet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
