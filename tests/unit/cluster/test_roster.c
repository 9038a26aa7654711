#include "roster_fixture.h"

#include "pool/levels.h"

static void test_nothing_before_make(void **state)
{
    struct roster *r = roster_new();

    (void)state;
    assert_false(roster_is_made(r));
    assert_int_equal(roster_member_n(r), 0);
    refuse(r, command_admit(5, 0, 0), WERR_NOT_FOUND);
    refuse(r, command_token(1, 0, 9), WERR_NOT_FOUND);
    refuse(r, command_profile(ROSTER_WAN), WERR_NOT_FOUND);
    roster_free(r);
    roster_free(NULL);
}

static void test_make(void **state)
{
    struct roster *r = roster_new();
    struct roster_command c = command_make();

    (void)state;
    c.incarnation = 0;
    refuse(r, c, WERR_INVALID);
    c = command_make();
    c.uuid[0] = c.uuid[1] = c.uuid[2] = 0;
    refuse(r, c, WERR_INVALID);
    c = command_make();
    c.profile = ROSTER_PROFILES;
    refuse(r, c, WERR_INVALID);
    c = command_make();
    c.authority = SPAN_NONE;
    refuse(r, c, WERR_INVALID);
    c = command_make();
    c.authority_key.len = ROSTER_PEM_MAX + 1;
    refuse(r, c, WERR_INVALID);
    apply_well(r, command_make());
    assert_true(roster_is_made(r));
    assert_memory_equal(roster_uuid(r), command_make().uuid, ROSTER_UUID_BYTES);
    assert_int_equal(roster_incarnation(r), 1);
    assert_int_equal(roster_profile(r), ROSTER_FAST);
    assert_int_equal(roster_level(r), 0);
    assert_true(span_is_equal(roster_authority(r), CERTIFICATE));
    assert_true(span_is_equal(roster_authority_key(r), CLOSED_KEY));
    refuse(r, command_make(), WERR_EXISTS);
    roster_free(r);
}

static void test_the_first_needs_no_token(void **state)
{
    struct roster *r = roster_of_one();

    (void)state;
    assert_int_equal(roster_member_n(r), 1);
    const struct roster_member *m = roster_find(r, 5);
    assert_ptr_equal(m, roster_member_at(r, 0));
    assert_string_equal(m->version, "0.9.0");
    assert_int_equal(m->level, 2);
    assert_true(m->joined_us == 100000000 && !m->is_witness);
    assert_null(roster_find(r, 6));
    refuse(r, command_admit(5, 0, 100), WERR_EXISTS);
    refuse(r, command_admit(6, 0, 100), WERR_DENIED);
    roster_free(r);
}

static void test_admit_by_token(void **state)
{
    struct roster *r = roster_of_one();
    struct roster_command c = command_admit(3, 1, 199);

    (void)state;
    apply_well(r, command_token(1, 100, 200));
    refuse(r, command_admit(3, 2, 199), WERR_NOT_FOUND);
    c.token.digest[0] = 1;
    refuse(r, c, WERR_DENIED);
    refuse(r, command_admit(3, 1, 200), WERR_STALE);
    c = command_admit(3, 1, 199);
    c.member.is_witness = true;
    apply_well(r, c);
    assert_true(roster_find(r, 3)->is_witness);
    assert_int_equal(roster_member_at(r, 0)->id, 3);
    assert_int_equal(roster_member_at(r, 1)->id, 5);
    assert_int_equal(roster_token_at(r, 0)->used_by, 3);
    /* Its own retry, which may be late; somebody else's use. */
    apply_again(r, command_admit(3, 1, 300));
    c.token.digest[0] = 1;
    refuse(r, c, WERR_DENIED);
    refuse(r, command_admit(4, 1, 199), WERR_STALE);
    roster_free(r);
}

static void test_admit_of_who_cannot_be(void **state)
{
    struct roster *r = roster_of_one();
    struct roster_command c;

    (void)state;
    apply_well(r, command_token(1, 100, 200));
    refuse(r, command_admit(5, 1, 100), WERR_EXISTS);
    c = command_admit(6, 1, 100);
    c.member.address = node_address(5);
    refuse(r, c, WERR_EXISTS);
    apply_well(r, command_level(2));
    c = command_admit(6, 1, 100);
    c.member.level = 1;
    refuse(r, c, WERR_UNSUPPORTED);
    assert_true(roster_token_at(r, 0)->used_by == 0);
    roster_free(r);
}

