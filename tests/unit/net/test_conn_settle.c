/* A broken message: what is good of it is delivered, then comes the reset. On real sockets,
 * since only a kernel loses what it has not sent when it resets. */
#include "../base/cm.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/reply.h"
#include "net/conn.h"
#include "net/listen.h"

enum {
    BODY_BYTES = 1024 * 1024,
    SENT_BYTES = 700 * 1000, /* of that, then it breaks */
    SMALL_BUFFER_BYTES = 16 * 1024,
    PIECE_BYTES = 4096,
    LIMIT_MS = 300,
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
    if (ev->type != EVENT_END && !(ev->type == EVENT_HEAD && ev->is_whole))
        return;
    w.has_asked = true;
    conn_quiet(c);
}

static void on_gone(struct conn *c, int error)
{
    (void)error;
    conn_close(c, CONN_CLOSE_NOW);
}

static uint32_t flush_limit_ms(const struct conn *c)
{
    (void)c;
    return LIMIT_MS;
}

static void on_closed(struct conn *c)
{
    (void)c;
    w.is_closed = true;
}

static const struct conn_ops conn_ops = {.on_event = on_event,
                                         .on_gone = on_gone,
                                         .flush_limit_ms = flush_limit_ms,
                                         .on_closed = on_closed};

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

static void world_end(int fd)
{
    close(fd);
    assert_true(w.is_closed);
    sock_close(&w.listener, false);
    loop_turn(w.loop, 0);
    conn_shared_fini(&w.shared);
    loop_free(w.loop);
}

/* Turns, until what is said of the world holds. */
#define RUN_UNTIL(cond)                        \
    for (unsigned turn = 0; !(cond); turn++) { \
        assert_true(turn < TURNS_MAX);         \
        loop_turn(w.loop, 1);                  \
    }

/* Has asked, with a request that the codec has read whole. */
static int client_open(void)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    struct sockaddr_storage to;
    struct addr at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    set_small(fd, SO_RCVBUF);
    assert_int_equal(sock_local_addr(&w.listener, &at), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, addr_to_sockaddr(&at, &to)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL), sizeof(request) - 1);
    RUN_UNTIL(w.has_asked);
    return fd;
}

/* The first part of a response, which lies in our queue and in the kernel when this returns. */
static void begin_answer(size_t bytes)
{
    struct msg m;

    reply_init(&m, 200, BODY_BYTES);
    conn_send_head(&w.conn, &m);
    conn_send_body(&w.conn, span_from(body, bytes), 0);
    conn_flush(&w.conn);
}

static void answer_and_break(size_t bytes)
{
    begin_answer(bytes);
    conn_close(&w.conn, CONN_CLOSE_FLUSH_RESET);
}

struct got {
    size_t n;
    bool has_fin;
    int error;
    char bytes[BODY_BYTES + 2 * PIECE_BYTES];
};

static struct got got;

static bool is_over(void)
{
    return got.has_fin || got.error != 0;
}

static void client_read(int fd)
{
    ssize_t n = recv(fd, got.bytes + got.n, PIECE_BYTES, 0);

    if (n > 0)
        got.n += (size_t)n;
    else if (n == 0)
        got.has_fin = true;
    else if (errno != EAGAIN)
        got.error = errno;
    assert_true(got.n <= BODY_BYTES + PIECE_BYTES);
}

static void read_to_the_end(int fd)
{
    memset(&got, 0, sizeof(got));
    for (unsigned turn = 0; !is_over(); turn++) {
        assert_true(turn < TURNS_MAX);
        client_read(fd);
        loop_turn(w.loop, 0);
    }
    RUN_UNTIL(w.is_closed);
}

static size_t got_of_body(void)
{
    const char *end = memmem(got.bytes, got.n, "\r\n\r\n", 4);
    size_t n;

    assert_non_null(end);
    n = got.n - (size_t)(end + 4 - got.bytes);
    assert_memory_equal(end + 4, body, n);
    return n;
}

/* In our queue, in our kernel, in its own: all of it is read, and the end is no orderly one. */
static void test_all_then_a_reset(void **state)
{
    static const size_t sizes[] = {0, 100, 60 * 1000, SENT_BYTES};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        int fd;

        world_open();
        fd = client_open();
        answer_and_break(sizes[i]);
        read_to_the_end(fd);
        assert_int_equal(got_of_body(), sizes[i]);
        assert_int_equal(got.error, ECONNRESET);
        world_end(fd);
    }
}

