#include <stdio.h>

#include "../base/cm.h"
#include "net/conn.h"
#include "net/loop_sim.h"

/* What stands before the first message goes to the owner instead of the codec, however it is
 * cut. Here it is anything up to an exclamation mark; a question mark in it is an error. */

struct server {
    struct conn conn; /* first */
    char log[256];
    unsigned asked_n;
    bool is_closed;
};

struct world {
    struct loop *loop;
    struct conn_shared shared;
    struct sock listener;
    struct server server;
    struct conn caller;
    bool caller_is_closed;
    struct sock raw;
};

static struct world *world_now;

static void note(struct server *s, const char *word, struct span text)
{
    size_t at = strlen(s->log);

    (void)snprintf(s->log + at, sizeof(s->log) - at, "%s%.*s ", word, (int)text.len,
                   text.ptr ? text.ptr : "");
}

static int64_t on_prologue(struct conn *c, struct span in)
{
    struct server *s = (struct server *)c;
    size_t end = span_find(in, '!');

    s->asked_n++;
    if (span_find(in, '?') < in.len) {
        conn_close(c, CONN_CLOSE_NOW);
        return WERR_SYNTAX;
    }
    if (end == in.len)
        return 0;
    note(s, "prologue=", span_first(in, end));
    return (int64_t)end + 1;
}

static void on_event(struct conn *c, struct event *ev)
{
    struct server *s = (struct server *)c;

    if (ev->type == EVENT_HEAD)
        note(s, "head=", msg_target(ev->msg));
    else if (ev->type == EVENT_RESET)
        note(s, "reset", SPAN_NONE);
}

static void on_gone(struct conn *c, int error)
{
    note((struct server *)c, "gone=", span_from_str(werr_word(error)));
    conn_close(c, CONN_CLOSE_NOW);
}

static void on_closed(struct conn *c)
{
    ((struct server *)c)->is_closed = true;
}

static const struct conn_ops server_ops = {.on_event = on_event,
                                           .on_prologue = on_prologue,
                                           .on_gone = on_gone,
                                           .on_closed = on_closed};

static void on_accept(struct sock *s, struct accepted *a)
{
    struct world *w = world_now;

    (void)s;
    assert_int_equal(conn_accept(&w->server.conn, &w->shared, &server_ops, a, CODEC_H1,
                                 &codec_limits_request),
                     0);
    conn_expect_prologue(&w->server.conn);
}

static void ignore_closed(struct sock *s)
{
    (void)s;
}

static const struct sock_ops listener_ops = {.on_accept = on_accept,
                                             .on_closed = ignore_closed};

static void raw_on_connect(struct sock *s, int error)
{
    (void)s;
    assert_int_equal(error, 0);
}

static void raw_on_recv(struct sock *s, struct span bytes, int error)
{
    (void)s;
    (void)bytes;
    (void)error;
}

static const struct sock_ops raw_ops = {
    .on_connect = raw_on_connect, .on_recv = raw_on_recv, .on_closed = ignore_closed};

static void run(struct world *w)
{
    for (unsigned turn = 0; turn < 40; turn++)
        loop_turn(w->loop, turn % 8 == 0);
}

static struct addr world_open(struct world *w)
{
    struct addr at = {.family = AF_INET, .port = 80, .ip = {10, 0, 0, 1}};

    memset(w, 0, sizeof(*w));
    world_now = w;
    w->loop = loop_sim_new(1, NULL);
    assert_non_null(w->loop);
    assert_int_equal(conn_shared_init(&w->shared, w->loop), 0);
    sock_accept_start(w->loop, &w->listener, &listener_ops, loop_sim_listen(w->loop, &at));
    return at;
}

static void world_end(struct world *w)
{
    if (w->raw.loop)
        sock_close(&w->raw, false);
    if (!w->server.is_closed)
        conn_close(&w->server.conn, CONN_CLOSE_NOW);
    sock_close(&w->listener, false);
    run(w);
    assert_int_equal(loop_sim_open_n(w->loop), 0);
    conn_shared_fini(&w->shared);
    loop_free(w->loop);
}

