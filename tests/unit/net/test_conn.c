#include <stdio.h>
#include <stdlib.h>

#include "../base/cm.h"
#include "base/fault.h"
#include "http/reply.h"
#include "net/conn.h"
#include "net/loop_sim.h"

/* A conn on one side, bytes on the other, in the simulated network. */

enum { GOT_MAX = 4 * 1024 * 1024, BIG_BYTES = 1024 * 1024 };

struct raw {
    struct sock sock;
    char *got;
    size_t n;
    bool has_fin, has_reset;
};

struct side {
    struct conn conn; /* first */
    char log[1024];   /* what it heard, a word each */
    struct side *relay_to;
    bool answers, pauses_at_head, is_closed;
    unsigned congested_n, drained_n, progress_n;
    size_t body_bytes;
};

struct world {
    struct loop *loop;
    struct conn_shared shared;
    struct sock listener;
    struct addr at;
    struct raw *takes; /* who is accepted; NULL: a conn, side */
    int accept_rc;
    struct raw raw, far;
    struct side side;
};

static struct world *world_now;

/* ---- raw ---- */

static void raw_on_recv(struct sock *s, struct span bytes, int error)
{
    struct raw *r = (struct raw *)s;

    if (error < 0)
        r->has_reset = true;
    else if (bytes.len == 0)
        r->has_fin = true;
    assert_true(r->n + bytes.len < GOT_MAX);
    if (bytes.len > 0)
        memcpy(r->got + r->n, bytes.ptr, bytes.len);
    r->n += bytes.len;
    r->got[r->n] = '\0';
}

static void raw_on_send(struct sock *s, int error)
{
    (void)s;
    (void)error;
}

static void raw_on_connect(struct sock *s, int error)
{
    assert_int_equal(error, 0);
    sock_recv_start(s);
}

static void raw_on_hangup(struct sock *s, int error)
{
    (void)error;
    ((struct raw *)s)->has_reset = true;
}

static void raw_on_closed(struct sock *s)
{
    (void)s;
}

static const struct sock_ops raw_ops = {
    .on_recv = raw_on_recv,
    .on_send = raw_on_send,
    .on_connect = raw_on_connect,
    .on_hangup = raw_on_hangup,
    .on_closed = raw_on_closed,
};

static void raw_send(struct raw *r, const char *bytes, size_t n)
{
    struct iovec iov = {(void *)(uintptr_t)bytes, n};

    assert_int_equal(sock_send(&r->sock, &iov, 1), n);
}

/* ---- the conn's owner ---- */

static void note(struct side *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct side *s, const char *format, ...)
{
    size_t at = strlen(s->log);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(s->log + at, sizeof(s->log) - at, format, args);
    va_end(args);
}

static void answer(struct side *s)
{
    struct msg m;

    reply_init(&m, 200, 2);
    conn_send_head(&s->conn, &m);
    conn_send_body(&s->conn, SPAN("ok"), 0);
    conn_send_end(&s->conn, NULL);
}

static void side_on_head(struct side *s, const struct msg *m)
{
    if (m->status)
        note(s, "head=%u ", m->status);
    else
        note(s, "head=%.*s ", (int)m->target_len, msg_target(m).ptr);
    if (s->pauses_at_head)
        conn_pause(&s->conn);
}

static void side_on_end(struct side *s)
{
    note(s, "end ");
    if (!s->answers)
        return;
    answer(s);
    if (conn_can_reuse(&s->conn))
        conn_next(&s->conn);
    else
        conn_close(&s->conn, CONN_CLOSE_FLUSH);
}

static void side_on_event(struct conn *c, struct event *ev)
{
    struct side *s = (struct side *)c;

    switch (ev->type) {
    case EVENT_HEAD:
        side_on_head(s, ev->msg);
        break;
    case EVENT_BODY:
        s->body_bytes += ev->data.len;
        if (s->relay_to)
            conn_send_body(&s->relay_to->conn, ev->data, ev->chunk_bytes);
        break;
    case EVENT_END:
        side_on_end(s);
        break;
    case EVENT_RESET:
        note(s, "reset=%s ", werr_word(ev->error));
        break;
    case EVENT_INFO:
    case EVENT_TRAILERS:
        note(s, "%s ", event_name(ev->type));
        break;
    }
}

