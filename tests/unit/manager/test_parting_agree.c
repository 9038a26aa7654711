#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"
#include "net/listen.h"
#include "worker/acceptor.h"
#include "worker/channel.h"
#include "worker/worker_life.h"

/* A manager and a worker in one process, with a real channel between them and real clients on
 * loopback: an address leaves. There is no server, so each request is answered at once. */

#define GET "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

enum { TURN_MS = 20, TURNS_MAX = 1000 };

static struct manager *m;
static struct slot *slot;
static struct worker worker;
static struct channel channel;
static struct parting *p;
static struct listening *listening;
static unsigned shut_n, done_n;

static const struct addr vip = {.family = AF_INET, .ip = {127, 0, 0, 5}};

static void on_ack(struct manager_channel *ch, const struct frame_ack *ack)
{
    publish_on_ack(&m->publish, slot_of_channel(ch), ack);
}

static void on_parted(struct manager_channel *ch, const struct frame_parted *said)
{
    parting_heard(p, slot_of_channel(ch), said);
}

static void on_channel_broken(struct manager_channel *ch, int error)
{
    (void)ch;
    fail_msg("the manager gives its worker up: %s", werr_text(error));
}

static const struct manager_channel_ops manager_ops = {
    .on_ack = on_ack, .on_parted = on_parted, .on_broken = on_channel_broken};

static int on_hello(void *arg, const struct frame_hello *hello)
{
    (void)arg;
    return worker_init(&worker, m->loop, stats_worker(m->stats, 0), 0, hello->seed);
}

static int on_ready(void *arg)
{
    (void)arg;
    acceptor_start_all(&worker);
    return 0;
}

static void on_broken(void *arg, const char *why)
{
    (void)arg;
    fail_msg("the worker ends: %s", why);
}

static void on_shut(void *arg, const struct addr *address)
{
    (void)arg;
    assert_true(addr_is_equal(address, &vip));
    shut_n++;
}

static void on_done(void *arg, const struct addr *address)
{
    (void)arg;
    assert_true(addr_is_equal(address, &vip));
    done_n++;
}

static int start(void **state)
{
    static const struct channel_hooks hooks = {
        .on_hello = on_hello, .on_ready = on_ready, .on_broken = on_broken};
    static const struct frame_hello hello = {.worker_n = 1};
    const struct addr at = {.family = AF_INET};
    int pair[2];

    (void)state;
    m = fixture_start(ENGINE_SOLO, NULL);
    slot = m->supervisor.slots.list = calloc(1, sizeof(*slot));
    m->supervisor.slots.n = 1;
    slot_init(slot, &m->supervisor.slots, 0, &manager_ops);
    slot->is_wanted = true;
    slot->state = SLOT_RUNNING;
    assert_int_equal(stand_in_init(&m->supervisor.stand_in, &m->supervisor.slots), 0);
    p = &m->supervisor.parting;
    parting_init(p, &m->supervisor.slots, &m->supervisor.listenings);
    p->hooks.on_shut = on_shut;
    listening = listening_new(&m->supervisor.listenings, SPAN("default"), &at);
    assert_non_null(listening);
    assert_int_equal(listening_bind(listening, &at), 0);
    listening_open(listening, 0, 0);
    assert_int_equal(listen_pair(pair), 0);
    manager_channel_open(&slot->channel, pair[0]);
    channel_open(&channel, m->loop, &worker, &hooks, pair[1]);
    publish_attach(&m->publish, slot, m->pool, &hello);
    fixture_turns(m, 20);
    assert_true(channel.is_ready);
    shut_n = done_n = 0;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    parting_fini(p);
    channel_close(&channel);
    manager_channel_close(&slot->channel);
    fixture_close_listeners(m);
    stand_in_fini(&m->supervisor.stand_in);
    m->supervisor.slots.list = NULL;
    m->supervisor.slots.n = 0;
    acceptor_leave_all(&worker, NULL);
    fixture_turns(m, 5);
    worker_fini(&worker);
    fixture_stop(m);
    free(slot);
    return 0;
}

