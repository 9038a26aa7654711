/* The manager's end of the helper of virtual IPs, with a helper that is this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "manager/vip_link.h"

static const struct addr one = {AF_INET, 0, {10, 77, 0, 200}};
static const struct addr two = {AF_INET, 0, {10, 77, 0, 201}};

struct world {
    struct loop *loop;
    struct vip_link link;
    int helper; /* our end */
    char told[256];
    struct vip_message m; /* what was said last */
};

static struct world w;

static void note(const char *what, const struct vip_link_row *row)
{
    const size_t n = strlen(w.told);

    snprintf(w.told + n, sizeof(w.told) - n, "%s%u ", what,
             row != NULL ? row->named.addr.ip[3] : 0);
}

static void on_held(void *arg, const struct vip_link_row *row)
{
    (void)arg;
    note("held", row);
}

static void on_dropped(void *arg, const struct vip_link_row *row, enum vip_drop why, int error)
{
    (void)arg;
    (void)error;
    note(vip_drop_word(why), row);
}

static void on_conflict(void *arg, const struct vip_link_row *row, const uint8_t *mac)
{
    (void)arg;
    assert_int_equal(mac[5], 9);
    note("conflict", row);
}

static void on_announced(void *arg, const struct vip_link_row *row)
{
    (void)arg;
    note("announced", row);
}

static void on_link(void *arg, const struct vip_link_row *row)
{
    (void)arg;
    note("link", row);
}

static void on_state(void *arg)
{
    (void)arg;
    note(vip_link_word(&w.link), NULL);
}

static int set_up(void **state)
{
    static const struct vip_link_hooks hooks = {on_held, on_dropped, on_conflict, on_announced,
                                                on_link, on_state,   NULL};
    int pair[2];

    (void)state;
    memset(&w, 0, sizeof(w));
    w.loop = loop_epoll_new();
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
    vip_link_init(&w.link, w.loop, &hooks);
    vip_link_open(&w.link, pair[0]);
    w.helper = pair[1];
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vip_link_stop(&w.link);
    vip_link_stop(&w.link); /* and again is no harm */
    if (w.helper >= 0)
        close(w.helper);
    loop_free(w.loop);
    return 0;
}

static void expect_told(const char *what)
{
    for (unsigned i = 0; i < 100 && strcmp(w.told, what) != 0; i++)
        (void)loop_turn(w.loop, 10);
    assert_string_equal(w.told, what);
    w.told[0] = '\0';
}

/* The next that the manager says. */
static void expect_said(uint8_t type)
{
    char buf[VIP_MESSAGE_MAX];
    const ssize_t n = recv(w.helper, buf, sizeof(buf), 0);

    assert_true(n > 0);
    assert_int_equal(vip_message_get(span_from(buf, (size_t)n), &w.m), 0);
    assert_int_equal(w.m.type, type);
}

static void expect_silence(void)
{
    char byte;

    assert_true(recv(w.helper, &byte, 1, 0) < 0);
}

static void tell(const struct vip_message *m)
{
    char buf[VIP_MESSAGE_MAX];
    const size_t n = vip_message_put(buf, m);

    assert_int_equal(send(w.helper, buf, n, 0), n);
}

static void name(const struct addr *a, const struct addr *b)
{
    struct vip_named named[2] = {{.addr = *a, .prefix = 32}};

    if (b != NULL)
        named[1] = (struct vip_named){.addr = *b, .prefix = 32};
    vip_link_configure(&w.link, named, b != NULL ? 2 : 1);
}

static void test_a_life(void **state)
{
    (void)state;
    assert_string_equal(vip_link_word(&w.link), "ready");
    expect_told("ready0 ");
    vip_link_configure(&w.link, NULL, 0); /* which would begin a helper for nothing */
    expect_silence();
    name(&one, &two);
    expect_said(VIP_CONFIGURE);
    assert_int_equal(w.m.named_n, 2);
    vip_link_hold(&w.link, &one, clock_boot_ns() + UINT64_C(100000000000));
    expect_said(VIP_HOLD);
    assert_true(addr_is_equal(&w.m.addr, &one));
    tell(&(struct vip_message){
        .type = VIP_LINK, .addr = one, .link = VIP_LINK_UP, .ifname = "eth0"});
    tell(&(struct vip_message){.type = VIP_HELD, .addr = one, .ifname = "eth0"});
    tell(&(struct vip_message){.type = VIP_HELD, .addr = one, .ifname = "eth0"});
    tell(&(struct vip_message){.type = VIP_ANNOUNCED, .addr = one, .number = 5});
    tell(&(struct vip_message){.type = VIP_CONFLICT, .addr = one, .mac = {[5] = 9}});
    expect_told("link200 held200 announced200 conflict200 ");
    const struct vip_link_row *row = vip_link_find(&w.link, &one);

    assert_true(row->is_held && row->announced_n == 5 && row->link == VIP_LINK_UP);
    assert_string_equal(row->ifname, "eth0");
    vip_link_part(&w.link, &one);
    expect_said(VIP_PART);
    assert_true(addr_is_equal(&w.m.addr, &one));
    assert_true(row->is_held && row->until_ns > 0);
    vip_link_drop(&w.link, &one);
    expect_said(VIP_DROP);
    assert_true(row->is_dropping);
    tell(&(struct vip_message){.type = VIP_DROPPED, .addr = one, .why = VIP_DROP_TOLD});
    expect_told("told200 ");
    assert_true(!row->is_dropping && !row->is_held && row->announced_n == 0);
}

