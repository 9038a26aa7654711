/* The life of a cluster, from the first node to what is left of it, beside a reference that is
 * written as plainly as can be: a row for each node and each token that there can be. */
#include "roster_fixture.h"

#include "base/rand.h"

enum { NODES = 120, TOKENS = 80, STEPS = 4000, SEEDS = 10 };

enum node_state { NEVER, MEMBER, REMOVED };

/* Node 0 and token 0 are none. */
struct reference {
    bool is_made;
    uint32_t incarnation;
    unsigned profile, level, member_n, token_n;
    struct {
        enum node_state state;
        unsigned address, level;
    } nodes[NODES];
    struct {
        bool is_there;
        uint64_t expiry_us, used_by;
    } tokens[TOKENS];
};

static unsigned number_of(const struct addr *a)
{
    return a->ip[3];
}

static bool has_address(const struct reference *ref, unsigned address, uint64_t except)
{
    for (unsigned i = 0; i < NODES; i++) {
        if (i != except && ref->nodes[i].state == MEMBER && ref->nodes[i].address == address)
            return true;
    }
    return false;
}

static int reference_admit(struct reference *ref, const struct roster_command *c)
{
    const uint64_t id = c->member.id;
    const unsigned token = c->token.id[0];
    const bool is_member = ref->nodes[id].state == MEMBER;

    if (ref->nodes[id].state == REMOVED)
        return WERR_DENIED;
    if (token == 0 && (is_member || ref->member_n > 0))
        return is_member ? WERR_EXISTS : WERR_DENIED;
    if (token != 0) {
        if (!ref->tokens[token].is_there)
            return WERR_NOT_FOUND;
        if (c->token.digest[0] != 0)
            return WERR_DENIED;
        if (ref->tokens[token].used_by == id && is_member)
            return 0;
        if (ref->tokens[token].used_by != 0 || ref->tokens[token].expiry_us <= c->now_us)
            return WERR_STALE;
    }
    if (is_member || has_address(ref, number_of(&c->member.address), id))
        return WERR_EXISTS;
    if (c->member.level < ref->level)
        return WERR_UNSUPPORTED;
    if (ref->member_n == ROSTER_MEMBERS_MAX)
        return WERR_TOO_BIG;
    ref->member_n++;
    ref->nodes[id].state = MEMBER;
    ref->nodes[id].address = number_of(&c->member.address);
    ref->nodes[id].level = c->member.level;
    ref->tokens[token].used_by = id;
    return 0;
}

static int reference_remove(struct reference *ref, uint64_t id)
{
    if (ref->nodes[id].state != MEMBER)
        return WERR_NOT_FOUND;
    if (ref->member_n == 1)
        return WERR_GUARD;
    ref->nodes[id].state = REMOVED;
    ref->member_n--;
    return 0;
}

static int reference_token(struct reference *ref, const struct roster_command *c)
{
    const unsigned token = c->token.id[0];
    const bool is_full = ref->token_n == ROSTER_TOKENS_MAX;

    if (ref->tokens[token].is_there)
        return WERR_EXISTS;
    if (c->token.expiry_us <= c->now_us)
        return WERR_STALE;
    for (unsigned i = 1; i < TOKENS && is_full; i++) {
        if (ref->tokens[i].is_there && ref->tokens[i].expiry_us <= c->now_us) {
            ref->tokens[i].is_there = false;
            ref->token_n--;
        }
    }
    if (ref->token_n == ROSTER_TOKENS_MAX)
        return WERR_TOO_BIG;
    ref->token_n++;
    ref->tokens[token].is_there = true;
    ref->tokens[token].expiry_us = c->token.expiry_us;
    ref->tokens[token].used_by = 0;
    return 0;
}

static int reference_recover(struct reference *ref, uint64_t id)
{
    if (ref->nodes[id].state != MEMBER)
        return WERR_NOT_FOUND;
    for (unsigned i = 1; i < NODES; i++) {
        if (i != id && ref->nodes[i].state == MEMBER)
            ref->nodes[i].state = REMOVED;
    }
    memset(ref->tokens, 0, sizeof(ref->tokens));
    ref->token_n = 0;
    ref->member_n = 1;
    ref->incarnation++;
    return 0;
}

static int reference_level(struct reference *ref, unsigned level)
{
    if (level < ref->level)
        return WERR_INVALID;
    for (unsigned i = 1; i < NODES; i++) {
        if (ref->nodes[i].state == MEMBER && ref->nodes[i].level < level)
            return WERR_UNSUPPORTED;
    }
    ref->level = level;
    return 0;
}

static int reference_change(struct reference *ref, const struct roster_command *c)
{
    const uint64_t id = c->member.id;

    if (ref->nodes[id].state != MEMBER)
        return WERR_NOT_FOUND;
    if (c->type == ROSTER_MOVE) {
        if (has_address(ref, number_of(&c->member.address), id))
            return WERR_EXISTS;
        ref->nodes[id].address = number_of(&c->member.address);
        return 0;
    }
    if (c->member.level < ref->level)
        return WERR_UNSUPPORTED;
    ref->nodes[id].level = c->member.level;
    return 0;
}