static void side_on_open(struct conn *c, int error)
{
    note((struct side *)c, "open=%s ", error ? werr_word(error) : "ok");
}

static void side_on_gone(struct conn *c, int error)
{
    note((struct side *)c, "gone=%s ", werr_word(error));
    conn_close(c, CONN_CLOSE_NOW);
}

static void side_on_congested(struct conn *c)
{
    ((struct side *)c)->congested_n++;
}

static void side_on_drained(struct conn *c)
{
    ((struct side *)c)->drained_n++;
}

static void side_on_progress(struct conn *c)
{
    ((struct side *)c)->progress_n++;
}

static void side_on_timer(struct conn *c)
{
    note((struct side *)c, "timer ");
}

static void side_on_closed(struct conn *c)
{
    note((struct side *)c, "closed ");
    ((struct side *)c)->is_closed = true;
}

static const struct conn_ops side_ops = {
    .on_open = side_on_open,
    .on_event = side_on_event,
    .on_gone = side_on_gone,
    .on_congested = side_on_congested,
    .on_drained = side_on_drained,
    .on_progress = side_on_progress,
    .on_timer = side_on_timer,
    .on_closed = side_on_closed,
};

/* ---- the world ---- */

static void on_accept(struct sock *s, struct accepted *a)
{
    struct world *w = world_now;

    (void)s;
    if (w->takes) {
        accepted_take(a, &w->takes->sock, &raw_ops);
        sock_recv_start(&w->takes->sock);
        return;
    }
    w->accept_rc = conn_accept(&w->side.conn, &w->shared, &side_ops, a, &codec_limits_request);
}

static const struct sock_ops listener_ops = {.on_accept = on_accept,
                                             .on_closed = raw_on_closed};

static void run_ms(struct world *w, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++)
        for (unsigned turn = 0; turn < 20; turn++)
            loop_turn(w->loop, turn == 0);
}

static struct world *world_open(const struct loop_sim_faults *faults)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    world_now = w;
    w->loop = loop_sim_new(1, faults);
    w->raw.got = calloc(1, GOT_MAX);
    w->far.got = calloc(1, GOT_MAX);
    assert_true(w->loop && w->raw.got && w->far.got);
    assert_int_equal(conn_shared_init(&w->shared, w->loop), 0);
    w->at = (struct addr){.family = AF_INET, .port = 80, .ip = {10, 0, 0, 1}};
    sock_accept_start(w->loop, &w->listener, &listener_ops, loop_sim_listen(w->loop, &w->at));
    return w;
}

/* The conn is the server. */
static struct world *world_serve(void)
{
    struct world *w = world_open(NULL);

    assert_int_equal(sock_connect(w->loop, &w->raw.sock, &raw_ops, &w->at), WERR_AGAIN);
    run_ms(w, 1);
    assert_int_equal(w->side.conn.state, CONN_OPEN);
    return w;
}

static void connect_side(struct world *w, struct side *s)
{
    assert_int_equal(
        conn_connect(&s->conn, &w->shared, &side_ops, &w->at, &codec_limits_response), 0);
    run_ms(w, 1);
}

/* The conn is the client. */
static struct world *world_call(void)
{
    struct world *w = world_open(NULL);

    w->takes = &w->raw;
    connect_side(w, &w->side);
    assert_string_equal(w->side.log, "open=ok ");
    w->side.log[0] = '\0';
    return w;
}

