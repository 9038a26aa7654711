/* What libraft is given as connections: streams of libuv whose bytes go over links. The test
 * stands where libraft does. */
#include "link_fixture.h"

#include "cluster/raft_loop.h"
#include "cluster/raft_transport.h"

enum { MUCH_BYTES = 20 * 1000 * 1000, PART_BYTES = 100 * 1000 };

/* A stream that the transport has made, and what came by it. */
struct end {
    uv_stream_t *stream;
    size_t got, sent;
    uint64_t sum;
    ssize_t error;         /* why reading has ended; 0: it has not */
    bool is_closed, stops; /* stops: reads nothing */
    unsigned writes_n;
};

struct side {
    struct engine_loop uv;
    struct raft_uv_transport io;
    struct raft_transport *transport;
    struct end came;
    unsigned came_n, transport_closed_n;
    raft_id id;
    char address[ADDR_TEXT_MAX];
    struct raft_uv_connect req;
    unsigned connect_n;
    int status;
    struct end called;
};

static struct side sides[2];

/* ---- libraft's part ---- */

static void give_room(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    static char room[64 * 1024];

    (void)handle;
    (void)size;
    *buf = uv_buf_init(room, sizeof(room));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct end *e = stream->data;

    if (n < 0) {
        e->error = n;
        (void)uv_read_stop(stream);
        return;
    }
    for (ssize_t i = 0; i < n; i++)
        e->sum = e->sum * 31 + (uint8_t)buf->base[i];
    e->got += (size_t)n;
}

static void end_begin(struct end *e, uv_stream_t *stream)
{
    *e = (struct end){.stream = stream};
    stream->data = e;
    assert_int_equal(uv_read_start(stream, give_room, on_read), 0);
}

static void on_freed(uv_handle_t *handle)
{
    ((struct end *)handle->data)->is_closed = true;
    raft_free(handle);
}

static void end_close(struct side *s, struct end *e)
{
    if (e->stream != NULL)
        uv_close((uv_handle_t *)e->stream, on_freed);
    e->stream = NULL;
    engine_loop_kick(&s->uv);
}

static void on_accept(struct raft_uv_transport *io, raft_id id, const char *address,
                      uv_stream_t *stream)
{
    struct side *s = io->data;

    s->came_n++;
    s->id = id;
    (void)snprintf(s->address, sizeof(s->address), "%s", address);
    end_begin(&s->came, stream);
}

static void on_connect(struct raft_uv_connect *req, uv_stream_t *stream, int status)
{
    struct side *s = req->data;

    assert_int_equal(s->connect_n, 0);
    s->connect_n++;
    s->status = status;
    assert_true((stream != NULL) == (status == 0));
    if (stream != NULL)
        end_begin(&s->called, stream);
}

static void on_transport_closed(struct raft_uv_transport *io)
{
    ((struct side *)io->data)->transport_closed_n++;
}

static void after(void *arg)
{
    (void)arg;
}

static void kick(void *arg)
{
    engine_loop_kick(arg);
}

static const struct link_ops *to_transport(void *arg, struct link *l)
{
    return engine_transport_take(((struct side *)arg)->transport, l);
}

/* ---- the world ---- */

static void side_begin(unsigned i)
{
    struct side *s = &sides[i];
    struct node *n = &world.nodes[i];
    const struct addr any = {.family = AF_INET, .ip = {127, 0, 0, 1}};
    const struct gate_ops ops = {to_transport, s};

    *s = (struct side){.connect_n = 0};
    assert_int_equal(engine_loop_start(&s->uv, world.loop, after, NULL), 0);
    s->transport = engine_transport_new(&n->self, &s->uv.uv, kick, &s->uv, &s->io);
    assert_non_null(s->transport);
    s->io.data = s;
    assert_int_equal(s->io.version, 1);
    assert_int_equal(s->io.init(&s->io, n->self.id, "127.0.0.1:1"), 0);
    assert_int_equal(s->io.listen(&s->io, on_accept), 0);
    gate_close(n->gate, NULL, NULL);
    assert_int_equal(gate_new(&n->self, &any, &ops, &n->gate), 0);
    n->self.address = *gate_address(n->gate);
}

static int set_up(void **state)
{
    (void)state;
    world_begin(false);
    for (unsigned i = 0; i < 2; i++)
        side_begin(i);
    return 0;
}

static void transport_close(struct side *s)
{
    if (s->transport_closed_n == 0)
        s->io.close(&s->io, on_transport_closed);
}

/* As the engine ends: libuv's loop alone is run then, Weldr's goes on later. */
static void side_end(struct side *s)
{
    engine_loop_leave(&s->uv);
    transport_close(s);
    end_close(s, &s->came);
    end_close(s, &s->called);
    engine_loop_stop(&s->uv);
    assert_int_equal(s->transport_closed_n, 1);
    engine_transport_free(s->transport);
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++)
        side_end(&sides[i]);
    world_end();
    return 0;
}

