#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../base/cm.h"
#include "base/fault.h"
#include "net/loop_sim.h"
#include "pool/pool_apply.h"
#include "pool/pool_code.h"
#include "pool/pool_snapshot.h"
#include "worker/channel.h"
#include "worker/worker_life.h"

/* A manager's end that is bytes, a worker's end that is a channel. */

struct setup {
    struct loop *loop;
    struct stats_worker *stats;
    struct pool_state *pool;
    struct worker worker;
    struct channel channel;
    struct sock manager;
    char got[4096];
    size_t got_n, taken_n;
    bool has_worker, has_fin;
    bool is_held; /* made now, sent by send_held */
    char held[4096];
    size_t held_n;
    unsigned ready_n, ping_n, drain_n, broken_n;
    uint32_t drain_limit_ms;
};

static struct setup *setup_now;

static void on_recv(struct sock *s, struct span bytes, int error)
{
    struct setup *m = setup_now;

    (void)s;
    (void)error;
    m->has_fin = bytes.len == 0;
    assert_true(m->got_n + bytes.len <= sizeof(m->got));
    if (bytes.len > 0)
        memcpy(m->got + m->got_n, bytes.ptr, bytes.len);
    m->got_n += bytes.len;
}

static void on_send(struct sock *s, int error)
{
    (void)s;
    (void)error;
}

static void on_closed(struct sock *s)
{
    (void)s;
}

static const struct sock_ops manager_ops = {
    .on_recv = on_recv, .on_send = on_send, .on_closed = on_closed};

static int on_hello(void *arg, const struct frame_hello *hello)
{
    struct setup *s = arg;

    assert_int_equal(hello->worker_id, 3);
    assert_false(s->has_worker);
    s->has_worker = true;
    return worker_init(&s->worker, s->loop, s->stats, 3, hello->seed);
}

static int on_ready(void *arg)
{
    ((struct setup *)arg)->ready_n++;
    return 0;
}

static void on_ping(void *arg)
{
    ((struct setup *)arg)->ping_n++;
}

static void on_drain(void *arg, uint32_t limit_ms)
{
    ((struct setup *)arg)->drain_n++;
    ((struct setup *)arg)->drain_limit_ms = limit_ms;
}

static void on_log(void *arg, int fd, uint8_t way)
{
    (void)arg;
    (void)way;
    close(fd);
}

static void on_broken(void *arg, const char *why)
{
    assert_non_null(why);
    ((struct setup *)arg)->broken_n++;
}

static struct setup *make(void)
{
    struct setup *s = calloc(1, sizeof(*s));
    struct channel_hooks hooks = {on_hello, on_ready, on_drain, on_ping, on_log, on_broken, s};
    int ends[2];

    assert_non_null(s);
    setup_now = s;
    s->loop = loop_sim_new(1, NULL);
    s->stats = aligned_alloc(_Alignof(struct stats_worker), sizeof(*s->stats));
    s->pool = pool_state_new();
    assert_true(s->loop && s->stats && s->pool);
    memset(s->stats, 0, sizeof(*s->stats));
    loop_sim_pair(s->loop, ends);
    sock_adopt(s->loop, &s->manager, &manager_ops, ends[0]);
    sock_recv_start(&s->manager);
    channel_open(&s->channel, s->loop, &s->worker, &hooks, ends[1]);
    return s;
}

/* Enough for a snapshot that comes in pieces of 100 bytes. */
static void run(struct setup *s)
{
    for (unsigned i = 0; i < 50; i++)
        loop_turn(s->loop, 0);
}

static void drop(struct setup *s)
{
    channel_close(&s->channel);
    sock_close(&s->manager, false);
    run(s);
    if (s->has_worker)
        worker_fini(&s->worker);
    pool_state_free(s->pool);
    free(s->stats);
    loop_free(s->loop);
    free(s);
}

static void send_bytes(struct setup *s, const void *bytes, size_t n)
{
    if (s->is_held) {
        assert_true(s->held_n + n <= sizeof(s->held));
        memcpy(s->held + s->held_n, bytes, n);
        s->held_n += n;
        return;
    }
    struct iovec iov = {(void *)(uintptr_t)bytes, n};

    assert_int_equal(sock_send(&s->manager, &iov, 1), n);
}

static void send_held(struct setup *s)
{
    s->is_held = false;
    send_bytes(s, s->held, s->held_n);
}

static void send_hello(struct setup *s)
{
    struct frame_hello hello = {
        .worker_id = 3, .worker_n = 4, .drain_timeout_ms = 777, .seed = 9};
    char buf[FRAME_FIXED_MAX];

    send_bytes(s, buf, frame_put_hello(buf, &hello));
}

