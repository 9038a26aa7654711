#include "../base/cm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/reply.h"
#include "net/conn.h"
#include "net/listen.h"

/* What the kernel makes of closing a socket: the simulated network has resets, but loses
 * nothing that was sent before one. */

enum {
    BODY_BYTES = 1024 * 1024,
    SMALL_BUFFER_BYTES = 16 * 1024,
    PIECE_BYTES = 4096,
    TURNS_MAX = 100000
};

static struct {
    struct loop *loop;
    struct conn_shared shared;
    struct sock listener;
    struct conn conn;
    bool has_asked, is_closed;
} w;

static char body[BODY_BYTES];

static void on_event(struct conn *c, struct event *ev)
{
    (void)c;
    w.has_asked |= ev->type == EVENT_END || ev->is_whole;
}

static void on_gone(struct conn *c, int error)
{
    (void)error;
    conn_close(c, CONN_CLOSE_NOW);
}

static void on_closed(struct conn *c)
{
    (void)c;
    w.is_closed = true;
}

static const struct conn_ops conn_ops = {
    .on_event = on_event, .on_gone = on_gone, .on_closed = on_closed};

static void ignore_closed(struct sock *s)
{
    (void)s;
}

static void set_small(int fd, int name)
{
    const int bytes = SMALL_BUFFER_BYTES;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, name, &bytes, sizeof(bytes)), 0);
}

static void on_accept(struct sock *s, struct accepted *a)
{
    (void)s;
    assert_int_equal(
        conn_accept(&w.conn, &w.shared, &conn_ops, a, CODEC_H1, &codec_limits_request), 0);
    set_small(w.conn.sock.fd, SO_SNDBUF);
}

static const struct sock_ops listener_ops = {.on_accept = on_accept,
                                             .on_closed = ignore_closed};

static void world_open(void)
{
    struct addr at;

    memset(&w, 0, sizeof(w));
    for (size_t i = 0; i < BODY_BYTES; i++)
        body[i] = (char)('a' + i % 23 + i / 4099 % 3);
    w.loop = loop_epoll_new();
    assert_non_null(w.loop);
    assert_int_equal(conn_shared_init(&w.shared, w.loop), 0);
    assert_int_equal(addr_from_text(SPAN("127.0.0.1:0"), &at), 0);
    sock_accept_start(w.loop, &w.listener, &listener_ops, listen_open(&at, false, false, &at));
}

static void world_end(void)
{
    sock_close(&w.listener, false);
    loop_turn(w.loop, 0);
    conn_shared_fini(&w.shared);
    loop_free(w.loop);
}

/* ---- the client ---- */

static int client_open(void)
{
    struct sockaddr_storage to;
    struct addr at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    set_small(fd, SO_RCVBUF);
    assert_int_equal(sock_local_addr(&w.listener, &at), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, addr_to_sockaddr(&at, &to)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* ---- the test ---- */

struct got {
    size_t n;
    bool has_fin, has_failed;
    char bytes[BODY_BYTES + 2 * PIECE_BYTES];
};

static void client_read(int fd, struct got *g)
{
    ssize_t n = recv(fd, g->bytes + g->n, PIECE_BYTES, 0);

    if (n > 0)
        g->n += (size_t)n;
    else if (n == 0)
        g->has_fin = true;
    else if (errno != EAGAIN)
        g->has_failed = true;
    assert_true(g->n <= BODY_BYTES + PIECE_BYTES);
}

/* Turns, until what is said of the world holds. */
#define RUN_UNTIL(cond)                        \
    for (unsigned turn = 0; !(cond); turn++) { \
        assert_true(turn < TURNS_MAX);         \
        loop_turn(w.loop, 1);                  \
    }

static void answer_and_close(void)
{
    struct msg m;

    reply_init(&m, 200, BODY_BYTES);
    conn_send_head(&w.conn, &m);
    conn_send_body(&w.conn, span_from(body, BODY_BYTES), 0);
    conn_send_end(&w.conn, NULL);
    conn_close(&w.conn, CONN_CLOSE_FLUSH);
    conn_flush(&w.conn);
    assert_int_equal(w.conn.state, CONN_FLUSHING);
}

/* Something comes from the client while its response waits for it, and is not read: closing
 * then makes the kernel throw away what of the response it has not delivered. */
static void test_talk_while_flushing(void **state)
{
    static struct got got;
    int fd;

    (void)state;
    world_open();
    fd = client_open();
    say(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    RUN_UNTIL(w.has_asked);
    answer_and_close();
    say(fd, "by the way");
    RUN_UNTIL(sock_has_more(&w.conn.sock));
    memset(&got, 0, sizeof(got));
    for (unsigned turn = 0; w.conn.state == CONN_FLUSHING; turn++) {
        assert_true(turn < TURNS_MAX);
        client_read(fd, &got);
        loop_turn(w.loop, 0);
    }
    assert_true(got.n < BODY_BYTES);
    for (unsigned turn = 0; !got.has_fin && !got.has_failed; turn++) {
        assert_true(turn < TURNS_MAX);
        loop_turn(w.loop, 1);
        client_read(fd, &got);
    }
    assert_true(got.has_fin);
    assert_true(got.n > BODY_BYTES);
    assert_memory_equal(got.bytes + got.n - BODY_BYTES, body, BODY_BYTES);
    assert_false(w.is_closed);
    close(fd);
    RUN_UNTIL(w.is_closed);
    world_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_talk_while_flushing)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
