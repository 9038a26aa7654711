/* The contract of the loop over real sockets, and what only the kernel can do to it. */
#include "loop_contract.h"
#include "loop_splice.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "net/listen.h"
#include "net/loop_int.h"

static struct loop *make_loop(void)
{
    return loop_epoll_new();
}

static int make_listener(struct loop *l, struct addr *bound)
{
    struct addr at;

    (void)l;
    assert_int_equal(addr_from_text(SPAN("127.0.0.1:0"), &at), 0);
    return listen_open(&at, false, false, bound);
}

static void make_pair(struct loop *l, int handles[2])
{
    (void)l;
    assert_int_equal(listen_pair(handles), 0);
}

/* No further one can be had; before: what setrlimit takes for the end of that. */
static void take_descriptors(struct rlimit *before)
{
    struct rlimit tight;
    int lowest = dup(0);

    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, before), 0);
    tight = *before;
    tight.rlim_cur = (rlim_t)lowest;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
}

/* With no descriptor left accepting pauses, without spinning, and goes on by itself. */
static void test_accept_without_descriptors(void **state)
{
    struct world *w = *state;
    struct rlimit before;
    struct end *c = start_client(w);
    uint64_t start_ms = loop_now_ms(w->l);
    unsigned turns = 0;

    take_descriptors(&before);
    while (loop_now_ms(w->l) - start_ms < 90 && turns < 1000) {
        loop_turn(w->l, 1000);
        turns++;
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(w->accepted_n, 0);
    assert_true(turns < 20);
    RUN_UNTIL(w, c->connects == 1 && w->accepted_n == 1);
}

/* A listener that is to close resets nobody for want of a descriptor, and closes when it has
 * accepted all. */
static void test_accept_last_without_descriptors(void **state)
{
    struct world *w = *state;
    struct rlimit before;
    struct end *c[3];
    unsigned turns = 0;

    for (unsigned i = 0; i < 3; i++) {
        c[i] = start_client(w);
        sock_recv_start(&c[i]->s);
    }
    take_descriptors(&before);
    while (!(w->listener.s.flags & SOCK_PAUSED) && turns++ < 1000)
        loop_turn(w->l, 10);
    sock_accept_last(&w->listener.s);
    for (uint64_t start_ms = loop_now_ms(w->l); loop_now_ms(w->l) - start_ms < 250;)
        run_turns(w, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(w->listener.closes + w->accepted_n, 0);
    RUN_UNTIL(w, w->listener.closes == 1);
    assert_int_equal(w->accepted_n, 3);
    run_turns(w, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(c[i]->errors + c[i]->ends, 0);
}

/* … and its owner can close it all the same. */
static void test_close_without_descriptors(void **state)
{
    struct world *w = *state;
    struct rlimit before;
    struct end *c = start_client(w);
    unsigned turns = 0;

    sock_recv_start(&c->s);
    take_descriptors(&before);
    sock_accept_last(&w->listener.s);
    while (!(w->listener.s.flags & SOCK_PAUSED) && turns++ < 1000)
        loop_turn(w->l, 10);
    sock_close(&w->listener.s, false);
    run_turns(w, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(w->listener.closes, 1);
    RUN_UNTIL(w, c->errors == 1);
}

/* ---- sockets that can't be watched ---- */

static int watch_error; /* of those that are to come; 0: none */

int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
    if (op == EPOLL_CTL_ADD && watch_error != 0) {
        errno = watch_error;
        return -1;
    }
    return (int)syscall(SYS_epoll_ctl, epfd, op, fd, event);
}

/* A listener is not shut down for it, as other processes have it too: it is looked at now and
 * then, and watched when that is possible again. */
static void test_listener_that_cannot_be_watched(void **state)
{
    struct world *w = *state;
    int handle = open_late_listener(w);
    int held = dup(handle);
    struct end *listener;
    struct end *c;

    watch_error = ENOSPC;
    listener = start_listener(w, handle);
    watch_error = 0;
    c = start_client(w);
    watch_error = ENOSPC;
    for (unsigned turns = 0; w->accepted_n == 0 && turns < 50; turns++)
        loop_turn(w->l, 200);
    watch_error = 0;
    assert_int_equal(w->accepted_n, 1);
    RUN_UNTIL(w, listener->s.flags & SOCK_REGISTERED);
    c = start_client(w);
    RUN_UNTIL(w, c->connects == 1 && w->accepted_n == 2);
    /* Whoever has it now can go on. */
    sock_close(&listener->s, false);
    run_turns(w, 2);
    listener = start_listener(w, held);
    c = start_client(w);
    RUN_UNTIL(w, c->connects == 1 && w->accepted_n == 3);
}

/* A connection fails, for it can't be served. */
static void test_connection_that_cannot_be_watched(void **state)
{
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);
    int handles[2];
    struct end *e = new_end(w);

    run_turns(w, 2);
    make_pair(w->l, handles);
    sock_adopt(w->l, &e->s, &end_ops, handles[0]);
    e->is_used = true;
    watch_error = ENOSPC;
    sock_recv_start(&e->s);
    RUN_UNTIL(w, e->errors == 1);
    watch_error = 0;
    assert_int_equal(e->error, WERR_RESET);
    assert_int_equal(c->errors, 0);
    close(handles[1]);
}

static void test_connect_without_descriptors(void **state)
{
    struct world *w = *state;
    struct end *e = new_end(w);
    struct rlimit before;

    take_descriptors(&before);
    assert_int_equal(sock_connect(w->l, &e->s, &end_ops, &w->at), WERR_NO_FD);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_false(sock_is_open(&e->s));
}

/* Another process may hold the file of a closed sock: no event of it may come through. */
static void test_closed_but_held_elsewhere(void **state)
{
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);
    int held;

    run_turns(w, 2);
    held = dup(server->s.fd);
    sock_close(&server->s, false);
    RUN_UNTIL(w, server->closes == 1);
    memset(&server->s, 0xa5, sizeof(server->s));
    send_text(c, "to nobody");
    run_turns(w, 4);
    close(held);
    memset(&server->s, 0, sizeof(server->s));
}

static uint64_t turn_us(struct world *w, int64_t max_wait_ms)
{
    uint64_t began_us = loop_now_us(w->l);

    loop_turn(w->l, max_wait_ms);
    return loop_now_us(w->l) - began_us;
}

/* What one wait has left behind neither cuts the next one short nor keeps it too long. */
static void test_waits_of_any_length(void **state)
{
    enum { LONG_MS = 60000, SHORT_MS = 20 };
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);

    run_turns(w, 2);
    send_text(c, "x");
    assert_in_range(turn_us(w, LONG_MS), 0, LONG_MS * 1000 / 2);
    assert_in_range(turn_us(w, SHORT_MS), SHORT_MS * 1000 / 2, LONG_MS * 1000 / 2);
    send_text(c, "x");
    assert_in_range(turn_us(w, SHORT_MS), 0, LONG_MS * 1000 / 2); /* its alarm stays set */
    loop_turn(w->l, 2 * SHORT_MS);                                /* and may go off in vain */
    assert_in_range(turn_us(w, SHORT_MS), SHORT_MS * 1000 / 2, LONG_MS * 1000 / 2);
}

