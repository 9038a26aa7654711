/* Descriptors beside bytes: in order with them, one a read, and told of when none can be had.
 */
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

#include "base/strb.h"
#include "net/loop.h"
#include "net/rights.h"

static void pair_of(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
                     0);
}

static int64_t send_with(int socket, const char *text, int fd)
{
    const struct iovec iov = {(char *)(uintptr_t)text, strlen(text)};

    return rights_send(socket, &iov, 1, fd);
}

static void test_stays_in_order_with_the_bytes(void **state)
{
    int fds[2], got_fd, one[2];
    enum rights_got got;
    char buf[64];

    (void)state;
    pair_of(fds);
    pair_of(one);
    assert_int_equal(write(fds[0], "aa", 2), 2);
    assert_int_equal(send_with(fds[0], "bb", one[0]), 2);
    assert_int_equal(write(fds[0], "cc", 2), 2);
    assert_int_equal(send_with(fds[0], "dd", one[0]), 2);
    /* A read ends behind the bytes of a descriptor. */
    assert_int_equal(rights_receive(fds[1], buf, sizeof(buf), &got_fd, &got), 4);
    assert_memory_equal(buf, "aabb", 4);
    assert_int_equal(got, RIGHTS_ONE);
    assert_int_equal(fcntl(got_fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(got_fd);
    assert_int_equal(rights_receive(fds[1], buf, sizeof(buf), &got_fd, &got), 4);
    assert_memory_equal(buf, "ccdd", 4);
    assert_int_equal(got, RIGHTS_ONE);
    close(got_fd);
    assert_int_equal(rights_receive(fds[1], buf, sizeof(buf), &got_fd, &got), WERR_AGAIN);
    assert_int_equal(got, RIGHTS_NONE);
    close(fds[0]);
    assert_int_equal(rights_receive(fds[1], buf, sizeof(buf), &got_fd, &got), 0);
    close(fds[1]);
    close(one[0]);
    close(one[1]);
}

static void test_tells_of_one_that_is_lost(void **state)
{
    struct rlimit was, none;
    int fds[2], got_fd;
    enum rights_got got;
    char buf[8];

    (void)state;
    pair_of(fds);
    assert_int_equal(send_with(fds[0], "x", fds[0]), 1);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    none = was;
    none.rlim_cur = 3; /* those that are open stay */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(rights_receive(fds[1], buf, sizeof(buf), &got_fd, &got), 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    assert_int_equal(got, RIGHTS_LOST);
    close(fds[0]);
    close(fds[1]);
}

static void send_many(int socket, const int *fds, size_t n)
{
    char bytes[CMSG_SPACE(4 * sizeof(int))] = {0}, byte = 'x';
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = bytes,
                         .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(c), fds, n * sizeof(int));
    assert_int_equal(sendmsg(socket, &msg, 0), 1);
}

static unsigned count_open(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Whoever sends several at once leaves none of them here. */
static void test_takes_one_and_closes_the_others(void **state)
{
    int fds[2], got_fd;
    enum rights_got got;
    char buf[8];

    (void)state;
    pair_of(fds);
    const int three[3] = {fds[0], fds[0], fds[1]};
    const unsigned before = count_open();
    send_many(fds[0], three, 3);
    assert_int_equal(rights_receive(fds[1], buf, sizeof(buf), &got_fd, &got), 1);
    assert_int_equal(got, RIGHTS_ONE);
    assert_int_equal(count_open(), before + 1);
    close(got_fd);
    close(fds[0]);
    close(fds[1]);
}

/* ---- by the loop ---- */

struct end {
    struct sock sock; /* first */
    char got[256];    /* bytes as they are, a descriptor as '#', a lost one as '!' */
    struct strb out;
};

static void on_right(struct sock *s, int fd)
{
    strb_add_str(&((struct end *)s)->out, fd >= 0 ? "#" : "!");
    if (fd >= 0)
        close(fd);
}

static void on_recv(struct sock *s, struct span bytes, int error)
{
    assert_int_equal(error, 0);
    strb_add(&((struct end *)s)->out, bytes);
}

static void on_closed(struct sock *s)
{
    (void)s;
}

static const struct sock_ops end_ops = {
    .on_right = on_right, .on_recv = on_recv, .on_closed = on_closed};

static void test_by_the_loop(void **state)
{
    struct loop *l = loop_epoll_new();
    struct end a = {0}, b = {0};
    int fds[2];

    (void)state;
    pair_of(fds);
    strb_init(&b.out, b.got, sizeof(b.got));
    sock_adopt(l, &a.sock, &end_ops, fds[0]);
    sock_adopt(l, &b.sock, &end_ops, fds[1]);
    sock_take_rights(&b.sock);
    sock_recv_start(&b.sock);
    for (unsigned i = 0; i < 20; i++) {
        static char text[] = "pw";
        const struct iovec plain = {text, 1}, with = {text + 1, 1};

        assert_int_equal(sock_send(&a.sock, &plain, 1), 1);
        assert_int_equal(sock_send_right(&a.sock, &with, 1, STDIN_FILENO), 1);
    }
    for (unsigned i = 0; i < 1000 && b.out.len < 60; i++)
        (void)loop_turn(l, 10);
    for (unsigned i = 0; i < 20; i++)
        assert_memory_equal(b.got + i * 3, "#pw", 3);
    sock_close(&a.sock, false);
    sock_close(&b.sock, false);
    (void)loop_turn(l, 0);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stays_in_order_with_the_bytes),
        cmocka_unit_test(test_tells_of_one_that_is_lost),
        cmocka_unit_test(test_takes_one_and_closes_the_others),
        cmocka_unit_test(test_by_the_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
