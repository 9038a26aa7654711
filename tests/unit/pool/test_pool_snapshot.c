#include "pool_fixture.h"

#include "base/fault.h"
#include "pool/pool_snapshot.h"

static struct pool_state *new_random_state(uint64_t seed, unsigned commands)
{
    struct rand_state r;
    struct pool_state *s = pool_state_new();
    rand_seed(&r, seed);
    for (unsigned i = 0; i < commands; i++) {
        struct pool_command c;
        struct pool_change change;
        make_random_command(&r, s, &c);
        (void)apply_next(s, &c, &change);
    }
    return s;
}

static struct pool_state *copy_state(const struct pool_state *s)
{
    char *bytes = NULL;
    size_t len = 0;
    struct pool_state *copy = NULL;
    assert_int_equal(pool_snapshot_encode(s, &bytes, &len), 0);
    assert_int_equal(pool_snapshot_decode(span_from(bytes, len), &copy), 0);
    free(bytes);
    return copy;
}

static void assert_states_equal(const struct pool_state *a, const struct pool_state *b)
{
    assert_true(a->index == b->index);
    assert_true(a->digest == b->digest);
    assert_true(pool_state_digest_recompute(a) == pool_state_digest_recompute(b));
    const struct pool *pa = default_pool(a);
    const struct pool *pb = default_pool(b);
    assert_int_equal(pa->server_n, pb->server_n);
    for (uint32_t i = 0; i < pa->server_n; i++) {
        assert_true(pa->servers[i]->id == pb->servers[i]->id);
        assert_string_equal(pa->servers[i]->url, pb->servers[i]->url);
        assert_string_equal(pa->servers[i]->authority, pb->servers[i]->authority);
        assert_true(addr_is_equal(&pa->servers[i]->addr, &pb->servers[i]->addr));
    }
}

static void test_decode_encode_is_identity(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct pool_state *s = new_random_state(seed, (unsigned)seed * 5 - 5);
        struct pool_state *copy = copy_state(s);
        assert_states_equal(s, copy);
        pool_state_free(copy);
        pool_state_free(s);
    }
}

/* A state that came from a snapshot and goes on is the state that never stopped. */
static void test_replay_from_snapshot(void **state)
{
    (void)state;
    enum { COMMANDS = 60 };
    struct rand_state r;
    struct pool_state *whole = pool_state_new();
    struct pool_state *resumed[COMMANDS];
    int results[COMMANDS];
    rand_seed(&r, 99);
    for (unsigned i = 0; i < COMMANDS; i++) {
        struct pool_command c;
        struct pool_change change;
        resumed[i] = copy_state(whole);
        make_random_command(&r, whole, &c);
        for (unsigned k = 0; k <= i; k++) {
            results[k] = pool_apply(resumed[k], &c, i + 1, &change);
            pool_server_free(change.removed);
        }
        int rc = apply_next(whole, &c, &change);
        for (unsigned k = 0; k <= i; k++) {
            assert_int_equal(results[k], rc);
            assert_true(resumed[k]->digest == whole->digest);
        }
    }
    for (unsigned i = 0; i < COMMANDS; i++) {
        assert_states_equal(resumed[i], whole);
        pool_state_free(resumed[i]);
    }
    pool_state_free(whole);
}

/* Every byte, flipped; every length, cut: refused, never taken for something else. */
static void test_damage(void **state)
{
    (void)state;
    struct pool_state *s = new_random_state(4, 20);
    char *bytes = NULL;
    size_t len = 0;
    struct pool_state *copy = NULL;
    assert_int_equal(pool_snapshot_encode(s, &bytes, &len), 0);
    for (size_t i = 0; i < len; i++) {
        for (unsigned bit = 0; bit < 8; bit += 3) {
            bytes[i] = (char)(bytes[i] ^ (1 << bit));
            int want = i >= 4 && i < 8 ? WERR_UNSUPPORTED : WERR_CORRUPT;
            assert_int_equal(pool_snapshot_decode(span_from(bytes, len), &copy), want);
            bytes[i] = (char)(bytes[i] ^ (1 << bit));
        }
        assert_int_equal(pool_snapshot_decode(span_from(bytes, i), &copy), WERR_CORRUPT);
    }
    assert_int_equal(pool_snapshot_decode(span_from(bytes, len), &copy), 0);
    pool_state_free(copy);
    free(bytes);
    pool_state_free(s);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct pool_state *s = new_random_state(6, 12);
    for (unsigned n = 1;; n++) {
        char *bytes = NULL;
        size_t len = 0;
        struct pool_state *copy = NULL;
        fault_set(n);
        int rc = pool_snapshot_encode(s, &bytes, &len);
        if (rc == 0)
            rc = pool_snapshot_decode(span_from(bytes, len), &copy);
        bool has_passed = fault_is_armed();
        fault_set(0);
        assert_int_equal(rc, has_passed ? 0 : WERR_NOMEM);
        free(bytes);
        pool_state_free(copy);
        if (has_passed)
            break;
    }
    pool_state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode_encode_is_identity),
        cmocka_unit_test(test_replay_from_snapshot),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
