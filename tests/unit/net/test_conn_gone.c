/* A peer that is gone is told behind what it sent before, and only then; a peer whose message
 * was read whole is told at once. */
#include "conn_pairs.h"

#include <stdio.h>

#include "base/fault.h"

enum { UPLOAD = 20000, LARGE = 30000 };

static char bytes[LARGE];

static struct {
    size_t body_bytes;
    unsigned heads_n, ends_n;
    bool pauses, waits, is_quiet_at_end;
} seen;

static void on_event(struct server *s, struct event *ev)
{
    switch (ev->type) {
    case EVENT_HEAD:
        seen.heads_n++;
        if (seen.pauses)
            conn_pause(&s->conn);
        if (seen.waits)
            conn_wait(&s->conn);
        break;
    case EVENT_BODY:
        seen.body_bytes += ev->data.len;
        break;
    case EVENT_END:
        seen.ends_n++;
        if (seen.is_quiet_at_end)
            conn_quiet(&s->conn);
        break;
    default:
        break;
    }
}

static struct pairs *open_pairs(uint32_t buffer_bytes)
{
    struct pairs *p;

    memset(&seen, 0, sizeof(seen));
    p = pairs_new(1, buffer_bytes);
    p->on_event = on_event;
    return p;
}

/* A request with a body; more than what one read brings, so that a part lies in the network. */
static void ask(struct pairs *p, size_t body_bytes)
{
    char head[80];
    int n = snprintf(head, sizeof(head),
                     "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", UPLOAD);

    p->servers[0].conn.sock.recv_max = 3000;
    raw_send(&p->raws[0], span_from(head, (size_t)n));
    raw_send(&p->raws[0], span_from(bytes, body_bytes));
}

static void respond(struct pairs *p, size_t body_bytes)
{
    struct conn *c = &p->servers[0].conn;
    struct msg m;

    pairs_in_callback(p);
    reply_init(&m, 200, body_bytes);
    conn_send_head(c, &m);
    conn_send_body(c, span_from(bytes, body_bytes), 0);
    conn_send_end(c, NULL);
}

static void reset(struct pairs *p)
{
    sock_close(&p->raws[0].sock, true);
    pairs_run(p);
}

static void run_resume(struct loop_work *work)
{
    struct pairs *p = (struct pairs *)((char *)work - offsetof(struct pairs, nudge));

    conn_resume(&p->servers[0].conn);
}

static void resume(struct pairs *p)
{
    p->nudge.run = run_resume;
    loop_defer(p->loop, &p->nudge);
    pairs_run(p);
}

static void test_paused(void **state)
{
    struct pairs *p = open_pairs(0);
    struct server *s = &p->servers[0];

    (void)state;
    seen.pauses = true;
    ask(p, UPLOAD);
    pairs_run(p);
    conn_watch(&s->conn);
    reset(p);
    assert_int_equal(s->gone_n, 0);
    assert_true(seen.body_bytes < UPLOAD);
    resume(p);
    assert_int_equal(seen.body_bytes, UPLOAD);
    assert_int_equal(seen.ends_n, 1);
    assert_int_equal(s->gone_n, 1);
    pairs_end(p);
}

/* The last that is there is half a message: fed as well, then told. */
static void test_paused_in_half_a_message(void **state)
{
    struct pairs *p = open_pairs(0);
    struct server *s = &p->servers[0];

    (void)state;
    seen.pauses = true;
    ask(p, UPLOAD - 1);
    pairs_run(p);
    conn_watch(&s->conn);
    reset(p);
    resume(p);
    assert_int_equal(seen.body_bytes, UPLOAD - 1);
    assert_int_equal(seen.ends_n, 0);
    assert_int_equal(s->gone_n, 1);
    pairs_end(p);
}

/* Sending fails before anything of that was looked at, with or without a pause. */
static void fail_sending(bool pauses)
{
    struct pairs *p = open_pairs(0);
    struct server *s = &p->servers[0];

    seen.pauses = pauses;
    ask(p, 0);
    pairs_run(p);
    raw_send(&p->raws[0], span_from(bytes, UPLOAD));
    sock_close(&p->raws[0].sock, true);
    loop_turn(p->loop, 0); /* all has arrived, and little was read */
    respond(p, 100);
    conn_flush(&s->conn);
    respond(p, 100); /* into the void */
    assert_true(conn_is_broken(&s->conn));
    pairs_run(p);
    assert_int_equal(s->gone_n, pauses ? 0 : 1);
    resume(p);
    assert_int_equal(seen.body_bytes, UPLOAD);
    assert_int_equal(s->gone_n, 1);
    pairs_end(p);
}

