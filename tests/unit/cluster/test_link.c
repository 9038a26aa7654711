/* Links between nodes: who is let in, and what goes over them. */
#include "link_fixture.h"

#include "net/tlsio.h"

static int set_up(void **state)
{
    (void)state;
    world_begin(false);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_end();
    return 0;
}

/* ---- that open ---- */

static void test_each_use(void **state)
{
    (void)state;
    for (enum link_use use = LINK_RAFT; use <= LINK_CTL; use++) {
        struct talker *came;
        struct talker *t = call_open(0, 1, use, &came);

        assert_int_equal(link_use(t->at), use);
        assert_int_equal(link_use(came->at), use);
        assert_true(link_peer(t->at) == node_id(1));
        assert_true(link_peer(came->at) == node_id(0));
        assert_true(addr_is_equal(link_told_address(came->at), &world.nodes[0].self.address));
        assert_true(addr_is_equal(link_told_address(t->at), &world.nodes[1].self.address));
        assert_true(addr_is_equal(link_address(t->at), gate_address(world.nodes[1].gate)));
        link_close(t->at);
        run_until(t->closed_n == 1 && came->closed_n == 1);
        assert_int_equal(t->error, 0);
        assert_int_equal(came->error, WERR_EOF);
    }
}

static void test_messages_both_ways(void **state)
{
    static const size_t sizes[] = {0, 1, 1000, 65536, 65537, 1000000, LINK_MESSAGE_MAX - 1};
    static char payload[LINK_MESSAGE_MAX];
    struct talker *came;
    struct talker *t = call_open(0, 1, LINK_CTL, &came);
    size_t bytes = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (char)(i * 7 + i / 1000);
    came->responds = true;
    for (unsigned i = 0; i < COUNT(sizes); i++) {
        assert_int_equal(link_send(t->at, (uint8_t)(i + 1), span_from(payload, sizes[i])), 0);
        bytes += sizes[i];
        run_until(t->message_n == i + 1);
        assert_int_equal(t->type, i + 1);
        assert_int_equal(t->bytes, bytes);
        assert_true(t->sum == came->sum);
    }
    assert_int_equal(link_send(t->at, 1, span_from(payload, LINK_MESSAGE_MAX)), WERR_TOO_BIG);
}

static void test_bytes_both_ways(void **state)
{
    static char bytes[3000000];
    struct talker *came;
    struct talker *t = call_open(1, 2, LINK_RAFT, &came);

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 7 + i / 1000);
    came->responds = true;
    link_send_bytes(t->at, span_from(bytes, sizeof(bytes)));
    run_until(t->bytes == sizeof(bytes));
    assert_true(t->sum == came->sum);
}

/* What was sent before it goes out, however much it is. */
static void test_close_after_sending(void **state)
{
    static const char payload[LINK_MESSAGE_MAX - 1];
    struct talker *came;
    struct talker *t = call_open(0, 1, LINK_CTL, &came);

    (void)state;
    assert_int_equal(link_send(t->at, 1, span_from(payload, sizeof(payload))), 0);
    assert_int_equal(link_send(t->at, 2, SPAN("last")), 0);
    link_close(t->at);
    assert_int_equal(link_send(t->at, 3, SPAN("ignored")), 0);
    run_until(t->closed_n == 1 && came->closed_n == 1);
    assert_int_equal(t->error, 0);
    assert_int_equal(came->message_n, 2);
    assert_int_equal(came->type, 2);
    assert_int_equal(came->bytes, sizeof(payload) + 4);
    assert_int_equal(came->error, WERR_EOF);
}

static void test_closed_in_callbacks(void **state)
{
    struct talker *came;
    struct talker *t = call_open(0, 1, LINK_CTL, &came);

    (void)state;
    came->closes = true;
    assert_int_equal(link_send(t->at, 1, SPAN("one")), 0);
    assert_int_equal(link_send(t->at, 2, SPAN("two")), 0);
    run_until(t->closed_n == 1 && came->closed_n == 1);
    assert_int_equal(came->message_n, 1);
    assert_int_equal(came->error, 0);
}

/* Each of many messages of one read is handed on alone. */
static void test_paused_between_messages(void **state)
{
    enum { N = 200 };
    struct talker *came;
    struct talker *t = call_open(0, 1, LINK_CTL, &came);

    (void)state;
    came->pauses = true;
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(link_send(t->at, (uint8_t)i, SPAN("0123456789")), 0);
    for (unsigned i = 1; i <= N; i++) {
        run_until(came->message_n == i);
        for (unsigned turns = 0; turns < 5; turns++)
            (void)loop_turn(world.loop, 0);
        assert_int_equal(came->message_n, i);
        assert_int_equal(came->type, i - 1);
        link_resume(came->at);
        assert_int_equal(came->message_n, i);
    }
    assert_int_equal(came->bytes, N * 10);
}

