/* loop_contract.h - what every back end of the loop must do, as cmocka tests.
 *
 * A test program of a back end includes this file, defines make_loop, make_listener and
 * make_pair, and runs LOOP_CONTRACT_TESTS.
 */
#ifndef WELDR_TESTS_LOOP_CONTRACT_H
#define WELDR_TESTS_LOOP_CONTRACT_H

#include "loop_contract_life.h"
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