static void world_end(struct world *w)
{
    if (!w->side.is_closed && w->side.conn.shared)
        conn_close(&w->side.conn, CONN_CLOSE_NOW);
    if (w->raw.sock.loop)
        sock_close(&w->raw.sock, false);
    if (w->far.sock.loop)
        sock_close(&w->far.sock, false);
    sock_close(&w->listener, false);
    run_ms(w, 5);
    assert_int_equal(w->shared.h1.in_use, 0);
    assert_int_equal(loop_sim_open_n(w->loop), 0);
    conn_shared_fini(&w->shared);
    loop_free(w->loop);
    free(w->raw.got);
    free(w->far.got);
    free(w);
}

static void say(struct world *w, const char *text)
{
    raw_send(&w->raw, text, strlen(text));
    run_ms(w, 1);
}

static void ask(struct side *s)
{
    static const struct msg m = {.base = "GET /x",
                                 .base_len = 6,
                                 .version = 11,
                                 .method_len = 3,
                                 .target_off = 4,
                                 .target_len = 2};

    conn_send_head(&s->conn, &m);
    conn_send_end(&s->conn, NULL);
    conn_flush(&s->conn);
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: h\r\n\r\n"
#define OK_ANSWER   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* ---- as a server ---- */

static void test_serves(void **state)
{
    struct world *w = world_serve();

    (void)state;
    w->side.answers = true;
    say(w, GET("/1"));
    assert_string_equal(w->raw.got, OK_ANSWER);
    say(w, GET("/2") GET("/3"));
    assert_string_equal(w->side.log, "head=/1 end head=/2 end head=/3 end ");
    assert_string_equal(w->raw.got, OK_ANSWER OK_ANSWER OK_ANSWER);
    assert_null(w->side.conn.in.block); /* idle: no buffer */
    assert_null(w->side.conn.out.block);
    world_end(w);
}

static void test_byte_by_byte(void **state)
{
    static const char text[] =
        "POST /1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n0\r\n\r\n" GET("/2");
    struct world *w = world_serve();

    (void)state;
    w->side.answers = true;
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        raw_send(&w->raw, text + i, 1);
        run_ms(w, 1);
    }
    assert_string_equal(w->side.log, "head=/1 end head=/2 end ");
    assert_int_equal(w->side.body_bytes, 5);
    assert_string_equal(w->raw.got, OK_ANSWER OK_ANSWER);
    world_end(w);
}

/* What is pipelined waits until the one before it is answered. */
static void test_next(void **state)
{
    struct world *w = world_serve();

    (void)state;
    say(w, GET("/1") GET("/2"));
    conn_quiet(&w->side.conn);
    assert_string_equal(w->side.log, "head=/1 end ");
    assert_true(conn_has_unread(&w->side.conn));
    answer(&w->side);
    conn_flush(&w->side.conn);
    assert_true(conn_can_reuse(&w->side.conn));
    conn_next(&w->side.conn);
    run_ms(w, 1);
    assert_string_equal(w->side.log, "head=/1 end head=/2 end ");
    world_end(w);
}

struct end_case {
    const char *said;
    const char *log;
};

static void test_ends(void **state)
{
    static const struct end_case cases[] = {
        {"", "gone=eof closed "},
        {"GET / HT", "reset=eof "},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab", "head=/ reset=eof "},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5",
         "head=/ reset=eof "},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct world *w = world_serve();

        say(w, cases[i].said);
        sock_shutdown(&w->raw.sock);
        run_ms(w, 2);
        assert_string_equal(w->side.log, cases[i].log);
        world_end(w);
    }
}

/* An end behind a whole request is no hurry: it is told when the answer is given. */
static void test_end_after_a_request(void **state)
{
    struct world *w = world_serve();

    (void)state;
    w->side.answers = true;
    raw_send(&w->raw, GET("/1") GET("/2"), 2 * strlen(GET("/1")));
    sock_shutdown(&w->raw.sock);
    run_ms(w, 2);
    assert_string_equal(w->side.log, "head=/1 end head=/2 end gone=eof closed ");
    assert_string_equal(w->raw.got, OK_ANSWER OK_ANSWER);
    world_end(w);
}

