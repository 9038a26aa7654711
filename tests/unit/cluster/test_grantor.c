/* The leader's rules, one by one. All of them together: test_vips_random.c. */
#include "vip_town.h"

static const uint64_t MS = 1000000;

static struct town *t;

static struct grantor *leader(void)
{
    return &t->nodes[town_leader(t)].grantor;
}

static void make(unsigned n, unsigned voters, unsigned vips)
{
    t = town_new(14, n, voters, vips);
    town_run(t, 1500);
    assert_in_range(town_leader(t), 0, voters - 1);
}

static unsigned holder(unsigned vip)
{
    for (unsigned i = 0; i < t->n; i++)
        if (town_has(t, i, vip))
            return i;
    return t->n;
}

static void assert_all_held(void)
{
    assert_int_equal(t->shared_n, 0);
    for (unsigned i = 0; i < t->vip_n; i++)
        assert_int_equal(town_holders(t, i), 1);
}

static const struct roster_vip *assignment(unsigned vip)
{
    const struct addr address = vip_address(vip);

    return roster_find_vip(t->nodes[town_leader(t)].roster, &address);
}

static int want(unsigned vip, uint64_t id)
{
    const struct addr address = vip_address(vip);

    return grantor_want(leader(), &address, &id, town_clock(t, &t->nodes[town_leader(t)]));
}

static void cut_off(unsigned who)
{
    for (unsigned i = 0; i < t->n; i++)
        t->is_cut[who][i] = t->is_cut[i][who] = true;
}

static void test_each_is_held_and_stays(void **state)
{
    (void)state;
    make(3, 3, 5);
    assert_all_held();
    const uint64_t assigned = t->assigned_n;
    assert_int_equal(assigned, 5);
    town_run(t, 5000);
    assert_all_held();
    assert_int_equal(t->assigned_n, assigned);
    town_free(t);
}

static void test_a_planned_move_does_not_wait_for_the_lease(void **state)
{
    (void)state;
    make(3, 3, 1);
    const unsigned to = (holder(0) + 1) % 3;
    assert_int_equal(want(0, to + 1), 0);
    assert_int_equal(want(0, to + 1), WERR_IN_USE);
    town_run(t, LEASE_MS / 2);
    assert_int_equal(holder(0), to);
    assert_int_equal(assignment(0)->cause, CLUSTER_VIP_MOVED);
    assert_int_equal(want(0, to + 1), 1);
    assert_int_equal(want(0, 0), 0);
    town_run(t, LEASE_MS / 2);
    assert_int_not_equal(holder(0), to);
    assert_int_equal(t->shared_n, 0);
    town_free(t);
}

static void test_who_is_silent_loses_its_own(void **state)
{
    (void)state;
    make(3, 3, 3);
    const unsigned who = (town_leader(t) + 1) % 3;
    cut_off(who);
    town_run(t, LEASE_MS + MARGIN_MS + 100);
    assert_all_held();
    for (unsigned i = 0; i < 3; i++)
        assert_int_not_equal(holder(i), who);
    town_free(t);
}

static void test_a_new_leader_waits_for_who_is_away(void **state)
{
    (void)state;
    make(3, 3, 1);
    assert_int_equal(want(0, town_leader(t) + 1) & ~1, 0);
    town_run(t, 300);
    const unsigned old = town_leader(t);
    assert_int_equal(holder(0), old);
    cut_off(old);
    const uint64_t cut_ms = t->ms;
    town_elect(t, (old + 1) % 3); /* long before a timer would have it */
    while (holder(0) == old || holder(0) == 3)
        town_step(t);
    assert_in_range(t->ms - cut_ms, LEASE_MS + MARGIN_MS, LEASE_MS + MARGIN_MS + 100);
    assert_int_equal(t->shared_n, 0);
    assert_int_equal(assignment(0)->cause, CLUSTER_VIP_HOLDER_SILENT);
    town_free(t);
}

