/* loop_contract.h - what every back end of the loop must do, as cmocka tests.
 *
 * A test program of a back end includes this file, defines make_loop, make_listener and
 * make_pair, and runs LOOP_CONTRACT_TESTS.
 */
#ifndef WELDR_TESTS_LOOP_CONTRACT_H
#define WELDR_TESTS_LOOP_CONTRACT_H

#include "loop_ends.h"

enum { RESET_BEHIND_BYTES = 30000 };

/* ---- the tests ---- */

static void test_echo(void **state)
{
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);

    send_text(c, "ping");
    RUN_UNTIL(w, server->received == 4);
    assert_memory_equal(server->kept, "ping", 4);
    send_text(server, "pong, and more");
    RUN_UNTIL(w, c->received == 14);
    assert_memory_equal(c->kept, "pong, and more", 14);
    assert_int_equal(c->ends + c->errors + server->ends + server->errors, 0);
    assert_int_equal(w->callbacks, w->afters);
}

static void test_addresses(void **state)
{
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);
    struct addr at;

    assert_int_equal(sock_local_addr(&server->s, &at), 0);
    assert_true(addr_is_equal(&at, &w->at));
    assert_int_equal(sock_local_addr(&c->s, &at), 0);
    assert_true(addr_is_loopback(&at));
    assert_int_not_equal(at.port, w->at.port);
}

static void test_half_close(void **state)
{
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);

    send_text(c, "last words");
    sock_shutdown(&c->s);
    RUN_UNTIL(w, server->ends == 1);
    assert_int_equal(server->received, 10);
    send_text(server, "answer");
    RUN_UNTIL(w, c->received == 6);
    sock_close(&server->s, false);
    RUN_UNTIL(w, c->ends == 1 && server->closes == 1);
    run_turns(w, 3);
    assert_int_equal(server->ends, 1);
    assert_int_equal(c->ends, 1);
    assert_int_equal(c->errors + server->errors + c->hangups + server->hangups, 0);
}

static void test_reset_reaches_receiver(void **state)
{
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);

    sock_close(&c->s, true);
    RUN_UNTIL(w, server->errors == 1);
    assert_int_equal(server->error, WERR_RESET);
    run_turns(w, 3);
    assert_int_equal(server->errors, 1);
    assert_int_equal(server->ends + server->hangups, 0);
}

static void test_close_on_unread_data_resets(void **state)
{
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);

    run_turns(w, 2);
    sock_recv_stop(&server->s);
    send_text(c, "never read");
    run_turns(w, 3);
    sock_close(&server->s, false);
    RUN_UNTIL(w, c->errors == 1);
    assert_int_equal(c->error, WERR_RESET);
}

static void test_hangup_when_not_receiving(void **state)
{
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);

    send_text(c, "x");
    RUN_UNTIL(w, server->received == 1);
    run_turns(w, 2);
    sock_recv_stop(&server->s);
    sock_close(&c->s, true);
    RUN_UNTIL(w, server->hangups == 1);
    run_turns(w, 3);
    assert_int_equal(server->hangups, 1);
    assert_int_equal(server->errors + server->ends, 0);
}

/* A large message and then a reset, of which the receiver, who has read little so far, has been
 * told. */
static struct end *send_and_reset(struct world *w, void (*stop)(struct sock *s))
{
    struct end *server;
    struct end *c = connect_pair(w, &server);

    send_text(c, "x");
    RUN_UNTIL(w, server->received == 1);
    run_turns(w, 2);
    stop(&server->s);
    sock_watch(&server->s);
    c->to_send = RESET_BEHIND_BYTES;
    pump(c);
    assert_int_equal(c->sent, RESET_BEHIND_BYTES);
    run_turns(w, 3);
    sock_close(&c->s, true);
    RUN_UNTIL(w, (server->s.flags & SOCK_DEAD) != 0);
    run_turns(w, 3);
    return server;
}

