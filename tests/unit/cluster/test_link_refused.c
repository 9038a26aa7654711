/* Links between nodes: who is refused, before one byte of it is handed on. */
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

static void each_use_is_refused(int error)
{
    for (enum link_use use = LINK_RAFT; use <= LINK_CTL; use++) {
        const unsigned before = failed_at(1);
        struct talker *t = call(0, 1, use);

        run_until(t->open_n > 0 || (t->closed_n == 1 && failed_at(1) == before + 1));
        assert_int_equal(t->open_n, 0);
        assert_int_equal(world.nodes[1].came_n, 0);
        if (error != 0 && t->error != error)
            fail_msg("%s instead of %s", werr_word(t->error), werr_word(error));
    }
}

static void test_caller_of_another_authority(void **state)
{
    (void)state;
    node_show(&world.nodes[0], node_id(0), link_uuid, &world.stranger);
    each_use_is_refused(0);
}

static void test_called_of_another_authority(void **state)
{
    (void)state;
    node_show(&world.nodes[1], node_id(1), link_uuid, &world.stranger);
    each_use_is_refused(WERR_DENIED);
}

static void test_caller_with_another_name(void **state)
{
    (void)state;
    node_show(&world.nodes[0], node_id(2), link_uuid, &world.authority);
    each_use_is_refused(WERR_EOF);
}

static void test_called_with_another_name(void **state)
{
    (void)state;
    node_show(&world.nodes[1], node_id(2), link_uuid, &world.authority);
    each_use_is_refused(WERR_DENIED);
}

static void test_caller_of_another_cluster(void **state)
{
    (void)state;
    node_show(&world.nodes[0], node_id(0), other_uuid, &world.authority);
    each_use_is_refused(WERR_EOF);
}

static void test_called_of_another_cluster(void **state)
{
    (void)state;
    node_show(&world.nodes[1], node_id(1), other_uuid, &world.authority);
    each_use_is_refused(WERR_DENIED);
}

/* Of the cluster's own authority, with the right name. */
static const struct period {
    const char *begins, *ends;
} wrong_periods[] = {
    {"20230101000000Z", "20240101000000Z"}, /* it has ended */
    {"21230101000000Z", "21240101000000Z"}, /* it has not begun */
};

static void show_in(unsigned i, const struct period *p)
{
    char names[160];

    print_names(names, sizeof(names), node_id(i), link_uuid);
    node_show_made(&world.nodes[i], (struct made_wish){.name = "node",
                                                       .san = names,
                                                       .by = &world.authority,
                                                       .begins = p->begins,
                                                       .ends = p->ends});
}

static void test_caller_out_of_its_time(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT(wrong_periods); i++) {
        show_in(0, &wrong_periods[i]);
        each_use_is_refused(0);
    }
}

static void test_called_out_of_its_time(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT(wrong_periods); i++) {
        show_in(1, &wrong_periods[i]);
        each_use_is_refused(WERR_DENIED);
    }
}

/* ---- bytes that do not wait for the other side's hello ---- */

enum { EARLY_BYTES = 1000 };

/* They go out with the caller's own, as far as it comes to that. */
static struct talker *call_with_early_bytes(void)
{
    static const char early[EARLY_BYTES] = "taken for a message of libraft";
    struct talker *t = call(0, 1, LINK_RAFT);

    run_until(t->link.state != LINK_CONNECTING);
    if (t->link.state == LINK_HELLO) {
        conn_send_body(&t->link.conn, span_from(early, sizeof(early)), 0);
        conn_flush(&t->link.conn);
    }
    return t;
}

static void early_bytes_are_lost(void)
{
    const unsigned before = failed_at(1);
    const struct talker *t = call_with_early_bytes();

    run_until(t->open_n > 0 || (t->closed_n == 1 && failed_at(1) == before + 1));
    assert_int_equal(t->open_n, 0);
    assert_int_equal(world.nodes[1].came_n, 0);
}

