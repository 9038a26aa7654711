#include "roster_fixture.h"

#include "base/fault.h"
#include "pool/levels.h"

/* One of each, and its variants. */
static unsigned all_commands(struct roster_command *out)
{
    unsigned n = 0;

    out[n++] = command_make();
    out[n++] = command_admit(5, 0, 100);
    out[n++] = command_admit(6, 1, 100);
    out[n - 1].member.is_witness = true;
    out[n - 1].member.address = (struct addr){.family = AF_INET6, .port = 1, .ip = {[15] = 1}};
    out[n++] = command_of_id(ROSTER_REMOVE, UINT64_MAX);
    out[n++] = command_token(1, 100, 200);
    out[n++] = command_token(1, 100, 200);
    out[n - 1].type = ROSTER_REVOKE;
    out[n++] = command_move(5, 7);
    out[n++] = command_tell(5, "", 0);
    out[n++] = command_tell(5, "0.9.0-rc1+0123456789abc", 255);
    out[n++] = command_level(2);
    out[n++] = command_profile(ROSTER_WAN);
    out[n++] = command_of_id(ROSTER_RECOVER, 5);
    out[n++] = command_place(5, 7, 0);
    out[n++] = command_place(5, 7, 8);
    out[n++] = command_vip(1, 5, 3);
    out[n++] = command_vip(1, 0, 4);
    return n;
}

enum { COMMANDS_MAX = 18 };

/* Bytes that are taken have one form. */
static void check_command(const char *bytes, size_t len, bool may_be_taken)
{
    struct roster_command c;
    size_t again_len;
    char *again;
    char *exact = malloc(len > 0 ? len : 1); /* one byte read too far is seen */

    assert_non_null(exact);
    memcpy(exact, bytes, len);
    const int rc = roster_command_decode(span_from(exact, len), &c);
    assert_true((rc == 0 && may_be_taken) || rc == WERR_CORRUPT || rc == WERR_UNSUPPORTED);
    if (rc == 0) {
        assert_int_equal(roster_command_encode(&c, &again, &again_len), 0);
        assert_int_equal(again_len, len);
        assert_memory_equal(again, exact, len);
        free(again);
    }
    free(exact);
}

static void test_commands(void **state)
{
    struct roster_command all[COMMANDS_MAX], c;
    char *bytes;
    size_t len;

    (void)state;
    const unsigned n = all_commands(all);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(roster_command_encode(&all[i], &bytes, &len), 0);
        assert_int_equal(roster_command_decode(span_from(bytes, len), &c), 0);
        assert_int_equal(c.type, all[i].type);
        check_command(bytes, len, true);
        for (size_t cut = 0; cut < len; cut++)
            check_command(bytes, cut, false);
        for (size_t bit = 0; bit < len * 8; bit++) {
            bytes[bit / 8] ^= (char)(1 << bit % 8);
            check_command(bytes, len, true);
            bytes[bit / 8] ^= (char)(1 << bit % 8);
        }
        free(bytes);
    }
}

static void test_what_stands_in_a_command(void **state)
{
    static const char admit[] =
        "\1\2"
        "\6\0\0\0\0\0\0\0"       /* id */
        "\4\xF0\x21\x0A\0\0\6"   /* address */
        "\0\0\xE1\xF5\5\0\0\0\0" /* no witness, since when */
        "\5"
        "0.9.0"
        "\2"                               /* version, level */
        "\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" /* token */
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
        "\0\xE1\xF5\5\0\0\0\0"; /* now */
    const struct roster_command c = command_admit(6, 1, 100);
    char *bytes;
    size_t len;

    (void)state;
    assert_int_equal(roster_command_encode(&c, &bytes, &len), 0);
    assert_int_equal(len, sizeof(admit) - 1);
    assert_memory_equal(bytes, admit, len);
    free(bytes);
}

static void test_commands_of_a_later_weldr(void **state)
{
    struct roster_command c;

    (void)state;
    assert_int_equal(roster_command_decode(SPAN("\1\x0D more"), &c), WERR_UNSUPPORTED);
    assert_int_equal(roster_command_decode(SPAN("\2\1 more"), &c), WERR_UNSUPPORTED);
    assert_int_equal(roster_command_decode(SPAN("\0\1 more"), &c), WERR_CORRUPT);
    assert_int_equal(roster_command_decode(SPAN("\1\0 more"), &c), WERR_CORRUPT);
    assert_int_equal(roster_command_decode(SPAN_NONE, &c), WERR_CORRUPT);
}