static void test_admit_needs_all_of_it(void **state)
{
    static const char *const hosts[] = {"0.0.0.0", "::", "224.0.0.1", "255.255.255.255",
                                        "ff02::1"};
    struct roster *r = roster_of_one();
    struct roster_command c = command_admit(6, 1, 100);

    (void)state;
    apply_well(r, command_token(1, 100, 200));
    c.member.id = 0;
    refuse(r, c, WERR_INVALID);
    for (unsigned i = 0; i < COUNT(hosts); i++) {
        c = command_admit(6, 1, 100);
        assert_int_equal(addr_from_ip(span_from_str(hosts[i]), 8688, &c.member.address), 0);
        refuse(r, c, WERR_INVALID);
    }
    c = command_admit(6, 1, 100);
    c.member.address.port = 0;
    refuse(r, c, WERR_INVALID);
    c.member.address = (struct addr){0};
    refuse(r, c, WERR_INVALID);
    c = command_admit(6, 1, 100);
    c.member.version[1] = ' ';
    refuse(r, c, WERR_INVALID);
    memset(c.member.version, 'x', sizeof(c.member.version));
    refuse(r, c, WERR_INVALID);
    c = command_admit(6, 1, 100); /* a digest of no token */
    c.token.id[0] = 0;
    refuse(r, c, WERR_INVALID);
    roster_free(r);
}

static void test_no_more_than_there_is_room_for(void **state)
{
    struct roster *r = roster_of_one();

    (void)state;
    for (unsigned i = 1; i < ROSTER_MEMBERS_MAX; i++) {
        apply_well(r, command_token(i, 100, 200));
        apply_well(r, command_admit(100 - i, i, 100));
    }
    apply_well(r, command_token(99, 100, 200));
    refuse(r, command_admit(100, 99, 100), WERR_TOO_BIG);
    for (unsigned i = 1; i < ROSTER_MEMBERS_MAX; i++)
        assert_true(roster_member_at(r, i - 1)->id < roster_member_at(r, i)->id);
    apply_well(r, command_of_id(ROSTER_REMOVE, 5));
    apply_well(r, command_admit(100, 99, 100));
    roster_free(r);
}

static void test_remove(void **state)
{
    struct roster *r = roster_of_one();

    (void)state;
    apply_well(r, command_token(1, 100, 200));
    apply_well(r, command_admit(6, 1, 100));
    refuse(r, command_of_id(ROSTER_REMOVE, 7), WERR_NOT_FOUND);
    refuse(r, command_of_id(ROSTER_REMOVE, 0), WERR_INVALID);
    apply_well(r, command_of_id(ROSTER_REMOVE, 5));
    assert_null(roster_find(r, 5));
    assert_true(roster_was_removed(r, 5) && !roster_was_removed(r, 6));
    refuse(r, command_of_id(ROSTER_REMOVE, 5), WERR_NOT_FOUND);
    refuse(r, command_of_id(ROSTER_REMOVE, 6), WERR_GUARD);
    apply_well(r, command_token(2, 100, 200));
    refuse(r, command_admit(5, 2, 100), WERR_DENIED);
    refuse(r, command_admit(5, 1, 100), WERR_DENIED);
    /* Its address is free. */
    struct roster_command c = command_admit(7, 2, 100);
    c.member.address = node_address(5);
    apply_well(r, c);
    roster_free(r);
}

static void test_the_oldest_removed_is_forgotten(void **state)
{
    struct roster *r = roster_of_one();
    const unsigned first = 1000;

    (void)state;
    for (unsigned i = 0; i <= ROSTER_REMOVED_MAX; i++) {
        struct roster_command c = command_admit(first + i, 1, 100);

        c.member.address = node_address(6);
        apply_well(r, command_token(1, 100, 200));
        apply_well(r, c);
        apply_well(r, command_of_id(ROSTER_REMOVE, first + i));
        c.type = ROSTER_REVOKE;
        apply_well(r, c);
    }
    assert_false(roster_was_removed(r, first));
    for (unsigned i = 1; i <= ROSTER_REMOVED_MAX; i++)
        assert_true(roster_was_removed(r, first + i));
    roster_free(r);
}