/* A reset that comes while receiving is held is told behind what came before it. */
static void test_reset_waits_behind_data(void **state)
{
    struct world *w = *state;
    struct end *server = send_and_reset(w, sock_recv_hold);

    assert_int_equal(server->hangups + server->errors, 0);
    server->s.recv_max = 4000;
    sock_recv_start(&server->s);
    RUN_UNTIL(w, server->errors == 1);
    assert_int_equal(server->received, 1 + RESET_BEHIND_BYTES);
    assert_int_equal(server->error, WERR_RESET);
    run_turns(w, 3);
    assert_int_equal(server->errors, 1);
    assert_int_equal(server->ends + server->hangups, 0);
}

/* A send that fails takes nothing away from what came before. Nor does a second one. */
static void test_failed_send_leaves_data(void **state)
{
    struct world *w = *state;
    struct end *server = send_and_reset(w, sock_recv_hold);
    struct iovec iov = {server->kept, 1};

    assert_int_equal(sock_send(&server->s, &iov, 1), WERR_RESET);
    sock_expect_end(&server->s);
    run_turns(w, 3);
    assert_int_equal(sock_send(&server->s, &iov, 1), WERR_RESET);
    assert_int_equal(server->received, 1);
    server->s.recv_max = 4000;
    sock_recv_start(&server->s);
    RUN_UNTIL(w, server->errors == 1);
    assert_int_equal(server->received, 1 + RESET_BEHIND_BYTES);
    assert_int_equal(server->error, WERR_RESET);
    assert_int_equal(server->ends + server->hangups, 0);
}

/* … until nobody wants to receive any more. */
static void test_held_reset_is_told_when_receiving_stops(void **state)
{
    struct world *w = *state;
    struct end *server = send_and_reset(w, sock_recv_hold);

    assert_int_equal(server->hangups, 0);
    sock_recv_stop(&server->s);
    RUN_UNTIL(w, server->hangups == 1);
    run_turns(w, 3);
    assert_int_equal(server->hangups, 1);
    assert_int_equal(server->received, 1);
}

/* An end, and a reset behind it, is an end: all was received. */
static void test_reset_behind_an_end(void **state)
{
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);
    struct iovec iov = {server->kept, 1};

    run_turns(w, 2);
    sock_recv_hold(&server->s);
    send_text(c, "all");
    sock_close(&c->s, false);
    run_turns(w, 3);
    send_text(server, "to nobody");
    run_turns(w, 3);
    assert_int_equal(sock_send(&server->s, &iov, 1), WERR_RESET);
    sock_recv_start(&server->s);
    RUN_UNTIL(w, server->ends == 1);
    assert_int_equal(server->received, 3);
    assert_int_equal(server->errors, 0);
}

/* A mere end is no hangup; it waits until receiving goes on. */
/* Told once to who wants to know it, before what came in front of it is read; then it comes as
 * ever. */
static void test_fin_when_not_receiving(void **state)
{
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);

    run_turns(w, 3);
    sock_recv_stop(&server->s);
    sock_watch_fin(&server->s);
    run_turns(w, 3);
    assert_int_equal(server->fins, 0);
    send_text(c, "last words");
    sock_shutdown(&c->s);
    RUN_UNTIL(w, server->fins == 1);
    run_turns(w, 3);
    assert_int_equal(server->fins, 1);
    assert_int_equal(server->received + server->ends, 0);
    sock_watch_fin(&server->s);
    RUN_UNTIL(w, server->fins == 2);
    sock_recv_start(&server->s);
    RUN_UNTIL(w, server->ends == 1);
    assert_int_equal(server->received, 10);
    assert_int_equal(server->fins, 2);
    assert_int_equal(server->hangups + server->errors + c->ends, 0);
}

/* … and to nobody else. */
static void test_fin_is_no_hangup(void **state)
{
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);

    run_turns(w, 3);
    sock_recv_stop(&server->s);
    sock_shutdown(&c->s);
    run_turns(w, 10);
    assert_int_equal(server->fins + server->hangups + server->ends, 0);
    sock_watch_fin(&server->s);
    sock_close(&c->s, true);
    RUN_UNTIL(w, server->fins + server->hangups > 0);
    assert_int_equal(server->ends + server->errors, 0);
}

static void test_end_is_remembered(void **state)
{
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);

    run_turns(w, 2);
    sock_recv_stop(&server->s);
    send_text(c, "bye");
    sock_close(&c->s, false);
    run_turns(w, 4);
    assert_int_equal(server->reads + server->hangups, 0);
    sock_recv_start(&server->s);
    RUN_UNTIL(w, server->ends == 1);
    assert_int_equal(server->received, 3);
}