static void test_reset_is_told_once(void **state)
{
    struct world *w = world_serve();

    (void)state;
    say(w, GET("/1"));
    sock_close(&w->raw.sock, true);
    run_ms(w, 1);
    assert_string_equal(w->side.log, "head=/1 end gone=reset closed ");
    world_end(w);
}

/* Sending fails first: told as well, once, and after the callback. */
static void test_broken_send(void **state)
{
    struct world *w = world_serve();

    (void)state;
    say(w, GET("/1"));
    conn_quiet(&w->side.conn);
    loop_sim_set_faults(
        w->loop, &(struct loop_sim_faults){.fail_op = (uint32_t)loop_sim_ops(w->loop) + 1});
    answer(&w->side);
    conn_flush(&w->side.conn);
    answer(&w->side); /* into the void: no crash, no bytes */
    assert_string_equal(w->side.log, "head=/1 end ");
    run_ms(w, 1);
    conn_timer_set(&w->side.conn, 1);
    run_ms(w, 3);
    assert_non_null(strstr(w->side.log, "gone=reset closed "));
    assert_int_equal(w->raw.n, 0);
    world_end(w);
}

/* ---- closing ---- */

static void test_close_flush(void **state)
{
    struct world *w = world_serve();

    (void)state;
    say(w, GET("/1"));
    answer(&w->side);
    conn_close(&w->side.conn, CONN_CLOSE_FLUSH);
    conn_close(&w->side.conn, CONN_CLOSE_FLUSH);
    assert_int_equal(w->side.conn.state, CONN_FLUSHING);
    conn_flush(&w->side.conn);
    run_ms(w, 1);
    assert_string_equal(w->raw.got, OK_ANSWER);
    assert_true(w->raw.has_fin && w->side.is_closed);
    world_end(w);
}

static void test_close_at_once(void **state)
{
    (void)state;
    for (unsigned resets = 0; resets < 3; resets++) {
        struct world *w = world_serve();

        say(w, GET("/1"));
        answer(&w->side);
        if (resets != 1) /* what is lost unsent makes it a reset */
            conn_flush(&w->side.conn);
        conn_close(&w->side.conn, resets > 1 ? CONN_CLOSE_RESET : CONN_CLOSE_NOW);
        run_ms(w, 1);
        assert_true(w->raw.has_fin == !resets && w->raw.has_reset != !resets);
        world_end(w);
    }
}

/* The peer goes on sending: that must not cost it the answer. */
static void run_linger(bool leaves)
{
    struct world *w = world_serve();

    say(w, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\nab");
    answer(&w->side);
    conn_close(&w->side.conn, CONN_CLOSE_LINGER);
    conn_flush(&w->side.conn);
    for (unsigned i = 0; i < 5; i++)
        say(w, "more and more");
    assert_true(w->raw.has_fin && !w->raw.has_reset && !w->side.is_closed);
    assert_string_equal(w->raw.got, OK_ANSWER);
    if (leaves)
        sock_close(&w->raw.sock, false);
    run_ms(w, leaves ? 1 : 2100);
    assert_true(w->side.is_closed);
    assert_string_equal(w->side.log, "head=/ closed ");
    world_end(w);
}

static void test_close_linger(void **state)
{
    (void)state;
    run_linger(false);
    run_linger(true);
}

static void test_close_after(void **state)
{
    struct world *w = world_serve();

    (void)state;
    w->side.answers = true;
    conn_close_after(&w->side.conn);
    say(w, GET("/1"));
    assert_non_null(strstr(w->raw.got, "\r\nConnection: close\r\n"));
    assert_true(w->side.is_closed);
    world_end(w);
}

/* ---- back-pressure ---- */

static const char *big(void)
{
    static char bytes[BIG_BYTES];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)('a' + i % 23 + i / 4099 % 3);
    return bytes;
}