static void say(struct world *w, struct span bytes)
{
    struct iovec iov = {(void *)(uintptr_t)bytes.ptr, bytes.len};

    assert_int_equal(sock_send(&w->raw, &iov, 1), bytes.len);
    run(w);
}

#define REQUEST "GET /x HTTP/1.1\r\nHost: h\r\n\r\n"

static void test_cut_anywhere(void **state)
{
    static const struct {
        const char *bytes, *log;
    } cases[] = {
        {"hello!" REQUEST, "prologue=hello head=/x "},
        {"hello!", "prologue=hello "},
        {"!" REQUEST, "prologue= head=/x "},
        {"a!b!" REQUEST, "prologue=a head=/x "},
        {"hello?" REQUEST, ""},
        {REQUEST, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span bytes = span_from_str(cases[i].bytes);

        for (size_t cut = 0; cut < bytes.len; cut++) {
            struct world w;
            struct addr at = world_open(&w);

            assert_int_equal(sock_connect(w.loop, &w.raw, &raw_ops, &at), WERR_AGAIN);
            run(&w);
            if (cut > 0)
                say(&w, span_first(bytes, cut));
            if (!w.server.is_closed)
                say(&w, span_skip(bytes, cut));
            assert_string_equal(w.server.log, cases[i].log);
            assert_int_equal(w.server.is_closed, strchr(cases[i].bytes, '?') != NULL);
            assert_true(w.server.asked_n <= 2);
            world_end(&w);
        }
    }
}

static void test_end_inside(void **state)
{
    struct world w;
    struct addr at = world_open(&w);

    (void)state;
    assert_int_equal(sock_connect(w.loop, &w.raw, &raw_ops, &at), WERR_AGAIN);
    run(&w);
    say(&w, SPAN("hel"));
    sock_shutdown(&w.raw);
    run(&w);
    assert_string_equal(w.server.log, "gone=eof ");
    assert_true(w.server.is_closed);
    world_end(&w);
}

/* ---- the other end: sent before the first head ---- */

static void caller_on_open(struct conn *c, int error)
{
    static const struct msg m = {.base = "GET /x",
                                 .base_len = 6,
                                 .version = 11,
                                 .method_len = 3,
                                 .target_off = 4,
                                 .target_len = 2,
                                 .added_n = 1,
                                 .added = {{{"Host", 4}, {"h", 1}}}};
    char bytes[] = "from us!";

    assert_int_equal(error, 0);
    conn_send_prologue(c, span_from(bytes, strlen(bytes)));
    memset(bytes, '#', sizeof(bytes)); /* it was copied */
    conn_send_head(c, &m);
    conn_send_end(c, NULL);
}

static void caller_on_event(struct conn *c, struct event *ev)
{
    (void)c;
    (void)ev;
}

static void caller_on_gone(struct conn *c, int error)
{
    (void)error;
    conn_close(c, CONN_CLOSE_NOW);
}

static void caller_on_closed(struct conn *c)
{
    (void)c;
    world_now->caller_is_closed = true;
}

static const struct conn_ops caller_ops = {.on_open = caller_on_open,
                                           .on_event = caller_on_event,
                                           .on_gone = caller_on_gone,
                                           .on_closed = caller_on_closed};

static void test_sent_before_the_head(void **state)
{
    struct world w;
    struct addr at = world_open(&w);

    (void)state;
    assert_int_equal(
        conn_connect(&w.caller, &w.shared, &caller_ops, &at, CODEC_H1, &codec_limits_response),
        0);
    run(&w);
    assert_string_equal(w.server.log, "prologue=from us head=/x ");
    conn_close(&w.caller, CONN_CLOSE_NOW);
    run(&w);
    assert_true(w.caller_is_closed);
    conn_send_prologue(&w.server.conn, SPAN("too late"));
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_end_inside),
        cmocka_unit_test(test_sent_before_the_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