static void test_edge_is_remembered(void **state)
{
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);

    run_turns(w, 2);
    sock_recv_stop(&server->s);
    send_text(c, "kept");
    run_turns(w, 3);
    assert_int_equal(server->reads, 0);
    sock_recv_start(&server->s);
    RUN_UNTIL(w, server->received == 4);
    sock_recv_stop(&server->s);
    sock_recv_start(&server->s);
    send_text(c, "more");
    RUN_UNTIL(w, server->received == 8);
}

static void slow_down(struct end *e)
{
    /* Now and then it stops for a turn, as a peer that can't get rid of its data. */
    if (e->reads % 7 == 0) {
        sock_recv_stop(&e->s);
        loop_defer(e->w->l, &e->work);
    }
}

static void go_on(struct loop_work *work)
{
    struct end *e = (struct end *)(void *)((char *)work - offsetof(struct end, work));

    sock_recv_start(&e->s);
}

static uint64_t pattern_sum(size_t n)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum = sum * 1099511628211ULL + (unsigned char)pattern_at(i);
    return sum;
}

static void test_back_pressure(void **state)
{
    enum { BULK_BYTES = 10000000 };
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);

    server->s.recv_max = 4000;
    server->hook = slow_down;
    server->work.run = go_on;
    c->to_send = BULK_BYTES;
    pump(c);
    assert_true(c->sent < BULK_BYTES);
    RUN_UNTIL(w, server->received == BULK_BYTES);
    assert_true(c->rooms > 0);
    assert_true(server->reads >= BULK_BYTES / 4000);
    assert_true(server->sum == pattern_sum(BULK_BYTES));
    assert_int_equal(c->errors + server->errors, 0);
}

static void test_reset_reaches_waiting_sender(void **state)
{
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);

    sock_recv_stop(&c->s);
    sock_recv_stop(&server->s);
    c->to_send = 100000000;
    pump(c);
    run_turns(w, 3);
    sock_close(&server->s, true);
    RUN_UNTIL(w, c->error == WERR_RESET);
    assert_true(c->rooms > 0);
}

/* For longer than an acknowledgement may be held back. */
static bool stands_still(struct world *w, struct end *e)
{
    sock_look(&e->s);
    run_turns(w, 60);
    return !sock_has_taken(&e->s);
}

/* Asked for, it is known that a peer takes something, long before there is room. */
static void test_taken(void **state)
{
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);
    bool has_taken = false, is_still = false;

    sock_recv_stop(&server->s);
    assert_false(sock_has_taken(&c->s));
    c->to_send = 100000000;
    pump(c);
    run_turns(w, 10);
    c->to_send = c->sent;
    /* The kernel takes what is on its way for a peer that reads nothing, and a little more
     * later. */
    RUN_UNTIL(w, is_still || (is_still = stands_still(w, c)));
    sock_recv_start(&server->s);
    RUN_UNTIL(w, has_taken || (has_taken = sock_has_taken(&c->s)));
    RUN_UNTIL(w, server->received == c->sent);
    is_still = false;
    RUN_UNTIL(w, is_still || (is_still = stands_still(w, c)));
    sock_close(&c->s, true);
    sock_look(&c->s);
    assert_false(sock_has_taken(&c->s));
}

static void test_one_read_a_turn(void **state)
{
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);

    run_turns(w, 2);
    server->s.recv_max = 1;
    send_text(c, "abcde");
    RUN_UNTIL(w, server->reads > 0);
    for (unsigned reads = 1; reads < 5; reads++) {
        assert_int_equal(server->reads, reads);
        loop_turn(w->l, 1000);
    }
    assert_memory_equal(server->kept, "abcde", 5);
}

static void close_self(struct end *e)
{
    sock_close(&e->s, false);
    assert_false(sock_is_open(&e->s));
    assert_int_equal(e->closes, 0);
}

static void close_self_once(struct end *e)
{
    if (e->closes == 0)
        close_self(e);
}

