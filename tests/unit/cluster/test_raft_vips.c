/* Virtual IPs over real links and libraft: several nodes in one process, whose owner lets go
 * what it may not hold any more. At no turn of the loop may two hold the same one. */
#include <sys/socket.h>

#include "pool/levels.h"
#include "raft_bent.h"

static unsigned node_n, vip_n;

static struct addr vip_address(unsigned i)
{
    return (struct addr){.family = AF_INET, .ip = {192, 0, 2, (uint8_t)(i + 1)}};
}

static struct cluster_vip vip_at(unsigned node, unsigned i)
{
    struct cluster_vip list[VIPS_MAX];

    assert_int_equal(cluster_of(node)->ops->vips(cluster_of(node), list, VIPS_MAX), vip_n);
    return list[i];
}

static bool may_hold(unsigned node, unsigned i)
{
    return cluster_of(node) != NULL && vip_at(node, i).lease_ns > clock_boot_ns();
}

/* node_n: nobody. */
static unsigned holder_of(unsigned i)
{
    unsigned holder = node_n;

    for (unsigned node = 0; node < node_n; node++) {
        if (!may_hold(node, i))
            continue;
        assert_int_equal(holder, node_n); /* else it is on two */
        holder = node;
    }
    return holder;
}

static bool are_held(unsigned unused)
{
    bool all = true;

    (void)unused;
    for (unsigned i = 0; i < vip_n; i++)
        all &= holder_of(i) < node_n;
    return all;
}

static void describe(unsigned node)
{
    struct cluster_vip_wish wishes[VIPS_MAX];

    for (unsigned i = 0; i < vip_n; i++)
        wishes[i].address = vip_address(i);
    cluster_of(node)->ops->set_vips(cluster_of(node), wishes, vip_n);
    cluster_of(node)->ops->set_fitness(cluster_of(node), CLUSTER_FIT, NULL);
}

static void make(unsigned nodes, unsigned vips)
{
    node_n = nodes;
    vip_n = vips;
    make_first_at(LEVEL_VIPS);
    join_all(nodes);
    for (unsigned i = 0; i < nodes; i++)
        describe(i);
    AWAIT(are_held, 0);
}

static unsigned wanted_at;

static bool is_there(unsigned i)
{
    return are_held(0) && holder_of(i) == wanted_at;
}

/* An election may come between on a busy machine: then it is asked again. */
static void move_to(unsigned asked, unsigned i, unsigned to)
{
    const struct addr address = vip_address(i);
    int rc;

    wanted_at = to;
    do {
        const unsigned before = lab.done_n;
        struct cluster *c = cluster_of(asked);

        AWAIT(are_held, 0);
        rc = c->ops->move_vip(c, &address, id_of(to), on_done, NULL);
        if (rc == 0)
            AWAIT(is_done, before + 1);
        if (rc == 0)
            rc = lab.error;
        (void)loop_turn(lab.loop, 20);
    } while (rc < 0);
    AWAIT(is_there, i);
}

/* ---- tests ---- */

static void test_one_node_holds_all(void **state)
{
    (void)state;
    make(1, 3);
    for (unsigned i = 0; i < vip_n; i++) {
        const struct cluster_vip v = vip_at(0, i);

        assert_true(v.is_self && v.holder == id_of(0));
        assert_int_equal(v.epoch, 1);
        assert_int_equal(v.cause, CLUSTER_VIP_FIRST);
        assert_int_equal(v.wait, CLUSTER_VIP_HELD);
        assert_true(v.since_ms > 0);
    }
    assert_true(lab.nodes[0].vips_n > 0);
    turn_for(1000); /* several leases */
    assert_true(are_held(0));
    end_lab();
}

/* It knows nothing of the cluster yet, and another one may hold them. */
static void test_a_newcomer_holds_nothing_by_itself(void **state)
{
    (void)state;
    make(1, 1);
    get_token(0);
    join(1, 0);
    node_n = 2;
    describe(1);
    while (!has_settled(1)) {
        assert_false(may_hold(1, 0));
        (void)loop_turn(lab.loop, 20);
    }
    wanted_at = 0;
    AWAIT(is_there, 0);
    end_lab();
}

static void test_each_is_on_one_of_three(void **state)
{
    (void)state;
    make(3, 3);
    for (unsigned i = 0; i < 100; i++) {
        (void)loop_turn(lab.loop, 20);
        (void)are_held(0);
    }
    AWAIT(are_held, 0);
    end_lab();
}