/* Both ends hold no more than they may, and nothing is lost. */
static void test_slow_reader(void **state)
{
    static const char payload[1000000];
    struct talker *came;
    struct talker *t = call_open(0, 1, LINK_CTL, &came);
    unsigned sent = 0;
    int rc = 0;

    (void)state;
    link_pause(came->at);
    while (rc == 0 && sent < 100) {
        rc = link_send(t->at, 1, span_from(payload, sizeof(payload)));
        sent += rc == 0;
        for (unsigned turns = 0; turns < 20; turns++)
            (void)loop_turn(world.loop, 0);
    }
    assert_int_equal(rc, WERR_NOMEM);
    assert_int_equal(t->congested_n, t->drained_n + 1);
    assert_true(t->at->queued_bytes <= LINK_QUEUE_MAX);
    assert_in_range(world.conns.queued_bytes, 0, 8 * 1024 * 1024);
    assert_int_equal(came->message_n, 0);
    link_resume(came->at);
    run_until(came->message_n == sent && t->drained_n == t->congested_n);
    assert_int_equal(came->bytes, sent * sizeof(payload));
    assert_int_equal(t->closed_n, 0);
}

/* ---- the roster ---- */

static void rule(struct roster *r, struct roster_command c)
{
    assert_int_equal(roster_apply(r, &c), 0);
}

static struct roster *make_roster(void)
{
    struct roster *r = roster_new();
    struct roster_command c = {.type = ROSTER_MAKE,
                               .incarnation = 1,
                               .authority = span_from_str(world.authority.pem),
                               .authority_key = SPAN("closed")};

    assert_non_null(r);
    memcpy(c.uuid, link_uuid, sizeof(link_uuid));
    rule(r, c);
    return r;
}

static void admit(struct roster *r, uint64_t id)
{
    const bool is_first = roster_member_n(r) == 0;
    struct roster_command token = {
        .type = ROSTER_TOKEN, .token = {.id = {(uint8_t)id, 1}, .expiry_us = 2}, .now_us = 1};
    struct roster_command c = {
        .type = ROSTER_ADMIT,
        .member = {.id = id,
                   .address = {.family = AF_INET, .port = (uint16_t)id, .ip = {10, 9, 9, 9}},
                   .version = "1"},
        .now_us = 1};

    if (!is_first) {
        rule(r, token);
        c.token = token.token;
    }
    rule(r, c);
}

static void dismiss(struct roster *r, uint64_t id)
{
    rule(r, (struct roster_command){.type = ROSTER_REMOVE, .member = {.id = id}});
}

/* The n-th that the gate sends away, and told why. */
static void expect_farewell(unsigned n)
{
    const struct talker *t = call(0, 1, n % 2 == 1 ? LINK_RAFT : LINK_CTL);

    run_until(t->closed_n == 1 && failed_at(1) == n);
    assert_int_equal(t->open_n, 0);
    assert_int_equal(t->error, WERR_DENIED);
    assert_int_equal(world.nodes[1].came_n, 0);
    assert_true(world.nodes[0].self.was_removed);
}

static void test_members_by_the_roster(void **state)
{
    struct roster *r = make_roster();
    struct talker *came;

    (void)state;
    world.nodes[1].self.roster = r;
    (void)call_open(0, 1, LINK_CTL, &came); /* a node that has not been told of itself */
    admit(r, node_id(1));
    admit(r, node_id(0));
    (void)call_open(0, 1, LINK_CTL, &came);
    dismiss(r, node_id(0));
    world.nodes[1].came_n = 0;
    for (enum link_use use = LINK_RAFT; use <= LINK_CTL; use++) {
        struct link_self *removed = &world.nodes[0].self;
        struct talker t;

        expect_farewell((unsigned)use + 1);
        assert_int_equal(link_connect(&t.link, removed, &talker_ops, use,
                                      gate_address(world.nodes[1].gate), node_id(1)),
                         WERR_DENIED);
        removed->was_removed = false;
    }
    world.nodes[1].self.roster = NULL;
    roster_free(r);
}

/* The cluster was recovered without it. */
static void test_removed_by_a_later_incarnation(void **state)
{
    struct roster *r = make_roster();

    (void)state;
    admit(r, node_id(1));
    admit(r, node_id(0));
    dismiss(r, node_id(0));
    world.nodes[1].self.roster = r;
    world.nodes[1].self.incarnation++;
    expect_farewell(1);
    world.nodes[0].self.was_removed = false;
    world.nodes[1].self.incarnation--;
    world.nodes[1].self.roster = NULL;
    roster_free(r);
}

/* It may lead, and this one may be behind. */
static void test_unknown_member(void **state)
{
    struct roster *r = make_roster();
    struct talker *came;

    (void)state;
    admit(r, node_id(1));
    world.nodes[1].self.roster = r;
    expect_refused(call(0, 1, LINK_CTL), WERR_EOF);
    (void)call_open(0, 1, LINK_RAFT, &came);
    world.nodes[1].self.roster = NULL;
    roster_free(r);
}

