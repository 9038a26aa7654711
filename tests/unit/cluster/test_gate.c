/* The gate: strangers, those who say nothing, and how many of them. Time is simulated. */
#include "bare.h"
#include "roster_fixture.h"

#include <arpa/inet.h>
#include <unistd.h>

static int set_up(void **state)
{
    (void)state;
    world_begin(true);
    return 0;
}

static int set_up_real(void **state)
{
    (void)state;
    world_begin(false);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bares_end();
    world_end();
    return 0;
}

static void expect_counts(uint64_t refused, uint64_t failed)
{
    uint64_t refused_now, failed_now;

    gate_counts(world.nodes[1].gate, &refused_now, &failed_now);
    assert_int_equal(refused_now, refused);
    assert_int_equal(failed_now, failed);
}

/* It is gone, and nothing has come of it. */
static void expect_failed(struct bare *b, uint64_t failed)
{
    run_until(b->is_gone && b->is_closed);
    assert_int_equal(world.nodes[1].came_n, 0);
    expect_counts(0, failed);
}

/* ---- strangers ---- */

static void test_plain_bytes(void **state)
{
    static char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    struct iovec iov = {text, sizeof(text) - 1};
    struct bare *b = bare_connect();

    (void)state;
    run_until(b->is_open);
    assert_int_equal(sock_send(&b->sock, &iov, 1), iov.iov_len);
    expect_failed(b, 1);
}

/* The handshake is well, since those who join have none. */
static void test_no_certificate(void **state)
{
    static const char *const protocols[] = {"weldr-raft/1", "weldr-ctl/1"};
    char hello[HELLO_BYTES];

    (void)state;
    bare_hello(&world.nodes[0], hello);
    for (unsigned i = 0; i < COUNT(protocols); i++) {
        struct bare *b = bare_open(NULL, protocols[i]);

        bare_say(b, hello, sizeof(hello));
        expect_failed(b, i + 1);
        assert_int_equal(b->got_bytes, 0);
    }
}

static void test_another_protocol(void **state)
{
    static const char *const protocols[] = {"http/1.1", "weldr-raft/2", "weldr-ctl/"};

    (void)state;
    for (unsigned i = 0; i < COUNT(protocols); i++) {
        struct bare *b = bare_call(&world.nodes[0], protocols[i]);

        expect_failed(b, i + 1);
        assert_false(b->is_open);
    }
}

/* ---- the hello ---- */

static void test_hello_cut_anywhere(void **state)
{
    char hello[HELLO_BYTES];

    (void)state;
    bare_hello(&world.nodes[0], hello);
    for (unsigned n = 0; n < HELLO_BYTES; n++) {
        struct bare *b = bare_open(&world.nodes[0], "weldr-ctl/1");

        if (n > 0)
            bare_say(b, hello, n);
        conn_shut(&b->conn);
        expect_failed(b, n + 1);
        assert_int_equal(b->got_bytes, 0);
    }
}

static void test_hello_byte_by_byte(void **state)
{
    struct bare *b = bare_open(&world.nodes[0], "weldr-ctl/1");
    char hello[HELLO_BYTES];

    (void)state;
    bare_hello(&world.nodes[0], hello);
    for (unsigned n = 0; n < HELLO_BYTES; n++) {
        assert_int_equal(world.nodes[1].came_n, 0);
        bare_say(b, hello + n, 1);
        for (unsigned turns = 0; turns < 10; turns++)
            (void)loop_turn(world.loop, 0);
    }
    run_until(world.nodes[1].came_n == 1 && b->got_bytes == HELLO_BYTES);
}

/* Each byte of it that is another one makes it another hello, but for the address. */
static void test_hello_with_a_byte_changed(void **state)
{
    enum { ADDRESS_AT = 48, FAMILY_AT = 10 };
    unsigned failed_n = 0;

    (void)state;
    for (unsigned n = 0; n < ADDRESS_AT; n++) {
        char hello[HELLO_BYTES];

        if (n == FAMILY_AT)
            continue;
        bare_hello(&world.nodes[0], hello);
        hello[n] ^= 0x10;
        struct bare *b = bare_open(&world.nodes[0], "weldr-raft/1");

        bare_say(b, hello, sizeof(hello));
        expect_failed(b, ++failed_n);
    }
}

/* What comes with it is handed on behind it. */
static void test_hello_and_a_message(void **state)
{
    static const char message[7] = {3, 0, 0, 0, 0x21, 'h', 'i'};
    struct bare *b = bare_open(&world.nodes[0], "weldr-ctl/1");
    char bytes[HELLO_BYTES + sizeof(message)];

    (void)state;
    bare_hello(&world.nodes[0], bytes);
    memcpy(bytes + HELLO_BYTES, message, sizeof(message));
    bare_say(b, bytes, sizeof(bytes));
    run_until(world.nodes[1].came_n == 1 && world.nodes[1].came[0].message_n == 1);
    assert_int_equal(world.nodes[1].came[0].type, 0x21);
    assert_int_equal(world.nodes[1].came[0].bytes, 2);
}