static void test_an_operator_moves_one(void **state)
{
    (void)state;
    make(3, 1);
    for (unsigned to = 0; to < 3; to++) {
        move_to((to + 1) % 3, 0, to);
        const struct cluster_vip v = vip_at(to, 0);
        assert_true(v.epoch > 0);
        assert_true(v.cause == CLUSTER_VIP_MOVED || v.epoch == 1);
    }
    end_lab();
}

static void test_what_can_not_be_moved(void **state)
{
    const struct addr unknown = vip_address(100), known = vip_address(0);

    (void)state;
    make(3, 1);
    const unsigned leader = make_calm(3);
    struct cluster *c = cluster_of(leader);
    assert_int_equal(c->ops->move_vip(c, &unknown, 0, on_done, NULL), WERR_NOT_FOUND);
    assert_int_equal(c->ops->move_vip(c, &known, 12345, on_done, NULL), WERR_NOT_FOUND);
    end_lab();
}

static unsigned before_at;

static bool is_elsewhere(unsigned i)
{
    return are_held(0) && holder_of(i) != before_at;
}

static void test_who_is_unfit_hands_over(void **state)
{
    (void)state;
    make(3, 1);
    before_at = holder_of(0);
    cluster_of(before_at)->ops->set_fitness(cluster_of(before_at), CLUSTER_LEAVING, "draining");
    AWAIT(is_elsewhere, 0);
    end_lab();
}

static void test_another_leader_changes_nothing(void **state)
{
    (void)state;
    make(3, 2);
    for (unsigned to = 0; to < 3; to++) {
        struct cluster *c = cluster_of(to);

        AWAIT(knows_leader, to);
        (void)!c->ops->transfer(c, id_of(to), on_done, NULL);
        for (unsigned i = 0; i < 30; i++) {
            (void)loop_turn(lab.loop, 20);
            (void)are_held(0);
        }
        AWAIT(are_held, 0);
    }
    end_lab();
}

static void test_others_take_over_from_who_is_gone(void **state)
{
    (void)state;
    make(3, 3);
    for (unsigned i = 0; i < vip_n; i++)
        move_to(0, i, 1);
    close_node(1);
    AWAIT(are_held, 0);
    end_lab();
}

/* ---- managers that are killed ---- */

