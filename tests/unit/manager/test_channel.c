#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "manager/channel.h"
#include "net/listen.h"
#include "net/rights.h"

static struct loop *loop;
static struct manager_channel channel;
static int worker_fd;
static unsigned acks, byes, stales, brokens;
static int broken_error;

static void on_ack(struct manager_channel *ch, const struct frame_ack *ack)
{
    (void)ch;
    (void)ack;
    acks++;
}

static void on_bye(struct manager_channel *ch)
{
    (void)ch;
    byes++;
}

static void on_pong(struct manager_channel *ch)
{
    (void)ch;
}

static void on_stale(struct manager_channel *ch)
{
    stales++;
    manager_channel_refresh(ch);
    manager_channel_send(ch, (struct channel_note){900, true, false}, SPAN("snapshot"),
                         SPAN_NONE);
}

static void on_broken(struct manager_channel *ch, int error)
{
    brokens++;
    broken_error = error;
    manager_channel_close(ch);
}

static const struct manager_channel_ops ops = {
    .on_ack = on_ack,
    .on_bye = on_bye,
    .on_pong = on_pong,
    .on_stale = on_stale,
    .on_broken = on_broken,
};

static int setup(void **state)
{
    int pair[2];

    (void)state;
    acks = byes = stales = brokens = 0;
    broken_error = 0;
    loop = loop_epoll_new();
    assert_non_null(loop);
    assert_int_equal(listen_pair(pair), 0);
    worker_fd = pair[1];
    manager_channel_init(&channel, loop, &ops);
    manager_channel_open(&channel, pair[0]);
    return 0;
}

static void turn(void)
{
    for (unsigned i = 0; i < 4; i++)
        (void)loop_turn(loop, 0);
}

static int teardown(void **state)
{
    (void)state;
    manager_channel_close(&channel);
    turn();
    assert_false(channel.is_open);
    loop_free(loop);
    close(worker_fd);
    return 0;
}

static void send_update(uint64_t seq, const char *text)
{
    manager_channel_send(&channel, (struct channel_note){seq, true, false}, SPAN("<"),
                         span_from_str(text));
}

static void write_ack(uint64_t frames)
{
    const struct frame_ack ack = {.index = frames, .digest = 5, .frames = frames};
    char buf[FRAME_FIXED_MAX];
    const size_t len = frame_put_ack(buf, &ack);

    assert_int_equal(write(worker_fd, buf, len), len);
}

static void test_frames_go_out_in_order(void **state)
{
    char text[64] = "";

    (void)state;
    manager_channel_send(&channel, (struct channel_note){0, false, false}, SPAN("hello"),
                         SPAN_NONE);
    send_update(2, "one>");
    send_update(3, "two>");
    turn();
    assert_int_equal(read(worker_fd, text, sizeof(text) - 1), 15);
    assert_string_equal(text, "hello<one><two>");
    assert_int_equal(channel.queued_bytes, 0);
}

static void test_acks_complete_sequences(void **state)
{
    (void)state;
    manager_channel_send(&channel, (struct channel_note){0, false, false}, SPAN("hello"),
                         SPAN_NONE);
    send_update(0, "facts"); /* counted, completes nothing */
    send_update(7, "a");
    send_update(8, "b");
    turn();
    write_ack(1);
    turn();
    assert_int_equal(channel.acked_seq, 0);
    write_ack(2);
    turn();
    assert_int_equal(channel.acked_seq, 7);
    write_ack(3);
    turn();
    assert_int_equal(channel.acked_seq, 8);
    assert_int_equal(acks, 3);
    assert_int_equal(channel.last_ack.index, 3);
    assert_int_equal(brokens, 0);
}

static void test_frames_in_pieces(void **state)
{
    char buf[2 * FRAME_FIXED_MAX];
    const struct frame_ack ack = {.frames = 1};
    size_t len = frame_put_ack(buf, &ack);

    (void)state;
    len += frame_put_bye(buf + len);
    send_update(4, "a");
    turn();
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(write(worker_fd, buf + i, 1), 1);
        turn();
    }
    assert_int_equal(acks, 1);
    assert_int_equal(byes, 1);
    assert_int_equal(channel.acked_seq, 4);
}