/* ---- lengths ---- */

static void expect_length_refused(const char *protocol, const char *head, int error)
{
    struct node *n = &world.nodes[1];
    struct bare *b = bare_open(&world.nodes[0], protocol);
    const unsigned before = n->came_n;
    char hello[HELLO_BYTES];

    bare_hello(&world.nodes[0], hello);
    if (strcmp(protocol, "weldr-join/1") != 0)
        bare_say(b, hello, sizeof(hello));
    bare_say(b, head, LINK_MESSAGE_HEAD_BYTES);
    run_until(n->came_n > before && n->came[before].closed_n == 1 && b->is_gone);
    assert_int_equal(n->came[before].error, error);
    assert_int_equal(n->came[before].message_n, 0);
}

static void test_lengths(void **state)
{
    (void)state;
    expect_length_refused("weldr-ctl/1", "\1\0\x80\0\1", WERR_TOO_BIG); /* 8 MiB and 1 */
    expect_length_refused("weldr-ctl/1", "\xff\xff\xff\xff\1", WERR_TOO_BIG);
    expect_length_refused("weldr-ctl/1", "\0\0\0\0\1", WERR_SYNTAX);
    expect_length_refused("weldr-join/1", "\1\0\1\0\1", WERR_TOO_BIG); /* 64 KiB and 1 */
}

/* ---- silence ---- */

static void expect_silence_ends(struct bare *b, uint64_t since_ms, uint64_t limit_ms)
{
    run_until(b->is_gone && b->is_closed);
    assert_in_range(loop_now_ms(world.loop) - since_ms, limit_ms - 10, limit_ms + 100);
}

static void test_silence(void **state)
{
    const uint64_t begin_ms = loop_now_ms(world.loop);
    char hello[HELLO_BYTES];

    (void)state;
    bare_hello(&world.nodes[0], hello);
    struct bare *before = bare_connect();
    struct bare *behind = bare_open(&world.nodes[0], "weldr-ctl/1");
    struct bare *within = bare_open(&world.nodes[0], "weldr-raft/1");

    bare_say(within, hello, HELLO_BYTES - 1);
    expect_silence_ends(before, begin_ms, LINK_HELLO_MS);
    expect_silence_ends(behind, begin_ms, LINK_HELLO_MS);
    expect_silence_ends(within, begin_ms, LINK_HELLO_MS);
    assert_int_equal(world.nodes[1].came_n, 0);
    expect_counts(0, 3);
}

/* An open link may say nothing for as long as it likes. */
static void test_open_links_stay(void **state)
{
    struct talker *came;
    struct talker *t = call_open(0, 1, LINK_CTL, &came);
    struct bare *clock = bare_connect();

    (void)state;
    run_until(clock->is_closed);
    clock = bare_connect();
    run_until(clock->is_closed);
    assert_int_equal(t->closed_n + came->closed_n, 0);
}

static void test_nothing_is_heard(void **state)
{
    const uint64_t begin_ms = loop_now_ms(world.loop);
    struct talker *t;

    (void)state;
    loop_sim_route(world.loop, gate_address(world.nodes[1].gate), WERR_AGAIN);
    t = call(0, 1, LINK_RAFT);
    run_until(t->closed_n == 1);
    assert_int_equal(t->error, WERR_TIMEOUT);
    assert_in_range(loop_now_ms(world.loop) - begin_ms, LINK_HELLO_MS - 10,
                    LINK_HELLO_MS + 100);
    loop_sim_route(world.loop, gate_address(world.nodes[1].gate), 0);
}

/* ---- too many ---- */

static void test_many_unproved(void **state)
{
    struct talker *came;

    (void)state;
    for (unsigned i = 0; i < GATE_UNPROVED_MAX; i++)
        (void)bare_connect();
    for (unsigned i = 0; i < GATE_UNPROVED_MAX; i++)
        run_until(bares.all[i].is_open);
    struct bare *late = bare_connect();
    struct talker *t = call(0, 1, LINK_CTL);

    run_until(late->is_gone && t->closed_n == 1);
    assert_int_equal(t->open_n, 0);
    expect_counts(2, 0);
    for (unsigned i = 0; i < GATE_UNPROVED_MAX; i++)
        assert_false(bares.all[i].is_gone);
    bare_close(&bares.all[0]); /* one place is free again */
    run_until(call_open(0, 1, LINK_CTL, &came)->open_n == 1);
    for (unsigned i = 1; i < GATE_UNPROVED_MAX; i++)
        run_until(bares.all[i].is_closed);
    expect_counts(2, GATE_UNPROVED_MAX);
}

