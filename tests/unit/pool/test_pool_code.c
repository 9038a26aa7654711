#include "pool_fixture.h"

#include <jansson.h>

#include "base/fault.h"
#include "pool/levels.h"
#include "pool/pool_meta.h"
#include "pool/server.h"

enum body_kind { ADD, CHANGE, SET };

/* A server to be changed by a PATCH. */
static struct pool_server *new_server_from(const char *json)
{
    struct pool_command c;
    make_add(&c, json);
    struct pool_server *server = malloc(sizeof(*server));
    assert_non_null(server);
    *server = c.server;
    server->id = 77;
    c.server = (struct pool_server){0};
    pool_command_fini(&c);
    return server;
}

static struct pool_server *new_server(void)
{
    return new_server_from("{\"url\":\"http://1.1.1.1\",\"meta\":{\"a\":\"1\",\"b\":\"2\"}}");
}

static int read_body(enum body_kind kind, struct span body, struct pool_command *c,
                     struct pool_error *error)
{
    if (kind == ADD)
        return pool_code_add_from_json(body, c, error);
    if (kind == SET)
        return pool_code_set_pool_from_json(body, c, error);
    struct pool_server *server = new_server();
    int rc = pool_code_change_from_json(body, server, c, error);
    pool_server_free(server);
    return rc;
}