/* Until it is confirmed; a hold as long as it lasts. */
static void test_repeats(void **state)
{
    (void)state;
    expect_told("ready0 ");
    name(&one, &two);
    expect_said(VIP_CONFIGURE);
    vip_link_hold(&w.link, &one, UINT64_MAX);
    vip_link_drop(&w.link, &two);
    expect_said(VIP_HOLD);
    expect_said(VIP_DROP);
    for (unsigned i = 0; i < 2; i++) {
        expect_silence();
        while (recv(w.helper, &(char){0}, 1, MSG_PEEK) < 0)
            (void)loop_turn(w.loop, 1000);
        expect_said(VIP_HOLD);
        assert_true(w.m.number == UINT64_MAX);
        expect_said(VIP_DROP);
        assert_true(addr_is_equal(&w.m.addr, &two));
    }
    tell(&(struct vip_message){.type = VIP_DROPPED, .addr = two, .why = VIP_DROP_TOLD});
    expect_told("told201 ");
    while (recv(w.helper, &(char){0}, 1, MSG_PEEK) < 0)
        (void)loop_turn(w.loop, 1000);
    expect_said(VIP_HOLD);
    expect_silence();
}

/* A hold that has passed by is repeated no more. */
static void test_a_hold_ends(void **state)
{
    (void)state;
    expect_told("ready0 ");
    name(&one, NULL);
    expect_said(VIP_CONFIGURE);
    vip_link_hold(&w.link, &one, clock_boot_ns() + 1000);
    expect_said(VIP_HOLD);
    while (timer_is_set(&w.link.repeat))
        (void)loop_turn(w.loop, 1000);
    expect_silence();
    assert_true(vip_link_find(&w.link, &one)->until_ns == 0);
}

static void test_a_new_helper_is_told_all(void **state)
{
    struct vip_will will = {.to_n = 1, .to[0] = {AF_INET, 8688, {10, 77, 0, 2}}, .len = 1};

    (void)state;
    expect_told("ready0 ");
    name(&one, NULL);
    vip_link_hold(&w.link, &one, UINT64_MAX);
    vip_link_leave_will(&w.link, &will);
    expect_said(VIP_CONFIGURE);
    expect_said(VIP_HOLD);
    expect_said(VIP_WILL);
    tell(&(struct vip_message){.type = VIP_HELLO, .number = 77});
    while (w.link.helpers_n == 0)
        (void)loop_turn(w.loop, 10);
    expect_said(VIP_CONFIGURE);
    expect_said(VIP_WILL);
    assert_int_equal(w.m.will.to[0].port, 8688);
    expect_said(VIP_HOLD);
}

static void test_backs_off(void **state)
{
    (void)state;
    expect_told("ready0 ");
    name(&one, NULL);
    vip_link_hold(&w.link, &one, UINT64_MAX);
    tell(&(struct vip_message){.type = VIP_HELD, .addr = one});
    tell(&(struct vip_message){.type = VIP_DROPPED, .addr = one, .why = VIP_DROP_CONFLICT});
    expect_told("held200 conflict200 ");
    assert_true(vip_link_find(&w.link, &one)->until_ns == 0);
}

static void test_what_is_not_named_any_more(void **state)
{
    (void)state;
    expect_told("ready0 ");
    name(&one, NULL);
    name(&two, NULL);
    assert_null(vip_link_find(&w.link, &one));
    tell(&(struct vip_message){.type = VIP_DROPPED, .addr = one, .why = VIP_DROP_NOT_NAMED});
    assert_int_equal(send(w.helper, "rubbish", 7, 0), 7);
    tell(&(struct vip_message){.type = VIP_BUSY, .is_busy = true});
    tell(&(struct vip_message){.type = VIP_BUSY, .is_busy = false});
    expect_told("another helper works here0 ready0 ");
}

static void test_lost(void **state)
{
    const bool had_spoken[] = {false, true};

    for (unsigned i = 0; i < 2; i++) {
        expect_told("ready0 ");
        name(&one, NULL);
        vip_link_hold(&w.link, &one, UINT64_MAX);
        if (had_spoken[i]) {
            tell(&(struct vip_message){.type = VIP_HELLO, .number = 1});
            tell(&(struct vip_message){.type = VIP_HELD, .addr = one});
            expect_told("held200 ");
        }
        close(w.helper);
        w.helper = -1;
        expect_told(had_spoken[i] ? "helper lost0 " : "not permitted0 ");
        assert_false(vip_link_find(&w.link, &one)->is_held);
        vip_link_drop(&w.link, &one); /* nobody hears it */
        assert_false(vip_link_find(&w.link, &one)->is_dropping);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
    expect_told("ready0 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_life, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_repeats, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_hold_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_new_helper_is_told_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_backs_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_not_named_any_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lost, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
