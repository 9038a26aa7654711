/* Listening sockets that come over a real channel: frames beside descriptors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/listen.h"
#include "net/rights.h"
#include "pool/pool_apply.h"
#include "pool/pool_snapshot.h"
#include "worker/acceptor.h"
#include "worker/channel.h"
#include "worker/listener_runtime.h"
#include "worker/worker_life.h"

struct setup {
    struct loop *loop;
    struct stats_worker *stats;
    struct pool_state *pool;
    struct worker worker;
    struct channel channel;
    int manager;
    unsigned broken_n;
    int log_fd; /* 0: none has come */
    uint8_t log_way;
    bool is_drained;
};

static int on_hello(void *arg, const struct frame_hello *hello)
{
    struct setup *s = arg;

    return worker_init(&s->worker, s->loop, s->stats, 0, hello->seed);
}

static int on_ready(void *arg)
{
    acceptor_start_all(&((struct setup *)arg)->worker);
    return 0;
}

static void on_ping(void *arg)
{
    (void)arg;
}

static void on_drained(void *arg)
{
    ((struct setup *)arg)->is_drained = true;
}

static void on_drain(void *arg, uint32_t limit_ms)
{
    struct setup *s = arg;

    worker_drain(&s->worker, limit_ms, on_drained, s);
}

static void on_log(void *arg, int fd, uint8_t way)
{
    struct setup *s = arg;

    if (s->log_fd > 0)
        close(s->log_fd);
    s->log_fd = fd;
    s->log_way = way;
}

static void on_broken(void *arg, const char *why)
{
    (void)why;
    ((struct setup *)arg)->broken_n++;
}

static void run(struct setup *s)
{
    for (unsigned i = 0; i < 20; i++)
        loop_turn(s->loop, 0);
}

static void send_frame(struct setup *s, const char *bytes, size_t n, int fd)
{
    const struct iovec iov = {(char *)(uintptr_t)bytes, n};

    if (fd >= 0)
        assert_int_equal(rights_send(s->manager, &iov, 1, fd), n);
    else
        assert_int_equal(write(s->manager, bytes, n), n);
}

static void send_snapshot(struct setup *s)
{
    char head[FRAME_FIXED_MAX];
    char *bytes;
    size_t len;

    assert_int_equal(pool_snapshot_encode(s->pool, &bytes, &len), 0);
    send_frame(s, head, frame_put_snapshot_head(head, len), -1);
    send_frame(s, bytes, len, -1);
    free(bytes);
}

/* Returns the port; the manager's copy of the socket is closed, so that the worker's counts. */
static uint16_t send_listen(struct setup *s, uint32_t number)
{
    const struct addr at = {.family = AF_INET, .ip = {127, 0, 0, 1}};
    struct frame_listen listen = {.listener_id = 0, .socket_no = number};
    char buf[FRAME_FIXED_MAX];
    const int fd = listen_open(&at, false, false, &listen.bound);

    assert_true(fd >= 0);
    send_frame(s, buf, frame_put_listen(buf, &listen), fd);
    close(fd);
    return listen.bound.port;
}

static void send_unlisten(struct setup *s, uint32_t number)
{
    const struct frame_unlisten unlisten = {.listener_id = 0, .socket_no = number};
    char buf[FRAME_FIXED_MAX];

    send_frame(s, buf, frame_put_unlisten(buf, &unlisten), -1);
}

static struct setup *make(void)
{
    const struct frame_hello hello = {.worker_n = 1, .log_level = 0, .seed = 1};
    struct setup *s = calloc(1, sizeof(*s));
    const struct channel_hooks hooks = {on_hello, on_ready,  on_drain, on_ping,
                                        on_log,   on_broken, s};
    char buf[FRAME_FIXED_MAX];
    int ends[2];