static void test_close_in_own_callback(void **state)
{
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);

    server->hook = close_self_once;
    send_text(c, "go");
    RUN_UNTIL(w, server->closes == 1);
    assert_int_equal(server->reads, 1);
    RUN_UNTIL(w, c->ends + c->errors == 1);
    run_turns(w, 2);
    assert_int_equal(server->closes, 1);
}

static void close_other(struct end *e)
{
    if (sock_is_open(&e->s) && sock_is_open(&e->other->s))
        sock_close(&e->other->s, false);
}

/* Both servers have an event in one batch; whichever comes first closes the other, which must
 * hear nothing any more. */
static void test_close_in_callback_of_another(void **state)
{
    struct world *w = *state;
    struct end *server[2];
    struct end *c[2];

    c[0] = connect_pair(w, &server[0]);
    c[1] = connect_pair(w, &server[1]);
    run_turns(w, 2);
    for (int i = 0; i < 2; i++) {
        server[i]->hook = close_other;
        server[i]->other = server[1 - i];
        send_text(c[i], "race");
    }
    RUN_UNTIL(w, server[0]->closes + server[1]->closes == 1);
    run_turns(w, 3);
    assert_int_equal(server[0]->reads + server[1]->reads, 1);
    assert_int_equal(server[0]->closes + server[1]->closes, 1);
}

/* As if its memory were used for something else from on_closed on (an even byte: not open). */
static void close_and_spoil(struct end *e)
{
    if (e->closes == 0)
        close_self(e);
    else
        memset(&e->s, 0xa4, sizeof(e->s));
}

static void test_free_in_on_closed(void **state)
{
    struct world *w = *state;
    struct end *server;

    for (int i = 0; i < 20; i++) {
        struct end *c = connect_pair(w, &server);

        c->hook = server->hook = close_and_spoil;
        send_text(c, "x");
        sock_close(&c->s, i % 2 == 0);
    }
    RUN_UNTIL(w, server->closes == 1);
    run_turns(w, 3);
    for (unsigned i = 0; i < w->end_n; i++)
        assert_int_equal(w->end[i]->closes, 1);
}

static void count_timer(struct timer *t)
{
    struct end *e = (struct end *)(void *)((char *)t - offsetof(struct end, timer));

    e->rooms++;
    assert_true(loop_now_ms(e->w->l) >= t->due_ms);
}

static void test_timers(void **state)
{
    struct world *w = *state;
    uint64_t start_ms = loop_now_ms(w->l);
    uint64_t start_us = loop_now_us(w->l);
    uint64_t wall_us = loop_wall_us(w->l);
    struct end *e[3];
    unsigned afters;

    for (int i = 0; i < 3; i++) {
        e[i] = new_end(w);
        timer_init(&e[i]->timer, count_timer);
        loop_timer_in(w->l, &e[i]->timer, 5 + 10 * (uint64_t)i);
    }
    timer_stop(loop_timers(w->l), &e[1]->timer);
    afters = w->afters;
    RUN_UNTIL(w, e[2]->rooms == 1);
    assert_int_equal(e[0]->rooms, 1);
    assert_int_equal(e[1]->rooms, 0);
    assert_true(loop_now_ms(w->l) - start_ms >= 25);
    assert_int_equal(w->afters - afters, 2);
    assert_true(loop_wall_us(w->l) - wall_us + 5000 >= loop_now_us(w->l) - start_us);
}

static void test_wait_is_bounded(void **state)
{
    struct world *w = *state;
    uint64_t start_ms;

    loop_turn(w->l, 0);
    start_ms = loop_now_ms(w->l);
    assert_true(loop_turn(w->l, 20));
    assert_true(loop_now_ms(w->l) - start_ms >= 19);
}

static void count_work(struct loop_work *work)
{
    struct end *e = (struct end *)(void *)((char *)work - offsetof(struct end, work));

    e->rooms++;
    if (e->rooms < 3)
        loop_defer(e->w->l, work);
}