static void test_token(void **state)
{
    struct roster *r = roster_of_one();
    struct roster_command c = command_token(1, 100, 200);

    (void)state;
    apply_well(r, c);
    assert_int_equal(roster_token_n(r), 1);
    assert_ptr_equal(roster_find_token(r, c.token.id), roster_token_at(r, 0));
    assert_true(roster_token_at(r, 0)->expiry_us == 200000000);
    refuse(r, c, WERR_EXISTS);
    refuse(r, command_token(2, 200, 200), WERR_STALE);
    refuse(r, command_token(0, 100, 200), WERR_INVALID);
    c = command_token(2, 100, 200);
    c.token.used_by = 1;
    refuse(r, c, WERR_INVALID);
    c = command_token(2, 0, 0);
    c.type = ROSTER_REVOKE;
    refuse(r, c, WERR_NOT_FOUND);
    c.token.id[0] = 1;
    apply_well(r, c);
    assert_int_equal(roster_token_n(r), 0);
    assert_null(roster_find_token(r, c.token.id));
    roster_free(r);
}

static void test_tokens_that_are_over_make_room(void **state)
{
    struct roster *r = roster_of_one();

    (void)state;
    for (unsigned i = 1; i <= ROSTER_TOKENS_MAX; i++)
        apply_well(r, command_token(i, 100, i % 2 == 0 ? 200 : 300));
    refuse(r, command_token(99, 199, 300), WERR_TOO_BIG);
    apply_well(r, command_token(99, 200, 300));
    assert_int_equal(roster_token_n(r), ROSTER_TOKENS_MAX / 2 + 1);
    for (unsigned i = 0; i < ROSTER_TOKENS_MAX / 2; i++)
        assert_int_equal(roster_token_at(r, i)->id[0], 2 * i + 1);
    assert_int_equal(roster_token_at(r, ROSTER_TOKENS_MAX / 2)->id[0], 99);
    roster_free(r);
}

static void test_move_and_tell(void **state)
{
    struct roster *r = roster_of_one();

    (void)state;
    apply_well(r, command_token(1, 100, 200));
    apply_well(r, command_admit(6, 1, 100));
    refuse(r, command_move(7, 8), WERR_NOT_FOUND);
    refuse(r, command_move(6, 5), WERR_EXISTS);
    apply_again(r, command_move(6, 6));
    apply_well(r, command_move(6, 8));
    const struct addr moved = node_address(8);
    assert_true(addr_is_equal(&roster_find(r, 6)->address, &moved));
    refuse(r, command_tell(7, "1.0.0", 3), WERR_NOT_FOUND);
    apply_well(r, command_tell(6, "1.0.0-with-a-long-one", 3));
    apply_well(r, command_tell(6, "1.0.0", 3));
    assert_string_equal(roster_find(r, 6)->version, "1.0.0");
    assert_int_equal(roster_find(r, 6)->level, 3);
    apply_again(r, command_tell(6, "1.0.0", 3));
    roster_free(r);
}

static void assert_place(const struct roster *r, uint64_t id, unsigned address, unsigned told)
{
    const struct roster_member *m = roster_find(r, id);
    const struct addr at = node_address(address), said = node_address(told);

    assert_true(m->is_placed && addr_is_equal(&m->address, &at));
    assert_true(told != 0 ? addr_is_equal(&m->told, &said) : m->told.family == 0);
}

/* It stays until the member tells another one. */
static void test_place(void **state)
{
    struct roster *r = roster_of_one();
    const struct addr none = {0}, fifth = node_address(5), other = node_address(6);

    (void)state;
    refuse(r, command_place(5, 7, 0), WERR_UNSUPPORTED); /* a member can't read it */
    apply_well(r, command_level(LEVEL_PLACES));
    apply_well(r, command_token(6, 100, 200));
    apply_well(r, command_admit(6, 6, 100));
    refuse(r, command_place(7, 8, 0), WERR_NOT_FOUND);
    refuse(r, command_place(6, 5, 6), WERR_EXISTS);
    apply_well(r, command_place(6, 8, 0));
    assert_place(r, 6, 8, 0);
    apply_again(r, command_place(6, 8, 0));
    apply_well(r, command_place(6, 8, 6));
    assert_place(r, 6, 8, 6);
    assert_false(roster_find(r, 5)->is_placed);
    refuse(r, command_place(5, 8, 5), WERR_EXISTS);
    apply_well(r, command_move(6, 8)); /* it tells so now */
    assert_false(roster_find(r, 6)->is_placed);
    assert_true(addr_is_equal(&roster_find(r, 6)->told, &none));
    /* Does it hold? */
    apply_well(r, command_place(5, 9, 5));
    assert_true(roster_place_holds(roster_find(r, 5), NULL));
    assert_true(roster_place_holds(roster_find(r, 5), &fifth));
    assert_false(roster_place_holds(roster_find(r, 5), &other));
    apply_well(r, command_place(5, 9, 0));
    assert_true(roster_place_holds(roster_find(r, 5), &other));
    assert_false(roster_place_holds(roster_find(r, 6), &other));
    roster_free(r);
}