static void test_many_acks_in_one_read(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 100; i++)
        send_update(i, "x");
    turn();
    for (uint64_t i = 1; i <= 100; i++)
        write_ack(i);
    turn();
    assert_int_equal(acks, 100);
    assert_int_equal(channel.acked_seq, 100);
    assert_true(TAILQ_EMPTY(&channel.unacked));
}

static void test_acks_that_nobody_owes(void **state)
{
    (void)state;
    send_update(1, "a");
    turn();
    write_ack(2);
    turn();
    assert_int_equal(brokens, 1);
    assert_int_equal(broken_error, WERR_CORRUPT);
}

static void test_garbage_breaks(void **state)
{
    char garbage[CHANNEL_IN_BYTES];

    (void)state;
    memset(garbage, 0xff, sizeof(garbage));
    assert_int_equal(write(worker_fd, garbage, sizeof(garbage)), sizeof(garbage));
    turn();
    assert_int_equal(brokens, 1);
    assert_int_equal(broken_error, WERR_CORRUPT);
    assert_false(channel.is_open);
}

static void test_end_of_the_worker(void **state)
{
    (void)state;
    (void)shutdown(worker_fd, SHUT_RDWR);
    turn();
    assert_int_equal(brokens, 1);
    assert_false(channel.is_open);
    send_update(1, "dropped"); /* ignored */
    turn();
}

/* A worker that does not read: everything not yet begun is given up for one snapshot, and what
 * it finally reads is whole frames only. */
static void test_slow_worker_gets_a_snapshot(void **state)
{
    enum { PIECE = 1024 * 1024 };
    char *piece = malloc(PIECE), *text = malloc(PIECE);
    size_t total = 0;
    ssize_t n;
    char tail[9] = "";

    (void)state;
    memset(piece, 'x', PIECE - 1);
    piece[PIECE - 1] = '\0';
    for (uint64_t i = 1; i <= 40; i++) {
        send_update(i, piece);
        turn();
        assert_true(channel.queued_bytes <= CHANNEL_QUEUE_MAX + 2 * PIECE);
    }
    assert_true(channel.is_stale);
    assert_int_equal(stales, 0);
    for (unsigned idle = 0; idle < 3;) {
        n = read(worker_fd, text, PIECE);
        idle = n <= 0 ? idle + 1 : 0;
        for (ssize_t i = 0; i < n; i++) {
            memmove(tail, tail + 1, 7);
            tail[7] = text[i];
        }
        total += n > 0 ? (size_t)n : 0;
        turn();
    }
    assert_int_equal(stales, 1);
    assert_string_equal(tail, "snapshot");
    assert_int_equal((total - 8) % PIECE, 0);
    assert_true(total / PIECE < 40);
    write_ack(total / PIECE + 1);
    turn();
    assert_int_equal(channel.acked_seq, 900);
    free(piece);
    free(text);
}

/* What the other end reads until nothing comes any more; the text is cut to size. */
static size_t read_all(char *text, size_t size)
{
    static char piece[65536];
    size_t total = 0;

    for (unsigned idle = 0; idle < 3;) {
        const ssize_t n = read(worker_fd, piece, sizeof(piece));

        for (ssize_t i = 0; i < n && total + (size_t)i < size; i++)
            text[total + (size_t)i] = piece[i];
        total += n > 0 ? (size_t)n : 0;
        idle = n <= 0 ? idle + 1 : 0;
        turn();
    }
    return total;
}

static char *make_text(size_t bytes)
{
    char *text = malloc(bytes + 1);

    assert_non_null(text);
    memset(text, 'x', bytes);
    text[bytes] = '\0';
    return text;
}

/* More than the bound is queued before the first turn: updates give way to a snapshot, what is
 * no update does not, neither at the head nor among them. */