static void test_congestion(void **state)
{
    struct world *w = world_serve();
    struct msg m;
    const char *body;

    (void)state;
    say(w, GET("/1"));
    sock_recv_stop(&w->raw.sock);
    reply_init(&m, 200, BIG_BYTES);
    conn_send_head(&w->side.conn, &m);
    conn_send_body(&w->side.conn, span_from(big(), BIG_BYTES), 0);
    conn_send_end(&w->side.conn, NULL);
    conn_flush(&w->side.conn);
    run_ms(w, 5);
    assert_true(conn_is_congested(&w->side.conn));
    assert_int_equal(w->side.congested_n, 1);
    assert_int_equal(w->side.drained_n, 0);
    sock_recv_start(&w->raw.sock);
    run_ms(w, 50);
    assert_false(conn_is_congested(&w->side.conn));
    assert_int_equal(w->side.drained_n, 1);
    assert_true(w->side.progress_n > 0);
    body = strstr(w->raw.got, "\r\n\r\n") + 4;
    assert_int_equal(w->raw.got + w->raw.n - body, BIG_BYTES);
    assert_memory_equal(body, big(), BIG_BYTES);
    assert_null(w->side.conn.out.block);
    world_end(w);
}

static void test_pause(void **state)
{
    struct world *w = world_serve();

    (void)state;
    w->side.pauses_at_head = true;
    say(w, "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel");
    say(w, "lo");
    assert_string_equal(w->side.log, "head=/1 ");
    assert_int_equal(w->side.body_bytes, 0);
    conn_resume(&w->side.conn);
    run_ms(w, 1);
    assert_int_equal(w->side.body_bytes, 5);
    assert_string_equal(w->side.log, "head=/1 end ");
    world_end(w);
}

static void begin_upload(struct side *s)
{
    static const struct msg m = {.base = "PUT /x",
                                 .base_len = 6,
                                 .version = 11,
                                 .body = MSG_BODY_LENGTH,
                                 .flags = MSG_HAS_LENGTH,
                                 .content_length = 1000,
                                 .method_len = 3,
                                 .target_off = 4,
                                 .target_len = 2};

    conn_send_head(&s->conn, &m);
    conn_flush(&s->conn);
}

/* Bytes that waited in the in queue go out of it into another conn's output: the queue must
 * not let go of them before they are sent. */
static void test_relay_from_the_queue(void **state)
{
    struct world *w = world_serve();
    struct side target = {0};

    (void)state;
    w->side.pauses_at_head = true;
    w->takes = &w->far;
    connect_side(w, &target);
    raw_send(&w->raw, "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n", 51);
    raw_send(&w->raw, big(), 1000);
    run_ms(w, 1);
    assert_int_equal(bufq_len(&w->side.conn.in), 1000);
    w->side.relay_to = &target;
    begin_upload(&target);
    conn_resume(&w->side.conn);
    run_ms(w, 2);
    assert_null(w->side.conn.in.block);
    assert_true(w->far.n > 1000);
    assert_memory_equal(w->far.got + w->far.n - 1000, big(), 1000);
    conn_close(&target.conn, CONN_CLOSE_NOW);
    run_ms(w, 2);
    world_end(w);
}

/* The server answers early and closes upon what it has not read: sending on fails at a moment
 * when the answer is there already, which must not be lost for that. */
