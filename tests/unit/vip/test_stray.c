/* Which packets are kept, judged by the kernel itself, and what becomes of them: instead of a
 * packet socket there is a pair of sockets, which have filters and a queue as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vip/stray.h"

enum { KNOWN_BYTES = 10, MAC_AT = KNOWN_BYTES, IFINDEX = 3, BEGAN = 50 };

static const struct addr ip4 = {AF_INET, 0, {10, 77, 0, 200}};
static const struct addr ip6 = {AF_INET6, 0, {0xfd, 0x77, [15] = 0xc8}};

/* ---- the filter ---- */

struct wire {
    int near, far;
};

static struct wire wire_new(int type)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair), 0);
    return (struct wire){pair[0], pair[1]};
}

static void wire_close(const struct wire *w)
{
    close(w->near);
    close(w->far);
}

static struct wire wire_with_filter(const struct addr *a)
{
    struct sock_filter code[STRAY_FILTER_MAX];
    const struct sock_fprog program = {.len = (unsigned short)stray_filter(code, a),
                                       .filter = code};
    const struct wire w = wire_new(SOCK_DGRAM);

    assert_int_equal(setsockopt(w.far, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)),
                     0);
    return w;
}

/* True: it came through, whole. */
static bool passes(const struct wire *w, const uint8_t *frame, size_t n)
{
    uint8_t buf[2048];

    assert_int_equal(send(w->near, frame, n, 0), n);
    const ssize_t got = recv(w->far, buf, sizeof(buf), 0);

    if (got < 0)
        return false;
    assert_int_equal(got, n);
    assert_memory_equal(buf, frame, n);
    return true;
}

/* A SYN with so many words of IPv4 options and 8 bytes of TCP options. The length. */
static size_t make_syn4(uint8_t *f, unsigned options)
{
    const size_t ip_bytes = 20 + 4 * (size_t)options;

    memset(f, 0, 2048);
    f[12] = 8; /* Ethernet: IPv4 */
    f[14] = (uint8_t)(0x45 + options);
    f[14 + 6] = 0x40; /* not to be fragmented */
    f[14 + 9] = 6;
    memcpy(f + 14 + 16, ip4.ip, 4);
    f[14 + ip_bytes + 12] = 7 << 4;
    f[14 + ip_bytes + 13] = 2;
    return 14 + ip_bytes + 28;
}

static size_t make_syn6(uint8_t *f)
{
    memset(f, 0, 2048);
    f[12] = 0x86;
    f[13] = 0xdd;
    f[14] = 0x60;
    f[14 + 6] = 6;
    memcpy(f + 14 + 24, ip6.ip, 16);
    f[14 + 40 + 12] = 7 << 4;
    f[14 + 40 + 13] = 2;
    return 14 + 40 + 28;
}

/* Each combination of the eight flags; ECN's two and PSH and URG say nothing of a beginning. */
static void check_flags(const struct wire *w, uint8_t *f, size_t n, size_t at)
{
    for (unsigned flags = 0; flags < 256; flags++) {
        f[at] = (uint8_t)flags;
        assert_int_equal(passes(w, f, n), (flags & 0x17) == 2);
    }
    f[at] = 2;
}

static void test_ip4(void **state)
{
    const struct wire w = wire_with_filter(&ip4);
    uint8_t f[2048];

    (void)state;
    for (unsigned options = 0; options <= 10; options++) {
        const size_t n = make_syn4(f, options);

        assert_true(passes(&w, f, n));
        check_flags(&w, f, n, n - 28 + 13);
    }
    const size_t n = make_syn4(f, 0);

    for (unsigned i = 0; i < 4; i++) { /* another address */
        f[30 + i] ^= 1;
        assert_false(passes(&w, f, n));
        f[30 + i] ^= 1;
    }
    f[23] = 17; /* no TCP */
    assert_false(passes(&w, f, n));
    f[23] = 6;
    f[20] = 0x20; /* more fragments */
    assert_false(passes(&w, f, n));
    f[20] = 0;
    f[21] = 1; /* a later fragment */
    assert_false(passes(&w, f, n));
    f[21] = 0;
    assert_true(passes(&w, f, n));
    assert_true(passes(&w, f, STRAY_FRAME_MAX));
    assert_false(passes(&w, f, STRAY_FRAME_MAX + 1));
    for (size_t k = 1; k <= 14 + 20 + 13; k++) /* it ends before the flags */
        assert_false(passes(&w, f, k));
    assert_false(passes(&w, f, make_syn6(f)));
    wire_close(&w);
}

