/* What the roster keeps of virtual IPs: which member each is assigned to, and epochs. */
#include "roster_fixture.h"

#include "pool/levels.h"

/* Members 1 and 2, and 3, which is a witness. */
static struct roster *make(uint8_t level)
{
    struct roster *r = roster_new();

    assert_non_null(r);
    apply_well(r, command_make());
    for (unsigned id = 1; id <= 3; id++) {
        struct roster_command c = command_admit(id, id == 1 ? 0 : id, 5);

        if (id > 1)
            apply_well(r, command_token(id, 1, 100));
        c.member.level = LEVEL_NEWEST;
        c.member.is_witness = id == 3;
        apply_well(r, c);
    }
    apply_well(r, command_level(level));
    return r;
}

static void test_an_assignment_is_kept(void **state)
{
    struct roster *r = make(LEVEL_VIPS);
    const struct addr address = vip_address(0);

    (void)state;
    assert_null(roster_find_vip(r, &address));
    assert_int_equal(roster_next_epoch(r, &address), 1);
    apply_well(r, command_vip(0, 1, 1));
    apply_well(r, command_vip(0, 2, 2));
    assert_int_equal(roster_vip_n(r), 1);
    const struct roster_vip *v = roster_find_vip(r, &address);
    assert_ptr_equal(v, roster_vip_at(r, 0));
    assert_int_equal(v->holder, 2);
    assert_int_equal(v->epoch, 2);
    assert_int_equal(v->cause, CLUSTER_VIP_MOVED);
    assert_int_equal(v->since_us, 1002);
    assert_int_equal(roster_next_epoch(r, &address), 3);
    roster_free(r);
}

static void test_what_is_refused(void **state)
{
    struct roster *r = make(LEVEL_VIPS), *old = make(LEVEL_VIPS - 1);

    (void)state;
    refuse(old, command_vip(0, 1, 1), WERR_UNSUPPORTED);
    refuse(r, command_vip(0, 9, 1), WERR_NOT_FOUND);
    refuse(r, command_vip(0, 0, 1), WERR_NOT_FOUND);
    refuse(r, command_vip(0, 3, 1), WERR_GUARD);
    refuse(r, command_vip(0, 1, 2), WERR_STALE);
    apply_well(r, command_vip(0, 1, 1));
    refuse(r, command_vip(0, 2, 1), WERR_STALE);
    for (unsigned i = 1; i < ROSTER_VIPS_MAX; i++)
        apply_well(r, command_vip(i, 1, 1));
    refuse(r, command_vip(ROSTER_VIPS_MAX, 1, 1), WERR_TOO_BIG);
    roster_free(old);
    roster_free(r);
}

static void test_what_can_not_be(void **state)
{
    struct roster *r = make(LEVEL_VIPS);
    struct roster_command c = command_vip(0, 1, 0);

    (void)state;
    refuse(r, c, WERR_INVALID);
    c = command_vip(0, 1, 1);
    c.vip.cause = CLUSTER_VIP_CAUSES;
    refuse(r, c, WERR_INVALID);
    c = command_vip(0, 1, 1);
    c.vip.address.port = 80;
    refuse(r, c, WERR_INVALID);
    c = command_vip(0, 1, 1);
    c.vip.address = (struct addr){.family = AF_INET};
    refuse(r, c, WERR_INVALID);
    roster_free(r);
}

/* An old grant of the one that was forgotten must not be one of the next. */
static void test_an_epoch_never_comes_again(void **state)
{
    struct roster *r = make(LEVEL_VIPS);
    const struct addr address = vip_address(0);

    (void)state;
    apply_well(r, command_vip(0, 1, 1));
    apply_well(r, command_vip(0, 2, 2));
    apply_well(r, command_vip(0, 0, 3));
    assert_int_equal(roster_vip_n(r), 0);
    assert_true(roster_next_epoch(r, &address) > 2);
    apply_well(r, command_vip(0, 1, roster_next_epoch(r, &address)));
    assert_int_equal(roster_vip_n(r), 1);
    roster_free(r);
}

static void test_a_member_that_leaves_stays_the_holder(void **state)
{
    struct roster *r = make(LEVEL_VIPS);
    const struct addr address = vip_address(0);

    (void)state;
    apply_well(r, command_vip(0, 2, 1));
    apply_well(r, command_of_id(ROSTER_REMOVE, 2));
    assert_int_equal(roster_find_vip(r, &address)->holder, 2);
    roster_free(r);
}

static void test_a_snapshot_has_them(void **state)
{
    struct roster *r = make(LEVEL_VIPS), *copy = roster_new();
    char *bytes;
    size_t len;

    (void)state;
    for (unsigned i = 0; i < ROSTER_VIPS_MAX; i++)
        apply_well(r, command_vip(i, 1 + i % 2, 1));
    apply_well(r, command_vip(5, 0, 2));
    assert_int_equal(roster_encode(r, &bytes, &len), 0);
    assert_int_equal(roster_decode(copy, span_from(bytes, len)), 0);
    assert_int_equal(roster_vip_n(copy), ROSTER_VIPS_MAX - 1);
    assert_int_equal(roster_digest(copy), roster_digest(r));
    for (size_t i = 0; i < len; i++)
        assert_int_equal(roster_decode(copy, span_from(bytes, i)), WERR_CORRUPT);
    free(bytes);
    roster_free(copy);
    roster_free(r);
}

static void test_a_command_goes_by_its_bytes(void **state)
{
    const struct roster_command c = command_vip(7, 2, 3);
    struct roster_command decoded;
    char *bytes;
    size_t len;

    (void)state;
    assert_int_equal(roster_command_encode(&c, &bytes, &len), 0);
    assert_int_equal(roster_command_level(span_from(bytes, len)), LEVEL_VIPS);
    assert_int_equal(roster_command_decode(span_from(bytes, len), &decoded), 0);
    assert_true(addr_is_equal(&decoded.vip.address, &c.vip.address));
    assert_int_equal(decoded.vip.holder, 2);
    assert_int_equal(decoded.vip.epoch, 3);
    assert_int_equal(decoded.vip.cause, CLUSTER_VIP_MOVED);
    assert_int_equal(decoded.now_us, 1003);
    for (size_t i = 0; i < len; i++)
        assert_true(roster_command_decode(span_from(bytes, i), &decoded) < 0);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_assignment_is_kept),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_what_can_not_be),
        cmocka_unit_test(test_an_epoch_never_comes_again),
        cmocka_unit_test(test_a_member_that_leaves_stays_the_holder),
        cmocka_unit_test(test_a_snapshot_has_them),
        cmocka_unit_test(test_a_command_goes_by_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