static void test_removed_is_not_called(void **state)
{
    struct roster *r = make_roster();
    struct talker t;

    (void)state;
    admit(r, node_id(0));
    admit(r, node_id(1));
    dismiss(r, node_id(1));
    world.nodes[0].self.roster = r;
    for (enum link_use use = LINK_RAFT; use <= LINK_CTL; use++)
        assert_int_equal(link_connect(&t.link, &world.nodes[0].self, &talker_ops, use,
                                      gate_address(world.nodes[1].gate), node_id(1)),
                         WERR_DENIED);
    world.nodes[0].self.roster = NULL;
    roster_free(r);
}

/* ---- join ---- */

static void test_join(void **state)
{
    static const char payload[LINK_JOIN_MESSAGE_MAX];
    const struct span authorities[] = {SPAN_NONE, span_from_str(world.authority.pem)};

    (void)state;
    for (size_t i = 0; i < COUNT(authorities); i++) {
        struct talker *came;
        struct talker *t = join(authorities[i], &came);

        assert_non_null(came);
        assert_int_equal(link_use(came->at), LINK_JOIN);
        assert_true(link_peer(came->at) == 0 && link_peer(t->at) == 0);
        came->responds = true;
        assert_int_equal(link_send(t->at, 1, span_from(payload, sizeof(payload) - 1)), 0);
        assert_int_equal(link_send(t->at, 1, span_from(payload, sizeof(payload))),
                         WERR_TOO_BIG);
        run_until(t->message_n == 1);
        assert_int_equal(t->bytes, sizeof(payload) - 1);
        link_close(t->at);
        run_until(t->closed_n == 1 && came->closed_n == 1);
    }
}

static void test_join_of_another_authority(void **state)
{
    struct talker *came;
    struct talker *t = join(span_from_str(world.stranger.pem), &came);

    (void)state;
    assert_int_equal(t->open_n, 0);
    assert_int_equal(t->error, WERR_DENIED);
}

static void test_join_of_what_is_no_member(void **state)
{
    struct talker *came, *t;

    (void)state;
    made_free(&world.nodes[1].shown);
    world.nodes[1].shown = made_of(
        (struct made_wish){.name = "x", .san = "DNS:x.example", .by = &world.authority});
    assert_int_equal(link_self_set(&world.nodes[1].self,
                                   span_from_str(world.nodes[1].shown.pem),
                                   span_from_str(world.nodes[1].shown.secret),
                                   span_from_str(world.authority.pem)),
                     0);
    t = join(span_from_str(world.authority.pem), &came);
    assert_int_equal(t->open_n, 0);
    assert_int_equal(t->error, WERR_DENIED);
}

/* ---- contexts ---- */

static void test_contexts_refused(void **state)
{
    struct node *n = &world.nodes[0];
    const struct tlsio_context *before = n->self.accepts;
    const struct span shown = span_from_str(n->shown.pem);
    const struct span key = span_from_str(n->shown.secret);
    const struct span other = span_from_str(world.nodes[1].shown.secret);
    const struct span authority = span_from_str(world.authority.pem);

    (void)state;
    assert_int_equal(link_self_set(&n->self, SPAN("x"), key, authority), WERR_INVALID);
    assert_int_equal(link_self_set(&n->self, shown, other, authority), WERR_INVALID);
    assert_int_equal(link_self_set(&n->self, shown, key, SPAN_NONE), WERR_INVALID);
    assert_int_equal(link_self_set(&n->self, shown, key, SPAN("x")), WERR_INVALID);
    assert_ptr_equal(n->self.accepts, before);
}

/* A certificate that is renewed is shown from then on; links that are open go on. */
static void test_certificate_is_renewed(void **state)
{
    struct talker *came, *later;
    struct talker *t = call_open(0, 1, LINK_CTL, &came);

    (void)state;
    node_show(&world.nodes[0], node_id(0), link_uuid, &world.authority);
    node_show(&world.nodes[1], node_id(1), link_uuid, &world.authority);
    came->responds = true;
    assert_int_equal(link_send(t->at, 1, SPAN("still")), 0);
    (void)call_open(0, 1, LINK_RAFT, &later);
    run_until(t->message_n == 1);
    assert_int_equal(t->closed_n, 0);
}

#define LINK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    LINK_TEST(test_each_use),
    LINK_TEST(test_messages_both_ways),
    LINK_TEST(test_bytes_both_ways),
    LINK_TEST(test_close_after_sending),
    LINK_TEST(test_closed_in_callbacks),
    LINK_TEST(test_paused_between_messages),
    LINK_TEST(test_slow_reader),
    LINK_TEST(test_members_by_the_roster),
    LINK_TEST(test_removed_by_a_later_incarnation),
    LINK_TEST(test_unknown_member),
    LINK_TEST(test_removed_is_not_called),
    LINK_TEST(test_join),
    LINK_TEST(test_join_of_another_authority),
    LINK_TEST(test_join_of_what_is_no_member),
    LINK_TEST(test_contexts_refused),
    LINK_TEST(test_certificate_is_renewed),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