static void test_level_only_goes_up(void **state)
{
    struct roster *r = roster_of_one();

    (void)state;
    refuse(r, command_level(3), WERR_UNSUPPORTED);
    apply_well(r, command_level(2));
    assert_int_equal(roster_level(r), 2);
    apply_again(r, command_level(2));
    refuse(r, command_level(1), WERR_INVALID);
    refuse(r, command_tell(5, "0.8.0", 1), WERR_UNSUPPORTED);
    roster_free(r);
}

static void test_profiles(void **state)
{
    static const struct {
        const char *name;
        unsigned election_ms, heartbeat_ms;
    } rows[] = {{"lan", 500, 100}, {"fast", 300, 50}, {"wan", 2000, 250}};
    struct roster *r = roster_of_one();
    enum roster_profile p = ROSTER_PROFILES;

    (void)state;
    for (unsigned i = 0; i < COUNT(rows); i++) {
        assert_int_equal(roster_profile_from_text(span_from_str(rows[i].name), &p), 0);
        assert_int_equal(p, i);
        assert_string_equal(roster_profile_name(p), rows[i].name);
        assert_int_equal(roster_election_ms(p), rows[i].election_ms);
        assert_int_equal(roster_heartbeat_ms(p), rows[i].heartbeat_ms);
        apply_well(r, command_profile((uint8_t)i));
        assert_int_equal(roster_profile(r), i);
    }
    assert_int_equal(roster_profile_from_text(SPAN("LAN"), &p), WERR_NOT_FOUND);
    assert_int_equal(roster_profile_from_text(SPAN_NONE, &p), WERR_NOT_FOUND);
    refuse(r, command_profile(ROSTER_PROFILES), WERR_INVALID);
    roster_free(r);
}

static void test_recover(void **state)
{
    struct roster *r = roster_of_one();
    struct roster_command c = command_make();

    (void)state;
    for (unsigned i = 6; i <= 8; i++) {
        apply_well(r, command_token(i, 100, 200));
        apply_well(r, command_admit(i, i, 100));
    }
    refuse(r, command_of_id(ROSTER_RECOVER, 9), WERR_NOT_FOUND);
    apply_well(r, command_of_id(ROSTER_RECOVER, 7));
    assert_int_equal(roster_incarnation(r), 2);
    assert_int_equal(roster_member_n(r), 1);
    assert_int_equal(roster_member_at(r, 0)->id, 7);
    assert_int_equal(roster_token_n(r), 0);
    assert_true(roster_was_removed(r, 5) && roster_was_removed(r, 6) &&
                roster_was_removed(r, 8));
    assert_false(roster_was_removed(r, 7));
    roster_free(r);
    r = roster_new();
    c.incarnation = UINT32_MAX;
    apply_well(r, c);
    apply_well(r, command_admit(5, 0, 1));
    refuse(r, command_of_id(ROSTER_RECOVER, 5), WERR_TOO_BIG);
    roster_free(r);
}

static void test_no_such_command(void **state)
{
    struct roster *r = roster_of_one();

    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        if (type < ROSTER_MAKE || type > ROSTER_VIP)
            refuse(r, (struct roster_command){.type = (uint8_t)type}, WERR_INVALID);
    }
    roster_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_before_make),
        cmocka_unit_test(test_make),
        cmocka_unit_test(test_the_first_needs_no_token),
        cmocka_unit_test(test_admit_by_token),
        cmocka_unit_test(test_admit_of_who_cannot_be),
        cmocka_unit_test(test_admit_needs_all_of_it),
        cmocka_unit_test(test_no_more_than_there_is_room_for),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_the_oldest_removed_is_forgotten),
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_tokens_that_are_over_make_room),
        cmocka_unit_test(test_move_and_tell),
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_level_only_goes_up),
        cmocka_unit_test(test_profiles),
        cmocka_unit_test(test_recover),
        cmocka_unit_test(test_no_such_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