static void begin_connect(void)
{
    char address[ADDR_TEXT_MAX];
    struct side *s = &sides[0];

    (void)addr_print(gate_address(world.nodes[1].gate), address);
    s->req.data = s;
    assert_int_equal(s->io.connect(&s->io, &s->req, node_id(1), address, on_connect), 0);
    assert_int_equal(s->connect_n, 0);
}

static void connect_both(void)
{
    begin_connect();
    run_until(sides[0].connect_n == 1 && sides[1].came_n == 1);
    assert_int_equal(sides[0].status, 0);
}

static void test_connects(void **state)
{
    char address[ADDR_TEXT_MAX];

    (void)state;
    connect_both();
    assert_true(sides[1].id == node_id(0));
    (void)addr_print(&world.nodes[0].self.address, address);
    assert_string_equal(sides[1].address, address);
    end_close(&sides[0], &sides[0].called);
    run_until(sides[1].came.error != 0);
    assert_int_equal(sides[1].came.error, UV_EOF);
}

/* ---- much ---- */

static char part[PART_BYTES];

static void send_part(struct side *s, struct end *e);

struct sending {
    uv_write_t write;
    struct side *side;
    struct end *end;
};

static void on_written(uv_write_t *write, int status)
{
    struct sending *w = write->data;

    if (status == 0 && w->end->sent < MUCH_BYTES)
        send_part(w->side, w->end);
    free(w);
}

static void send_part(struct side *s, struct end *e)
{
    struct sending *w = malloc(sizeof(*w));
    uv_buf_t buf = uv_buf_init(part, sizeof(part));

    assert_non_null(w);
    *w = (struct sending){.side = s, .end = e};
    w->write.data = w;
    e->sent += sizeof(part);
    assert_int_equal(uv_write(&w->write, e->stream, &buf, 1, on_written), 0);
    engine_loop_kick(&s->uv);
}

static void test_much_both_ways(void **state)
{
    uint64_t sum = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(part); i++)
        part[i] = (char)(i * 11 + i / 777);
    for (size_t i = 0; i < MUCH_BYTES; i++)
        sum = sum * 31 + (uint8_t)part[i % PART_BYTES];
    connect_both();
    send_part(&sides[0], &sides[0].called);
    send_part(&sides[1], &sides[1].came);
    run_until(sides[0].called.got == MUCH_BYTES && sides[1].came.got == MUCH_BYTES);
    assert_true(sides[0].called.sum == sum);
    assert_true(sides[1].came.sum == sum);
}

/* Who reads nothing stops the writer, both ways; nothing is lost when it goes on. */
static void expect_stopped(struct side *writer, struct end *from, struct side *reader,
                           struct end *to)
{
    size_t sent = 0;
    unsigned still = 0;

    (void)uv_read_stop(to->stream);
    send_part(writer, from);
    while (still < 200) { /* turns in which nothing more was taken */
        (void)loop_turn(world.loop, 1);
        still = from->sent == sent ? still + 1 : 0;
        sent = from->sent;
    }
    assert_true(sent < MUCH_BYTES);
    assert_in_range(world.conns.queued_bytes, 0, 8 * 1024 * 1024);
    assert_int_equal(uv_read_start(to->stream, give_room, on_read), 0);
    engine_loop_kick(&reader->uv);
    run_until(to->got == MUCH_BYTES);
}

static void test_slow_readers(void **state)
{
    (void)state;
    connect_both();
    expect_stopped(&sides[0], &sides[0].called, &sides[1], &sides[1].came);
    expect_stopped(&sides[1], &sides[1].came, &sides[0], &sides[0].called);
}

/* ---- connects that fail ---- */

static void test_refused(void **state)
{
    (void)state;
    world.nodes[0].self.incarnation = 2;
    begin_connect();
    run_until(sides[0].connect_n == 1);
    assert_int_equal(sides[0].status, RAFT_NOCONNECTION);
    assert_int_equal(sides[1].came_n, 0);
}

static void test_nobody_there(void **state)
{
    struct side *s = &sides[0];

    (void)state;
    s->req.data = s;
    assert_int_equal(s->io.connect(&s->io, &s->req, node_id(0), "127.0.0.1:1", on_connect),
                     RAFT_NOCONNECTION); /* itself */
    assert_int_equal(s->io.connect(&s->io, &s->req, node_id(1), "no address", on_connect),
                     RAFT_NOCONNECTION);
    assert_int_equal(s->connect_n, 0);
    const int rc = s->io.connect(&s->io, &s->req, node_id(1), "127.0.0.77:1", on_connect);

    if (rc == 0)
        run_until(s->connect_n == 1);
    assert_int_equal(rc == 0 ? s->status : rc, RAFT_NOCONNECTION);
}