static const struct {
    enum body_kind kind;
    const char *body;
    int rc;
    const char *code, *field;
    const char *detail; /* a part of it */
} bad_bodies[] = {
    {ADD, "", WERR_SYNTAX, "invalid_json", "", "invalid JSON: "},
    {ADD, "{", WERR_SYNTAX, "invalid_json", "", "invalid JSON: "},
    {ADD, "{\"url\":}", WERR_SYNTAX, "invalid_json", "", "line 1"},
    {ADD, "{} x", WERR_SYNTAX, "invalid_json", "", "invalid JSON: "},
    {ADD, "{\"url\":\"\xff\"}", WERR_SYNTAX, "invalid_json", "", "invalid JSON: "},
    {ADD, "{\"url\":\"\\u0000\"}", WERR_SYNTAX, "invalid_json", "", "invalid JSON: "},
    {ADD, "{\"weight\":1,\"weight\":1}", WERR_SYNTAX, "invalid_json", "", "duplicate"},
    {ADD, "{\"weight\":99999999999999999999}", WERR_SYNTAX, "invalid_json", "", "too big"},
    {CHANGE, "{,}", WERR_SYNTAX, "invalid_json", "", "invalid JSON: "},
    {SET, "\x01", WERR_SYNTAX, "invalid_json", "", "invalid JSON: "},
    {ADD, "[]", WERR_INVALID, "invalid_value", "", "object"},
    {ADD, "null", WERR_INVALID, "invalid_value", "", "object"},
    {CHANGE, "\"x\"", WERR_INVALID, "invalid_value", "", "object"},
    {SET, "1", WERR_INVALID, "invalid_value", "", "object"},
    {ADD, "{}", WERR_INVALID, "missing_field", "url", "missing"},
    {ADD, "{\"weight\":1}", WERR_INVALID, "missing_field", "url", "missing"},
    {ADD, "{\"url\":1}", WERR_INVALID, "invalid_url", "url", "string"},
    {ADD, "{\"url\":\"x\"}", WERR_INVALID, "invalid_url", "url", "http://"},
    {ADD, "{\"URL\":\"x\"}", WERR_INVALID, "unknown_key", "URL", "\"URL\""},
    {ADD, "{\"url\":\"http://1.1.1.1\",\"color\":1}", WERR_INVALID, "unknown_key", "color", ""},
    {ADD, "{\"weight\":1.0}", WERR_INVALID, "invalid_value", "weight", "from 0 to 256"},
    {ADD, "{\"weight\":\"1\"}", WERR_INVALID, "invalid_value", "weight", "from 0 to 256"},
    {ADD, "{\"weight\":-1}", WERR_INVALID, "invalid_value", "weight", "from 0 to 256"},
    {ADD, "{\"weight\":257}", WERR_INVALID, "invalid_value", "weight", "from 0 to 256"},
    {ADD, "{\"weight\":4294967296}", WERR_INVALID, "invalid_value", "weight", "from 0 to 256"},
    {ADD, "{\"weight\":true}", WERR_INVALID, "invalid_value", "weight", "from 0 to 256"},
    {ADD, "{\"map_host\":1}", WERR_INVALID, "invalid_value", "map_host", "true or false"},
    {ADD, "{\"map_host\":\"true\"}", WERR_INVALID, "invalid_value", "map_host",
     "true or false"},
    {ADD, "{\"check\":[]}", WERR_INVALID, "invalid_value", "check", "object"},
    {ADD, "{\"check\":{\"intervals\":1}}", WERR_INVALID, "unknown_key", "check.intervals", ""},
    {ADD, "{\"check\":{\"interval_ms\":99}}", WERR_INVALID, "invalid_value",
     "check.interval_ms", "interval_ms must be a whole number from 100 to 3600000"},
    {ADD, "{\"check\":{\"interval_ms\":3600001}}", WERR_INVALID, "invalid_value",
     "check.interval_ms", ""},
    {ADD, "{\"check\":{\"fast_interval_ms\":true}}", WERR_INVALID, "invalid_value",
     "check.fast_interval_ms", ""},
    {ADD, "{\"check\":{\"timeout_ms\":9}}", WERR_INVALID, "invalid_value", "check.timeout_ms",
     ""},
    {ADD, "{\"check\":{\"failures\":0}}", WERR_INVALID, "invalid_value", "check.failures", ""},
    {ADD, "{\"check\":{\"passes\":101}}", WERR_INVALID, "invalid_value", "check.passes", ""},
    {ADD, "{\"check\":{\"path\":\"x\"}}", WERR_INVALID, "invalid_value", "check.path", ""},
    {ADD, "{\"check\":{\"path\":1}}", WERR_INVALID, "invalid_value", "check.path", ""},
    {ADD, "{\"check\":{\"host\":\"a b\"}}", WERR_INVALID, "invalid_value", "check.host", ""},
    {ADD, "{\"check\":{\"expect\":200}}", WERR_INVALID, "invalid_value", "check.expect", ""},
    {ADD, "{\"check\":{\"expect\":\"2xx\"}}", WERR_INVALID, "invalid_value", "check.expect",
     ""},
    {ADD, "{\"check\":{\"type\":\"udp\"}}", WERR_INVALID, "invalid_value", "check.type", "tcp"},
    {ADD, "{\"meta\":[]}", WERR_INVALID, "invalid_value", "meta", "object"},
    {ADD, "{\"meta\":{\"version\":1}}", WERR_INVALID, "invalid_value", "meta.version",
     "string"},
    {ADD, "{\"meta\":{\"\":\"x\"}}", WERR_INVALID, "invalid_value", "meta.", "key"},
    {ADD, "{\"meta\":{\"a\":\"\\n\"}}", WERR_INVALID, "invalid_value", "meta.a", "control"},
    {ADD, "{\"proxy_protocol\":1}", WERR_INVALID, "invalid_value", "proxy_protocol", "0 or 2"},
    {ADD, "{\"proxy_protocol\":true}", WERR_INVALID, "invalid_value", "proxy_protocol", ""},
    {CHANGE, "{\"proxy_protocol\":3}", WERR_INVALID, "invalid_value", "proxy_protocol", ""},
    {ADD, "{\"max_requests\":-1}", WERR_INVALID, "invalid_value", "max_requests", "1000000"},
    {ADD, "{\"max_requests\":1000001}", WERR_INVALID, "invalid_value", "max_requests", ""},
    {CHANGE, "{\"max_requests\":\"4\"}", WERR_INVALID, "invalid_value", "max_requests", ""},
    {CHANGE, "{\"admin\":\"enabled\"}", WERR_INVALID, "unknown_key", "admin", ""},
    {CHANGE, "{\"drain_ms\":1}", WERR_INVALID, "unknown_key", "drain_ms", ""},
    {CHANGE, "{\"url\":\"http://1.1.1.1\"}", WERR_INVALID, "invalid_value", "url", "changed"},
    {CHANGE, "{\"id\":\"s-1\"}", WERR_INVALID, "unknown_key", "id", ""},
    {CHANGE, "{\"meta\":{\"b\":true}}", WERR_INVALID, "invalid_value", "meta.b", ""},
    {SET, "{\"weight\":1}", WERR_INVALID, "unknown_key", "weight", ""},
    {SET, "{\"name\":\"x\"}", WERR_INVALID, "unknown_key", "name", ""},
    {SET, "{\"timeouts\":1}", WERR_INVALID, "invalid_value", "timeouts", "object"},
    {SET, "{\"timeouts\":{\"x\":1}}", WERR_INVALID, "unknown_key", "timeouts.x", ""},
    {SET, "{\"timeouts\":{\"connect_ms\":0}}", WERR_INVALID, "invalid_value",
     "timeouts.connect_ms", "connect_ms must be a whole number from 1 to 600000"},
    {SET, "{\"timeouts\":{\"idle_ms\":86400001}}", WERR_INVALID, "invalid_value",
     "timeouts.idle_ms", ""},
    {SET, "{\"timeouts\":{\"response_head_ms\":1.5}}", WERR_INVALID, "invalid_value",
     "timeouts.response_head_ms", ""},
    {SET, "{\"policy\":\"random\"}", WERR_INVALID, "invalid_value", "policy", "round_robin"},
    {SET, "{\"policy\":5}", WERR_INVALID, "invalid_value", "policy", "round_robin"},
};

