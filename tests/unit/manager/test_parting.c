#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "manager/parting.h"
#include "manager/supervisor.h"
#include "net/listen.h"

/* Two slots, whose workers are read and answered for here. */

enum { SLOTS = 2, LIMIT_MS = 5000 };

static struct supervisor supervisor;
static struct loop *loop;
static struct parting *p;
static int worker_fds[SLOTS];
static unsigned shut_n, done_n;
static struct addr told;

static const struct addr vip = {.family = AF_INET, .ip = {127, 0, 0, 5}};
static const struct addr other = {.family = AF_INET6, .ip = {0xfd, [15] = 5}};

static void on_parted(struct manager_channel *ch, const struct frame_parted *said)
{
    parting_heard(p, slot_of_channel(ch), said);
}

static const struct manager_channel_ops ops = {.on_parted = on_parted};

static void on_shut(void *arg, const struct addr *address)
{
    assert_ptr_equal(arg, &supervisor);
    told = *address;
    shut_n++;
}

static void on_done(void *arg, const struct addr *address)
{
    assert_ptr_equal(arg, &loop);
    told = *address;
    done_n++;
}

static int setup(void **state)
{
    struct slots *slots = &supervisor.slots;

    (void)state;
    supervisor = (struct supervisor){.slots = {.n = SLOTS}};
    loop = slots->loop = loop_epoll_new();
    slots->list = calloc(SLOTS, sizeof(slots->list[0]));
    assert_true(loop != NULL && slots->list != NULL);
    listenings_init(&supervisor.listenings, slots, &supervisor.stand_in);
    for (unsigned i = 0; i < SLOTS; i++) {
        int pair[2];

        assert_int_equal(listen_pair(pair), 0);
        worker_fds[i] = pair[1];
        slot_init(&slots->list[i], slots, i, &ops);
        slots->list[i].state = SLOT_RUNNING;
        slots->list[i].is_wanted = true;
        manager_channel_open(&slots->list[i].channel, pair[0]);
    }
    assert_int_equal(stand_in_init(&supervisor.stand_in, slots), 0);
    p = &supervisor.parting;
    parting_init(p, slots, &supervisor.listenings);
    p->hooks = (struct parting_hooks){.on_shut = on_shut, .arg = &supervisor};
    shut_n = done_n = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    parting_fini(p);
    while (!TAILQ_EMPTY(&supervisor.listenings.list))
        listening_close(TAILQ_FIRST(&supervisor.listenings.list), false, 0);
    stand_in_fini(&supervisor.stand_in);
    for (unsigned i = 0; i < SLOTS; i++) {
        manager_channel_close(&supervisor.slots.list[i].channel);
        (void)close(worker_fds[i]);
    }
    (void)loop_turn(loop, 0);
    (void)loop_turn(loop, 0);
    free(supervisor.slots.list);
    loop_free(loop);
    return 0;
}

static void turns(void)
{
    for (unsigned i = 0; i < 4; i++)
        (void)loop_turn(loop, 0);
}

/* ---- the workers ---- */

/* The next word that it was told, which must be there. */
static struct frame_part hear(unsigned worker)
{
    enum { BYTES = FRAME_HEADER_BYTES + 32 };
    struct frame_part part;
    struct span payload;
    uint16_t type = 0;
    char buf[BYTES];

    turns();
    assert_int_equal(read(worker_fds[worker], buf, sizeof(buf)), sizeof(buf));
    assert_int_equal(frame_parse(span_from(buf, sizeof(buf)), &type, &payload), sizeof(buf));
    assert_int_equal(type, FRAME_PART);
    assert_int_equal(frame_get_part(payload, &part), 0);
    return part;
}

static void check_silent(unsigned worker)
{
    char byte;

    turns();
    assert_true(read(worker_fds[worker], &byte, 1) < 0);
}

static void answer(unsigned worker, const struct frame_part *part, uint32_t left_n)
{
    const struct frame_parted said = {part->address, part->number, left_n};
    char buf[FRAME_FIXED_MAX];
    const size_t len = frame_put_parted(buf, &said);

    assert_int_equal(write(worker_fds[worker], buf, len), len);
    turns();
}

/* Both hear this. */
static struct frame_part hear_both(enum frame_part_phase phase)
{
    const struct frame_part a = hear(0), b = hear(1);

    assert_int_equal(a.phase, phase);
    assert_true(b.phase == a.phase && b.number == a.number);
    assert_true(addr_is_equal(&a.address, &b.address));
    return a;
}