/* ---- ends ---- */

static void test_peer_is_gone(void **state)
{
    (void)state;
    connect_both();
    end_close(&sides[1], &sides[1].came);
    run_until(sides[0].called.error != 0);
    assert_int_equal(sides[0].called.error, UV_EOF);
}

/* What was written before the end arrives. */
static void test_last_words(void **state)
{
    (void)state;
    connect_both();
    sides[0].called.sent = MUCH_BYTES; /* no more follows */
    send_part(&sides[0], &sides[0].called);
    run_until(sides[1].came.got > 0);
    end_close(&sides[0], &sides[0].called);
    run_until(sides[1].came.error != 0);
    assert_int_equal(sides[1].came.got, PART_BYTES);
}

static void test_called_anew(void **state)
{
    struct end before;

    (void)state;
    connect_both();
    before = sides[0].called;
    sides[0].called = (struct end){.stream = NULL};
    before.stream->data = &before;
    sides[0].connect_n = 0;
    const struct end came = sides[1].came;

    ((struct end *)came.stream->data)->stream = NULL;
    begin_connect();
    run_until(sides[0].connect_n == 1 && sides[1].came_n == 2);
    run_until(before.error != 0); /* the older one has ended */
    uv_close((uv_handle_t *)before.stream, on_freed);
    uv_close((uv_handle_t *)came.stream, on_freed);
    kick(&sides[0].uv);
    kick(&sides[1].uv);
    run_until(before.is_closed);
}

/* ---- closed in each state ---- */

static void run_uv(struct side *s)
{
    run_until(s->transport_closed_n == 1);
}

static void test_closed_while_idle(void **state)
{
    (void)state;
    transport_close(&sides[0]);
    assert_int_equal(sides[0].transport_closed_n, 0); /* not within the call */
    run_uv(&sides[0]);
}

/* After so many turns of the loop: connecting, in the handshake, saying hello, open. */
static void close_after(unsigned turns)
{
    struct side *s = &sides[0];

    begin_connect();
    for (unsigned i = 0; i < turns && s->connect_n == 0; i++)
        turn();
    const bool was_open = s->connect_n == 1;

    transport_close(s);
    run_uv(s);
    assert_int_equal(s->connect_n, 1);
    assert_int_equal(s->status, was_open ? 0 : RAFT_CANCELED);
    assert_int_equal(s->io.connect(&s->io, &s->req, node_id(1), "127.0.0.1:1", on_connect),
                     RAFT_NOCONNECTION);
}

static void test_closed_in_each_state(void **state)
{
    bool was_open = false;

    for (unsigned turns = 0; !was_open; turns++) {
        close_after(turns);
        was_open = sides[0].status == 0;
        if (!was_open) {
            (void)tear_down(state);
            (void)set_up(state);
        }
    }
}

/* Weldr's loop is not run any more when the engine ends. */
static void test_closed_by_libuv_alone(void **state)
{
    (void)state;
    begin_connect();
    turn();
    transport_close(&sides[0]);
    engine_loop_leave(&sides[0].uv);
    (void)uv_run(&sides[0].uv.uv, UV_RUN_DEFAULT);
    assert_int_equal(sides[0].transport_closed_n, 1);
    assert_int_equal(sides[0].connect_n, 1);
}

static void test_closed_with_bytes_under_way(void **state)
{
    (void)state;
    connect_both();
    (void)uv_read_stop(sides[1].came.stream);
    send_part(&sides[0], &sides[0].called);
    run_until(sides[0].called.sent > (size_t)2 * PART_BYTES);
    transport_close(&sides[1]);
    run_uv(&sides[1]);
    run_until(sides[0].called.error != 0);
}

static void test_takes_none_when_closed(void **state)
{
    (void)state;
    transport_close(&sides[1]);
    run_uv(&sides[1]);
    begin_connect();
    run_until(sides[0].connect_n == 1);
    run_until(sides[0].status != 0 || sides[0].called.error != 0);
    assert_int_equal(sides[1].came_n, 0);
}

#define RAFT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    RAFT_TEST(test_connects),
    RAFT_TEST(test_much_both_ways),
    RAFT_TEST(test_slow_readers),
    RAFT_TEST(test_refused),
    RAFT_TEST(test_nobody_there),
    RAFT_TEST(test_peer_is_gone),
    RAFT_TEST(test_last_words),
    RAFT_TEST(test_called_anew),
    RAFT_TEST(test_closed_while_idle),
    RAFT_TEST(test_closed_in_each_state),
    RAFT_TEST(test_closed_by_libuv_alone),
    RAFT_TEST(test_closed_with_bytes_under_way),
    RAFT_TEST(test_takes_none_when_closed),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
