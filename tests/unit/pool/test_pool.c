#include "pool_fixture.h"

#include "base/fault.h"

static void test_new_state(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    assert_non_null(s);
    const struct pool *p = default_pool(s);
    assert_ptr_equal(p, pool_default(s));
    assert_int_equal(s->index, 0);
    assert_int_equal(s->pool_n, 1);
    assert_int_equal(p->server_n, 0);
    assert_int_equal(p->timeouts.connect_ms, 1500);
    assert_int_equal(p->timeouts.response_head_ms, 60000);
    assert_int_equal(p->timeouts.idle_ms, 60000);
    assert_int_equal(p->health.set, POOL_HEALTH_SET_ALL);
    assert_true(s->digest == pool_state_digest_recompute(s));
    assert_null(pool_find(s, SPAN("other")));
    assert_null(pool_find(s, SPAN("defaults")));
    pool_state_free(s);
    pool_state_free(NULL);
}

static void test_new_state_out_of_memory(void **state)
{
    (void)state;
    for (unsigned n = 1;; n++) {
        fault_set(n);
        struct pool_state *s = pool_state_new();
        bool has_passed = fault_is_armed();
        fault_set(0);
        assert_int_equal(s != NULL, has_passed);
        pool_state_free(s);
        if (has_passed)
            break;
    }
}

enum { MANY = 500 };

/* Adds many, removes every third, and finds exactly the rest by id and by URL. */
static void test_find(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool *p = default_pool(s);
    uint64_t ids[MANY];
    char json[64];
    char url[64];
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(json, sizeof(json), "{\"url\":\"http://10.1.%u.%u:81\"}", i / 100,
                 i % 100 + 1);
        ids[i] = add_server(s, json);
    }
    for (unsigned i = 0; i < MANY; i += 3)
        assert_int_equal(remove_server(s, ids[i]), 0);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(url, sizeof(url), "http://10.1.%u.%u:81", i / 100, i % 100 + 1);
        const struct pool_server *server = pool_find_server(p, ids[i]);
        assert_int_equal(server == NULL, i % 3 == 0);
        assert_ptr_equal(pool_find_url(p, span_from_str(url)), server);
        if (server != NULL)
            assert_string_equal(server->url, url);
    }
    for (uint32_t i = 1; i < p->server_n; i++)
        assert_true(p->servers[i - 1]->id < p->servers[i]->id);
    assert_null(pool_find_server(p, 0));
    assert_null(pool_find_server(p, UINT64_MAX));
    assert_null(pool_find_url(p, SPAN_NONE));
    pool_state_free(s);
}

static void test_effective(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    const struct pool *p = default_pool(s);
    struct pool_health h;
    set_pool(s, "{\"check\":{\"path\":\"/pool\",\"host\":\"pool\",\"passes\":4}}");
    uint64_t plain = add_server(s, "{\"url\":\"http://1.1.1.1\"}");
    uint64_t own = add_server(
        s, "{\"url\":\"http://1.1.1.2\",\"check\":{\"path\":\"/own\",\"type\":\"tcp\","
           "\"failures\":8,\"timeout_ms\":99,\"expect\":\"204\",\"host\":\"\"}}");
    pool_health_effective(p, pool_find_server(p, plain), &h);
    assert_string_equal(h.path, "/pool");
    assert_string_equal(h.host, "pool");
    assert_int_equal(h.passes, 4);
    assert_int_equal(h.failures, 3);
    pool_health_effective(p, pool_find_server(p, own), &h);
    assert_string_equal(h.path, "/own");
    assert_string_equal(h.host, "");
    assert_int_equal(h.type, POOL_HEALTH_TCP);
    assert_int_equal(h.failures, 8);
    assert_int_equal(h.passes, 4);
    assert_int_equal(h.timeout_ms, 99);
    assert_int_equal(h.interval_ms, 30000);
    assert_int_equal(h.expect[0].from, 204);
    assert_int_equal(h.set, POOL_HEALTH_SET_ALL);
    pool_state_free(s);
}

/* Servers that differ in nothing but the id must not cancel out or hash alike. */
static void test_digest_knows_ids(void **state)
{
    (void)state;
    struct pool_state *a = pool_state_new();
    struct pool_state *b = pool_state_new();
    b->index = 7;
    add_server(a, "{\"url\":\"http://1.1.1.1\"}");
    add_server(b, "{\"url\":\"http://1.1.1.1\"}");
    assert_true(a->digest != b->digest);
    pool_state_free(a);
    pool_state_free(b);
}

static void test_ids(void **state)
{
    (void)state;
    static const uint64_t ids[] = {1, 15, 16, 0x7f3a, UINT64_MAX};
    static const char *const bad[] = {
        "", "s-", "s", "7f", "S-7f", "s-g", "s-7f ", "s--1", "s-10000000000000000"};
    char text[24];
    uint64_t id = 0;
    for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        size_t len = pool_id_print(ids[i], text);
        assert_int_equal(len, strlen(text));
        assert_int_equal(pool_id_from_text(span_from_str(text), &id), 0);
        assert_true(id == ids[i]);
    }
    pool_id_print(0x7f3a, text);
    assert_string_equal(text, "s-7f3a");
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(pool_id_from_text(span_from_str(bad[i]), &id), WERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_state), cmocka_unit_test(test_new_state_out_of_memory),
        cmocka_unit_test(test_find),      cmocka_unit_test(test_effective),
        cmocka_unit_test(test_ids),       cmocka_unit_test(test_digest_knows_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