/* How many are accepted in a turn follows how many come. */
static void test_accept_max_follows(void **state)
{
    enum { MANY = 200 };
    struct world *w = *state;
    struct end *listener;
    unsigned turns = 1;
    int handle = open_late_listener(w);

    for (int i = 0; i < MANY; i++)
        start_client(w);
    run_turns(w, 4);
    listener = start_listener(w, handle);
    loop_turn(w->l, 1000);
    assert_int_equal(w->accepted_n, 1);
    for (; w->accepted_n < MANY; turns++)
        loop_turn(w->l, 1000);
    assert_in_range(turns, 1, MANY / 4);
    start_client(w);
    RUN_UNTIL(w, w->accepted_n == MANY + 1);
    assert_int_equal(listener->s.accept_max, 1);
}

/* One now and then is never looked for behind the first. */
static void test_accept_max_of_few(void **state)
{
    enum { FEW = 8 };
    struct world *w = *state;

    for (unsigned n = 1; n <= FEW; n++) {
        start_client(w);
        RUN_UNTIL(w, w->accepted_n == n);
        assert_int_equal(w->listener.s.accept_max, 1);
        run_turns(w, 2);
    }
}

/* Each of two listeners with many that wait gets them as if it were alone. */
static void test_accept_max_of_two(void **state)
{
    enum { MANY = 200 };
    struct world *w = *state;
    unsigned turns = 0;
    int handle[2];

    for (int k = 0; k < 2; k++) {
        handle[k] = open_late_listener(w);
        for (int i = 0; i < MANY; i++)
            start_client(w);
    }
    run_turns(w, 4);
    for (int k = 0; k < 2; k++)
        start_listener(w, handle[k]);
    for (; w->accepted_n < 2 * MANY; turns++)
        loop_turn(w->l, 1000);
    assert_in_range(turns, 1, MANY / 4);
}