    assert_non_null(s);
    s->loop = loop_epoll_new();
    s->stats = aligned_alloc(_Alignof(struct stats_worker), sizeof(*s->stats));
    s->pool = pool_state_new();
    assert_true(s->loop && s->stats && s->pool);
    memset(s->stats, 0, sizeof(*s->stats));
    assert_int_equal(listen_pair(ends), 0);
    s->manager = ends[0];
    channel_open(&s->channel, s->loop, &s->worker, &hooks, ends[1]);
    send_frame(s, buf, frame_put_hello(buf, &hello), -1);
    return s;
}

static void drop(struct setup *s)
{
    if (!s->worker.draining)
        worker_drain(&s->worker, 100, on_drained, s);
    for (unsigned i = 0; i < 1000 && !s->is_drained; i++)
        loop_turn(s->loop, 10);
    assert_true(s->is_drained);
    channel_close(&s->channel);
    close(s->manager);
    run(s);
    worker_fini(&s->worker);
    pool_state_free(s->pool);
    free(s->stats);
    loop_free(s->loop);
    free(s);
}

/* Does somebody listen there? Closes again. */
static bool can_connect(uint16_t port)
{
    const struct sockaddr_in at = {.sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool can = connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0;

    close(fd);
    return can;
}

static void test_listens_from_the_snapshot_on(void **state)
{
    struct setup *s = make();
    const uint16_t port = send_listen(s, 3);

    (void)state;
    run(s);
    assert_int_equal(s->worker.acceptor_n, 1);
    assert_true(can_connect(port));
    run(s);
    assert_int_equal(s->stats->value[STATS_client_connections], 0);
    send_snapshot(s);
    run(s);
    assert_int_equal(s->stats->value[STATS_client_connections], 1);
    assert_int_equal(s->channel.frames, 2);
    assert_int_equal(s->broken_n, 0);
    drop(s);
}

static void test_comes_and_goes_at_run_time(void **state)
{
    struct setup *s = make();
    uint16_t first, second;

    (void)state;
    send_snapshot(s);
    first = send_listen(s, 1);
    second = send_listen(s, 2);
    run(s);
    assert_true(can_connect(first) && can_connect(second));
    send_unlisten(s, 1);
    run(s);
    assert_false(can_connect(first));
    assert_true(can_connect(second));
    run(s);
    assert_int_equal(s->stats->value[STATS_client_connections], 3);
    send_unlisten(s, 1); /* again: nothing to do */
    send_unlisten(s, 77);
    run(s);
    assert_int_equal(s->channel.frames, 6);
    assert_int_equal(s->broken_n, 0);
    drop(s);
}

/* After another snapshot all sockets come again: those that are here are closed. */
static void test_comes_again(void **state)
{
    struct setup *s = make();
    uint16_t port;

    (void)state;
    send_snapshot(s);
    port = send_listen(s, 1);
    (void)send_listen(s, 1);
    run(s);
    assert_int_equal(s->worker.acceptor_n, 1);
    assert_int_equal(s->channel.frames, 3);
    assert_int_equal(s->channel.right_n, 0);
    assert_true(can_connect(port));
    drop(s);
}

/* A worker that drains takes nothing new. */
static void test_comes_while_draining(void **state)
{
    struct setup *s = make();
    char buf[FRAME_FIXED_MAX];
    uint16_t port;

    (void)state;
    send_snapshot(s);
    (void)send_listen(s, 1);
    run(s);
    send_frame(s, buf, frame_put_drain(buf, 100), -1);
    port = send_listen(s, 2);
    run(s);
    assert_false(can_connect(port));
    assert_int_equal(s->broken_n, 0);
    drop(s);
}

/* A frame without its descriptor is as good as one for which there was none to spare. */
static void test_without_a_descriptor(void **state)
{
    const struct frame_listen listen = {.socket_no = 5, .bound = {.family = AF_INET}};
    struct setup *s = make();
    char buf[FRAME_FIXED_MAX];

    (void)state;
    send_snapshot(s);
    send_frame(s, buf, frame_put_listen(buf, &listen), -1);
    run(s);
    assert_true(s->channel.is_lacking);
    (void)send_listen(s, 6); /* passed over, and closed */
    run(s);
    assert_int_equal(s->worker.acceptor_n, 0);
    assert_int_equal(s->channel.right_n, 0);
    send_frame(s, buf, frame_put_resume(buf), -1);
    (void)send_listen(s, 6);
    send_snapshot(s);
    run(s);
    assert_int_equal(s->worker.acceptor_n, 1);
    assert_int_equal(s->broken_n, 0);
    drop(s);
}

static void send_log(struct setup *s, uint64_t way, int fd)
{
    char buf[FRAME_FIXED_MAX];

    send_frame(s, buf, frame_put_log(buf, way), fd);
}

/* The worker opens nothing: it writes to what comes. */
static void test_log_comes_and_comes_anew(void **state)
{
    struct setup *s = make();
    int first[2], second[2];
    char got[8];

    (void)state;
    assert_int_equal(pipe2(first, O_NONBLOCK | O_CLOEXEC), 0);
    assert_int_equal(pipe2(second, O_NONBLOCK | O_CLOEXEC), 0);
    send_log(s, 1, first[1]);
    run(s);
    assert_int_equal(s->log_way, 1);
    assert_int_equal(write(s->log_fd, "one", 3), 3);
    send_snapshot(s);
    (void)send_listen(s, 5); /* each has its own descriptor */
    send_log(s, 2, second[1]);
    run(s);
    assert_int_equal(s->worker.acceptor_n, 1);
    assert_int_equal(write(s->log_fd, "two", 3), 3);
    assert_int_equal(read(first[0], got, sizeof(got)), 3);
    assert_int_equal(read(second[0], got, sizeof(got)), 3);
    assert_memory_equal(got, "two", 3);
    assert_int_equal(s->channel.frames, 4);
    assert_int_equal(s->broken_n, 0);
    for (int i = 0; i < 2; i++) {
        close(first[i]);
        close(second[i]);
    }
    close(s->log_fd);
    drop(s);
}

static void test_log_while_lacking(void **state)
{
    struct setup *s = make();
    const struct addr at = {.family = AF_INET, .ip = {127, 0, 0, 1}};
    const struct frame_listen lost = {.socket_no = 5, .bound = at};
    char buf[FRAME_FIXED_MAX];

    (void)state;
    send_snapshot(s);
    send_frame(s, buf, frame_put_listen(buf, &lost), -1);
    send_log(s, 1, STDERR_FILENO); /* passed over, and closed */
    run(s);
    assert_true(s->channel.is_lacking);
    assert_int_equal(s->channel.right_n, 0);
    assert_int_equal(s->log_fd, 0);
    assert_int_equal(s->broken_n, 0);
    drop(s);
}

/* The ACKs before it are passed over. */
static bool has_asked(struct setup *s)
{
    char buf[4096];
    const ssize_t n = read(s->manager, buf, sizeof(buf));
    size_t at = 0;

    while (n > 0 && at < (size_t)n) {
        uint16_t type;
        struct span payload;
        const int64_t len = frame_parse(span_from(buf + at, (size_t)n - at), &type, &payload);

        assert_true(len > 0);
        if (type == FRAME_LOG_WANTED)
            return true;
        at += (size_t)len;
    }
    return false;
}

static void test_log_is_asked_for(void **state)
{
    struct setup *s = make();

    (void)state;
    send_snapshot(s);
    run(s);
    assert_false(has_asked(s));
    channel_want_log(&s->channel);
    run(s);
    assert_true(has_asked(s));
    drop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listens_from_the_snapshot_on),
        cmocka_unit_test(test_comes_and_goes_at_run_time),
        cmocka_unit_test(test_comes_again),
        cmocka_unit_test(test_comes_while_draining),
        cmocka_unit_test(test_without_a_descriptor),
        cmocka_unit_test(test_log_comes_and_comes_anew),
        cmocka_unit_test(test_log_while_lacking),
        cmocka_unit_test(test_log_is_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
