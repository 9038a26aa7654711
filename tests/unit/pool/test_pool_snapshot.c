#include "pool_fixture.h"

#include <endian.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

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

static void assert_servers_equal(const struct pool *pa, const struct pool *pb)
{
    assert_int_equal(pa->server_n, pb->server_n);
    for (uint32_t i = 0; i < pa->server_n; i++) {
        assert_true(pa->servers[i]->id == pb->servers[i]->id);
        assert_string_equal(pa->servers[i]->url, pb->servers[i]->url);
        assert_string_equal(pa->servers[i]->authority, pb->servers[i]->authority);
        assert_int_equal(pa->servers[i]->admin, pb->servers[i]->admin);
        assert_int_equal(pa->servers[i]->drain_ms, pb->servers[i]->drain_ms);
        assert_int_equal(pa->servers[i]->proxy_protocol, pb->servers[i]->proxy_protocol);
        assert_int_equal(pa->servers[i]->max_requests, pb->servers[i]->max_requests);
        assert_true(addr_is_equal(&pa->servers[i]->addr, &pb->servers[i]->addr));
    }
}

static void assert_listeners_equal(const struct listener *la, const struct listener *lb)
{
    assert_true(la->id == lb->id && la->digest == lb->digest);
    assert_string_equal(la->name, lb->name);
    assert_int_equal(la->address_n, lb->address_n);
    for (unsigned i = 0; i < la->address_n; i++)
        assert_true(addr_is_equal(&la->addresses[i], &lb->addresses[i]));
    assert_int_equal(la->has_trusted, lb->has_trusted);
    assert_int_equal(la->trusted.n, lb->trusted.n);
    assert_true(rule_action_equal(&la->default_action, &lb->default_action));
    assert_int_equal(la->rule_n, lb->rule_n);
    for (uint32_t i = 0; i < la->rule_n; i++) {
        assert_true(la->rules[i]->id == lb->rules[i]->id);
        assert_int_equal(la->rules[i]->priority, lb->rules[i]->priority);
        assert_true(
            rule_conditions_equal(&la->rules[i]->conditions, &lb->rules[i]->conditions));
        assert_true(rule_action_equal(&la->rules[i]->action, &lb->rules[i]->action));
    }
}