static void test_early_bytes_reach_nobody(void **state)
{
    struct node *caller = &world.nodes[0], *called = &world.nodes[1];

    (void)state;
    for (unsigned i = 0; i < COUNT(wrong_periods); i++) {
        show_in(0, &wrong_periods[i]);
        early_bytes_are_lost();
    }
    node_show(caller, node_id(2), link_uuid, &world.authority);
    early_bytes_are_lost();
    node_show(caller, node_id(0), other_uuid, &world.authority);
    early_bytes_are_lost();
    node_show(caller, node_id(0), link_uuid, &world.stranger);
    early_bytes_are_lost();
    node_show(caller, node_id(0), link_uuid, &world.authority);
    caller->self.incarnation++;
    early_bytes_are_lost();
    caller->self.incarnation--;
    (void)call_with_early_bytes(); /* of the right one they are not lost */
    run_until(called->came_n == 1 && called->came[0].bytes == EARLY_BYTES);
}

/* Its certificate is right, its words are not. */
static void test_hello_of_another_cluster(void **state)
{
    (void)state;
    node_show(&world.nodes[1], node_id(1), other_uuid, &world.authority);
    memcpy(world.nodes[0].self.uuid, other_uuid, sizeof(other_uuid));
    each_use_is_refused(WERR_EOF);
}

static void test_another_incarnation(void **state)
{
    (void)state;
    world.nodes[0].self.incarnation++;
    each_use_is_refused(WERR_EOF);
    world.nodes[0].self.incarnation -= 2;
    struct talker *t = call(0, 1, LINK_CTL);

    run_until(t->closed_n == 1);
    assert_int_equal(world.nodes[1].came_n, 0);
}

/* Who listens there is another node than the one that is meant. */
static void test_another_node_is_meant(void **state)
{
    struct talker *t = talker_next();

    (void)state;
    assert_int_equal(link_connect(&t->link, &world.nodes[0].self, &talker_ops, LINK_CTL,
                                  gate_address(world.nodes[1].gate), node_id(2)),
                     0);
    link_set_user(&t->link, t);
    expect_refused(t, WERR_DENIED);
}

static void test_itself(void **state)
{
    struct talker t;

    (void)state;
    assert_int_equal(link_connect(&t.link, &world.nodes[0].self, &talker_ops, LINK_CTL,
                                  gate_address(world.nodes[0].gate), node_id(0)),
                     WERR_DENIED);
}

static void test_without_certificate(void **state)
{
    struct talker t;

    (void)state;
    link_self_fini(&world.nodes[0].self);
    assert_int_equal(link_connect(&t.link, &world.nodes[0].self, &talker_ops, LINK_CTL,
                                  gate_address(world.nodes[1].gate), node_id(1)),
                     WERR_NO_CERTIFICATE);
    struct talker *called = call(1, 0, LINK_CTL);

    run_until(called->closed_n == 1);
    assert_int_equal(called->open_n, 0);
}

static void test_nobody_listens(void **state)
{
    struct addr nobody = *gate_address(world.nodes[1].gate);
    struct talker *t = talker_next();

    (void)state;
    nobody.ip[3] = 77;
    const int rc = link_connect(&t->link, &world.nodes[0].self, &talker_ops, LINK_CTL, &nobody,
                                node_id(1));

    link_set_user(&t->link, t);
    if (rc < 0)
        t->closed_n++; /* the kernel knew at once */
    run_until(t->closed_n == 1);
    assert_int_equal(rc < 0 ? rc : t->error, WERR_REFUSED);
}

/* A newcomer believes no member whose certificate has ended either. */
static void test_join_out_of_its_time(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT(wrong_periods); i++) {
        struct talker *came;

        show_in(1, &wrong_periods[i]);
        struct talker *t = join(span_from_str(world.authority.pem), &came);
        assert_int_equal(t->open_n, 0);
        assert_int_equal(t->error, WERR_DENIED);
    }
}

#define LINK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    LINK_TEST(test_caller_of_another_authority),
    LINK_TEST(test_called_of_another_authority),
    LINK_TEST(test_caller_with_another_name),
    LINK_TEST(test_called_with_another_name),
    LINK_TEST(test_caller_of_another_cluster),
    LINK_TEST(test_called_of_another_cluster),
    LINK_TEST(test_caller_out_of_its_time),
    LINK_TEST(test_called_out_of_its_time),
    LINK_TEST(test_early_bytes_reach_nobody),
    LINK_TEST(test_hello_of_another_cluster),
    LINK_TEST(test_another_incarnation),
    LINK_TEST(test_another_node_is_meant),
    LINK_TEST(test_itself),
    LINK_TEST(test_without_certificate),
    LINK_TEST(test_nobody_listens),
    LINK_TEST(test_join_out_of_its_time),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