static void send_snapshot(struct setup *s)
{
    char buf[FRAME_FIXED_MAX];
    char *bytes;
    size_t len;

    assert_int_equal(pool_snapshot_encode(s->pool, &bytes, &len), 0);
    send_bytes(s, buf, frame_put_snapshot_head(buf, len));
    send_bytes(s, bytes, len);
    free(bytes);
}

static void make_add(struct pool_command *c, const char *url)
{
    struct pool_error error;

    pool_command_init(c, POOL_ADD_SERVER);
    assert_int_equal(pool_check_url(span_from_str(url), &c->server, &error), 0);
    c->server.weight = 1;
}

static void send_entry(struct setup *s, const struct pool_command *c, uint64_t index)
{
    char buf[FRAME_FIXED_MAX];
    char *entry;
    size_t len;

    assert_int_equal(pool_code_encode(c, &entry, &len), 0);
    send_bytes(s, buf, frame_put_apply_head(buf, index, len));
    send_bytes(s, entry, len);
    free(entry);
}

/* Applies in the manager's copy and sends the same bytes. */
static uint64_t send_add(struct setup *s, const char *url)
{
    struct pool_command c;
    struct pool_change change = {0};

    make_add(&c, url);
    send_entry(s, &c, s->pool->index + 1);
    assert_int_equal(pool_apply(s->pool, &c, s->pool->index + 1, &change), 0);
    pool_command_fini(&c);
    return change.id;
}

static void send_local(struct setup *s, uint64_t id)
{
    struct frame_local facts = {.server_id = id, .stats_slot = 1, .flags = FRAME_LOCAL_UP};
    char buf[FRAME_FIXED_MAX];

    send_bytes(s, buf, frame_put_local(buf, &facts));
}

/* The type of the next frame that the worker has sent, 0: none. */
static uint16_t take_frame(struct setup *s, struct span *payload)
{
    struct span in = span_from(s->got + s->taken_n, s->got_n - s->taken_n);
    uint16_t type = 0;
    int64_t n = frame_parse(in, &type, payload);

    if (n <= 0)
        return 0;
    s->taken_n += (size_t)n;
    return type;
}

static bool take_ack(struct setup *s, struct frame_ack *ack)
{
    struct span payload;
    uint16_t type = take_frame(s, &payload);

    if (type == 0)
        return false;
    assert_int_equal(type, FRAME_ACK);
    assert_int_equal(frame_get_ack(payload, ack), 0);
    return true;
}

static void test_acknowledges(void **state)
{
    struct setup *s = make();
    struct frame_ack ack;
    uint64_t id;

    (void)state;
    send_hello(s);
    send_snapshot(s);
    run(s);
    assert_int_equal(s->ready_n, 1);
    assert_true(take_ack(s, &ack));
    assert_int_equal(ack.index, 0);
    assert_int_equal(ack.digest, s->pool->digest);
    assert_int_equal(ack.frames, 1);
    id = send_add(s, "http://10.0.0.1:81");
    send_local(s, id);
    send_add(s, "http://10.0.0.2:81");
    run(s);
    assert_true(take_ack(s, &ack)); /* once for what comes together */
    assert_int_equal(ack.frames, 4);
    assert_false(take_ack(s, &ack));
    assert_int_equal(ack.index, 2);
    assert_int_equal(ack.digest, s->pool->digest);
    send_snapshot(s); /* a resync */
    run(s);
    assert_true(take_ack(s, &ack));
    assert_int_equal(s->ready_n, 1);
    assert_int_equal(s->broken_n, 0);
    drop(s);
}

/* What comes behind a list that takes its time waits, and is taken in order. */
static void test_long_list(void **state)
{
    enum { SERVERS_N = 400 };
    struct setup *s = make();
    struct pool_command c;
    struct pool_change change;
    struct frame_ack ack;
    struct pool_error error;

    (void)state;
    send_hello(s);
    send_snapshot(s);
    run(s);
    assert_true(take_ack(s, &ack));
    pool_command_init(&c, POOL_SET_SERVERS);
    c.list = calloc(SERVERS_N, sizeof(c.list[0]));
    assert_non_null(c.list);
    for (; c.list_n < SERVERS_N; c.list_n++) {
        char url[64];

        snprintf(url, sizeof(url), "http://10.1.%u.%u:81", c.list_n >> 8, c.list_n & 255);
        assert_int_equal(pool_check_url(span_from_str(url), &c.list[c.list_n], &error), 0);
    }
    send_entry(s, &c, 1);
    assert_int_equal(pool_apply(s->pool, &c, 1, &change), 0);
    pool_change_fini(&change);
    send_add(s, "http://10.0.0.1:81");
    send_entry(s, &c, 3);
    assert_int_equal(pool_apply(s->pool, &c, 3, &change), 0);
    pool_change_fini(&change);
    send_add(s, "http://10.0.0.2:81");
    for (unsigned i = 0; i < 5; i++)
        run(s);
    while (take_ack(s, &ack)) {
    }
    assert_int_equal(ack.frames, 5);
    assert_int_equal(ack.index, 4);
    assert_int_equal(ack.digest, s->pool->digest);
    assert_int_equal(s->broken_n, 0);
    pool_command_fini(&c);
    drop(s);
}