static int reference_revoke(struct reference *ref, unsigned token)
{
    if (!ref->tokens[token].is_there)
        return WERR_NOT_FOUND;
    ref->tokens[token].is_there = false;
    ref->token_n--;
    return 0;
}

static int reference_apply(struct reference *ref, const struct roster_command *c)
{
    if (c->type == ROSTER_MAKE) {
        if (ref->is_made)
            return WERR_EXISTS;
        ref->is_made = true;
        ref->incarnation = c->incarnation;
        ref->profile = c->profile;
        return 0;
    }
    if (!ref->is_made)
        return WERR_NOT_FOUND;
    switch ((enum roster_command_type)c->type) {
    case ROSTER_ADMIT:
        return reference_admit(ref, c);
    case ROSTER_REMOVE:
        return reference_remove(ref, c->member.id);
    case ROSTER_TOKEN:
        return reference_token(ref, c);
    case ROSTER_REVOKE:
        return reference_revoke(ref, c->token.id[0]);
    case ROSTER_LEVEL:
        return reference_level(ref, c->member.level);
    case ROSTER_RECOVER:
        return reference_recover(ref, c->member.id);
    case ROSTER_PROFILE:
        ref->profile = c->profile;
        return 0;
    default:
        return reference_change(ref, c);
    }
}

static void compare_nodes(const struct roster *r, const struct reference *ref)
{
    for (unsigned i = 1; i < NODES; i++) {
        const struct roster_member *m = roster_find(r, i);

        assert_int_equal(m != NULL, ref->nodes[i].state == MEMBER);
        assert_int_equal(roster_was_removed(r, i), ref->nodes[i].state == REMOVED);
        if (m != NULL) {
            assert_int_equal(number_of(&m->address), ref->nodes[i].address);
            assert_int_equal(m->level, ref->nodes[i].level);
        }
    }
}

static void compare(const struct roster *r, const struct reference *ref)
{
    uint8_t id[ROSTER_TOKEN_ID_BYTES] = {0};

    assert_int_equal(roster_is_made(r), ref->is_made);
    assert_int_equal(roster_incarnation(r), ref->incarnation);
    assert_int_equal(roster_profile(r), ref->profile);
    assert_int_equal(roster_level(r), ref->level);
    assert_int_equal(roster_member_n(r), ref->member_n);
    assert_int_equal(roster_token_n(r), ref->token_n);
    compare_nodes(r, ref);
    for (unsigned i = 1; i < TOKENS; i++) {
        id[0] = (uint8_t)i;
        const struct roster_token *t = roster_find_token(r, id);
        assert_int_equal(t != NULL, ref->tokens[i].is_there);
        if (t != NULL) {
            assert_true(t->expiry_us == ref->tokens[i].expiry_us);
            assert_true(t->used_by == ref->tokens[i].used_by);
        }
    }
}

/* ---- any life ---- */

static struct roster_command random_command(struct rand_state *rand, uint64_t now_s)
{
    /* A window of ids that moves on, so that new nodes come after those that were removed. */
    const unsigned id = 1 + (unsigned)((now_s / 40 + rand_below(rand, 20)) % (NODES - 1));
    const unsigned token = 1 + (unsigned)rand_below(rand, TOKENS - 1);
    struct roster_command c;

    switch (rand_below(rand, 16)) {
    case 0:
        return rand_below(rand, 40) == 0 ? command_of_id(ROSTER_RECOVER, id) : command_make();
    case 1:
        return command_of_id(ROSTER_REMOVE, id);
    case 2:
        c = command_token(token, 0, 0);
        c.type = ROSTER_REVOKE;
        return c;
    case 3:
        return command_move(id, 1 + (unsigned)rand_below(rand, 200));
    case 4:
        return command_tell(id, "1.0.0", (uint8_t)rand_below(rand, 6));
    case 5:
        return command_level((uint8_t)rand_below(rand, 3));
    case 6:
        return command_profile((uint8_t)rand_below(rand, ROSTER_PROFILES));
    case 7:
    case 8:
    case 9:
        return command_token(token, now_s, now_s + rand_below(rand, 600));
    default:
        c = command_admit(id, rand_below(rand, 20) == 0 ? 0 : token, now_s);
        c.member.level = (uint8_t)rand_below(rand, 8);
        if (c.token.id[0] != 0)
            c.token.digest[0] = rand_below(rand, 10) == 0;
        return c;
    }
}