static void test_another_leader_moves_nothing(void **state)
{
    (void)state;
    make(3, 3, 5);
    const uint64_t assigned = t->assigned_n;
    for (unsigned i = 0; i < 6; i++) {
        town_elect(t, i % 3);
        for (unsigned k = 0; k < 400; k++) {
            town_step(t);
            assert_all_held();
        }
    }
    assert_int_equal(t->assigned_n, assigned);
    town_free(t);
}

static void test_who_is_unfit_hands_over(void **state)
{
    (void)state;
    make(3, 3, 1);
    const unsigned who = holder(0);
    t->nodes[who].is_fit = false;
    town_run(t, 150);
    assert_int_not_equal(holder(0), who);
    assert_all_held();
    assert_int_equal(assignment(0)->cause, CLUSTER_VIP_HOLDER_UNFIT);
    assert_int_equal(want(0, who + 1), WERR_GUARD);
    town_free(t);
}

/* ---- who parts ---- */

static bool parts(unsigned who)
{
    const struct addr address = vip_address(0);
    const struct holding_vip *v = holding_find(&t->nodes[who].holding, &address);

    return v != NULL && v->is_parting && town_has(t, who, 0);
}

/* Three, whose holders take so long to part with an address. */
static unsigned make_slow(unsigned part_ms)
{
    make(3, 3, 1);
    for (unsigned i = 0; i < 3; i++)
        t->nodes[i].part_ms = part_ms;
    return holder(0);
}

static void test_a_holder_parts_in_its_time(void **state)
{
    (void)state;
    const unsigned from = make_slow(1000);
    const unsigned to = (from + 1) % 3;
    assert_int_equal(want(0, to + 1), 0);
    town_run(t, 100); /* told long before it would ask by itself twice */
    assert_true(parts(from));
    town_run(t, 1000);
    assert_int_equal(holder(0), to);
    assert_int_equal(t->shared_n, 0);
    town_free(t);
}

static void test_who_leaves_parts_and_who_is_unfit_does_not(void **state)
{
    (void)state;
    unsigned who = make_slow(5000);
    t->nodes[who].is_leaving = true;
    t->nodes[who].is_fit = false;
    town_run(t, 150);
    assert_true(parts(who));
    town_run(t, 5100);
    assert_int_not_equal(holder(0), who);
    t->nodes[who].is_fit = true;
    town_run(t, 1000);
    who = holder(0);
    t->nodes[who].is_fit = false;
    town_run(t, 150);
    assert_int_not_equal(holder(0), who);
    assert_int_equal(t->shared_n, 0);
    town_free(t);
}

static void test_who_never_parts_loses_it(void **state)
{
    (void)state;
    const unsigned from = make_slow(100000);
    const unsigned to = (from + 1) % 3;
    assert_int_equal(want(0, to + 1), 0);
    const uint64_t begin_ms = t->ms;
    while (holder(0) != to)
        town_step(t);
    assert_in_range(t->ms - begin_ms, GRANTOR_PART_NS / MS, GRANTOR_PART_NS / MS + 200);
    assert_int_equal(t->shared_n, 0);
    town_free(t);
}

static void test_it_stays_when_nobody_can_get_it(void **state)
{
    (void)state;
    const unsigned from = make_slow(100000);
    for (unsigned i = 0; i < 3; i++)
        t->nodes[i].is_fit = i == from || i == (from + 1) % 3;
    town_run(t, 100);
    const uint64_t assigned = t->assigned_n;
    assert_int_equal(want(0, (from + 1) % 3 + 1), 0);
    while (!parts(from))
        town_step(t);
    t->nodes[(from + 1) % 3].is_fit = false;
    while (parts(from))
        town_step(t);
    town_run(t, 1000);
    assert_int_equal(holder(0), from);
    assert_int_equal(t->assigned_n, assigned);
    town_free(t);
}

