/* Which member's address the leader has the roster change. */
#include "roster_fixture.h"

#include "cluster/moved.h"
#include "pool/levels.h"

static struct link_self self;
static struct roster *r;

/* Members 5, 6 and 7 at the addresses of their numbers; this node is 6. */
static void make(void)
{
    r = roster_of_one();
    for (unsigned id = 6; id <= 7; id++) {
        apply_well(r, command_token(id, 100, 200));
        apply_well(r, command_admit(id, id, 100));
    }
    self = (struct link_self){.id = 6, .address = node_address(6), .roster = r};
    for (unsigned i = 0; i < 2; i++)
        self.told[i] = (struct link_told){i == 0 ? 5 : 7, node_address(i == 0 ? 5 : 7)};
}

static void assert_found(uint64_t id, unsigned address)
{
    struct roster_command c;
    const struct addr at = node_address(address);

    assert_true(moved_find(&self, 0, &c));
    assert_int_equal(c.type, ROSTER_MOVE);
    assert_int_equal(c.member.id, id);
    assert_true(addr_is_equal(&c.member.address, &at));
    apply_well(r, c);
}

static void assert_none(void)
{
    struct roster_command c;

    assert_false(moved_find(&self, 0, &c));
}

static void test_all_are_where_they_were(void **state)
{
    (void)state;
    make();
    assert_none();
    self.told[0] = (struct link_told){0}; /* not heard of yet */
    assert_none();
    roster_free(r);
}

static void test_one_after_the_other(void **state)
{
    (void)state;
    make();
    self.told[1].address = node_address(17);
    self.told[0].address = node_address(15);
    assert_found(5, 15);
    assert_found(7, 17);
    assert_none();
    roster_free(r);
}

static void test_the_leader_itself(void **state)
{
    (void)state;
    make();
    self.address = node_address(16);
    assert_found(6, 16);
    self.address = (struct addr){0}; /* it listens for nobody any more */
    assert_none();
    roster_free(r);
}

static void test_another_port_is_another_address(void **state)
{
    struct roster_command c;

    (void)state;
    make();
    self.told[0].address.port++;
    assert_true(moved_find(&self, 0, &c));
    assert_int_equal(c.member.id, 5);
    assert_int_equal(c.member.address.port, self.told[0].address.port);
    roster_free(r);
}

static void test_what_nobody_can_call(void **state)
{
    (void)state;
    make();
    self.told[0].address = (struct addr){.family = AF_INET, .port = 8688}; /* 0.0.0.0 */
    self.told[1].address = (struct addr){0};
    assert_none();
    roster_free(r);
}

/* It would be refused each time: an entry of the log for nothing. */
static void test_an_address_that_is_taken_waits(void **state)
{
    (void)state;
    make();
    self.told[0].address = node_address(7);
    assert_none();
    self.told[1].address = node_address(17); /* that one has moved as well: it goes first */
    assert_found(7, 17);
    assert_found(5, 7);
    assert_none();
    self.told[0].address = node_address(17);
    assert_none();
    apply_well(r, command_of_id(ROSTER_REMOVE, 7));
    assert_found(5, 17);
    roster_free(r);
}

/* Who was refused comes last. */
static void test_from_the_one_that_was_refused_round(void **state)
{
    struct roster_command c;

    (void)state;
    make();
    self.told[0].address = node_address(15);
    self.told[1].address = node_address(17);
    assert_true(moved_find(&self, 5, &c));
    assert_int_equal(c.member.id, 7);
    assert_true(moved_find(&self, 7, &c));
    assert_int_equal(c.member.id, 5);
    self.told[1].address = (struct addr){0};
    assert_true(moved_find(&self, 5, &c)); /* there is no other */
    assert_int_equal(c.member.id, 5);
    roster_free(r);
}

/* What a member that was removed has told is of no account. */
static void test_strangers(void **state)
{
    (void)state;
    make();
    self.told[1].address = node_address(17);
    apply_well(r, command_of_id(ROSTER_REMOVE, 7));
    assert_none();
    roster_free(r);
}

/* ---- an operator says where it is ---- */

static int say(uint64_t id, unsigned address, bool is_live, struct roster_command *c)
{
    const struct addr at = node_address(address);

    return moved_place(&self, id, address != 0 ? &at : NULL, is_live, c);
}

static void assert_says(uint64_t id, unsigned address, bool is_live,
                        struct roster_command wanted)
{
    struct roster_command c;

    assert_int_equal(say(id, address, is_live, &c), 0);
    assert_int_equal(c.type, wanted.type);
    assert_int_equal(c.member.id, wanted.member.id);
    assert_true(addr_is_equal(&c.member.address, &wanted.member.address));
    assert_true(addr_is_equal(&c.member.told, &wanted.member.told));
    apply_well(r, c);
}

static void make_places(void)
{
    make();
    apply_well(r, command_level(LEVEL_PLACES));
}

/* Behind a NAT: what it tells is of no use, and stays what it is. */
static void test_placed_until_it_tells_another(void **state)
{
    (void)state;
    make_places();
    assert_says(7, 17, true, command_place(7, 17, 7));
    assert_none();
    assert_false(moved_is(roster_find(r, 7), &self.told[1].address)); /* it need not call us */
    self.told[1].address = node_address(27);
    assert_true(moved_is(roster_find(r, 7), &self.told[1].address));
    assert_found(7, 27);
    assert_false(roster_find(r, 7)->is_placed);
    assert_none();
    roster_free(r);
}

