/* Orders from member to member over real links and libraft: several nodes in one process. */
#include "pool/levels.h"
#include "raft_bent.h"

static struct {
    unsigned n; /* how many have ended, … */
    int error;  /* … and the last of them */
    char text[TEXT_MAX];
} end;

static void on_end(void *arg, int error, struct span text)
{
    (void)arg;
    end.n++;
    end.error = error;
    assert_int_equal(span_to_str(text, end.text, sizeof(end.text)), 0);
}

static int give(unsigned from, uint64_t to)
{
    return cluster_of(from)->ops->order(cluster_of(from), to, SPAN("do"), on_end, NULL);
}

static bool has_ended(unsigned n)
{
    return end.n >= n;
}

static bool has_order(unsigned i)
{
    return lab.nodes[i].orders_n > 0;
}

/* Nobody has called the leader yet, or it is another one: it is tried again. */
static void order(unsigned from, unsigned to)
{
    end.error = WERR_NOT_LEADER;
    while (end.error == WERR_NOT_LEADER || end.error == WERR_UNREACHABLE) {
        const unsigned before = end.n;
        const int rc = give(from, id_of(to));

        end.error = rc;
        if (rc == 0)
            AWAIT(has_ended, before + 1);
        (void)loop_turn(lab.loop, 20);
    }
}

/* It is under way: the member that is meant has it. */
static void begin(unsigned from, unsigned to)
{
    lab.nodes[to].is_slow = true;
    do {
        const unsigned before = end.n;

        lab.nodes[to].orders_n = 0;
        while (give(from, id_of(to)) < 0)
            (void)loop_turn(lab.loop, 20);
        while (!has_order(to) && end.n == before)
            (void)loop_turn(lab.loop, 20);
    } while (!has_order(to));
}

static void make(unsigned n)
{
    memset(&end, 0, sizeof(end));
    make_first_at(LEVEL_ORDERS);
    join_all(n);
}

static void test_each_to_each(void **state)
{
    (void)state;
    make(3);
    for (unsigned from = 0; from < 3; from++) {
        for (unsigned to = 0; to < 3; to++) {
            if (to == from)
                continue;
            lab.nodes[to].orders_n = 0;
            order(from, to);
            assert_int_equal(end.error, 0);
            assert_string_equal(end.text, "done");
            assert_int_equal(lab.nodes[to].orders_n, 1);
            assert_true(lab.nodes[to].order.from == id_of(from));
        }
    }
    end_lab();
}

static void test_what_is_refused_at_once(void **state)
{
    (void)state;
    make(3);
    assert_int_equal(give(0, id_of(0)), WERR_INVALID);
    assert_int_equal(give(0, 12345), WERR_NOT_FOUND);
    end_lab();
    /* Somebody is older. */
    make_first_at(LEVEL_ORDERS - 1);
    join_all(2);
    assert_int_equal(give(0, id_of(1)), WERR_UNSUPPORTED);
    end_lab();
}

static void test_too_many_at_once(void **state)
{
    unsigned n = 0;
    int rc = 0;

    (void)state;
    make(3);
    const unsigned leader = make_calm(3), from = (leader + 1) % 3, to = (leader + 2) % 3;
    begin(from, to);
    const unsigned before = end.n;
    while (rc == 0) {
        rc = give(from, id_of(to));
        n++;
    }
    assert_int_equal(rc, WERR_IN_USE);
    assert_int_equal(n, ORDERS_MAX);
    close_node(from);
    assert_int_equal(end.n, before + ORDERS_MAX);
    assert_int_equal(end.error, WERR_SHUTTING_DOWN);
    end_lab();
}

/* By the leader to a member, and from one member to another: what it says comes later. */
static void test_an_answer_that_takes_its_time(void **state)
{
    (void)state;
    make(3);
    const unsigned leader = make_calm(3), follower = (leader + 1) % 3, to = (leader + 2) % 3;
    const unsigned froms[] = {leader, follower};

    for (unsigned i = 0; i < 2; i++) {
        begin(froms[i], to);
        const unsigned before = end.n;
        turn_for(50);
        assert_int_equal(end.n, before);
        answer(&lab.nodes[to], "at last");
        AWAIT(has_ended, before + 1);
        assert_int_equal(end.error, 0);
        assert_string_equal(end.text, "at last");
    }
    end_lab();
}