static void test_commands_that_are_none(void **state)
{
    struct roster_command c = command_admit(6, 1, 100);
    char *bytes = NULL;
    size_t len;

    (void)state;
    c.member.id = 0;
    assert_int_equal(roster_command_encode(&c, &bytes, &len), WERR_INVALID);
    c = command_place(6, 7, 7); /* it tells what the operator says */
    assert_int_equal(roster_command_encode(&c, &bytes, &len), WERR_INVALID);
    c = command_place(6, 7, 8);
    c.member.told.port = 0;
    assert_int_equal(roster_command_encode(&c, &bytes, &len), WERR_INVALID);
    c.type = ROSTER_VIP + 1;
    assert_int_equal(roster_command_encode(&c, &bytes, &len), WERR_INVALID);
    c = command_level(1);
    fault_set(1);
    assert_int_equal(roster_command_encode(&c, &bytes, &len), WERR_NOMEM);
    assert_null(bytes);
}

/* Some of everything. */
static struct roster *roster_full(void)
{
    struct roster *r = roster_of_one();

    for (unsigned i = 6; i <= 9; i++) {
        apply_well(r, command_token(i, 100, 200));
        apply_well(r, command_admit(i, i, 100));
    }
    apply_well(r, command_token(1, 100, 200));
    apply_well(r, command_of_id(ROSTER_REMOVE, 5));
    apply_well(r, command_of_id(ROSTER_REMOVE, 8));
    apply_well(r, command_level(1));
    return r;
}

static void check_snapshot(const char *bytes, size_t len, bool may_be_taken)
{
    struct roster *r = roster_of_one();
    const uint64_t before = roster_digest(r);
    size_t again_len;
    char *again;
    char *exact = malloc(len > 0 ? len : 1);

    assert_non_null(exact);
    memcpy(exact, bytes, len);
    const int rc = roster_decode(r, span_from(exact, len));
    if (rc == 0) {
        assert_true(may_be_taken);
        assert_int_equal(roster_encode(r, &again, &again_len), 0);
        assert_int_equal(again_len, len);
        assert_memory_equal(again, exact, len);
        free(again);
    } else {
        assert_true(rc == WERR_CORRUPT || rc == WERR_UNSUPPORTED);
        assert_true(roster_digest(r) == before);
    }
    free(exact);
    roster_free(r);
}

/* The level from which on operators say where members are. */
static struct roster *roster_with_places(void)
{
    struct roster *r = roster_full();

    apply_well(r, command_level(LEVEL_PLACES));
    apply_well(r, command_place(6, 16, 0));
    apply_well(r, command_place(9, 19, 9));
    return r;
}

static void test_what_each_level_can_read(void **state)
{
    struct roster *r = roster_full();
    char *bytes;
    size_t len;

    (void)state;
    assert_int_equal(roster_level(r), LEVEL_PLACES - 1);
    assert_int_equal(roster_encode(r, &bytes, &len), 0);
    assert_int_equal(bytes[0], 1); /* as before there were places */
    free(bytes);
    apply_well(r, command_level(LEVEL_PLACES));
    assert_int_equal(roster_encode(r, &bytes, &len), 0);
    assert_int_equal(bytes[0], 2);
    bytes[0] = 1;
    assert_int_equal(roster_decode(r, span_from(bytes, len)), WERR_CORRUPT);
    free(bytes);
    roster_free(r);
}

static void test_the_level_of_a_command(void **state)
{
    struct roster_command all[COMMANDS_MAX];
    char *bytes;
    size_t len;

    (void)state;
    const unsigned n = all_commands(all);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(roster_command_encode(&all[i], &bytes, &len), 0);
        assert_int_equal(roster_command_level(span_from(bytes, len)),
                         all[i].type == ROSTER_VIP     ? LEVEL_VIPS
                         : all[i].type == ROSTER_PLACE ? LEVEL_PLACES
                                                       : 0);
        free(bytes);
    }
    assert_int_equal(roster_command_level(SPAN_NONE), 0);
}