static struct parting_row *row(void)
{
    for (unsigned i = 0; i < PARTING_MAX; i++)
        if (p->rows[i].phase != PARTING_STAYS)
            return &p->rows[i];
    return NULL;
}

/* The time of the phase is over. */
static void pass(void)
{
    struct timer *t = &row()->timer;

    assert_true(timer_is_set(t));
    if (row()->phase == PARTING_LEAVING)
        row()->since_ms -= row()->limit_ms;
    timer_stop(loop_timers(loop), t);
    t->on_fire(t);
    turns();
}

/* Those who have begun before have had their time to speak. */
static void age(void)
{
    row()->since_ms -= PARTING_SPEAK_MS;
}

static void begin(void)
{
    struct addr with_port = vip;

    with_port.port = 80;
    parting_begin(p, &with_port, LIMIT_MS, on_done, &loop);
    assert_true(shut_n == 0 && done_n == 0); /* nothing within the call */
    age();
}

static void test_phases(void **state)
{
    struct frame_part part;

    (void)state;
    begin();
    part = hear_both(FRAME_PART_LEAVING);
    assert_true(addr_is_equal(&part.address, &vip));
    assert_int_equal(part.limit_ms, LIMIT_MS - PARTING_LAST_MS);
    answer(0, &part, 3);
    answer(1, &part, 0);
    assert_int_equal(shut_n, 0);
    answer(0, &part, 0);
    assert_true(shut_n == 1 && addr_is_equal(&told, &vip));
    check_silent(0); /* until what has begun has come in */
    pass();
    part = hear_both(FRAME_PART_SHUT);
    answer(0, &part, 0);
    answer(1, &part, 1);
    assert_int_equal(done_n, 0);
    answer(1, &part, 0);
    assert_true(done_n == 1 && shut_n == 1 && addr_is_equal(&told, &vip));
    assert_false(timer_is_set(&row()->timer));
    parting_end(p, &vip);
    (void)hear_both(FRAME_PART_STAY);
    parting_end(p, &vip);
    check_silent(0);
    assert_true(row() == NULL && done_n == 1);
}

/* With nobody there it takes what the handshakes of the last moment need, in real time. */
static void test_nobody(void **state)
{
    const uint64_t from_ms = loop_now_ms(loop);
    struct frame_part part;

    (void)state;
    begin();
    part = hear_both(FRAME_PART_LEAVING);
    answer(0, &part, 0);
    answer(1, &part, 0);
    while (row()->phase != PARTING_LAST)
        (void)loop_turn(loop, PARTING_COMES_IN_MS);
    part = hear_both(FRAME_PART_SHUT);
    answer(0, &part, 0);
    answer(1, &part, 0);
    assert_int_equal(done_n, 1);
    assert_true(loop_now_ms(loop) - from_ms >= PARTING_COMES_IN_MS);
}

/* Time is over, whoever is left or has not said anything. */
static void test_time(void **state)
{
    struct frame_part part;

    (void)state;
    begin();
    part = hear_both(FRAME_PART_LEAVING);
    answer(0, &part, 3);
    assert_int_equal(row()->limit_ms, LIMIT_MS - PARTING_LAST_MS);
    pass();
    assert_int_equal(shut_n, 1);
    answer(0, &part, 0);
    pass();
    part = hear_both(FRAME_PART_SHUT);
    answer(0, &part, 3);
    assert_int_equal(done_n, 0);
    pass();
    assert_int_equal(done_n, 1);
    answer(1, &part, 0);
    assert_int_equal(done_n, 1);
}

/* What was asked before counts no more. */
static void test_late_answers(void **state)
{
    struct frame_part first, second;

    (void)state;
    begin();
    first = hear_both(FRAME_PART_LEAVING);
    begin();
    (void)hear_both(FRAME_PART_STAY);
    second = hear_both(FRAME_PART_LEAVING);
    assert_true(second.number != first.number);
    answer(0, &first, 0);
    answer(1, &first, 0);
    assert_int_equal(shut_n, 0);
    answer(0, &second, 0);
    answer(1, &second, 0);
    assert_int_equal(shut_n, 1);
    parting_end(p, &vip);
    (void)hear_both(FRAME_PART_STAY);
    answer(0, &second, 0);
    assert_int_equal(done_n, 0);
}