static void test_bad_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_bodies) / sizeof(bad_bodies[0]); i++) {
        struct pool_command c;
        struct pool_error error = {.code = ""};
        int rc = read_body(bad_bodies[i].kind, span_from_str(bad_bodies[i].body), &c, &error);
        if (rc != bad_bodies[i].rc || strcmp(error.code, bad_bodies[i].code) != 0 ||
            strcmp(error.field, bad_bodies[i].field) != 0 ||
            strstr(error.detail, bad_bodies[i].detail) == NULL || error.detail[0] == '\0')
            fail_msg("%s: %d %s [%s] %s", bad_bodies[i].body, rc, error.code, error.field,
                     error.detail);
    }
}

static void test_add(void **state)
{
    (void)state;
    struct pool_command c;
    make_add(&c, "{\"url\":\"http://[::1]:81/\",\"map_host\":true,\"weight\":0,"
                 "\"proxy_protocol\":2,\"max_requests\":7,\"check\":{"
                 "\"type\":\"none\",\"host\":\"h\",\"path\":null},\"meta\":{\"b\":\"2\",\"a\":"
                 "\"1\"}}");
    assert_int_equal(c.type, POOL_ADD_SERVER);
    assert_int_equal(c.set, 0);
    assert_int_equal(c.health_unset, 0);
    char *json = pool_code_server_json(&c.server);
    assert_string_equal(json, "{\"url\":\"http://[::1]:81\",\"map_host\":true,\"weight\":0,"
                              "\"proxy_protocol\":2,\"max_requests\":7,"
                              "\"admin\":\"enabled\",\"drain_ms\":0,"
                              "\"check\":{\"type\":\"none\",\"host\":\"h\"},\"meta\":{\"a\":"
                              "\"1\",\"b\":\"2\"}}");
    free(json);
    pool_command_fini(&c);
}