/* seen: a bit for each outcome, so that the mix is known to try them all. */
static void live(uint64_t seed, uint64_t *seen)
{
    struct reference ref = {0};
    struct roster *r = roster_new();
    struct rand_state rand;

    rand_seed(&rand, seed);
    for (unsigned step = 0; step < STEPS; step++) {
        const struct roster_command c = random_command(&rand, 100 + step);
        const int rc = reference_apply(&ref, &c);

        assert_int_equal(roster_apply(r, &c), rc);
        compare(r, &ref);
        *seen |= UINT64_C(1) << -rc;
    }
    roster_free(r);
}

static void test_any_life(void **state)
{
    static const int outcomes[] = {0,           WERR_INVALID, WERR_NOT_FOUND,   WERR_EXISTS,
                                   WERR_DENIED, WERR_STALE,   WERR_UNSUPPORTED, WERR_GUARD,
                                   WERR_TOO_BIG};
    uint64_t seen = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        live(seed, &seen);
    for (unsigned i = 0; i < COUNT(outcomes); i++)
        assert_true((seen >> -outcomes[i] & 1) != 0);
}

/* ---- one life, in the order of the documents ---- */

/* The nodes of a cluster, each with its copy, and the reference. */
struct cluster_of {
    struct roster *nodes[4];
    unsigned n;
    struct reference ref;
};

static void commit(struct cluster_of *cluster, struct roster_command c, int outcome)
{
    struct roster_command decoded;
    char *bytes;
    size_t len;

    assert_int_equal(reference_apply(&cluster->ref, &c), outcome);
    assert_int_equal(roster_command_encode(&c, &bytes, &len), 0);
    assert_int_equal(roster_command_decode(span_from(bytes, len), &decoded), 0);
    for (unsigned i = 0; i < cluster->n; i++) {
        assert_int_equal(roster_apply(cluster->nodes[i], &decoded), outcome);
        compare(cluster->nodes[i], &cluster->ref);
        assert_true(roster_digest(cluster->nodes[i]) == roster_digest(cluster->nodes[0]));
    }
    free(bytes);
}

/* One more node, which gets a snapshot. */
static void start_node(struct cluster_of *cluster)
{
    struct roster *r = roster_new();
    char *bytes;
    size_t len;

    assert_non_null(r);
    if (cluster->n > 0) {
        assert_int_equal(roster_encode(cluster->nodes[0], &bytes, &len), 0);
        assert_int_equal(roster_decode(r, span_from(bytes, len)), 0);
        free(bytes);
    }
    cluster->nodes[cluster->n++] = r;
}

static void join(struct cluster_of *cluster, unsigned id, unsigned token)
{
    commit(cluster, command_token(token, 1000, 1900), 0);
    commit(cluster, command_admit(id, token, 1001), 0);
    start_node(cluster);
    commit(cluster, command_admit(id, token, 1002), 0);         /* it had not heard */
    commit(cluster, command_admit(9, token, 1003), WERR_STALE); /* a token is for one */
}

static void test_from_one_to_three_and_back(void **state)
{
    struct cluster_of cluster = {.n = 0};

    (void)state;
    start_node(&cluster);
    commit(&cluster, command_make(), 0);
    commit(&cluster, command_admit(50, 0, 1000), 0);
    join(&cluster, 20, 1);
    join(&cluster, 70, 2);
    commit(&cluster, command_level(2), 0);
    assert_int_equal(roster_member_n(cluster.nodes[2]), 3);
    /* One is removed, and its directory is wiped: it is a new node. */
    commit(&cluster, command_of_id(ROSTER_REMOVE, 20), 0);
    commit(&cluster, command_token(3, 1100, 2000), 0);
    commit(&cluster, command_admit(20, 3, 1101), WERR_DENIED);
    commit(&cluster, command_admit(21, 3, 1101), 0);
    /* All but one are lost; what the others still hold is of the incarnation before. */
    struct cluster_of lost = {
        .n = 1, .nodes = {cluster.nodes[--cluster.n]}, .ref = cluster.ref};
    commit(&cluster, command_of_id(ROSTER_RECOVER, 50), 0);
    assert_int_equal(roster_incarnation(cluster.nodes[0]), 2);
    assert_int_equal(roster_incarnation(lost.nodes[0]), 1);
    assert_memory_equal(roster_uuid(cluster.nodes[0]), roster_uuid(lost.nodes[0]),
                        ROSTER_UUID_BYTES);
    commit(&cluster, command_token(4, 1200, 2100), 0);
    commit(&cluster, command_admit(70, 4, 1201), WERR_DENIED);
    commit(&cluster, command_admit(71, 4, 1201), 0);
    commit(&lost, command_of_id(ROSTER_RECOVER, 70), 0);
    assert_true(roster_digest(cluster.nodes[0]) != roster_digest(lost.nodes[0]));
    for (unsigned i = 0; i < cluster.n; i++)
        roster_free(cluster.nodes[i]);
    roster_free(lost.nodes[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_life),
        cmocka_unit_test(test_from_one_to_three_and_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