/* One that ends has nobody; one that is attached hears how things stand. */
static void test_lost_and_attached(void **state)
{
    struct slot *slot = &supervisor.slots.list[1];
    struct frame_part part, again;

    (void)state;
    begin();
    part = hear_both(FRAME_PART_LEAVING);
    answer(0, &part, 0);
    answer(1, &part, 9);
    parting_lost(p, slot);
    parting_send_all(p, slot);
    again = hear(1);
    assert_true(again.phase == FRAME_PART_LEAVING && again.number == part.number);
    assert_int_equal(shut_n, 1);
    pass();
    part = hear_both(FRAME_PART_SHUT);
    answer(0, &part, 0);
    parting_lost(p, slot);
    parting_send_all(p, slot);
    again = hear(1);
    assert_true(again.phase == FRAME_PART_SHUT && again.number == part.number);
    assert_int_equal(done_n, 0); /* it may take in who waits at its sockets */
    answer(1, &again, 0);
    assert_int_equal(done_n, 1);
    parting_send_all(p, slot);
    assert_int_equal(hear(1).phase, FRAME_PART_SHUT); /* until parting_end */
    parting_end(p, &vip);
    (void)hear_both(FRAME_PART_STAY);
    parting_send_all(p, slot);
    check_silent(1);
}

/* A node that serves nobody. */
static void test_no_worker(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SLOTS; i++)
        supervisor.slots.list[i].state = SLOT_STOPPED;
    begin();
    turns();
    assert_int_equal(shut_n, 1);
    pass();
    assert_int_equal(done_n, 1);
}

static void end_it(void *arg, const struct addr *address)
{
    (void)arg;
    parting_end(p, address);
}

/* The owner ends it in its callbacks. */
static void test_end_in_a_callback(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SLOTS; i++)
        supervisor.slots.list[i].state = SLOT_STOPPED;
    parting_begin(p, &vip, LIMIT_MS, end_it, NULL);
    age();
    turns();
    pass();
    turns();
    assert_null(row());
    p->hooks.on_shut = end_it;
    parting_begin(p, &vip, LIMIT_MS, end_it, NULL);
    age();
    turns();
    assert_null(row());
}

/* ---- sockets ---- */

static struct listening *listen_at(const char *ip)
{
    struct addr at;
    struct listening *l;

    assert_int_equal(addr_from_ip(span_from_str(ip), 0, &at), 0);
    l = listening_new(&supervisor.listenings, SPAN("default"), &at);
    assert_non_null(l);
    assert_int_equal(listening_bind(l, &at), 0);
    return l;
}

/* On loopback a handshake is over when connect() returns. */
static bool comes_in(const struct listening *l, uint8_t last)
{
    struct addr to = {.family = AF_INET, .port = l->bound.port, .ip = {127, 0, 0, last}};
    struct sockaddr_storage sa;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const socklen_t len = addr_to_sockaddr(&to, &sa);

    assert_true(fd >= 0);
    (void)connect(fd, (struct sockaddr *)&sa, len);
    const bool is_connected =
        getpeername(fd, (struct sockaddr *)&sa, &(socklen_t){sizeof(sa)}) == 0;
    (void)close(fd);
    return is_connected;
}

/* In SHUT nobody new comes to this address, at whatever socket there is or comes; often enough
 * that each socket of the group is tried. */
static void check_doors(struct listening *const *l, unsigned n, bool is_shut)
{
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k < 16; k++) {
            assert_int_equal(comes_in(l[i], 5), !is_shut);
            if (addr_is_wildcard(&l[i]->bound))
                assert_true(comes_in(l[i], 6));
        }
    }
}

static void test_sockets(void **state)
{
    struct listening *l[3] = {listen_at("::"), listen_at("127.0.0.5"), NULL};

    (void)state;
    parting_begin(p, &other, LIMIT_MS, on_done, &loop);
    (void)hear_both(FRAME_PART_LEAVING);
    parting_end(p, &other);
    (void)hear_both(FRAME_PART_STAY);
    begin();
    (void)hear_both(FRAME_PART_LEAVING);
    check_doors(l, 2, false);
    pass();
    check_doors(l, 2, true);
    l[2] = listen_at("0.0.0.0");
    check_doors(l, 3, true);
    pass();
    check_doors(l, 3, true);
    pass();
    assert_int_equal(done_n, 1);
    check_doors(l, 3, true);
    parting_end(p, &vip);
    check_doors(l, 3, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_phases, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(test_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_late_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lost_and_attached, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_worker, setup, teardown),
        cmocka_unit_test_setup_teardown(test_end_in_a_callback, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sockets, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