static void test_many_joins(void **state)
{
    struct node *n = &world.nodes[1];
    const uint64_t begin_ms = loop_now_ms(world.loop);

    (void)state;
    for (unsigned i = 0; i < GATE_JOINS_MAX; i++) {
        (void)bare_open(NULL, "weldr-join/1");
        run_until(n->came_n == i + 1);
    }
    struct bare *late = bare_call(NULL, "weldr-join/1");

    run_until(late->is_closed);
    expect_counts(1, 0);
    struct talker *came;

    (void)call_open(0, 1, LINK_CTL, &came); /* members have places of their own */
    expect_silence_ends(&bares.all[GATE_JOINS_MAX - 1], begin_ms, GATE_JOIN_MS);
    for (unsigned i = 0; i < GATE_JOINS_MAX; i++)
        run_until(bares.all[i].is_closed && n->came[i].closed_n == 1);
    assert_int_equal(came->closed_n, 0);
    const unsigned before = n->came_n;

    (void)bare_open(NULL, "weldr-join/1");
    run_until(n->came_n == before + 1);
}

static void test_not_wanted(void **state)
{
    struct talker *t;

    (void)state;
    world.nodes[1].is_unwilling = true;
    t = call(0, 1, LINK_CTL);
    run_until(t->closed_n == 1);
    assert_int_equal(world.nodes[1].came_n, 0);
    expect_counts(0, 0);
}

/* ---- a flood, and members; on a real network, whose callers have addresses ---- */

enum { FLOOD_MAX = GATE_UNPROVED_MAX + GATE_EXPECTED_MAX + 1 };

static int flood[FLOOD_MAX];
static unsigned flood_n;

/* From 127.0.0.host; it says nothing. */
static void add_silent(unsigned host)
{
    struct sockaddr_storage to;
    const socklen_t len = addr_to_sockaddr(gate_address(world.nodes[1].gate), &to);
    const struct sockaddr_in from = {.sin_family = AF_INET,
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0 && flood_n < FLOOD_MAX);
    assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, len), 0);
    flood[flood_n++] = fd;
}

static uint64_t refused(void)
{
    uint64_t refused_n, failed_n;

    gate_counts(world.nodes[1].gate, &refused_n, &failed_n);
    return refused_n;
}

/* All places that are left to them: one too many comes. */
static void fill_places(unsigned host, unsigned n)
{
    const uint64_t before = refused();

    for (unsigned i = 0; i < n + 1; i++)
        add_silent(host);
    run_until(refused() > before);
    assert_int_equal(refused(), before + 1);
}

static void flood_end(void)
{
    while (flood_n > 0)
        assert_int_equal(close(flood[--flood_n]), 0);
}

/* Node 0 is a member, reached at 127.0.0.host; it calls from 127.0.0.1. */
static struct roster *make_member(unsigned host)
{
    struct roster *r = roster_new();
    const struct roster_command make = command_make();
    struct roster_command c = command_admit(1, 0, 1);

    c.member.id = node_id(0);
    c.member.address =
        (struct addr){.family = AF_INET, .port = 8688, .ip = {127, 0, 0, (uint8_t)host}};
    assert_int_equal(roster_apply(r, &make), 0);
    assert_int_equal(roster_apply(r, &c), 0);
    world.nodes[1].self.roster = r;
    return r;
}

static void forget_member(struct roster *r)
{
    world.nodes[1].self.roster = NULL;
    roster_free(r);
}

static void test_members_come_through_a_flood(void **state)
{
    struct roster *r = make_member(1);
    struct talker *came;

    (void)state;
    fill_places(2, GATE_UNPROVED_MAX);
    for (unsigned i = 0; i < 2 * GATE_EXPECTED_MAX; i++) /* none of them keeps a place */
        (void)call_open(0, 1, i % 2 == 0 ? LINK_CTL : LINK_RAFT, &came);
    flood_end();
    forget_member(r);
}

/* A member's host is as bad as any other: it fills its own places. */
static void test_a_flood_from_a_member(void **state)
{
    struct roster *r = make_member(2);
    struct talker *came;

    (void)state;
    (void)call_open(0, 1, LINK_CTL, &came); /* from another address than the roster has */
    fill_places(2, GATE_EXPECTED_MAX + GATE_UNPROVED_MAX);
    (void)call_open(0, 1, LINK_CTL, &came);
    flood_end();
    forget_member(r);
}