static void run_until(const unsigned *n)
{
    for (unsigned i = 0; *n == 0; i++) {
        assert_true(i < TURNS_MAX);
        (void)loop_turn(m->loop, TURN_MS);
    }
}

static int connect_to(uint8_t last)
{
    const struct addr to = {
        .family = AF_INET, .port = listening->bound.port, .ip = {127, 0, 0, last}};
    struct sockaddr_storage sa;
    const socklen_t len = addr_to_sockaddr(&to, &sa);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    (void)connect(fd, (struct sockaddr *)&sa, len);
    return fd;
}

static bool is_connected(int fd)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);

    return getpeername(fd, (struct sockaddr *)&sa, &len) == 0;
}

/* Asks; is its connection kept? One that asks too late finds it closed. */
static bool ask(int fd)
{
    char got[1024];
    ssize_t n = -1;

    assert_int_equal(send(fd, GET, strlen(GET), MSG_NOSIGNAL), strlen(GET));
    for (unsigned i = 0; n < 0; i++) {
        assert_true(i < TURNS_MAX);
        (void)loop_turn(m->loop, TURN_MS);
        n = recv(fd, got, sizeof(got) - 1, 0);
    }
    got[n] = 0;
    if (n == 0)
        return false;
    assert_memory_equal(got, "HTTP/1.1 503 ", 13);
    return strstr(got, "\r\nConnection: close\r\n") == NULL;
}

/* Who is there is told and waited for, who comes is served; behind that nobody comes in at this
 * address, and all goes on at another. */
static void test_clients(void **state)
{
    int there = connect_to(5), other = connect_to(6), late, refused;

    (void)state;
    assert_true(ask(there) && ask(other));
    parting_begin(p, &vip, 60000, on_done, NULL);
    fixture_turns(m, 10);
    late = connect_to(5);
    assert_true(is_connected(late) && !ask(late));
    assert_false(ask(there));
    assert_true(ask(other));
    (void)close(late);
    assert_int_equal(shut_n, 0);
    (void)close(there);
    run_until(&shut_n);
    refused = connect_to(5);
    assert_false(is_connected(refused));
    run_until(&done_n);
    assert_int_equal(worker.clients_slab.in_use, 1);
    assert_true(ask(other));
    parting_end(p, &vip);
    fixture_turns(m, 10);
    assert_int_equal(worker.departures.n, 0);
    there = connect_to(5);
    assert_true(is_connected(there) && ask(there));
    (void)close(there);
    (void)close(refused);
    (void)close(other);
    while (worker.clients_slab.in_use > 0)
        (void)loop_turn(m->loop, TURN_MS);
    assert_true(shut_n == 1 && done_n == 1);
}

/* With nobody there it is over soon. */
static void test_nobody(void **state)
{
    const uint64_t from_ms = loop_now_ms(m->loop);

    (void)state;
    parting_begin(p, &vip, 60000, on_done, NULL);
    run_until(&done_n);
    assert_true(loop_now_ms(m->loop) - from_ms < 30000); /* and not for want of time */
}

/* Who stays holds nobody longer than the limit says. */
static void test_limit(void **state)
{
    const int there = connect_to(5);

    (void)state;
    fixture_turns(m, 5);
    assert_int_equal(send(there, GET, 10, 0), 10);
    while (worker.clients_slab.in_use == 0)
        (void)loop_turn(m->loop, TURN_MS);
    parting_begin(p, &vip, PARTING_LAST_MS + 20, on_done, NULL);
    run_until(&done_n);
    assert_true(shut_n == 1 && worker.clients_slab.in_use == 1);
    (void)close(there);
    while (worker.clients_slab.in_use > 0)
        (void)loop_turn(m->loop, TURN_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_clients, start, stop),
        cmocka_unit_test_setup_teardown(test_nobody, start, stop),
        cmocka_unit_test_setup_teardown(test_limit, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