static void test_deferred_work(void **state)
{
    struct world *w = *state;
    struct end *e[3];

    for (int i = 0; i < 3; i++) {
        e[i] = new_end(w);
        e[i]->work.run = count_work;
        loop_defer(w->l, &e[i]->work);
        loop_defer(w->l, &e[i]->work);
    }
    loop_undefer(w->l, &e[1]->work);
    loop_undefer(w->l, &e[2]->work);
    loop_undefer(w->l, &e[2]->work);
    for (unsigned turn = 1; turn <= 3; turn++) {
        loop_turn(w->l, -1);
        assert_int_equal(e[0]->rooms, turn);
    }
    loop_turn(w->l, 1);
    assert_int_equal(e[0]->rooms, 3);
    assert_int_equal(e[1]->rooms + e[2]->rooms, 0);
    assert_int_equal(w->afters, 3);
}

static void stop_on_read(struct end *e)
{
    if (e->reads > 0)
        loop_stop(e->w->l);
}

static void test_run_and_stop(void **state)
{
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);

    server->hook = stop_on_read;
    send_text(c, "stop");
    loop_run(w->l);
    assert_int_equal(server->received, 4);
    server->hook = NULL;
    assert_true(loop_turn(w->l, 0));
}

/* Who waited before the listener closed is served, however many they are. */
static void test_accept_last(void **state)
{
    enum { MANY = 200 };
    struct world *w = *state;
    int handle = open_late_listener(w);
    struct end *listener;
    struct end *c[MANY];
    struct end *late;

    for (int i = 0; i < MANY; i++) {
        c[i] = start_client(w);
        RUN_UNTIL(w, c[i]->connects == 1);
        send_text(c[i], "early");
        sock_recv_start(&c[i]->s);
    }
    listener = start_listener(w, handle);
    sock_accept_last(&listener->s);
    run_turns(w, 1);
    assert_int_equal(w->accepted_n, MANY);
    assert_int_equal(listener->closes, 1);
    run_turns(w, 3);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(c[i]->errors + c[i]->ends, 0);
    assert_int_equal(w->last_accepted->received, 5);
    late = start_client(w);
    RUN_UNTIL(w, late->connects == 1);
    assert_int_equal(late->connect_error, WERR_REFUSED);
    sock_accept_last(&listener->s);
    run_turns(w, 1);
    assert_int_equal(listener->closes, 1);
}

static void test_accepted_but_not_taken(void **state)
{
    struct world *w = *state;
    struct end *c;

    w->listener.takes = false;
    c = start_client(w);
    RUN_UNTIL(w, c->connects == 1);
    sock_recv_start(&c->s);
    RUN_UNTIL(w, c->ends + c->errors == 1);
    assert_int_equal(w->accepted_n, 1);
}

/* More than a batch; each sends at once and is read in the turn of its accept. */
static void test_many_connects(void **state)
{
    enum { MANY = 300 };
    struct world *w = *state;
    struct end *c[MANY];
    size_t received;

    for (int i = 0; i < MANY; i++)
        c[i] = start_client(w);
    for (int i = 0; i < MANY; i++) {
        RUN_UNTIL(w, c[i]->connects == 1);
        assert_int_equal(c[i]->connect_error, 0);
        send_text(c[i], "hi");
    }
    RUN_UNTIL(w, w->accepted_n == MANY);
    do {
        received = 0;
        loop_turn(w->l, 1000);
        for (unsigned i = 0; i < w->end_n; i++)
            received += w->end[i]->received;
    } while (received < 2 * (size_t)MANY);
    assert_int_equal(received, 2 * MANY);
}

static void test_read_in_the_turn_of_accept(void **state)
{
    struct world *w = *state;
    int handle = open_late_listener(w);
    struct end *c = start_client(w);

    RUN_UNTIL(w, c->connects == 1);
    send_text(c, "at once");
    run_turns(w, 3);
    start_listener(w, handle);
    loop_turn(w->l, 1000);
    assert_int_equal(w->accepted_n, 1);
    assert_int_equal(w->last_accepted->received, 7);
}

static void test_connect_refused(void **state)
{
    struct world *w = *state;
    struct end *c;
    int rc;

    sock_close(&w->listener.s, false);
    run_turns(w, 1);
    assert_int_equal(w->listener.closes, 1);
    c = new_end(w);
    rc = sock_connect(w->l, &c->s, &end_ops, &w->at);
    if (rc == WERR_AGAIN) {
        c->is_used = true;
        RUN_UNTIL(w, c->connects == 1);
        rc = c->connect_error;
        assert_true(sock_is_open(&c->s));
    }
    assert_int_equal(rc, WERR_REFUSED);
    run_turns(w, 2);
    assert_int_equal(c->reads + c->hangups + c->rooms, 0);
}