static void test_failed_send(void **state)
{
    (void)state;
    fail_sending(false);
    fail_sending(true);
}

/* Whoever feeds a conn that is congested must go on, or its peer's message might never end. */
static void test_failed_send_ends_congestion(void **state)
{
    struct pairs *p = open_pairs(4000);
    struct server *s = &p->servers[0];

    (void)state;
    seen.pauses = true;
    ask(p, 1000);
    pairs_run(p);
    respond(p, LARGE);
    pairs_run(p);
    assert_int_equal(s->congested_n, 1);
    assert_int_equal(s->drained_n, 0);
    reset(p);
    assert_int_equal(s->drained_n, 1);
    assert_int_equal(s->gone_n, 0);
    assert_null(s->conn.out.block);
    resume(p);
    assert_int_equal(seen.body_bytes, 1000);
    assert_int_equal(s->gone_n, 1);
    pairs_end(p);
}

/* Nothing of its message is missing, and what it has said behind that is not waited for. */
static void test_quiet(void **state)
{
    struct pairs *p = open_pairs(0);
    struct server *s = &p->servers[0];

    (void)state;
    seen.is_quiet_at_end = true;
    ask(p, UPLOAD);
    pairs_run(p);
    assert_int_equal(seen.ends_n, 1);
    conn_watch(&s->conn);
    ask(p, UPLOAD);
    reset(p);
    assert_int_equal(s->gone_n, 1);
    assert_int_equal(seen.heads_n, 1);
    pairs_end(p);
}

/* The reset was known already when the message was found to be whole. */
static void test_quiet_after_a_pause(void **state)
{
    struct pairs *p = open_pairs(0);
    struct server *s = &p->servers[0];

    (void)state;
    seen.pauses = seen.is_quiet_at_end = true;
    ask(p, UPLOAD);
    pairs_run(p);
    conn_watch(&s->conn);
    reset(p);
    assert_int_equal(s->gone_n, 0);
    resume(p);
    assert_int_equal(seen.ends_n, 1);
    assert_int_equal(s->gone_n, 1);
    pairs_end(p);
}

/* … and so was that sending fails. */
static void test_quiet_after_a_failed_send(void **state)
{
    struct pairs *p = open_pairs(0);
    struct server *s = &p->servers[0];

    (void)state;
    seen.pauses = seen.is_quiet_at_end = true;
    ask(p, UPLOAD);
    pairs_run(p);
    sock_close(&p->raws[0].sock, true);
    loop_turn(p->loop, 0);
    respond(p, 100);
    pairs_run(p);
    assert_int_equal(s->gone_n, 0);
    resume(p);
    assert_int_equal(seen.ends_n, 1);
    assert_int_equal(s->gone_n, 1);
    pairs_end(p);
}

/* Nothing was handed on yet: the peer takes it all back. */
static void test_waiting(void **state)
{
    struct pairs *p = open_pairs(0);
    struct server *s = &p->servers[0];

    (void)state;
    seen.pauses = seen.waits = true;
    ask(p, UPLOAD);
    pairs_run(p);
    conn_watch(&s->conn);
    reset(p);
    assert_int_equal(s->gone_n, 1);
    pairs_end(p);
}

/* What is lost for want of memory here is no reason to wait for a peer that lives. */
static void test_own_fault(void **state)
{
    struct pairs *p = open_pairs(4000);
    struct server *s = &p->servers[0];

    (void)state;
    p->gone_how = CONN_CLOSE_RESET;
    p->raws[0].expects_reset = true;
    raw_listen(&p->raws[0]);
    ask(p, 0);
    pairs_run(p);
    fault_set(1);
    respond(p, LARGE);
    pairs_run(p);
    assert_false(fault_is_armed());
    fault_set(0);
    assert_int_equal(s->gone_n, 1);
    pairs_end(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paused),
        cmocka_unit_test(test_paused_in_half_a_message),
        cmocka_unit_test(test_failed_send),
        cmocka_unit_test(test_failed_send_ends_congestion),
        cmocka_unit_test(test_quiet),
        cmocka_unit_test(test_quiet_after_a_pause),
        cmocka_unit_test(test_quiet_after_a_failed_send),
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_own_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