/* An unfit one is better than none. */
static void test_the_last_one_keeps_them(void **state)
{
    (void)state;
    make(3, 3, 2);
    for (unsigned i = 0; i < 3; i++)
        t->nodes[i].is_fit = false;
    town_run(t, 1000);
    assert_all_held();
    town_free(t);
}

static void test_who_returns_gets_its_part(void **state)
{
    (void)state;
    make(3, 3, 3);
    const unsigned who = (town_leader(t) + 1) % 3;
    cut_off(who);
    town_run(t, 1000);
    memset(t->is_cut, 0, sizeof(t->is_cut));
    town_run(t, 1000);
    assert_int_equal(t->assigned_n, 4); /* it might be gone again at once */
    town_run(t, 3000);
    assert_int_equal(t->assigned_n, 5);
    assert_all_held();
    town_free(t);
}

static void test_what_is_not_described_is_forgotten(void **state)
{
    (void)state;
    make(3, 3, 2);
    const struct cluster_vip_wish one = {.address = vip_address(0)};
    for (unsigned i = 0; i < 3; i++)
        grantor_set_wishes(&t->nodes[i].grantor, &one, 1);
    town_run(t, 1000);
    assert_int_equal(town_holders(t, 0), 1);
    assert_int_equal(town_holders(t, 1), 0);
    assert_null(assignment(1));
    assert_int_equal(want(1, 1), WERR_NOT_FOUND);
    town_free(t);
}

/* A process that has just begun to lead, and was not told yet. */
static void test_without_wishes_nothing_is_forgotten(void **state)
{
    (void)state;
    make(3, 3, 2);
    const unsigned next = (town_leader(t) + 1) % 3;
    const uint64_t assigned = t->assigned_n;
    t->nodes[next].grantor.has_wishes = false;
    t->nodes[next].grantor.vip_n = 0;
    town_elect(t, next);
    town_run(t, 1000);
    assert_int_equal(t->assigned_n, assigned);
    town_free(t);
}

/* That others were not heard says nothing of them when it did not listen. */
static void test_a_leader_that_was_stopped_blames_nobody(void **state)
{
    (void)state;
    make(2, 1, 2);
    const uint64_t assigned = t->assigned_n;
    t->nodes[0].is_stopped = true;
    town_run(t, 5000);
    t->nodes[0].is_stopped = false;
    town_run(t, 1000);
    assert_int_equal(t->assigned_n, assigned);
    assert_all_held();
    town_free(t);
}

/* A question of that holder, which says that it has let go what it had under this epoch. */
static struct vip_grant ask_with_release(uint64_t epoch)
{
    struct town_node *l = &t->nodes[town_leader(t)];
    struct vip_ask ask = {
        .sequence = 1, .term = l->term, .fitness = CLUSTER_FIT, .released_n = 1};
    struct vip_grant out;

    ask.released[0] = (struct vip_claim){.address = vip_address(0), .epoch = epoch};
    grantor_ask(&l->grantor, assignment(0)->holder, &ask, town_clock(t, l), &out);
    assert_true(out.is_ready);
    return out;
}

static void test_what_was_let_go_before_is_of_the_past(void **state)
{
    (void)state;
    make(3, 3, 1);
    assert_int_equal(want(0, 0), 0);
    town_run(t, 300);
    assert_int_equal(assignment(0)->epoch, 2);
    assert_int_equal(ask_with_release(1).n, 1);
    assert_int_equal(ask_with_release(2).n, 0); /* it takes nothing more under it */
    assert_int_equal(ask_with_release(1).n, 0);
    town_free(t);
}

/* It may be committed at any moment. */
static void test_nothing_is_granted_while_an_assignment_is_under_way(void **state)
{
    (void)state;
    make(3, 3, 1);
    leader()->vips[0].proposed_epoch = 2;
    assert_int_equal(ask_with_release(9).n, 0);
    const struct addr address = vip_address(0);
    grantor_failed(leader(), &address);
    assert_int_equal(ask_with_release(9).n, 1);
    town_free(t);
}