/* Who was removed is a stranger. */
static void test_places_of_members_only(void **state)
{
    struct roster *r = make_member(2);
    struct roster_command c = command_token(1, 1, 100);
    struct talker *came;

    (void)state;
    (void)call_open(0, 1, LINK_CTL, &came);
    assert_int_equal(roster_apply(r, &c), 0);
    c = command_admit(2, 1, 1);
    assert_int_equal(roster_apply(r, &c), 0);
    c = command_of_id(ROSTER_REMOVE, node_id(0));
    assert_int_equal(roster_apply(r, &c), 0);
    fill_places(2, GATE_UNPROVED_MAX);
    struct talker *t = call(0, 1, LINK_CTL);
    run_until(t->closed_n == 1);
    assert_int_equal(t->open_n, 0);
    flood_end();
    forget_member(r);
}

/* ---- its end ---- */

static void test_closes_with_all_links(void **state)
{
    struct node *n = &world.nodes[1];
    struct talker *came;
    struct talker *t = call_open(0, 1, LINK_CTL, &came);
    struct bare *unproved = bare_connect();
    const struct gate_ops ops = {node_on_link, n};
    const struct addr at = *gate_address(n->gate);

    (void)state;
    run_until(unproved->is_open);
    assert_int_equal(link_send(came->at, 7, SPAN("last")), 0);
    gate_close(n->gate, node_on_gate_closed, n);
    link_self_fini(&n->self);
    const struct link_self self = n->self;

    memset(&n->self, 0xff, sizeof(n->self)); /* nobody looks at it any more */
    run_until(n->is_gate_closed && t->closed_n == 1 && unproved->is_closed);
    assert_int_equal(came->closed_n, 1);
    assert_int_equal(t->message_n, 1);
    n->self = self;
    n->is_gate_closed = false;
    node_show(n, n->self.id, link_uuid, &world.authority);
    assert_int_equal(gate_new_on(&n->self, loop_sim_listen(world.loop, &at), &ops, &n->gate),
                     0);
}

static void test_address_in_use(void **state)
{
    const struct gate_ops ops = {node_on_link, &world.nodes[0]};
    struct gate *g;

    (void)state;
    assert_int_equal(
        gate_new(&world.nodes[0].self, gate_address(world.nodes[1].gate), &ops, &g),
        WERR_ADDR_IN_USE);
}

/* ---- without memory ---- */

/* Whatever finds no memory: the link opens, or both sides hear that it does not. */
static bool run_with_fault(unsigned n)
{
    struct talker *t = talker_next();
    const unsigned before = world.nodes[1].came_n;

    fault_set(n);
    const int rc = link_connect(&t->link, &world.nodes[0].self, &talker_ops, LINK_CTL,
                                gate_address(world.nodes[1].gate), node_id(1));

    if (rc == 0) {
        link_set_user(&t->link, t);
        run_until(t->open_n + t->closed_n > 0);
        if (t->closed_n == 0)
            assert_true(link_send(t->at, 1, SPAN("hello")) <= 0);
        link_close(t->at);
        run_until(t->closed_n == 1);
    }
    for (unsigned turns = 0; turns < 100; turns++)
        (void)loop_turn(world.loop, 0); /* the other end hears of it too */
    while (world.nodes[1].came_n > before)
        run_until(world.nodes[1].came[--world.nodes[1].came_n].closed_n == 1);
    const bool is_over = fault_is_armed();

    fault_set(0);
    world.talker_n--;
    memset(t, 0, sizeof(*t));
    for (unsigned i = 0; i < TALKERS_MAX; i++)
        world.nodes[1].came[i] = (struct talker){.at = NULL};
    return is_over;
}

static void test_no_memory(void **state)
{
    unsigned n = 1;

    (void)state;
    while (!run_with_fault(n))
        n++;
    assert_true(n > 2); /* the two codecs at the least */
}

#define GATE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    GATE_TEST(test_plain_bytes),
    GATE_TEST(test_no_certificate),
    GATE_TEST(test_another_protocol),
    GATE_TEST(test_hello_cut_anywhere),
    GATE_TEST(test_hello_byte_by_byte),
    GATE_TEST(test_hello_with_a_byte_changed),
    GATE_TEST(test_hello_and_a_message),
    GATE_TEST(test_lengths),
    GATE_TEST(test_silence),
    GATE_TEST(test_open_links_stay),
    GATE_TEST(test_nothing_is_heard),
    GATE_TEST(test_many_unproved),
    GATE_TEST(test_many_joins),
    GATE_TEST(test_not_wanted),
    cmocka_unit_test_setup_teardown(test_members_come_through_a_flood, set_up_real, tear_down),
    cmocka_unit_test_setup_teardown(test_a_flood_from_a_member, set_up_real, tear_down),
    cmocka_unit_test_setup_teardown(test_places_of_members_only, set_up_real, tear_down),
    GATE_TEST(test_closes_with_all_links),
    cmocka_unit_test_setup_teardown(test_address_in_use, set_up_real, tear_down),
    GATE_TEST(test_no_memory),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