static void close_on_read(struct end *e)
{
    if (e->reads > 0 && e->closes == 0)
        sock_close(&e->s, false);
}

static unsigned registered_n;

static void count_registered(struct end *e)
{
    registered_n += (e->s.flags & SOCK_REGISTERED) != 0;
    close_on_read(e);
}

/* A connection that ends in the turn of its accept never costs a registration. */
static void test_one_shot_is_not_registered(void **state)
{
    struct world *w = *state;
    struct end model = {.hook = count_registered};
    int handle = open_late_listener(w);
    struct end *c = start_client(w);

    RUN_UNTIL(w, c->connects == 1);
    send_text(c, "GET");
    run_turns(w, 2);
    start_listener(w, handle)->other = &model;
    RUN_UNTIL(w, w->accepted_n == 1 && w->last_accepted->closes == 1);
    assert_int_equal(registered_n, 0);
}

static void test_idle_receiver_is_registered(void **state)
{
    struct world *w = *state;
    struct end *server;

    connect_pair(w, &server);
    run_turns(w, 2);
    assert_true((server->s.flags & SOCK_REGISTERED) != 0);
    assert_int_equal(fcntl(server->s.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(server->s.fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
}

static void ignore_signal(int number)
{
    (void)number;
}

static void test_interrupted_wait(void **state)
{
    struct world *w = *state;
    struct sigaction sa = {.sa_handler = ignore_signal};
    struct end *server;
    struct end *c = connect_pair(w, &server);

    sigaction(SIGALRM, &sa, NULL);
    ualarm(1000, 0);
    loop_turn(w->l, 500);
    send_text(c, "still here");
    RUN_UNTIL(w, server->received == 10);
}

static volatile sig_atomic_t rang;

static void note_signal(int number)
{
    (void)number;
    rang = 1;
}

/* An alarm that has gone off wakes nobody again. */
static void test_sleeps_behind_an_alarm(void **state)
{
    enum { SHORT_MS = 5, SIGNAL_US = 50000 };
    struct world *w = *state;
    struct sigaction sa = {.sa_handler = note_signal};
    unsigned turns = 0;

    rang = 0;
    loop_turn(w->l, SHORT_MS);
    sigaction(SIGALRM, &sa, NULL);
    ualarm(SIGNAL_US, SIGNAL_US);
    for (; !rang; turns++)
        loop_turn(w->l, -1);
    ualarm(0, 0);
    assert_in_range(turns, 0, 10);
}

struct watch {
    struct loop_watch watch; /* first */
    unsigned reads, writes, stop_after;
};

static void on_watch(struct loop_watch *w, bool can_read, bool can_write)
{
    struct watch *v = (struct watch *)(void *)w;

    v->reads += can_read;
    v->writes += can_write;
    if (v->reads + v->writes == v->stop_after)
        loop_watch_stop(w);
}

/* Level-triggered: told again as long as the descriptor is ready; stopped, or for nothing, it
 * is told nothing. */
static void test_watch(void **state)
{
    struct world *w = *state;
    struct watch v = {.watch.on_ready = on_watch, .stop_after = 3};
    int fds[2];

    assert_int_equal(listen_pair(fds), 0);
    loop_watch_start(w->l, &v.watch, fds[0]);
    loop_watch_set(&v.watch, false, false);
    loop_turn(w->l, 1);
    loop_watch_set(&v.watch, true, false);
    loop_turn(w->l, 1);
    assert_int_equal(v.reads + v.writes, 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    loop_turn(w->l, 100);
    loop_turn(w->l, 100);
    assert_int_equal(v.reads, 2);
    loop_watch_set(&v.watch, false, true);
    loop_turn(w->l, 100);
    loop_turn(w->l, 1);
    assert_int_equal(v.reads, 2);
    assert_int_equal(v.writes, 1);
    assert_false(sock_is_open(&v.watch.sock));
    close(fds[0]);
    close(fds[1]);
}

/* A listener gets its own also in a loop that is busy with far more than the poller tells at
 * once, so that its turn comes only now and then. */
static void test_accept_max_of_busy(void **state)
{
    enum { BUSY = 700, MANY = 100 };
    static struct watch busy[BUSY];
    struct world *w = *state;
    unsigned turns = 0;
    int fds[2], handle;

    assert_int_equal(listen_pair(fds), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    handle = open_late_listener(w);
    for (int i = 0; i < MANY; i++)
        start_client(w);
    run_turns(w, 4);
    for (int i = 0; i < BUSY; i++) {
        busy[i] = (struct watch){.watch.on_ready = on_watch};
        loop_watch_start(w->l, &busy[i].watch, dup(fds[0]));
        loop_watch_set(&busy[i].watch, true, false);
    }
    start_listener(w, handle);
    for (; w->accepted_n < MANY; turns++)
        loop_turn(w->l, 1000);
    for (int i = 0; i < BUSY; i++) {
        loop_watch_stop(&busy[i].watch);
        close(busy[i].watch.sock.fd);
    }
    close(fds[0]);
    close(fds[1]);
    assert_in_range(turns, 1, 2 * MANY);
}

/* It takes nothing, though its kernel says that it lives; another one stays. */
static void test_lost_peer(void **state)
{
    enum { LOST_MS = 300, MUCH_BYTES = 16 * 1024 * 1024 };
    struct world *w = *state;
    struct end *stays_server, *server;
    struct end *stays = connect_pair(w, &stays_server);
    struct end *c = connect_pair(w, &server);

    sock_lose_after(&stays->s, LOST_MS);
    sock_lose_after(&c->s, LOST_MS);
    sock_recv_hold(&server->s);
    c->to_send = MUCH_BYTES;
    pump(c);
    assert_true(c->sent < MUCH_BYTES);
    RUN_UNTIL(w, c->errors > 0);
    assert_int_equal(c->error, WERR_TIMEOUT);
    assert_int_equal(stays->errors + stays->ends, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_CONTRACT_TESTS,
        LOOP_SPLICE_TESTS,
        LOOP_TEST(test_accept_without_descriptors),
        LOOP_TEST(test_accept_last_without_descriptors),
        LOOP_TEST(test_close_without_descriptors),
        LOOP_TEST(test_listener_that_cannot_be_watched),
        LOOP_TEST(test_connection_that_cannot_be_watched),
        LOOP_TEST(test_connect_without_descriptors),
        LOOP_TEST(test_closed_but_held_elsewhere),
        LOOP_TEST(test_accept_max_follows),
        LOOP_TEST(test_accept_max_of_few),
        LOOP_TEST(test_accept_max_of_two),
        LOOP_TEST(test_accept_max_of_busy),
        LOOP_TEST(test_waits_of_any_length),
        LOOP_TEST(test_one_shot_is_not_registered),
        LOOP_TEST(test_idle_receiver_is_registered),
        LOOP_TEST(test_interrupted_wait),
        LOOP_TEST(test_sleeps_behind_an_alarm),
        LOOP_TEST(test_watch),
        LOOP_TEST(test_lost_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