/* ---- managers that are killed ---- */

static void digest_of(unsigned who, uint8_t *digest)
{
    town_write_digest(&t->nodes[who], digest);
}

static bool bury(unsigned who, const uint8_t *digest)
{
    return grantor_bury(leader(), who + 1, digest, town_clock(t, &t->nodes[town_leader(t)]));
}

/* A follower holds the only address, and has been the same process for long. */
static unsigned make_held_by_a_follower(void)
{
    make(3, 3, 1);
    const unsigned who = (town_leader(t) + 1) % 3;
    (void)!want(0, who + 1);
    town_run(t, 1000);
    assert_int_equal(holder(0), who);
    return who;
}

static void test_nobody_waits_for_the_lease_of_a_dead_one(void **state)
{
    (void)state;
    const unsigned who = make_held_by_a_follower();
    town_kill(t, who);
    t->nodes[who].is_stopped = true; /* nobody starts it again */
    town_run(t, 60);
    assert_int_equal(t->buried_n, 1);
    assert_all_held();
    assert_int_not_equal(holder(0), who);
    assert_int_equal(assignment(0)->cause, CLUSTER_VIP_HOLDER_SILENT);
    town_free(t);
}

static void test_nor_for_that_of_a_dead_leader(void **state)
{
    (void)state;
    make(3, 3, 1);
    const unsigned old = town_leader(t);
    (void)!want(0, old + 1);
    town_run(t, 1000);
    assert_int_equal(holder(0), old);
    town_kill(t, old);
    t->nodes[old].is_stopped = true;
    town_run(t, 120);
    assert_int_not_equal(town_leader(t), old);
    assert_all_held();
    town_free(t);
}

/* The leader of another term in between may have let it hold again. */
static void test_a_predecessor_is_of_the_term_before(void **state)
{
    (void)state;
    make(3, 3, 1);
    const unsigned old = town_leader(t), next = (old + 1) % 3;
    (void)!want(0, old + 1);
    town_run(t, 1000);
    t->nodes[next].dead_term = t->nodes[next].term - 1;
    t->nodes[next].dead = old;
    digest_of(old, t->nodes[next].dead_digest);
    town_elect(t, next);
    town_run(t, 1000);
    assert_int_equal(holder(0), old);
    assert_int_equal(t->shared_n, 0);
    town_free(t);
}

static void test_a_forged_testament_does_nothing(void **state)
{
    uint8_t digest[VIP_DIGEST_BYTES];

    (void)state;
    const unsigned who = make_held_by_a_follower(), other = 3 - who - town_leader(t);
    digest_of(who, digest);
    assert_false(bury(other, digest)); /* another one's */
    assert_false(bury(9, digest));
    for (unsigned i = 0; i < sizeof(digest); i++) {
        digest[i] ^= 1;
        assert_false(bury(who, digest));
        digest[i] ^= 1;
    }
    const uint64_t assigned = t->assigned_n;
    town_run(t, 1000);
    assert_int_equal(t->assigned_n, assigned);
    assert_int_equal(holder(0), who);
    assert_true(bury(who, digest));
    assert_false(bury(who, digest)); /* it is known */
    town_free(t);
}

static void test_an_old_testament_does_nothing(void **state)
{
    uint8_t digest[VIP_DIGEST_BYTES];

    (void)state;
    const unsigned who = make_held_by_a_follower();
    digest_of(who, digest);
    town_kill(t, who);
    town_run(t, 4000);
    const uint64_t assigned = t->assigned_n;
    assert_false(bury(who, digest));
    town_run(t, 1000);
    assert_int_equal(t->assigned_n, assigned);
    assert_all_held();
    town_free(t);
}

/* What the process before has sent may come behind what this one has: it counts only when that
 * was the only one for as long as anything could be held. */