/* What is written in the moment of the break: no FIN comes that the kernel could keep it back
 * for (MSG_MORE). */
static void test_last_piece_is_not_kept_back(void **state)
{
    int fd;

    (void)state;
    world_open();
    fd = client_open();
    begin_answer(100);
    conn_send_body(&w.conn, span_from(body + 100, 100), 0);
    conn_close(&w.conn, CONN_CLOSE_FLUSH_RESET);
    assert_int_equal(w.conn.state, CONN_FLUSHING);
    conn_flush(&w.conn);
    assert_int_equal(w.conn.sock.flags & SOCK_FIN_NEXT, 0);
    read_to_the_end(fd);
    assert_int_equal(got_of_body(), 200);
    assert_int_equal(got.error, ECONNRESET);
    world_end(fd);
}

/* All is in the kernel, little of it with the peer: what is closed now must not look whole. */
static void test_closed_while_settling(void **state)
{
    int fd;

    (void)state;
    world_open();
    fd = client_open();
    set_small(w.conn.sock.fd, SO_SNDBUF);
    answer_and_break(SMALL_BUFFER_BYTES * 2);
    RUN_UNTIL(w.conn.state != CONN_FLUSHING || (client_read(fd), false));
    assert_int_equal(w.conn.state, CONN_SETTLING);
    conn_close(&w.conn, CONN_CLOSE_NOW);
    read_to_the_end(fd);
    assert_int_equal(got.error, ECONNRESET);
    world_end(fd);
}

/* Takes nothing: gone when the time is over, wherever the rest lies. */
static void test_takes_nothing(void **state)
{
    static const size_t sizes[] = {100 * 1000, SENT_BYTES};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint64_t from_ms;
        int fd;

        world_open();
        fd = client_open();
        if (i > 0)
            set_small(w.conn.sock.fd, SO_SNDBUF);
        from_ms = loop_now_ms(w.loop);
        answer_and_break(sizes[i]);
        assert_int_equal(w.conn.state, i > 0 ? CONN_FLUSHING : CONN_SETTLING);
        RUN_UNTIL(w.is_closed);
        assert_in_range(loop_now_ms(w.loop) - from_ms, LIMIT_MS, 20 * LIMIT_MS);
        read_to_the_end(fd);
        assert_int_equal(got.error, ECONNRESET);
        world_end(fd);
    }
}

/* The peer resets itself: there is nothing to wait for, in either state. */
static void test_peer_resets(void **state)
{
    static const size_t sizes[] = {100 * 1000, SENT_BYTES};
    const struct linger hard = {.l_onoff = 1};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint64_t from_ms;
        int fd;

        world_open();
        fd = client_open();
        if (i > 0)
            set_small(w.conn.sock.fd, SO_SNDBUF);
        answer_and_break(sizes[i]);
        loop_turn(w.loop, 0);
        assert_false(w.is_closed);
        from_ms = loop_now_ms(w.loop);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
        close(fd);
        loop_turn(w.loop, LIMIT_MS / 2);
        loop_turn(w.loop, 0);
        assert_true(w.is_closed);
        assert_true(loop_now_ms(w.loop) - from_ms < LIMIT_MS);
        world_end(-1);
    }
}

/* An end that was promised before the break is heard of too, behind all. */
static void test_end_before_the_break(void **state)
{
    int fd;

    (void)state;
    world_open();
    fd = client_open();
    begin_answer(SENT_BYTES);
    conn_shut(&w.conn);
    conn_close(&w.conn, CONN_CLOSE_FLUSH_RESET);
    read_to_the_end(fd);
    assert_int_equal(got_of_body(), SENT_BYTES);
    assert_true(got.has_fin);
    world_end(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_then_a_reset),
                                       cmocka_unit_test(test_last_piece_is_not_kept_back),
                                       cmocka_unit_test(test_closed_while_settling),
                                       cmocka_unit_test(test_takes_nothing),
                                       cmocka_unit_test(test_peer_resets),
                                       cmocka_unit_test(test_end_before_the_break)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