static void assert_states_equal(const struct pool_state *a, const struct pool_state *b)
{
    assert_true(a->index == b->index);
    assert_true(a->digest == b->digest);
    assert_true(pool_state_digest_recompute(a) == pool_state_digest_recompute(b));
    assert_int_equal(a->pool_n, b->pool_n);
    assert_int_equal(a->server_n, b->server_n);
    assert_int_equal(a->listener_n, b->listener_n);
    for (uint32_t i = 0; i < a->pool_n; i++) {
        assert_true(a->pools[i]->id == b->pools[i]->id);
        assert_string_equal(a->pools[i]->name, b->pools[i]->name);
        assert_int_equal(a->pools[i]->ref_n, b->pools[i]->ref_n);
        assert_int_equal(a->pools[i]->policy, b->pools[i]->policy);
        assert_servers_equal(a->pools[i], b->pools[i]);
    }
    for (uint32_t i = 0; i < a->listener_n; i++)
        assert_listeners_equal(a->listeners[i], b->listeners[i]);
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
            pool_change_fini(&change);
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

/* ---- records that are no good ---- */

struct record {
    uint8_t kind;
    uint64_t id, owner;
    const char *json;
};

static size_t put_record(char *at, const struct record *r)
{
    const uint64_t id = htole64(r->id);
    const uint64_t owner = htole64(r->owner);
    const uint32_t len = htole32((uint32_t)strlen(r->json));
    at[0] = (char)r->kind;
    memcpy(at + 1, &id, sizeof(id));
    memcpy(at + 9, &owner, sizeof(owner));
    memcpy(at + 17, &len, sizeof(len));
    memcpy(at + 21, r->json, strlen(r->json));
    return 21 + strlen(r->json);
}

/* A snapshot at index 9 whose checksum is right. */
static size_t make_snapshot(char *bytes, uint8_t format, const struct record *records,
                            unsigned n)
{
    const uint64_t index = htole64(9);
    size_t len = 40;
    memset(bytes, 0, len);
    memcpy(bytes, "WSNP", 4);
    bytes[4] = (char)format;
    memcpy(bytes + 8, &index, sizeof(index));
    for (unsigned i = 0; i < n; i++)
        len += put_record(bytes + len, &records[i]);
    const uint64_t length = htole64(len - 40);
    const uint64_t checksum = htole64(XXH3_64bits_withSeed(bytes + 40, len - 40, 9));
    memcpy(bytes + 24, &length, sizeof(length));
    memcpy(bytes + 32, &checksum, sizeof(checksum));
    return len;
}

#define DEFAULT_POOL                              \
    {                                             \
        KIND_POOL, 0, 0, "{\"name\":\"default\"}" \
    }
#define GOOD_SERVER                                          \
    {                                                        \
        KIND_SERVER, 3, 0, "{\"url\":\"http://1.1.1.1:80\"}" \
    }
#define GOOD_RULE                                                                        \
    {                                                                                    \
        KIND_RULE, 4, 0,                                                                 \
            "{\"priority\":1,\"conditions\":{},\"action\":{\"fixed\":{\"status\":404}}}" \
    }

/* Of a state with server 3 and rule 4. */
static uint64_t digest_of_good(void)
{
    struct pool_state *s = pool_state_new();
    s->index = 2;
    assert_int_equal(add_server(s, "{\"url\":\"http://1.1.1.1\"}"), 3);
    assert_int_equal(
        add_rule(s, "default", "{\"priority\":1,\"action\":{\"fixed\":{\"status\":404}}}"), 4);
    uint64_t digest = s->digest;
    pool_state_free(s);
    return digest;
}

/* Behind the good ones. */
static const struct record bad[] = {
    {0, 5, 0, "{}"},
    {6, 5, 0, "{}"},
    {KIND_CERTIFICATE, 5, 0, "{}"},
    {255, 5, 0, "{}"},
    {KIND_POOL, 5, 0, "{}"},
    {KIND_POOL, 5, 0, "{\"name\":\"default\"}"},
    {KIND_POOL, 0, 0, "{\"name\":\"other\"}"},
    {KIND_POOL, 5, 1, "{\"name\":\"other\"}"},
    {KIND_POOL, 3, 0, "{\"name\":\"other\"}"},
    {KIND_POOL, 10, 0, "{\"name\":\"other\"}"},
    {KIND_SERVER, 0, 0, "{\"url\":\"http://1.1.1.2:80\"}"},
    {KIND_SERVER, 5, 7, "{\"url\":\"http://1.1.1.2:80\"}"},
    {KIND_SERVER, 5, 3, "{\"url\":\"http://1.1.1.2:80\"}"},
    {KIND_SERVER, 5, 0, "{\"url\":\"http://1.1.1.1:80\"}"},
    {KIND_LISTENER, 5, 0, "{\"addresses\":[]}"},
    {KIND_LISTENER, 5, 0,
     "{\"name\":\"x\",\"default_action\":{\"forward\":[{\"pool\":\"y\"}]}}"},
    {KIND_RULE, 5, 3, "{\"priority\":2,\"action\":{\"fixed\":{\"status\":404}}}"},
    {KIND_RULE, 5, 0, "{\"priority\":1,\"action\":{\"fixed\":{\"status\":404}}}"},
    {KIND_RULE, 5, 0, "{\"priority\":2}"},
};

static void test_records(void **state)
{
    static const struct record good[] = {DEFAULT_POOL, GOOD_SERVER, GOOD_RULE};
    char bytes[2000];
    struct pool_state *s = NULL;
    (void)state;
    for (unsigned i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
        struct record records[4] = {good[0], good[1], good[2]};
        unsigned n = 3;
        if (i > 0)
            records[n++] = bad[i - 1];
        size_t len = make_snapshot(bytes, 3, records, n);
        /* The digest of the good ones, which the bad one must not be let in for. */
        uint64_t digest = htole64(digest_of_good());
        memcpy(bytes + 16, &digest, sizeof(digest));
        int rc = pool_snapshot_decode(span_from(bytes, len), &s);
        if (rc != (i == 0 ? 0 : WERR_CORRUPT))
            fail_msg("record %u: %d", i, rc);
        if (rc == 0)
            pool_state_free(s);
    }
    size_t len = make_snapshot(bytes, 2, good, 3);
    assert_int_equal(pool_snapshot_decode(span_from(bytes, len), &s), WERR_UNSUPPORTED);
    len = make_snapshot(bytes, 3, good, 3);
    assert_int_equal(pool_snapshot_decode(span_from(bytes, len), &s), WERR_CORRUPT);
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
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