static void test_change_merges(void **state)
{
    (void)state;
    struct pool_command c;
    struct pool_error error;
    const char *body =
        "{\"meta\":{\"c\":\"3\",\"a\":null},\"check\":{\"path\":null,\"passes\":1}}";
    assert_int_equal(read_body(CHANGE, span_from_str(body), &c, &error), 0);
    assert_int_equal(c.server_id, 77);
    assert_int_equal(c.set, POOL_SET_META | POOL_SET_HEALTH);
    assert_int_equal(c.health_unset, POOL_HEALTH_SET_PATH);
    assert_int_equal(c.server.health.set, POOL_HEALTH_SET_PASSES);
    assert_int_equal(c.server.meta_n, 2);
    assert_string_equal(c.server.meta[0].key, "b");
    assert_string_equal(c.server.meta[1].key, "c");
    pool_command_fini(&c);
}

/* 32 entries: a patch may put one in the place of another in whatever order it names them. */
static void test_meta_limit(void **state)
{
    (void)state;
    char body[2000] = "{\"url\":\"http://1.1.1.1\",\"meta\":{";
    struct pool_error error = {.code = ""};
    struct pool_command c;
    for (unsigned i = 0; i < POOL_META_N; i++)
        snprintf(body + strlen(body), sizeof(body) - strlen(body), "\"k%u\":\"\",", i);
    size_t len = strlen(body);
    snprintf(body + len - 1, sizeof(body) - len, "}}");
    struct pool_server *server = new_server_from(body);
    snprintf(body + len - 1, sizeof(body) - len, ",\"one more\":\"\"}}");
    assert_int_equal(pool_code_add_from_json(span_from_str(body), &c, &error), WERR_INVALID);
    assert_string_equal(error.code, "too_many");
    assert_string_equal(error.field, "meta");
    struct span swap = SPAN("{\"meta\":{\"new\":\"\",\"k3\":null}}");
    assert_int_equal(pool_code_change_from_json(swap, server, &c, &error), 0);
    assert_int_equal(c.server.meta_n, POOL_META_N);
    pool_command_fini(&c);
    pool_server_free(server);
}

static void test_pool_json(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    char *json = pool_code_pool_json(default_pool(s));
    assert_string_equal(
        json,
        "{\"name\":\"default\",\"policy\":\"round_robin\",\"hash_key\":\"address\","
        "\"timeouts\":{\"connect_ms\":1500,\"response_head_ms\":60000,\"idle_ms\":60000,"
        "\"tunnel_ms\":3600000},\"limits\":{\"response_head_bytes\":65536,"
        "\"response_fields\":128},\"retry\":{\"attempts\":2,"
        "\"budget_percent\":20,\"replay_bytes\":65536},\"eject\":{\"errors\":5,"
        "\"base_ms\":30000,\"max_ms\":300000,\"max_percent\":50},"
        "\"queue\":{\"requests\":1000,\"wait_ms\":5000},\"tls\":{\"ca\":null,"
        "\"server_name\":null,\"min_version\":\"1.2\",\"certificate\":null,\"verify\":true},"
        "\"fail_open\":true,\"forwarded\":false,\"min_active\":0,\"drain_ms\":300000,"
        "\"check\":{\"type\":\"http\","
        "\"interval_ms\":30000,\"fast_interval_ms\":2000,\"timeout_ms\":5000,\"path\":\"/\","
        "\"host\":\"\",\"expect\":\"200-299\",\"failures\":3,\"passes\":2,\"initial\":\"up\","
        "\"agree\":\"own\"}"
        "}");
    struct pool_command c;
    assert_int_equal(pool_code_read_stored(KIND_POOL, span_from_str(json), &c), 0);
    assert_int_equal(c.server.health.set, POOL_HEALTH_SET_ALL);
    assert_true(c.given == settings_all(&pool_settings_table));
    pool_command_fini(&c);
    free(json);
    pool_state_free(s);
}