static void send_datagram(unsigned to, const char *bytes, size_t len)
{
    const struct addr at = engine_own_address(engine_at(to));
    struct sockaddr_storage sa;
    const socklen_t sa_len = addr_to_sockaddr(&at, &sa);
    const int fd = socket(at.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(sendto(fd, bytes, len, 0, (const struct sockaddr *)&sa, sa_len), len);
    (void)close(fd);
}

static uint64_t dead_id;

static bool knows_dead(unsigned unused)
{
    (void)unused;
    for (unsigned i = 0; i < node_n; i++) {
        const struct grantor *g = cluster_of(i) != NULL ? &engine_at(i)->vips.grantor : NULL;

        for (unsigned k = 0; g != NULL && g->term != 0 && k < g->node_n; k++)
            if (g->nodes[k].id == dead_id && g->nodes[k].is_dead)
                return true;
    }
    return false;
}

/* Whatever comes to a port that anybody can send to. */
static void test_datagrams_of_strangers_do_nothing(void **state)
{
    struct cluster_testament t;
    const char rubbish[1400] = {0};

    (void)state;
    make(3, 1);
    const unsigned leader = make_calm(3), who = (leader + 1) % 3;
    move_to(leader, 0, who);
    turn_for(1000);
    dead_id = id_of(who);
    cluster_of(who)->ops->testament(cluster_of(who), &t);
    assert_int_equal(t.to_n, 2);
    for (unsigned i = 0; i < 64; i++) {
        send_datagram(leader, rubbish, i * 20);
        send_datagram(leader, t.bytes, i);
        t.bytes[i] ^= 1;
        send_datagram(leader, t.bytes, t.len);
        t.bytes[i] ^= 1;
        (void)loop_turn(lab.loop, 5);
    }
    turn_for(500);
    assert_false(knows_dead(0));
    AWAIT(are_held, 0);
    end_lab();
}

static void test_a_testament_moves_what_the_dead_one_had(void **state)
{
    struct cluster_testament t;

    (void)state;
    make(3, 1);
    const unsigned leader = make_calm(3), who = (leader + 1) % 3;
    move_to(leader, 0, who);
    turn_for(1000);
    dead_id = id_of(who);
    cluster_of(who)->ops->testament(cluster_of(who), &t);
    close_node(who);
    send_datagram(leader, t.bytes, t.len);
    AWAIT(knows_dead, 0);
    before_at = who;
    AWAIT(is_elsewhere, 0);
    assert_int_equal(vip_at(leader, 0).cause, CLUSTER_VIP_HOLDER_SILENT);
    end_lab();
}

static void test_a_dead_leader_is_followed_by_another_one(void **state)
{
    struct cluster_testament t;

    (void)state;
    make(3, 1);
    const unsigned leader = make_calm(3);
    move_to(leader, 0, leader);
    turn_for(1000);
    cluster_of(leader)->ops->testament(cluster_of(leader), &t);
    close_node(leader);
    for (unsigned i = 0; i < 3; i++)
        if (i != leader)
            send_datagram(i, t.bytes, t.len);
    before_at = leader;
    AWAIT(is_elsewhere, 0);
    end_lab();
}

static bool waits_as_a_pair(unsigned i)
{
    return vip_at(i, 0).wait == CLUSTER_VIP_PAIR;
}

static void test_a_pair_says_why_nobody_takes_over(void **state)
{
    (void)state;
    make(2, 1);
    move_to(0, 0, 1);
    close_node(0);
    AWAIT(waits_as_a_pair, 1);
    assert_false(may_hold(1, 0));
    assert_string_equal(cluster_vip_wait_word(vip_at(1, 0).wait), "pair");
    end_lab();
}

static void test_who_leaves_leaves_its_addresses(void **state)
{
    (void)state;
    make(3, 1);
    const unsigned leader = make_calm(3);
    const unsigned who = (leader + 1) % 3;
    move_to(leader, 0, who);
    const unsigned before = lab.done_n;
    struct cluster *c = cluster_of(leader);
    assert_int_equal(c->ops->remove_member(c, id_of(who), on_done, NULL), 0);
    AWAIT(is_done, before + 1);
    assert_int_equal(lab.error, 0);
    before_at = who;
    AWAIT(is_elsewhere, 0);
    assert_int_equal(vip_at(leader, 0).cause, CLUSTER_VIP_HOLDER_LEFT);
    end_lab();
}

static void test_older_members_know_none(void **state)
{
    (void)state;
    node_n = 2;
    vip_n = 1;
    make_first_at(LEVEL_VIPS - 1);
    join_all(2);
    describe(0);
    describe(1);
    turn_for(500);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(vip_at(i, 0).wait, CLUSTER_VIP_NO_LEVEL);
        assert_int_equal(vip_at(i, 0).holder, 0);
        assert_false(may_hold(i, 0));
    }
    const struct addr address = vip_address(0);
    assert_int_equal(cluster_of(0)->ops->move_vip(cluster_of(0), &address, 0, on_done, NULL),
                     WERR_UNSUPPORTED);
    end_lab();
}

static bool is_forgotten(unsigned i)
{
    return roster_vip_n(engine_at(i)->roster) == 0;
}

static void test_what_is_not_described_any_more_is_forgotten(void **state)
{
    (void)state;
    make(3, 2);
    for (unsigned i = 0; i < 3; i++)
        cluster_of(i)->ops->set_vips(cluster_of(i), NULL, 0);
    vip_n = 0;
    for (unsigned i = 0; i < 3; i++)
        AWAIT(is_forgotten, i);
    vip_n = 1;
    for (unsigned i = 0; i < 3; i++)
        describe(i);
    AWAIT(are_held, 0);
    assert_true(vip_at(holder_of(0), 0).epoch > 1);
    end_lab();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_node_holds_all),
        cmocka_unit_test(test_a_newcomer_holds_nothing_by_itself),
        cmocka_unit_test(test_each_is_on_one_of_three),
        cmocka_unit_test(test_an_operator_moves_one),
        cmocka_unit_test(test_what_can_not_be_moved),
        cmocka_unit_test(test_who_is_unfit_hands_over),
        cmocka_unit_test(test_another_leader_changes_nothing),
        cmocka_unit_test(test_others_take_over_from_who_is_gone),
        cmocka_unit_test(test_datagrams_of_strangers_do_nothing),
        cmocka_unit_test(test_a_testament_moves_what_the_dead_one_had),
        cmocka_unit_test(test_a_dead_leader_is_followed_by_another_one),
        cmocka_unit_test(test_a_pair_says_why_nobody_takes_over),
        cmocka_unit_test(test_who_leaves_leaves_its_addresses),
        cmocka_unit_test(test_older_members_know_none),
        cmocka_unit_test(test_what_is_not_described_any_more_is_forgotten),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