static void test_close_while_connecting(void **state)
{
    struct world *w = *state;
    struct end *c = start_client(w);

    sock_close(&c->s, false);
    run_turns(w, 4);
    assert_int_equal(c->closes, 1);
    assert_int_equal(c->connects, 0);
}

static void test_send_while_connecting(void **state)
{
    struct world *w = *state;
    struct end *c = start_client(w);

    c->to_send = 5;
    pump(c);
    RUN_UNTIL(w, w->accepted_n == 1 && w->last_accepted->received == 5);
    assert_int_equal(c->connects, 1);
}

static void test_adopted_pair(void **state)
{
    struct world *w = *state;
    struct end *a = new_end(w);
    struct end *b = new_end(w);
    int handles[2];

    make_pair(w->l, handles);
    sock_adopt(w->l, &a->s, &end_ops, handles[0]);
    sock_adopt(w->l, &b->s, &end_ops, handles[1]);
    a->is_used = b->is_used = true;
    sock_recv_start(&a->s);
    sock_recv_start(&b->s);
    a->to_send = 1000000;
    pump(a);
    RUN_UNTIL(w, b->received == 1000000);
    assert_true(b->sum == pattern_sum(1000000));
    sock_close(&b->s, false);
    RUN_UNTIL(w, a->ends == 1);
}

static void test_closed_sock_is_harmless(void **state)
{
    struct world *w = *state;
    struct end *server;
    struct end *c = connect_pair(w, &server);
    struct iovec iov = {c->kept, 1};
    struct addr at;

    sock_close(&c->s, false);
    sock_close(&c->s, true);
    sock_shutdown(&c->s);
    sock_recv_start(&c->s);
    assert_int_equal(sock_send(&c->s, &iov, 1), WERR_CLOSED);
    assert_int_equal(sock_local_addr(&c->s, &at), WERR_CLOSED);
    RUN_UNTIL(w, c->closes == 1 && server->ends == 1);
    assert_int_equal(c->reads, 0);
}

#define LOOP_TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
#define LOOP_CONTRACT_TESTS                                                                  \
    LOOP_TEST(test_echo), LOOP_TEST(test_addresses), LOOP_TEST(test_half_close),             \
        LOOP_TEST(test_reset_reaches_receiver), LOOP_TEST(test_close_on_unread_data_resets), \
        LOOP_TEST(test_hangup_when_not_receiving), LOOP_TEST(test_reset_waits_behind_data),  \
        LOOP_TEST(test_failed_send_leaves_data),                                             \
        LOOP_TEST(test_held_reset_is_told_when_receiving_stops),                             \
        LOOP_TEST(test_reset_behind_an_end), LOOP_TEST(test_end_is_remembered),              \
        LOOP_TEST(test_edge_is_remembered), LOOP_TEST(test_back_pressure),                   \
        LOOP_TEST(test_reset_reaches_waiting_sender), LOOP_TEST(test_taken),                 \
        LOOP_TEST(test_one_read_a_turn), LOOP_TEST(test_fin_when_not_receiving),             \
        LOOP_TEST(test_fin_is_no_hangup), LOOP_TEST(test_close_in_own_callback),             \
        LOOP_TEST(test_close_in_callback_of_another), LOOP_TEST(test_free_in_on_closed),     \
        LOOP_TEST(test_timers), LOOP_TEST(test_wait_is_bounded),                             \
        LOOP_TEST(test_deferred_work), LOOP_TEST(test_run_and_stop),                         \
        LOOP_TEST(test_accept_last), LOOP_TEST(test_accepted_but_not_taken),                 \
        LOOP_TEST(test_many_connects), LOOP_TEST(test_read_in_the_turn_of_accept),           \
        LOOP_TEST(test_connect_refused), LOOP_TEST(test_close_while_connecting),             \
        LOOP_TEST(test_send_while_connecting), LOOP_TEST(test_adopted_pair),                 \
        LOOP_TEST(test_closed_sock_is_harmless)

#endif