static void check_all_of_snapshot(struct roster *r)
{
    struct roster *copy = roster_new();
    char *bytes;
    size_t len;

    assert_int_equal(roster_encode(r, &bytes, &len), 0);
    assert_int_equal(roster_decode(copy, span_from(bytes, len)), 0);
    assert_rosters_equal(r, copy);
    for (size_t cut = 0; cut < len; cut++)
        check_snapshot(bytes, cut, false);
    for (size_t bit = 0; bit < len * 8; bit++) {
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        check_snapshot(bytes, len, true);
        bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    bytes[0] = 4;
    assert_int_equal(roster_decode(copy, span_from(bytes, len)), WERR_UNSUPPORTED);
    free(bytes);
    roster_free(copy);
    roster_free(r);
}

static void test_snapshots(void **state)
{
    (void)state;
    check_all_of_snapshot(roster_new());
    check_all_of_snapshot(roster_of_one());
    check_all_of_snapshot(roster_full());
    check_all_of_snapshot(roster_with_places());
}

static void test_as_much_as_there_can_be(void **state)
{
    static char pem[ROSTER_PEM_MAX];
    struct roster *r = roster_new();
    struct roster *copy = roster_new();
    struct roster_command c = command_make();
    char *bytes;
    size_t len;

    (void)state;
    c.authority = c.authority_key = span_from(pem, sizeof(pem));
    assert_int_equal(roster_command_encode(&c, &bytes, &len), 0);
    assert_int_equal(roster_command_decode(span_from(bytes, len), &c), 0);
    apply_well(r, c);
    free(bytes);
    apply_well(r, command_admit(5, 0, 100));
    for (unsigned i = 0; i < ROSTER_REMOVED_MAX + ROSTER_MEMBERS_MAX - 1; i++) {
        c = command_admit(6 + i, 1, 100);
        c.member.address = (struct addr){
            .family = AF_INET6, .port = 1, .ip = {0xFD, [14] = (uint8_t)(i >> 8), (uint8_t)i}};
        memset(c.member.version, 'v', ROSTER_VERSION_MAX - 1);
        apply_well(r, command_token(1, 100, 200));
        apply_well(r, c);
        c.type = ROSTER_REVOKE;
        apply_well(r, c);
        if (i < ROSTER_REMOVED_MAX)
            apply_well(r, command_of_id(ROSTER_REMOVE, 6 + i));
    }
    for (unsigned i = 1; i <= ROSTER_TOKENS_MAX; i++)
        apply_well(r, command_token(i, 100, 200));
    assert_int_equal(roster_encode(r, &bytes, &len), 0);
    assert_int_equal(roster_decode(copy, span_from(bytes, len)), 0);
    assert_rosters_equal(r, copy);
    free(bytes);
    roster_free(copy);
    roster_free(r);
}

/* Each allocation of taking a snapshot over, and of making one, fails once. */
static void test_no_memory(void **state)
{
    struct roster *from = roster_full();
    char *bytes, *more = NULL;
    size_t len, more_len;
    unsigned n;

    (void)state;
    assert_int_equal(roster_encode(from, &bytes, &len), 0);
    struct roster *r = roster_of_one();
    const uint64_t before = roster_digest(r);
    for (n = 1;; n++) {
        fault_set(n);
        const int rc = roster_decode(r, span_from(bytes, len));
        if (fault_is_armed()) {
            assert_int_equal(rc, 0);
            break;
        }
        assert_int_equal(rc, WERR_NOMEM);
        assert_true(roster_digest(r) == before);
    }
    fault_set(0);
    assert_true(n > 1);
    assert_rosters_equal(r, from);
    fault_set(1);
    assert_int_equal(roster_encode(r, &more, &more_len), WERR_NOMEM);
    assert_null(more);
    fault_set(1);
    assert_null(roster_new());
    fault_set(0);
    assert_rosters_equal(r, from);
    free(bytes);
    roster_free(from);
    roster_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_what_stands_in_a_command),
        cmocka_unit_test(test_commands_of_a_later_weldr),
        cmocka_unit_test(test_commands_that_are_none),
        cmocka_unit_test(test_snapshots),
        cmocka_unit_test(test_what_each_level_can_read),
        cmocka_unit_test(test_the_level_of_a_command),
        cmocka_unit_test(test_as_much_as_there_can_be),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
