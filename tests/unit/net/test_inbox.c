/* Passing connections between loops: here between two of one process, which the kernel does not
 * tell from two processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log/log.h"
#include "net/inbox.h"
#include "net/listen.h"
#include "net/loop.h"

static const struct addr somebody = {.family = AF_INET, .port = 7, .ip = {10, 1, 2, 3}};

static void test_a_connection_arrives_whole(void **state)
{
    int in, out, fd, pair[2];
    uint32_t tag;
    struct addr peer;
    char byte = 0;

    (void)state;
    assert_int_equal(inbox_open(&in, &out), 0);
    assert_int_equal(fcntl(in, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(out, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(inbox_receive(in, &fd, &tag, &peer), WERR_AGAIN);
    assert_int_equal(listen_pair(pair), 0);
    assert_int_equal(inbox_send(out, pair[0], 42, &somebody), 0);
    close(pair[0]);
    assert_int_equal(inbox_receive(in, &fd, &tag, &peer), 0);
    assert_int_equal(tag, 42);
    assert_true(addr_is_equal(&peer, &somebody));
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_int_equal(write(pair[1], "w", 1), 1);
    assert_int_equal(read(fd, &byte, 1), 1);
    assert_int_equal(byte, 'w');
    close(fd);
    close(pair[1]);
    close(in);
    close(out);
}

/* What is refused stays the sender's; what was taken before is still there. */
static void test_full_and_shut(void **state)
{
    int in, out, fd, pair[2];
    unsigned sent = 0, received = 0;
    uint32_t tag;
    struct addr peer;
    int rc;

    (void)state;
    assert_int_equal(inbox_open(&in, &out), 0);
    assert_int_equal(listen_pair(pair), 0);
    while ((rc = inbox_send(out, pair[0], sent, &somebody)) == 0)
        sent++;
    assert_int_equal(rc, WERR_AGAIN);
    assert_true(sent >= 16);
    inbox_shut(in);
    assert_int_equal(inbox_send(out, pair[0], 0, &somebody), WERR_CLOSED);
    while ((rc = inbox_receive(in, &fd, &tag, &peer)) == 0) {
        assert_int_equal(tag, received++);
        close(fd);
    }
    assert_int_equal(rc, WERR_CLOSED);
    assert_int_equal(received, sent);
    close(in);
    assert_int_equal(inbox_send(out, pair[0], 0, &somebody), WERR_CLOSED);
    assert_int_equal(write(pair[0], "w", 1), 1);
    close(out);
    close(pair[0]);
    close(pair[1]);
}

/* A message that is none of ours, and a connection for which there is no descriptor: told, left
 * behind, and the next one comes. */
static void test_bad_messages_are_skipped(void **state)
{
    int in, out, fd, pair[2];
    uint32_t tag;
    struct addr peer;
    struct rlimit before, tight;

    (void)state;
    log_set_level(LOG_ERROR);
    assert_int_equal(inbox_open(&in, &out), 0);
    assert_int_equal(listen_pair(pair), 0);
    assert_int_equal(send(out, "?", 1, 0), 1);
    assert_int_equal(inbox_receive(in, &fd, &tag, &peer), WERR_RESET);
    assert_int_equal(inbox_send(out, pair[0], 1, &somebody), 0);
    assert_int_equal(inbox_send(out, pair[0], 2, &somebody), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    tight = before;
    tight.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    assert_int_equal(inbox_receive(in, &fd, &tag, &peer), WERR_RESET);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(inbox_receive(in, &fd, &tag, &peer), 0);
    assert_int_equal(tag, 2);
    close(fd);
    close(pair[0]);
    close(pair[1]);
    close(in);
    close(out);
}

/* ---- by way of the loop ---- */

enum { CLIENTS = 100, TAG = 3 };

static int outbox_now;
static unsigned passed_n, taken_n, heard_n;
static struct sock taken[CLIENTS];

static void on_closed(struct sock *s)
{
    (void)s;
}

static void on_accept_pass(struct sock *s, struct accepted *a)
{
    (void)s;
    assert_int_equal(accepted_tag(a), 0);
    if (accepted_pass(a, outbox_now, TAG) == 0)
        passed_n++;
}

static void on_recv(struct sock *s, struct span bytes, int error)
{
    assert_int_equal(error, 0);
    heard_n += bytes.len == 5 && memcmp(bytes.ptr, "hello", 5) == 0;
    sock_recv_stop(s);
}

static const struct sock_ops taken_ops = {.on_recv = on_recv, .on_closed = on_closed};

static void on_accept_take(struct sock *s, struct accepted *a)
{
    (void)s;
    assert_int_equal(accepted_tag(a), TAG);
    assert_true(addr_is_loopback(accepted_peer(a)));
    accepted_take(a, &taken[taken_n], &taken_ops);
    sock_recv_start(&taken[taken_n++]);
}

static const struct sock_ops from_ops = {.on_accept = on_accept_pass, .on_closed = on_closed};
static const struct sock_ops to_ops = {.on_accept = on_accept_take, .on_closed = on_closed};

static int connect_and_greet(const struct addr *at)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(at, &sa);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(write(fd, "hello", 5), 5);
    return fd;
}

/* All that was passed comes, also to one that hears of it late and shuts its inbox first. */
static void test_from_loop_to_loop(void **state)
{
    struct loop *from = loop_epoll_new(), *to = loop_epoll_new();
    struct sock listener, inbox;
    struct addr at, bound;
    int client[CLIENTS], in, out;

    (void)state;
    assert_int_equal(addr_from_text(SPAN("127.0.0.1:0"), &at), 0);
    assert_int_equal(inbox_open(&in, &out), 0);
    outbox_now = out;
    sock_accept_start(from, &listener, &from_ops, listen_open(&at, false, false, &bound));
    sock_inbox_start(to, &inbox, &to_ops, in);
    for (unsigned i = 0; i < CLIENTS; i++)
        client[i] = connect_and_greet(&bound);
    while (passed_n < CLIENTS)
        loop_turn(from, 1000);
    sock_inbox_shut(&inbox);
    while (!sock_inbox_is_empty(&inbox))
        loop_turn(to, 1000);
    assert_int_equal(taken_n, CLIENTS);
    while (heard_n < CLIENTS)
        loop_turn(to, 1000);
    sock_close(&inbox, false);
    sock_close(&listener, false);
    for (unsigned i = 0; i < CLIENTS; i++) {
        sock_close(&taken[i], false);
        close(client[i]);
    }
    loop_turn(from, 0);
    loop_turn(to, 0);
    loop_free(from);
    loop_free(to);
    close(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_connection_arrives_whole),
        cmocka_unit_test(test_full_and_shut),
        cmocka_unit_test(test_bad_messages_are_skipped),
        cmocka_unit_test(test_from_loop_to_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