static void test_a_process_that_was_just_heard_is_not_buried(void **state)
{
    struct vip_ask ask = {.sequence = 1, .fitness = CLUSTER_FIT};
    struct vip_grant out;

    (void)state;
    const unsigned who = make_held_by_a_follower();
    struct town_node *l = &t->nodes[town_leader(t)];
    ask.term = l->term;
    ask.digest[0] = 99;
    grantor_ask(&l->grantor, who + 1, &ask, town_clock(t, l), &out);
    assert_false(bury(who, ask.digest));
    const uint64_t then = town_clock(t, l) + (LEASE_MS + MARGIN_MS) * MS;
    assert_false(grantor_bury(&l->grantor, who + 1, ask.digest, then - 1));
    assert_true(grantor_bury(&l->grantor, who + 1, ask.digest, then));
    grantor_ask(&l->grantor, who + 1, &ask, town_clock(t, l), &out); /* it was on its way */
    assert_int_equal(out.n, 0);
    town_free(t);
}

static void test_who_does_not_lead_or_is_not_proven_buries_nobody(void **state)
{
    uint8_t digest[VIP_DIGEST_BYTES];

    (void)state;
    const unsigned who = make_held_by_a_follower();
    digest_of(who, digest);
    leader()->is_proven = false;
    assert_false(bury(who, digest));
    grantor_prove(leader());
    const unsigned other = 3 - who - town_leader(t);
    assert_false(grantor_bury(&t->nodes[other].grantor, who + 1, digest,
                              town_clock(t, &t->nodes[other])));
    assert_true(bury(who, digest));
    town_free(t);
}

static void test_why_nobody_holds(void **state)
{
    const struct addr address = vip_address(0);

    (void)state;
    make(3, 3, 1);
    const struct town_node *l = &t->nodes[town_leader(t)];
    assert_int_equal(grantor_wait(&l->grantor, &address, town_clock(t, l)), CLUSTER_VIP_HELD);
    assert_int_equal(grantor_wait(&l->grantor, &address, town_clock(t, l) + 10000 * MS),
                     CLUSTER_VIP_HOLD_OFF);
    town_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_held_and_stays),
        cmocka_unit_test(test_a_planned_move_does_not_wait_for_the_lease),
        cmocka_unit_test(test_who_is_silent_loses_its_own),
        cmocka_unit_test(test_a_new_leader_waits_for_who_is_away),
        cmocka_unit_test(test_another_leader_moves_nothing),
        cmocka_unit_test(test_who_is_unfit_hands_over),
        cmocka_unit_test(test_a_holder_parts_in_its_time),
        cmocka_unit_test(test_who_leaves_parts_and_who_is_unfit_does_not),
        cmocka_unit_test(test_who_never_parts_loses_it),
        cmocka_unit_test(test_it_stays_when_nobody_can_get_it),
        cmocka_unit_test(test_the_last_one_keeps_them),
        cmocka_unit_test(test_who_returns_gets_its_part),
        cmocka_unit_test(test_what_is_not_described_is_forgotten),
        cmocka_unit_test(test_without_wishes_nothing_is_forgotten),
        cmocka_unit_test(test_a_leader_that_was_stopped_blames_nobody),
        cmocka_unit_test(test_what_was_let_go_before_is_of_the_past),
        cmocka_unit_test(test_nothing_is_granted_while_an_assignment_is_under_way),
        cmocka_unit_test(test_nobody_waits_for_the_lease_of_a_dead_one),
        cmocka_unit_test(test_nor_for_that_of_a_dead_leader),
        cmocka_unit_test(test_a_predecessor_is_of_the_term_before),
        cmocka_unit_test(test_a_forged_testament_does_nothing),
        cmocka_unit_test(test_an_old_testament_does_nothing),
        cmocka_unit_test(test_a_process_that_was_just_heard_is_not_buried),
        cmocka_unit_test(test_who_does_not_lead_or_is_not_proven_buries_nobody),
        cmocka_unit_test(test_why_nobody_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