/* A long key with characters of several bytes: the field is cut, but stays readable. */
static void test_long_unknown_key(void **state)
{
    (void)state;
    char body[400] = "{\"x";
    struct pool_error error = {.code = ""};
    struct pool_command c;
    while (strlen(body) < 300)
        strcat(body, "\xe2\x82\xac");
    strcat(body, "\":1}");
    assert_int_equal(pool_code_add_from_json(span_from_str(body), &c, &error), WERR_INVALID);
    assert_string_equal(error.code, "unknown_key");
    assert_int_equal((strlen(error.field) - 1) % 3, 0);
}

/* ---- entries ---- */

/* Decoding and encoding again gives the same bytes. */
static void test_decode_encode_is_identity(void **state)
{
    (void)state;
    struct rand_state r;
    struct pool_state *s = pool_state_new();
    rand_seed(&r, 11);
    for (unsigned i = 0; i < 500; i++) {
        struct pool_command c;
        struct pool_command back;
        struct pool_change change;
        char *bytes = NULL;
        char *again = NULL;
        size_t len = 0;
        size_t again_len = 0;
        make_random_command(&r, s, &c);
        assert_int_equal(pool_code_encode(&c, &bytes, &len), 0);
        assert_int_equal(pool_code_decode(span_from(bytes, len), &back), 0);
        assert_int_equal(back.type, c.type);
        assert_int_equal(back.set, c.set);
        assert_int_equal(back.health_unset, c.health_unset);
        assert_int_equal(back.server_id, c.server_id);
        assert_memory_equal(back.request_id, c.request_id, sizeof(c.request_id));
        assert_string_equal(back.pool, c.pool);
        assert_int_equal(pool_code_encode(&back, &again, &again_len), 0);
        assert_int_equal(len, again_len);
        assert_memory_equal(bytes, again, len);
        free(bytes);
        free(again);
        pool_command_fini(&back);
        (void)apply_next(s, &c, &change);
    }
    pool_state_free(s);
}

/* What is written as text is what the library would have written: digests hang on it. */
static void assert_is_of_the_library(char *text)
{
    json_t *read = json_loads(text, 0, NULL);
    char *wanted = json_dumps(read, JSON_COMPACT);
    assert_string_equal(text, wanted);
    json_decref(read);
    free(wanted);
    free(text);
}

static void test_server_text(void **state)
{
    (void)state;
    struct rand_state r;
    struct pool_state *s = pool_state_new();
    unsigned seen = 0;
    rand_seed(&r, 12);
    for (unsigned i = 0; i < 500; i++) {
        struct pool_command c;
        struct pool_change change;
        make_random_command(&r, s, &c);
        if (c.type == POOL_ADD_SERVER)
            assert_is_of_the_library(pool_code_payload_json(&c));
        (void)apply_next(s, &c, &change);
        for (uint32_t k = 0; i % 100 == 99 && k < pool_default(s)->server_n; k++, seen++) {
            const struct pool_server *server = pool_default(s)->servers[k];
            assert_is_of_the_library(pool_code_server_json(server));
            assert_is_of_the_library(pool_code_health_json(&server->health));
        }
    }
    assert_true(seen > 5);
    pool_state_free(s);
}

static void test_server_layout(void **state)
{
    (void)state;
    struct pool_server *server = new_server();
    char *text = pool_code_server_json(server);
    assert_string_equal(text, "{\"url\":\"http://1.1.1.1:80\",\"map_host\":false,\"weight\":1,"
                              "\"proxy_protocol\":0,\"max_requests\":0,"
                              "\"admin\":\"enabled\",\"drain_ms\":0,"
                              "\"check\":{},\"meta\":{\"a\":\"1\",\"b\":\"2\"}}");
    free(text);
    pool_server_free(server);
}

