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
        assert_int_equal(pa->servers[i]->admin, pb->servers[i]->admin);
        assert_int_equal(pa->servers[i]->drain_ms, pb->servers[i]->drain_ms);
        assert_int_equal(pa->servers[i]->proxy_protocol, pb->servers[i]->proxy_protocol);
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

static size_t put_text(char *at, const char *json)
{
    uint32_t len = htole32((uint32_t)strlen(json));
    memcpy(at, &len, sizeof(len));
    memcpy(at + sizeof(len), json, strlen(json));
    return sizeof(len) + strlen(json);
}

/* A snapshot of format 1, as it was written before there were limits, retry and admin. */
static size_t make_old_snapshot(char *bytes)
{
    const uint32_t one = htole32(1);
    const uint64_t id = htole64(3);
    const uint64_t index = htole64(7);
    const uint64_t digest = htole64(123456789);
    size_t len = 40;
    memcpy(bytes, "WSNP", 4);
    memcpy(bytes + 4, &one, sizeof(one));
    memcpy(bytes + 8, &index, sizeof(index));
    memcpy(bytes + 16, &digest, sizeof(digest));
    memcpy(bytes + len, &one, sizeof(one));
    len += sizeof(one);
    len += put_text(bytes + len, "{\"name\":\"default\",\"policy\":\"round_robin\","
                                 "\"timeouts\":{\"connect_ms\":5,\"response_head_ms\":6,"
                                 "\"idle_ms\":7},\"check\":{\"path\":\"/old\"}}");
    memcpy(bytes + len, &one, sizeof(one));
    len += sizeof(one);
    memcpy(bytes + len, &id, sizeof(id));
    len += sizeof(id);
    len += put_text(bytes + len, "{\"url\":\"http://1.1.1.1:80\",\"map_host\":false,"
                                 "\"weight\":4,\"check\":{},\"meta\":{}}");
    const uint64_t length = htole64(len - 40);
    const uint64_t checksum = htole64(XXH3_64bits_withSeed(bytes + 40, len - 40, 7));
    memcpy(bytes + 24, &length, sizeof(length));
    memcpy(bytes + 32, &checksum, sizeof(checksum));
    return len;
}

/* What it lacks has defaults, and the digest is the one of the state that was read. */
static void test_old_format(void **state)
{
    (void)state;
    char bytes[1000];
    size_t len = make_old_snapshot(bytes);
    struct pool_state *s = NULL;
    assert_int_equal(pool_snapshot_decode(span_from(bytes, len), &s), 0);
    const struct pool *p = default_pool(s);
    struct pool_settings want;
    pool_settings_init(&want);
    want.timeouts.connect_ms = 5;
    want.timeouts.response_head_ms = 6;
    want.timeouts.idle_ms = 7;
    for (unsigned i = 0; i < POOL_SETTING_N; i++)
        assert_true(pool_settings_get(&p->settings, &pool_settings_table[i]) ==
                    pool_settings_get(&want, &pool_settings_table[i]));
    assert_string_equal(p->health.path, "/old");
    assert_int_equal(p->server_n, 1);
    assert_int_equal(p->servers[0]->weight, 4);
    assert_int_equal(p->servers[0]->admin, POOL_ADMIN_ENABLED);
    assert_int_equal(p->servers[0]->proxy_protocol, 0);
    assert_int_equal(s->index, 7);
    assert_true(s->digest == pool_state_digest_recompute(s));
    struct pool_state *copy = copy_state(s);
    assert_states_equal(s, copy);
    pool_state_free(copy);
    pool_state_free(s);
    /* As much may be missing from format 2: each setting was new once. */
    bytes[4] = 2;
    assert_int_equal(pool_snapshot_decode(span_from(bytes, len), &s), 0);
    assert_int_equal(default_pool(s)->timeouts.connect_ms, 5);
    assert_true(default_pool(s)->bounds.queue_bytes == want.bounds.queue_bytes);
    assert_true(s->digest == pool_state_digest_recompute(s));
    pool_state_free(s);
    bytes[4] = 3;
    assert_int_equal(pool_snapshot_decode(span_from(bytes, len), &s), WERR_UNSUPPORTED);
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
        cmocka_unit_test(test_old_format),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