static void test_byte_by_byte(void **state)
{
    struct setup *s = make();
    struct frame_ack ack;

    (void)state;
    s->channel.sock.recv_max = 1;
    send_hello(s);
    send_snapshot(s);
    send_add(s, "http://10.0.0.1:81");
    for (unsigned i = 0; i < 100; i++)
        run(s);
    assert_true(take_ack(s, &ack) && take_ack(s, &ack));
    assert_int_equal(ack.index, 1);
    assert_int_equal(ack.digest, s->pool->digest);
    drop(s);
}

static void test_ping(void **state)
{
    struct setup *s = make();
    char buf[FRAME_FIXED_MAX];
    struct span payload;
    uint64_t number;

    (void)state;
    send_hello(s);
    for (unsigned i = 1; i <= 3; i++) {
        send_bytes(s, buf, frame_put_ping(buf, 100 + i));
        run(s);
        assert_int_equal(take_frame(s, &payload), FRAME_PONG);
        assert_int_equal(frame_get_number(payload, &number), 0);
        assert_int_equal(number, 100 + i);
        assert_int_equal(s->ping_n, i);
    }
    drop(s);
}

/* LACKING is the last word, if it was said. */
static void take_acks(struct setup *s, struct frame_ack *last)
{
    struct span payload;

    while (s->taken_n < s->got_n && take_frame(s, &payload) == FRAME_ACK)
        assert_int_equal(frame_get_ack(payload, last), 0);
    assert_int_equal(s->taken_n, s->got_n);
}

/* Told to go on, with a snapshot: it has the pool of the manager. */
static void check_resume(struct setup *s)
{
    char buf[FRAME_FIXED_MAX];
    struct span payload;
    struct frame_ack ack = {0};

    send_bytes(s, buf, frame_put_resume(buf));
    send_snapshot(s);
    for (unsigned i = 0; i < 10; i++) /* it may come in pieces */
        run(s);
    assert_int_equal(take_frame(s, &payload), FRAME_ACK);
    assert_int_equal(frame_get_ack(payload, &ack), 0);
    assert_int_equal(ack.frames, s->channel.frames);
    assert_int_equal(ack.digest, s->pool->digest);
    assert_int_equal(s->worker.pool_state->digest, s->pool->digest);
    assert_true(s->ready_n >= 1);
    assert_int_equal(s->broken_n, 0);
}

/* Whichever allocation fails while updates come: the worker says so once, takes none until it
 * is told to, and has the pool of the manager after the snapshot that follows. */
static void send_part(struct setup *s, uint8_t which, uint32_t number)
{
    const struct frame_part part = {
        {.family = AF_INET, .ip = {10, 0, 0, which}}, number, FRAME_PART_LEAVING, 1000};
    char buf[FRAME_FIXED_MAX];

    send_bytes(s, buf, frame_put_part(buf, &part));
}

/* Acknowledgements may come between. */
static void check_parted(struct setup *s, uint8_t which, uint32_t number)
{
    struct frame_parted said;
    struct span payload;
    uint16_t type = take_frame(s, &payload);

    while (type == FRAME_ACK)
        type = take_frame(s, &payload);
    assert_int_equal(type, FRAME_PARTED);
    assert_int_equal(frame_get_parted(payload, &said), 0);
    assert_true(said.address.ip[3] == which && said.number == number && said.left_n == 0);
}

/* Each word that an address leaves is answered, and acknowledged as any update; one that is
 * left out when all is told anew holds no more. */
