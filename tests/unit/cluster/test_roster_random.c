/* Thousands of commands, good and bad, to two rosters: one of them gets each through its bytes
 * and is now and then replaced by one that was made of its own snapshot. Both stay equal, and a
 * command that is refused leaves no trace. */
#include "roster_fixture.h"

#include "base/rand.h"
#include "pool/levels.h"

enum { STEPS = 3000, IDS = 24, TOKENS = 90, SEEDS = 20 };

static uint8_t known_level; /* of those that are admitted */

static struct roster_command random_command(struct rand_state *rand, uint64_t now_s)
{
    const unsigned id = (unsigned)rand_below(rand, IDS);
    const unsigned token = (unsigned)rand_below(rand, TOKENS);
    struct roster_command c;

    switch (rand_below(rand, 16)) {
    case 0:
        return rand_below(rand, 50) == 0 ? command_of_id(ROSTER_RECOVER, id) : command_make();
    case 1:
    case 2:
        return command_of_id(ROSTER_REMOVE, id + rand_below(rand, 40));
    case 3:
    case 4:
        return command_token(token, now_s, now_s + rand_below(rand, 400));
    case 5:
        c = command_token(token, 0, 0);
        c.type = ROSTER_REVOKE;
        return c;
    case 6:
        return command_move(id, (unsigned)rand_below(rand, 2 * IDS));
    case 7:
        return command_tell(id, "1.0.0", (uint8_t)rand_below(rand, 6));
    case 8:
        return command_level((uint8_t)(rand_below(rand, 3) * known_level / 2));
    case 9:
        return command_profile((uint8_t)rand_below(rand, ROSTER_PROFILES + 1));
    case 10:
        return command_place(id, (unsigned)rand_below(rand, 2 * IDS),
                             (unsigned)rand_below(rand, 3));
    case 11:
    case 12:
    case 13:
        return command_vip((unsigned)rand_below(rand, 4), rand_below(rand, 3) == 0 ? 0 : id,
                           1 + rand_below(rand, 40));
    default:
        c = command_admit(id, token, now_s);
        c.member.level = known_level;
        c.member.id += rand_below(rand, 40); /* so that there are some that were not removed */
        c.token.digest[0] = rand_below(rand, 10) == 0;
        return c;
    }
}

/* By way of its bytes. */
static int apply_bytes(struct roster *r, const struct roster_command *c)
{
    struct roster_command decoded;
    char *bytes;
    size_t len;

    int rc = roster_command_encode(c, &bytes, &len);
    if (rc < 0)
        return rc;
    assert_int_equal(roster_command_decode(span_from(bytes, len), &decoded), 0);
    rc = roster_apply(r, &decoded);
    free(bytes);
    return rc;
}

static void start_again(struct roster **r)
{
    struct roster *fresh = roster_new();
    char *bytes;
    size_t len;

    assert_non_null(fresh);
    assert_int_equal(roster_encode(*r, &bytes, &len), 0);
    assert_int_equal(roster_decode(fresh, span_from(bytes, len)), 0);
    free(bytes);
    roster_free(*r);
    *r = fresh;
}

static void check_what_always_holds(const struct roster *r)
{
    for (unsigned i = 0; i < roster_member_n(r); i++) {
        const struct roster_member *m = roster_member_at(r, i);

        assert_false(roster_was_removed(r, m->id));
        assert_true(m->level >= roster_level(r));
        for (unsigned j = i + 1; j < roster_member_n(r); j++) {
            assert_true(m->id < roster_member_at(r, j)->id);
            assert_false(addr_is_equal(&m->address, &roster_member_at(r, j)->address));
        }
    }
}

static void run(uint64_t seed, unsigned *well, unsigned *refused)
{
    struct roster *a = roster_new();
    struct roster *b = roster_new();
    struct rand_state rand;

    rand_seed(&rand, seed);
    known_level = seed % 2 == 0 ? LEVEL_VIPS : LEVEL_PLACES;
    for (unsigned step = 0; step < STEPS; step++) {
        const struct roster_command c = random_command(&rand, 100 + step);
        const uint64_t before = roster_digest(a);
        const int rc = roster_apply(a, &c);

        assert_int_equal(apply_bytes(b, &c), rc);
        if (rc < 0)
            assert_true(roster_digest(a) == before);
        assert_true(roster_digest(a) == roster_digest(b));
        ++*(rc == 0 ? well : refused);
        check_what_always_holds(a);
        if (rand_below(&rand, 20) == 0)
            start_again(&b);
    }
    assert_rosters_equal(a, b);
    roster_free(a);
    roster_free(b);
}

static void test_random_runs(void **state)
{
    unsigned well = 0, refused = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run(seed, &well, &refused);
    /* The mix is one that tries both. */
    assert_true(well > SEEDS * STEPS / 10 && refused > SEEDS * STEPS / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