static void test_ip6(void **state)
{
    const struct wire w = wire_with_filter(&ip6);
    uint8_t f[2048];
    const size_t n = make_syn6(f);

    (void)state;
    assert_true(passes(&w, f, n));
    check_flags(&w, f, n, 14 + 40 + 13);
    for (unsigned i = 0; i < 16; i++) {
        f[38 + i] ^= 1;
        assert_false(passes(&w, f, n));
        f[38 + i] ^= 1;
    }
    for (unsigned next = 0; next < 256; next++) { /* also a header before TCP's */
        f[20] = (uint8_t)next;
        assert_int_equal(passes(&w, f, n), next == 6);
    }
    f[20] = 6;
    assert_true(passes(&w, f, STRAY_FRAME_MAX));
    assert_false(passes(&w, f, STRAY_FRAME_MAX + 1));
    for (size_t k = 1; k <= 14 + 40 + 13; k++)
        assert_false(passes(&w, f, k));
    assert_false(passes(&w, f, make_syn4(f, 0)));
    wire_close(&w);
}

/* ---- what becomes of them ---- */

static struct strays s;
static struct wire w; /* far: the other end of what the strays have */

static const struct plan_row row = {
    .phase = PLAN_HELD,
    .is_named = true,
    .named = {.addr = {AF_INET, 0, {10, 77, 0, 200}}, .prefix = 32},
    .ifindex = IFINDEX,
    .place = {.ifindex = IFINDEX, .has_mac = true, .mac = {2, 0, 0, 0, 0, 1}}};

static const struct ether_claim claim = {
    CLAIM_OWN, {AF_INET, 0, {10, 77, 0, 200}}, IFINDEX, {2, 0, 0, 0, 0, 2}};

static int set_up(void **state)
{
    (void)state;
    memset(&s, 0, sizeof(s));
    w = wire_new(SOCK_SEQPACKET);
    strays_begin(&s, &row, w.near, BEGAN);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    strays_end(&s);
    close(w.far);
    return 0;
}

/* One comes, with this number in it. */
static void come(uint8_t number)
{
    char packet[100];

    memset(packet, 'x', sizeof(packet));
    packet[99] = (char)number;
    assert_int_equal(send(w.far, packet, sizeof(packet), 0), sizeof(packet));
}

/* The next was sent on, whole, from our MAC to that one. */
static void expect_passed(uint8_t number, const char *to)
{
    char buf[2048], wanted[100];

    memset(wanted, 'x', sizeof(wanted));
    memcpy(wanted + MAC_AT, to, VIP_MAC_BYTES);
    memcpy(wanted + MAC_AT + VIP_MAC_BYTES, "\2\0\0\0\0\1", VIP_MAC_BYTES);
    wanted[99] = (char)number;
    assert_int_equal(recv(w.far, buf, sizeof(buf), 0), sizeof(wanted));
    assert_memory_equal(buf, wanted, sizeof(wanted));
}

static void expect_none(void)
{
    char byte;

    assert_int_equal(recv(w.far, &byte, 1, 0), -1);
    assert_int_equal(errno, EAGAIN);
}

/* Its socket is closed: nobody has what it kept. */
static void expect_ended(void)
{
    char byte;

    assert_true(strays_due_ns(&s) == UINT64_MAX);
    assert_true(recv(w.far, &byte, 1, 0) <= 0);
    assert_true(send(w.far, &byte, 1, MSG_NOSIGNAL) < 0);
    assert_int_equal(errno, EPIPE);
}

static void test_a_move(void **state)
{
    struct pollfd fds[VIP_ADDRS_MAX];

    (void)state;
    come(1);
    come(2);
    strays_claimed(&s, &claim); /* a stranger: the address is here */
    strays_pass(&s, 100);
    expect_none();
    assert_true(strays_due_ns(&s) == BEGAN + STRAY_KEEP_NS);
    strays_left(&s, &ip4, true, 100);
    strays_left(&s, &ip4, true, 200); /* told again */
    assert_true(strays_due_ns(&s) == 100 + STRAY_WAIT_NS);
    strays_pass(&s, 300);
    expect_none();
    assert_int_equal(strays_poll(&s, fds), 0); /* they wait in the socket */
    strays_claimed(&s, &claim);
    strays_pass(&s, 400);
    expect_passed(1, "\2\0\0\0\0\2");
    expect_passed(2, "\2\0\0\0\0\2");
    expect_none();
    assert_int_equal(strays_poll(&s, fds), 1);
    assert_true(fds[0].fd == w.near && fds[0].events == POLLIN);
    come(3);
    strays_pass(&s, 99 + STRAY_WAIT_NS);
    expect_passed(3, "\2\0\0\0\0\2");
    come(4); /* at the last moment */
    strays_pass(&s, 100 + STRAY_WAIT_NS);
    expect_passed(4, "\2\0\0\0\0\2");
    expect_ended();
}

/* The address goes on to a third node. */
static void test_it_moves_on(void **state)
{
    struct ether_claim third = claim;

    (void)state;
    third.mac[5] = 3;
    strays_left(&s, &ip4, true, 100);
    come(1);
    strays_claimed(&s, &claim);
    strays_pass(&s, 200);
    expect_passed(1, "\2\0\0\0\0\2");
    strays_claimed(&s, &third);
    come(2);
    strays_pass(&s, 300);
    expect_passed(2, "\2\0\0\0\0\3");
}

