/* loop_contract_life.h - the part of the contract that is about lives: of sockets (accepted,
 * connecting, adopted, closed in whatever callback), timers, deferred work, the turn itself.
 * Included by loop_contract.h.
 */
#ifndef WELDR_TESTS_LOOP_CONTRACT_LIFE_H
#define WELDR_TESTS_LOOP_CONTRACT_LIFE_H

#include "loop_ends.h"

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

#endif