static void test_entry_layout(void **state)
{
    (void)state;
    struct pool_command c;
    char *bytes = NULL;
    size_t len = 0;
    pool_command_init(&c, POOL_REMOVE_SERVER);
    c.server_id = 31;
    memset(c.request_id, 0xab, sizeof(c.request_id));
    assert_int_equal(pool_code_encode(&c, &bytes, &len), 0);
    static const char head[] =
        "\x02\x03\0\0\x1e\0\0\0"
        "\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab"
        "{\"pool\":\"default\",\"id\":\"s-1f\"}";
    assert_int_equal(len, sizeof(head) - 1);
    assert_memory_equal(bytes, head, len);
    free(bytes);
    pool_command_fini(&c);
}

static void test_admin_entry_layout(void **state)
{
    (void)state;
    struct pool_command c;
    char *bytes = NULL;
    size_t len = 0;
    pool_command_init(&c, POOL_SET_SERVER_ADMIN);
    c.server_id = 31;
    c.server.admin = POOL_ADMIN_DRAINING;
    c.server.drain_ms = 7;
    assert_int_equal(pool_code_encode(&c, &bytes, &len), 0);
    static const char head[] = "\x02\x05\0\0\x46\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                               "{\"pool\":\"default\",\"id\":\"s-1f\",\"set\":{\"admin\":"
                               "\"draining\",\"drain_ms\":7}}";
    assert_int_equal(len, sizeof(head) - 1);
    assert_memory_equal(bytes, head, len);
    free(bytes);
    pool_command_fini(&c);
}

static const struct admin_case {
    const char *body;
    enum pool_admin admin;
    int rc;
    uint32_t drain_ms;
    const char *code, *field;
} admin_cases[] = {
    {"", POOL_ADMIN_DRAINING, 0, 1234, "", ""},
    {"{}", POOL_ADMIN_MAINTENANCE, 0, 1234, "", ""},
    {"{\"drain_ms\":300000}", POOL_ADMIN_DRAINING, 0, 300000, "", ""},
    {"{\"drain_ms\":0}", POOL_ADMIN_MAINTENANCE, 0, 0, "", ""},
    {"", POOL_ADMIN_ENABLED, 0, 0, "", ""},
    {"{}", POOL_ADMIN_ENABLED, 0, 0, "", ""},
    {"{\"drain_ms\":1}", POOL_ADMIN_ENABLED, WERR_INVALID, 0, "unknown_key", "drain_ms"},
    {"{\"drain_ms\":-1}", POOL_ADMIN_DRAINING, WERR_INVALID, 0, "invalid_value", "drain_ms"},
    {"{\"drain_ms\":86400001}", POOL_ADMIN_DRAINING, WERR_INVALID, 0, "invalid_value",
     "drain_ms"},
    {"{\"drain_ms\":true}", POOL_ADMIN_DRAINING, WERR_INVALID, 0, "invalid_value", "drain_ms"},
    {"{\"delay_ms\":1}", POOL_ADMIN_DRAINING, WERR_INVALID, 0, "unknown_key", "delay_ms"},
    {"[]", POOL_ADMIN_DRAINING, WERR_INVALID, 0, "invalid_value", ""},
    {"{", POOL_ADMIN_DRAINING, WERR_SYNTAX, 0, "invalid_json", ""},
};

static void check_admin(const struct pool_state *s, const struct admin_case *row)
{
    struct pool_command c;
    struct pool_error error = {.code = ""};
    assert_int_equal(pool_code_admin_from_json(span_from_str(row->body), row->admin,
                                               default_pool(s), 9, &c, &error),
                     row->rc);
    assert_string_equal(error.code, row->code);
    assert_string_equal(error.field, row->field);
    if (row->rc != 0)
        return;
    assert_int_equal(c.type, POOL_SET_SERVER_ADMIN);
    assert_int_equal(c.server_id, 9);
    assert_int_equal(c.server.admin, row->admin);
    assert_int_equal(c.server.drain_ms, row->drain_ms);
    pool_command_fini(&c);
}

static void test_admin_bodies(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    assert_int_equal(set_pool(s, "{\"drain_ms\":1234}"), POOL_CHANGE_CHANGED);
    for (unsigned i = 0; i < sizeof(admin_cases) / sizeof(admin_cases[0]); i++)
        check_admin(s, &admin_cases[i]);
    assert_string_equal(pool_admin_word(POOL_ADMIN_MAINTENANCE), "maintenance");
    pool_state_free(s);
}

static int decode(uint8_t format, uint8_t type, uint16_t flags, const char *payload)
{
    char entry[1000] = {(char)format, (char)type, (char)flags, (char)(flags >> 8),
                        (char)strlen(payload)};
    struct pool_command c;
    memcpy(entry + POOL_ENTRY_HEADER_BYTES, payload, strlen(payload));
    int rc = pool_code_decode(span_from(entry, POOL_ENTRY_HEADER_BYTES + strlen(payload)), &c);
    if (rc == 0)
        pool_command_fini(&c);
    return rc;
}

static void test_bad_entries(void **state)
{
    (void)state;
    const char *remove = "{\"pool\":\"default\",\"id\":\"s-1f\"}";
    assert_int_equal(decode(2, 3, 0, remove), 0);
    assert_int_equal(decode(1, 3, 0, remove), WERR_UNSUPPORTED);
    assert_int_equal(decode(0, 3, 0, remove), WERR_UNSUPPORTED);
    assert_int_equal(decode(2, 0, 0, remove), WERR_UNSUPPORTED);
    assert_int_equal(decode(2, 22, 0, remove), WERR_UNSUPPORTED);
    assert_int_equal(decode(2, 255, 0, remove), WERR_UNSUPPORTED);
    assert_int_equal(decode(2, 3, 256, remove), WERR_UNSUPPORTED);
    assert_int_equal(decode(2, 1, 0, remove), WERR_CORRUPT);
    static const char *const payloads[] = {
        "",
        "{}",
        "[]",
        "{\"pool\":\"default\"}",
        "{\"id\":\"s-1f\"}",
        "{\"pool\":\"\",\"id\":\"s-1f\"}",
        "{\"pool\":1,\"id\":\"s-1f\"}",
        "{\"pool\":\"default\",\"id\":31}",
        "{\"pool\":\"default\",\"id\":\"1f\"}",
        "{\"pool\":\"default\",\"id\":\"s-1f\",\"x\":1}",
        "{\"pool\":\"1234567890123456789012345678901234567890123456789012345678901234x\","
        "\"id\":\"s-1\"}",
    };
    for (unsigned i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
        assert_int_equal(decode(2, 3, 0, payloads[i]), WERR_CORRUPT);
    assert_int_equal(decode(2, 1, 0, "{\"pool\":\"default\",\"set\":{}}"), WERR_CORRUPT);
    assert_int_equal(decode(2, 1, 0, "{\"pool\":\"default\",\"set\":[]}"), WERR_CORRUPT);
    assert_int_equal(decode(2, 4, 0, "{\"pool\":\"default\",\"set\":1}"), WERR_CORRUPT);
    static const char *const admins[] = {
        "{\"pool\":\"default\",\"id\":\"s-1\"}",
        "{\"pool\":\"default\",\"id\":\"s-1\",\"set\":{\"drain_ms\":1}}",
        "{\"pool\":\"default\",\"id\":\"s-1\",\"set\":{\"admin\":\"gone\",\"drain_ms\":1}}",
        "{\"pool\":\"default\",\"id\":\"s-1\",\"set\":{\"admin\":1,\"drain_ms\":1}}",
        "{\"pool\":\"default\",\"id\":\"s-1\",\"set\":{\"admin\":\"draining\",\"drain_ms\":"
        "86400001}}",
    };
    for (unsigned i = 0; i < sizeof(admins) / sizeof(admins[0]); i++)
        assert_int_equal(decode(2, 5, 0, admins[i]), WERR_CORRUPT);
    assert_int_equal(decode(2, 4, 0, "{\"pool\":\"default\",\"set\":{\"weight\":1}}"),
                     WERR_CORRUPT);
}

static void test_cut_entries(void **state)
{
    (void)state;
    struct pool_command c;
    char *bytes = NULL;
    size_t len = 0;
    make_add(&c, "{\"url\":\"http://1.1.1.1\"}");
    assert_int_equal(pool_code_encode(&c, &bytes, &len), 0);
    pool_command_fini(&c);
    for (size_t n = 0; n < len; n++)
        assert_int_equal(pool_code_decode(span_from(bytes, n), &c), WERR_CORRUPT);
    free(bytes);
}

static void test_too_big(void **state)
{
    (void)state;
    struct pool_command c;
    char *bytes = NULL;
    size_t len = 0;
    static char value[POOL_ENTRY_MAX_BYTES / POOL_META_N + 1];
    memset(value, 'v', sizeof(value) - 1);
    make_add(&c, "{\"url\":\"http://1.1.1.1\"}");
    for (unsigned i = 0; i < POOL_META_N; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%u", i);
        assert_int_equal(pool_meta_set(&c.server, key, value), 0);
    }
    assert_int_equal(pool_code_encode(&c, &bytes, &len), WERR_TOO_BIG);
    pool_command_fini(&c);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    const char *body = "{\"check\":{\"path\":\"/x\",\"host\":\"h\"},\"meta\":{\"n\":\"1\"}}";
    struct pool_server *server = new_server();
    for (unsigned n = 1;; n++) {
        struct pool_command c;
        struct pool_error error = {.code = ""};
        fault_set(n);
        int rc = pool_code_change_from_json(span_from_str(body), server, &c, &error);
        bool has_passed = fault_is_armed();
        fault_set(0);
        assert_int_equal(rc, has_passed ? 0 : WERR_NOMEM);
        if (has_passed) {
            pool_command_fini(&c);
            break;
        }
    }
    pool_server_free(server);
}

/* It is told of what can't be decoded too: who halts says what would be needed. */
static void test_an_entry_names_its_level(void **state)
{
    (void)state;
    struct pool_command c, back;
    char *bytes = NULL;
    size_t len = 0;
    pool_command_init(&c, POOL_REMOVE_SERVER);
    c.server_id = 31;
    for (unsigned level = 0; level <= UINT8_MAX; level++) {
        c.level = (uint8_t)level;
        assert_int_equal(pool_code_encode(&c, &bytes, &len), 0);
        assert_int_equal(pool_code_level(span_from(bytes, len)), level);
        int rc = pool_code_decode(span_from(bytes, len), &back);
        assert_int_equal(rc, level <= LEVEL_NEWEST ? 0 : WERR_UNSUPPORTED);
        if (rc == 0) {
            assert_int_equal(back.level, level);
            pool_command_fini(&back);
        }
        free(bytes);
    }
    pool_command_fini(&c);
    assert_int_equal(pool_code_level(SPAN("short")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_entry_names_its_level),
        cmocka_unit_test(test_bad_bodies),
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_change_merges),
        cmocka_unit_test(test_meta_limit),
        cmocka_unit_test(test_pool_json),
        cmocka_unit_test(test_long_unknown_key),
        cmocka_unit_test(test_decode_encode_is_identity),
        cmocka_unit_test(test_server_text),
        cmocka_unit_test(test_server_layout),
        cmocka_unit_test(test_entry_layout),
        cmocka_unit_test(test_admin_entry_layout),
        cmocka_unit_test(test_admin_bodies),
        cmocka_unit_test(test_bad_entries),
        cmocka_unit_test(test_cut_entries),
        cmocka_unit_test(test_too_big),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