static uint64_t away;

static bool is_gone(unsigned i)
{
    const struct caller *c;

    LIST_FOREACH (c, &engine_at(i)->callers, entry)
        if (c->id == away)
            return false;
    return true;
}

static void test_a_member_that_is_away(void **state)
{
    (void)state;
    make(3);
    const unsigned leader = make_calm(3), follower = (leader + 1) % 3, gone = (leader + 2) % 3;
    const uint64_t id = id_of(gone);

    order(follower, gone); /* the leader has a link to each */
    away = id;
    close_node(gone);
    AWAIT(is_gone, leader);
    assert_int_equal(give(leader, id), WERR_UNREACHABLE);
    const unsigned before = end.n;
    assert_int_equal(give(follower, id), 0);
    AWAIT(has_ended, before + 1);
    assert_int_equal(end.error, WERR_UNREACHABLE);
    end_lab();
}

/* The member that is meant ends before it has said anything: the leader, which has the link,
 * knows at once, and nobody else does before the time is over. */
static void test_a_member_that_ends(void **state)
{
    (void)state;
    make(3);
    const unsigned leader = make_calm(3), follower = (leader + 1) % 3, to = (leader + 2) % 3;

    begin(leader, to);
    begin(follower, to);
    unsigned before = end.n;
    close_node(to);
    AWAIT(has_ended, before + 1);
    assert_int_equal(end.error, WERR_OUTCOME_UNKNOWN);
    before = end.n;
    for (unsigned i = 0; i < ORDERS_MAX; i++)
        engine_at(follower)->orders.list[i].end_ms = 0;
    AWAIT(has_ended, before + 1);
    assert_int_equal(end.error, WERR_TIMEOUT);
    end_lab();
}

static void test_a_leader_that_ends(void **state)
{
    (void)state;
    make(3);
    AWAIT(has_leader, 3);
    const unsigned leader = leader_index(3), follower = (leader + 1) % 3, to = (leader + 2) % 3;

    begin(follower, to);
    const unsigned before = end.n;
    close_node(leader);
    AWAIT(has_ended, before + 1);
    assert_int_equal(end.error, WERR_OUTCOME_UNKNOWN);
    lab.nodes[to].is_slow = false;
    order(follower, to); /* by the next leader */
    assert_int_equal(end.error, 0);
    end_lab();
}

static int tell(unsigned at, uint8_t type, const struct peer_order *m)
{
    const struct caller *c = LIST_FIRST(&engine_at(at)->callers);
    size_t len;

    assert_non_null(c);
    char *bytes = peer_order_encode(m, &len);
    assert_non_null(bytes);
    const int rc = engine_orders_from_caller(c, type, span_from(bytes, len));
    free(bytes);
    return rc;
}

/* Whoever says that it is another one is broken; so is who sends no order. */
static void test_what_can_not_be(void **state)
{
    (void)state;
    make(3);
    const unsigned leader = make_calm(3);

    order((leader + 1) % 3, (leader + 2) % 3);
    const struct peer_order m = {.number = 1, .from = id_of(leader), .to = id_of(leader)};
    assert_int_equal(tell(leader, PEER_ORDER, &m), WERR_CORRUPT);
    assert_int_equal(tell(leader, PEER_ORDERED, &m), WERR_CORRUPT);
    assert_int_equal(engine_orders_from_leader(engine_at(leader), PEER_ORDER, SPAN("no")),
                     WERR_CORRUPT);
    end_lab();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_to_each),
        cmocka_unit_test(test_what_is_refused_at_once),
        cmocka_unit_test(test_too_many_at_once),
        cmocka_unit_test(test_an_answer_that_takes_its_time),
        cmocka_unit_test(test_a_member_that_is_away),
        cmocka_unit_test(test_a_member_that_ends),
        cmocka_unit_test(test_a_leader_that_ends),
        cmocka_unit_test(test_what_can_not_be),
    };

    (void)signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