static void test_only_updates_give_way(void **state)
{
    enum { PIECE = 1024 * 1024 };
    char *piece = make_text(PIECE);
    char text[64] = "";

    (void)state;
    manager_channel_send(&channel, (struct channel_note){0, false, false}, SPAN("hello."),
                         SPAN_NONE);
    for (uint64_t i = 1; i <= 5; i++)
        send_update(i, piece);
    manager_channel_send(&channel, (struct channel_note){0, false, false}, SPAN("drain."),
                         SPAN_NONE);
    for (uint64_t i = 6; i <= 10; i++)
        send_update(i, piece);
    assert_true(channel.is_stale);
    assert_int_equal(channel.queued_bytes, 12);
    assert_int_equal(read_all(text, sizeof(text) - 1), 20);
    assert_string_equal(text, "hello.drain.snapshot");
    assert_int_equal(stales, 1);
    write_ack(1);
    turn();
    assert_int_equal(channel.acked_seq, 900);
    assert_int_equal(brokens, 0);
    free(piece);
}

/* Facts and snapshot of a pool that is larger than the bound arrive whole, and what follows
 * them has the bound for itself: else the worker would begin anew with every change. */
static void test_an_attachment_may_be_larger_than_the_bound(void **state)
{
    enum { HALF = CHANNEL_QUEUE_MAX / 2 };
    char *half = make_text(HALF - 1);
    char text[1] = "";

    (void)state;
    manager_channel_refresh(&channel);
    for (unsigned i = 0; i < 4; i++)
        send_update(0, half);
    manager_channel_attached(&channel);
    send_update(7, half);
    assert_false(channel.is_stale);
    assert_int_equal(read_all(text, 1), 5 * HALF);
    assert_int_equal(stales, 0);
    for (unsigned i = 0; i < 4; i++) /* the old bound holds again */
        send_update(8 + i, half);
    assert_true(channel.is_stale);
    free(half);
}

/* ---- frames with a descriptor ---- */

static void send_socket(uint64_t seq, const char *text, int fd)
{
    manager_channel_send_fd(&channel, (struct channel_note){seq, true, false},
                            span_from_str(text), fd);
}

/* What one receive gives. */
static enum rights_got receive(char *text, size_t size)
{
    enum rights_got got;
    int fd = -1;
    const int64_t n = rights_receive(worker_fd, text, size - 1, &fd, &got);

    text[n > 0 ? n : 0] = '\0';
    if (got == RIGHTS_ONE)
        close(fd);
    return got;
}

static void test_descriptors_go_with_their_frames(void **state)
{
    char text[64] = "";

    (void)state;
    send_update(1, "a>");
    send_socket(2, "listen1", STDIN_FILENO);
    send_socket(3, "listen2", STDIN_FILENO);
    send_update(4, "b>");
    turn();
    assert_int_equal(receive(text, sizeof(text)), RIGHTS_ONE);
    assert_string_equal(text, "<a>listen1");
    assert_int_equal(receive(text, sizeof(text)), RIGHTS_ONE);
    assert_string_equal(text, "listen2");
    assert_int_equal(receive(text, sizeof(text)), RIGHTS_NONE);
    assert_string_equal(text, "<b>");
    write_ack(4);
    turn();
    assert_int_equal(channel.acked_seq, 4);
}

/* Its owner closes a descriptor that has not gone: the frame goes with it, and nobody misses
 * its acknowledgement. */
static void test_forgotten_descriptor(void **state)
{
    char text[64] = "";

    (void)state;
    send_update(1, "a>");
    send_socket(2, "listen1", STDIN_FILENO);
    send_socket(3, "listen2", STDOUT_FILENO);
    manager_channel_forget(&channel, STDIN_FILENO);
    send_update(4, "b>");
    turn();
    assert_int_equal(receive(text, sizeof(text)), RIGHTS_ONE);
    assert_string_equal(text, "<a>listen2");
    assert_int_equal(receive(text, sizeof(text)), RIGHTS_NONE);
    write_ack(3);
    turn();
    assert_int_equal(channel.acked_seq, 4);
    assert_int_equal(channel.queued_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_frames_go_out_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_acks_complete_sequences, setup, teardown),
        cmocka_unit_test_setup_teardown(test_frames_in_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_acks_in_one_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_acks_that_nobody_owes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_garbage_breaks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_end_of_the_worker, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_worker_gets_a_snapshot, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_updates_give_way, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_attachment_may_be_larger_than_the_bound, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_descriptors_go_with_their_frames, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forgotten_descriptor, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