static void test_part(void **state)
{
    const struct frame_node node = {1 << 20, 0};
    struct setup *s = make();
    char buf[FRAME_FIXED_MAX];
    struct frame_ack ack;

    (void)state;
    send_hello(s);
    send_part(s, 7, 1);
    send_part(s, 8, 2);
    run(s);
    check_parted(s, 7, 1);
    check_parted(s, 8, 2);
    assert_true(take_ack(s, &ack) && ack.frames == 2 && s->worker.departures.n == 2);
    send_bytes(s, buf, frame_put_node(buf, &node));
    send_part(s, 8, 2);
    send_snapshot(s);
    run(s);
    check_parted(s, 8, 2);
    assert_true(s->worker.departures.n == 1 && s->broken_n == 0);
    drop(s);
}

static void test_out_of_memory_for_an_update(void **state)
{
    bool is_over = false;
    unsigned lacking_n = 0;

    (void)state;
    for (unsigned n = 0; !is_over; n++) {
        struct setup *s = make();
        struct frame_ack ack = {0};

        send_hello(s);
        run(s);
        s->is_held = true;
        send_snapshot(s);
        send_local(s, s->pool->index + 1);
        (void)send_add(s, "http://10.0.0.1:81");
        s->channel.sock.recv_max = n % 2 ? 100 : 0; /* cut frames too */
        fault_set(n / 2 + 1);
        send_held(s);
        for (unsigned i = 0; i < 10; i++)
            run(s);
        is_over = fault_is_armed() && n % 2;
        fault_set(0);
        (void)send_add(s, "http://10.0.0.2:81");
        run(s);
        assert_true(!is_over || !s->channel.is_lacking);
        take_acks(s, &ack);
        assert_int_equal(ack.frames, s->channel.frames);
        assert_true(s->channel.is_lacking || ack.frames == 4);
        lacking_n += s->channel.is_lacking;
        check_resume(s);
        drop(s);
    }
    assert_true(lacking_n > 20);
}

static void test_drain_and_bye(void **state)
{
    struct setup *s = make();
    char buf[FRAME_FIXED_MAX];
    struct span payload;
    uint16_t type;

    (void)state;
    send_hello(s);
    send_bytes(s, buf, frame_put_drain(buf, 1234));
    run(s);
    assert_int_equal(s->drain_n, 1);
    assert_int_equal(s->drain_limit_ms, 1234);
    channel_bye(&s->channel);
    run(s);
    assert_true(frame_parse(span_from(s->got, s->got_n), &type, &payload) > 0);
    assert_int_equal(type, FRAME_BYE);
    drop(s);
}

/* The manager dies: drain, with the limit of HELLO. */
static void test_manager_dies(void **state)
{
    struct setup *s = make();

    (void)state;
    send_hello(s);
    run(s);
    sock_close(&s->manager, false);
    run(s);
    assert_int_equal(s->drain_n, 1);
    assert_int_equal(s->drain_limit_ms, 777);
    assert_int_equal(s->broken_n, 0);
    channel_bye(&s->channel); /* to nobody: no harm */
    drop(s);
}

static void send_garbage(struct setup *s)
{
    send_bytes(s, "\xff\xff\xff\xff\x01\x00\x00\x00", 8);
}

static void send_unknown(struct setup *s)
{
    send_bytes(s, "\x00\x00\x00\x00\x63\x00\x00\x00", 8);
}

static void send_out_of_order(struct setup *s)
{
    struct pool_command c;

    send_snapshot(s);
    make_add(&c, "http://10.0.0.1:81");
    send_entry(s, &c, 2);
    send_entry(s, &c, 2);
    pool_command_fini(&c);
}

static void send_bad_entry(struct setup *s)
{
    char buf[FRAME_FIXED_MAX];

    send_snapshot(s);
    send_bytes(s, buf, frame_put_apply_head(buf, 1, 5));
    send_bytes(s, "wrong", 5);
}

/* Nothing is ever skipped: the process must be replaced. */
static void test_broken(void **state)
{
    static void (*const cases[])(struct setup * s) = {send_garbage, send_unknown, send_hello,
                                                      send_bad_entry, send_out_of_order};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct setup *s = make();

        send_hello(s);
        cases[i](s);
        run(s);
        assert_int_equal(s->broken_n, 1);
        drop(s);
    }
}

static void test_hello_comes_first(void **state)
{
    struct setup *s = make();

    (void)state;
    send_snapshot(s);
    run(s);
    assert_int_equal(s->broken_n, 1);
    assert_false(s->has_worker);
    drop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acknowledges),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_long_list),
        cmocka_unit_test(test_drain_and_bye),
        cmocka_unit_test(test_ping),
        cmocka_unit_test(test_part),
        cmocka_unit_test(test_out_of_memory_for_an_update),
        cmocka_unit_test(test_manager_dies),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_hello_comes_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
