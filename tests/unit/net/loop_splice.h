/* loop_splice.h - what every back end of the loop must do when a socket's bytes go to another
 * one unseen, as cmocka tests; included after loop_contract.h.
 *
 * giver → from ⇒ to → taker: the two in the middle are ends that were accepted. What `to` did
 * not take is held there, and meanwhile `from` receives nothing.
 */
#ifndef WELDR_TESTS_LOOP_SPLICE_H
#define WELDR_TESTS_LOOP_SPLICE_H

#include "loop_ends.h"

struct passage {
    struct end *giver, *from, *to, *taker;
    char held[LOOP_SCRATCH_BYTES];
    size_t held_n, held_sent, passed;
    unsigned held_times;
    int error;
    bool is_open; /* false: bytes are received as usual */
};

static struct passage passage;

static struct sock *passage_target(struct sock *s, size_t *max)
{
    assert_true(s == &passage.from->s && *max > 0 && *max <= LOOP_SCRATCH_BYTES);
    return passage.is_open ? &passage.to->s : NULL;
}

static void passage_on_spliced(struct sock *s, struct sock *to, size_t n, struct span left,
                               int error)
{
    struct passage *p = &passage;

    enter(p->from);
    assert_true(s == &p->from->s && to == &p->to->s && n > 0 && left.len <= n);
    p->passed += n;
    p->error = error;
    if (left.len > 0 && error == 0) {
        memcpy(p->held, left.ptr, left.len);
        p->held_n = left.len;
        p->held_sent = 0;
        p->held_times++;
        sock_recv_stop(s);
    }
    leave(p->from);
}

static void passage_on_send(struct sock *s, int error)
{
    struct passage *p = &passage;
    struct iovec iov = {p->held + p->held_sent, p->held_n - p->held_sent};
    int64_t taken = error;

    enter(p->to);
    p->to->rooms++;
    if (error == 0)
        taken = sock_send(s, &iov, 1);
    if (taken < 0)
        p->error = (int)taken;
    else
        p->held_sent += (size_t)taken;
    if (taken >= 0 && p->held_sent == p->held_n)
        sock_recv_start(&p->from->s);
    leave(p->to);
}

static void open_passage(struct world *w)
{
    static const struct sock_ops from_ops = {.splice_target = passage_target,
                                             .on_spliced = passage_on_spliced,
                                             .on_recv = end_on_recv,
                                             .on_hangup = end_on_hangup,
                                             .on_closed = end_on_closed};
    static const struct sock_ops to_ops = {.on_recv = end_on_recv,
                                           .on_send = passage_on_send,
                                           .on_hangup = end_on_hangup,
                                           .on_closed = end_on_closed};

    memset(&passage, 0, sizeof(passage));
    passage.giver = connect_pair(w, &passage.from);
    passage.taker = connect_pair(w, &passage.to);
    passage.from->s.ops = &from_ops;
    passage.to->s.ops = &to_ops;
    passage.is_open = true;
}

/* Every byte, in order, though the one that takes is slow; then the end. */
static void test_splice(void **state)
{
    enum { BULK_BYTES = 20000000 };
    struct world *w = *state;

    open_passage(w);
    passage.taker->s.recv_max = 4000;
    passage.taker->hook = slow_down;
    passage.taker->work.run = go_on;
    passage.giver->to_send = BULK_BYTES;
    pump(passage.giver);
    RUN_UNTIL(w, passage.taker->received == BULK_BYTES);
    assert_true(passage.taker->sum == pattern_sum(BULK_BYTES));
    assert_int_equal(passage.passed, BULK_BYTES);
    assert_true(passage.held_times > 0);
    assert_int_equal(passage.from->received, 0);
    sock_shutdown(&passage.giver->s);
    RUN_UNTIL(w, passage.from->ends == 1);
}

static void count_bytes(struct end *e)
{
    passage.is_open = e->received >= 1000;
}

/* It begins and ends between two reads. */
static void test_splice_between_reads(void **state)
{
    struct world *w = *state;

    open_passage(w);
    passage.is_open = false;
    passage.from->s.recv_max = 1000;
    passage.from->hook = count_bytes;
    passage.giver->to_send = 5000;
    pump(passage.giver);
    RUN_UNTIL(w, passage.taker->received == 4000);
    assert_int_equal(passage.from->received, 1000);
    passage.is_open = false;
    passage.from->hook = NULL;
    send_text(passage.giver, "read");
    RUN_UNTIL(w, passage.from->received == 1004);
    assert_int_equal(passage.passed, 4000);
}

static void test_splice_to_reset(void **state)
{
    struct world *w = *state;

    open_passage(w);
    sock_recv_stop(&passage.to->s);
    sock_close(&passage.taker->s, true);
    run_turns(w, 3);
    send_text(passage.giver, "nobody takes this");
    RUN_UNTIL(w, passage.error == WERR_RESET);
    /* Nothing of it comes out where the next one passes. */
    sock_close(&passage.to->s, false);
    passage.taker = connect_pair(w, &passage.to);
    send_text(passage.giver, "but this");
    RUN_UNTIL(w, passage.taker->received == 8);
    assert_memory_equal(passage.taker->kept, "but this", 8);
}

static void test_splice_from_reset(void **state)
{
    struct world *w = *state;

    open_passage(w);
    sock_close(&passage.giver->s, true);
    RUN_UNTIL(w, passage.from->errors == 1);
    assert_int_equal(passage.from->error, WERR_RESET);
    assert_int_equal(passage.passed, 0);
}

/* A splice does not tell whether more is there: who must know asks. */
static void test_has_more(void **state)
{
    struct world *w = *state;
    struct sock *from;

    open_passage(w);
    from = &passage.from->s;
    assert_false(sock_has_more(from));
    send_text(passage.giver, "first");
    RUN_UNTIL(w, passage.taker->received == 5);
    assert_false(sock_has_more(from));
    sock_recv_stop(from);
    send_text(passage.giver, "more");
    RUN_UNTIL(w, sock_has_more(from));
    assert_int_equal(passage.passed, 5);
    sock_recv_start(from);
    RUN_UNTIL(w, passage.taker->received == 9);
    sock_recv_stop(from);
    assert_false(sock_has_more(from));
    sock_shutdown(&passage.giver->s);
    RUN_UNTIL(w, sock_has_more(from));
    sock_recv_start(from);
    RUN_UNTIL(w, passage.from->ends == 1);
}

#define LOOP_SPLICE_TESTS                                                   \
    LOOP_TEST(test_splice), LOOP_TEST(test_splice_between_reads),           \
        LOOP_TEST(test_splice_to_reset), LOOP_TEST(test_splice_from_reset), \
        LOOP_TEST(test_has_more)

#endif