/* It has moved and reached nobody: what it told last is of the past. */
static void test_placed_out_of_reach(void **state)
{
    struct roster_command c;

    (void)state;
    make_places();
    assert_says(7, 17, false, command_place(7, 17, 0));
    link_self_forget(&self, 7);
    assert_none();
    /* What it tells then, called there, is noted; … */
    self.told[1] = (struct link_told){7, node_address(27)};
    assert_true(moved_is(roster_find(r, 7), &self.told[1].address)); /* it calls until then */
    assert_true(moved_find(&self, 0, &c));
    assert_int_equal(c.type, ROSTER_PLACE);
    assert_true(addr_is_equal(&c.member.told, &self.told[1].address));
    apply_well(r, c);
    assert_none();
    /* … what it tells behind that counts. */
    self.told[1].address = node_address(37);
    assert_found(7, 37);
    roster_free(r);
}

static void test_placed_where_it_tells(void **state)
{
    (void)state;
    make_places();
    assert_says(7, 17, false, command_place(7, 17, 0));
    self.told[1].address = node_address(17);
    assert_found(7, 17); /* nothing is to be remembered */
    assert_false(roster_find(r, 7)->is_placed);
    assert_says(7, 17, true, command_move(7, 17));
    assert_none();
    roster_free(r);
}

/* One that it told before, too: it is there again. */
static void test_placed_and_set_again(void **state)
{
    (void)state;
    make_places();
    assert_says(7, 17, true, command_place(7, 17, 7));
    assert_says(7, 18, true, command_place(7, 18, 7));
    assert_none();
    assert_says(7, 0, true, command_move(7, 7)); /* auto */
    assert_none();
    assert_says(7, 18, true, command_place(7, 18, 7));
    self.told[1] = (struct link_told){0}; /* another leader, which has not heard it */
    assert_none();
    assert_says(7, 0, false, command_move(7, 7));
    assert_says(7, 18, false, command_place(7, 18, 0));
    assert_says(7, 0, false, command_move(7, 18)); /* nobody knows better */
    roster_free(r);
}

static void test_the_leader_itself_is_placed(void **state)
{
    (void)state;
    make_places();
    assert_says(6, 16, false, command_place(6, 16, 6)); /* it knows what it tells */
    assert_none();
    self.address = node_address(26);
    assert_found(6, 26);
    roster_free(r);
}

static void test_places_that_are_refused(void **state)
{
    struct roster_command c;

    (void)state;
    make_places();
    assert_int_equal(say(8, 18, true, &c), WERR_NOT_FOUND);
    assert_int_equal(say(8, 0, true, &c), WERR_NOT_FOUND);
    assert_int_equal(say(7, 5, true, &c), WERR_EXISTS);
    assert_says(7, 17, true, command_place(7, 17, 7));
    apply_well(r, command_move(5, 7));
    self.told[0].address = node_address(7);
    assert_int_equal(say(7, 0, true, &c), WERR_EXISTS); /* where it says, another one is */
    roster_free(r);
}

/* Where calls go (link_proof.c), in all members. */
static void assert_called(uint64_t id, unsigned address)
{
    const struct addr at = node_address(address);

    assert_true(addr_is_equal(link_self_find(&self, id), &at));
}

static void test_who_is_called_where(void **state)
{
    (void)state;
    make_places();
    assert_called(7, 7);
    self.told[1].address = node_address(17);
    assert_called(7, 17); /* what it tells counts before the roster does */
    apply_well(r, command_place(7, 27, 17));
    assert_called(7, 27);
    self.told[1].address = node_address(37);
    assert_called(7, 37);
    apply_well(r, command_place(7, 27, 0));
    assert_called(7, 27);
    link_self_forget(&self, 7);
    assert_null(link_self_told(&self, 7));
    assert_called(7, 27);
    assert_called(5, 5);
    roster_free(r);
}

static void test_is_it_elsewhere(void **state)
{
    const struct roster_member m = {.id = 5, .address = node_address(5)};
    const struct addr here = node_address(5), there = node_address(6);
    const struct addr wildcard = {.family = AF_INET, .port = 8688}, none = {0};

    (void)state;
    assert_true(moved_is(&m, &there));
    assert_false(moved_is(&m, &here));
    assert_false(moved_is(&m, NULL));
    assert_false(moved_is(&m, &none));
    assert_false(moved_is(&m, &wildcard));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_are_where_they_were),
        cmocka_unit_test(test_one_after_the_other),
        cmocka_unit_test(test_the_leader_itself),
        cmocka_unit_test(test_another_port_is_another_address),
        cmocka_unit_test(test_what_nobody_can_call),
        cmocka_unit_test(test_an_address_that_is_taken_waits),
        cmocka_unit_test(test_from_the_one_that_was_refused_round),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_placed_until_it_tells_another),
        cmocka_unit_test(test_placed_out_of_reach),
        cmocka_unit_test(test_placed_where_it_tells),
        cmocka_unit_test(test_placed_and_set_again),
        cmocka_unit_test(test_the_leader_itself_is_placed),
        cmocka_unit_test(test_places_that_are_refused),
        cmocka_unit_test(test_who_is_called_where),
        cmocka_unit_test(test_is_it_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