static void test_claims_that_do_not_count(void **state)
{
    struct ether_claim each[5];

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        each[i] = claim;
    each[0].kind = CLAIM_PROBE;
    each[1].addr.ip[3] = 201;
    each[2].ifindex = IFINDEX + 1;
    each[3].mac[5] = 1; /* ours */
    each[4].mac[0] = 3; /* of many */
    come(1);
    strays_left(&s, &ip4, true, 100);
    for (unsigned i = 0; i < 5; i++) {
        strays_claimed(&s, &each[i]);
        strays_pass(&s, 200);
        expect_none();
    }
    strays_pass(&s, 100 + STRAY_WAIT_NS);
    expect_ended();
}

static void test_it_stays_after_all(void **state)
{
    (void)state;
    come(1);
    strays_pass(&s, BEGAN + STRAY_KEEP_NS - 1);
    assert_true(strays_due_ns(&s) == BEGAN + STRAY_KEEP_NS);
    strays_pass(&s, BEGAN + STRAY_KEEP_NS);
    expect_ended();
}

/* What was kept before is old then. */
static void test_it_begins_anew(void **state)
{
    const struct wire before = w;

    (void)state;
    come(1);
    w = wire_new(SOCK_SEQPACKET);
    strays_begin(&s, &row, w.near, 2 * BEGAN);
    assert_true(strays_due_ns(&s) == 2 * BEGAN + STRAY_KEEP_NS);
    assert_true(send(before.far, "", 1, MSG_NOSIGNAL) < 0);
    close(before.far);
    come(2);
    strays_left(&s, &ip4, true, 100);
    strays_claimed(&s, &claim);
    strays_pass(&s, 200);
    expect_passed(2, "\2\0\0\0\0\2");
    expect_none();
}

/* Let go of itself, not because it was told so. */
static void end_by_itself(void)
{
    strays_left(&s, &ip4, false, 100);
}

static void end_by_hold(void)
{
    strays_left(&s, &ip4, true, 100);
    strays_held(&s, &ip4);
}

static void end_by_hold_when_passing(void)
{
    strays_left(&s, &ip4, true, 100);
    strays_claimed(&s, &claim);
    strays_held(&s, &ip4);
}

static void end_by_description(void)
{
    struct plan plan = {.is_alone = true};

    plan.rows[7] = row;
    strays_follow(&s, &plan);
    assert_true(strays_due_ns(&s) != UINT64_MAX);
    plan.rows[7].is_named = false;
    strays_follow(&s, &plan);
}

static void end_without_row(void)
{
    struct plan plan = {.is_alone = true};

    strays_left(&s, &ip4, true, 100);
    strays_claimed(&s, &claim);
    strays_follow(&s, &plan);
}

static void test_what_ends_it(void **state)
{
    static void (*const each[])(void) = {end_by_itself, end_by_hold, end_by_hold_when_passing,
                                         end_by_description, end_without_row};

    for (unsigned i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
        come(1);
        each[i]();
        strays_pass(&s, 200);
        expect_ended();
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

/* The lease goes on while the workers finish; and what is said of others. */
static void test_what_does_not_end_it(void **state)
{
    (void)state;
    come(1);
    strays_held(&s, &ip4);
    strays_held(&s, &ip6);
    strays_left(&s, &ip6, false, 50);
    strays_left(&s, &ip4, true, 100);
    strays_left(&s, &ip4, false, 100);
    strays_held(&s, &ip6);
    strays_claimed(&s, &claim);
    strays_pass(&s, 200);
    expect_passed(1, "\2\0\0\0\0\2");
}

/* A flood is not sent on at one go. */
static void test_not_too_much_at_a_time(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < 100; i++)
        come(i);
    strays_left(&s, &ip4, true, 100);
    strays_claimed(&s, &claim);
    strays_pass(&s, 200);
    for (uint8_t i = 0; i < 64; i++)
        expect_passed(i, "\2\0\0\0\0\2");
    expect_none();
    strays_pass(&s, 300);
    for (uint8_t i = 64; i < 100; i++)
        expect_passed(i, "\2\0\0\0\0\2");
    expect_none();
}

static void test_all_addresses(void **state)
{
    struct plan_row each = row;
    struct pollfd fds[VIP_ADDRS_MAX];

    (void)state;
    for (unsigned i = 0; i < VIP_ADDRS_MAX - 1; i++) {
        each.named.addr.ip[3] = (uint8_t)i; /* below that of the one that there is */
        strays_begin(&s, &each, dup(w.near), 0);
    }
    assert_int_equal(strays_poll(&s, fds), 0);
    strays_end(&s);
    expect_ended();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ip4),
        cmocka_unit_test(test_ip6),
        cmocka_unit_test_setup_teardown(test_a_move, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_it_moves_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_claims_that_do_not_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_it_stays_after_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_it_begins_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_ends_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_does_not_end_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_too_much_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_addresses, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