static void test_broken_send_and_an_answer(void **state)
{
    struct world *w = world_serve();
    struct side target = {0};

    (void)state;
    w->takes = &w->far;
    connect_side(w, &target);
    w->side.relay_to = &target;
    say(w, "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
    begin_upload(&target);
    run_ms(w, 1);
    raw_send(&w->raw, big(), 1000);
    raw_send(&w->far, OK_ANSWER, strlen(OK_ANSWER));
    sock_close(&w->far.sock, true);
    run_ms(w, 2);
    assert_string_equal(target.log, "open=ok head=200 end gone=reset closed ");
    world_end(w);
}

static void test_timer(void **state)
{
    struct world *w = world_serve();

    (void)state;
    conn_timer_set(&w->side.conn, 50);
    run_ms(w, 40);
    conn_timer_set(&w->side.conn, 50);
    run_ms(w, 40);
    assert_string_equal(w->side.log, "");
    run_ms(w, 20);
    assert_string_equal(w->side.log, "timer ");
    conn_timer_set(&w->side.conn, 50);
    conn_timer_stop(&w->side.conn);
    run_ms(w, 60);
    conn_timer_set(&w->side.conn, 50);
    conn_close(&w->side.conn, CONN_CLOSE_NOW);
    run_ms(w, 60);
    assert_string_equal(w->side.log, "timer closed ");
    world_end(w);
}

/* ---- as a client ---- */

static void test_calls(void **state)
{
    struct world *w = world_call();

    (void)state;
    ask(&w->side);
    run_ms(w, 1);
    assert_string_equal(w->raw.got, "GET /x HTTP/1.1\r\n\r\n");
    say(w, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_string_equal(w->side.log, "INFO head=200 end ");
    assert_true(conn_can_reuse(&w->side.conn));
    conn_next(&w->side.conn);
    sock_shutdown(&w->raw.sock);
    run_ms(w, 2);
    assert_string_equal(w->side.log, "INFO head=200 end gone=eof closed ");
    world_end(w);
}

static void test_answer_until_close(void **state)
{
    struct world *w = world_call();

    (void)state;
    ask(&w->side);
    say(w, "HTTP/1.1 200 OK\r\n\r\nhello");
    assert_string_equal(w->side.log, "head=200 ");
    sock_shutdown(&w->raw.sock);
    run_ms(w, 1);
    assert_string_equal(w->side.log, "head=200 end ");
    assert_int_equal(w->side.body_bytes, 5);
    assert_false(conn_can_reuse(&w->side.conn));
    world_end(w);
}

static void test_end_instead_of_an_answer(void **state)
{
    struct world *w = world_call();

    (void)state;
    ask(&w->side);
    sock_shutdown(&w->raw.sock);
    run_ms(w, 1);
    assert_string_equal(w->side.log, "reset=eof ");
    world_end(w);
}

static void test_unasked(void **state)
{
    struct world *w = world_call();

    (void)state;
    say(w, OK_ANSWER);
    assert_string_equal(w->side.log, "reset=syntax ");
    world_end(w);
}

static void test_refused(void **state)
{
    struct world *w = world_open(NULL);

    (void)state;
    w->at.port = 81;
    connect_side(w, &w->side);
    assert_string_equal(w->side.log, "open=refused closed ");
    world_end(w);
}

static void test_no_memory(void **state)
{
    struct world *w = world_open(NULL);

    (void)state;
    assert_int_equal(sock_connect(w->loop, &w->raw.sock, &raw_ops, &w->at), WERR_AGAIN);
    fault_set(1);
    run_ms(w, 2);
    assert_false(fault_is_armed());
    assert_int_equal(w->accept_rc, WERR_NOMEM);
    assert_true(w->raw.has_fin);
    fault_set(1);
    assert_int_equal(
        conn_connect(&w->side.conn, &w->shared, &side_ops, &w->at, &codec_limits_response),
        WERR_NOMEM);
    w->side.is_closed = true;
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_serves),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_end_after_a_request),
        cmocka_unit_test(test_reset_is_told_once),
        cmocka_unit_test(test_broken_send),
        cmocka_unit_test(test_close_flush),
        cmocka_unit_test(test_close_at_once),
        cmocka_unit_test(test_close_linger),
        cmocka_unit_test(test_close_after),
        cmocka_unit_test(test_congestion),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_relay_from_the_queue),
        cmocka_unit_test(test_broken_send_and_an_answer),
        cmocka_unit_test(test_timer),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_answer_until_close),
        cmocka_unit_test(test_end_instead_of_an_answer),
        cmocka_unit_test(test_unasked),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
