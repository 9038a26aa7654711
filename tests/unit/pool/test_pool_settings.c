#include "pool_fixture.h"

#include "pool/pool_int.h"

/* A value of the setting that is not its default. */
static uint64_t other_value(const struct pool_setting *f)
{
    return f->initial != f->max ? f->max : f->min;
}

static void print_value(const struct pool_setting *f, uint64_t n, char *buf, size_t size)
{
    if (f->type == POOL_SETTING_BOOL)
        snprintf(buf, size, "%s", n != 0 ? "true" : "false");
    else
        snprintf(buf, size, "%llu", (unsigned long long)n);
}

/* The body of a PATCH that gives this setting a value. */
static void print_patch(const struct pool_setting *f, const char *value, char *buf, size_t size)
{
    if (f->group == POOL_GROUP_TOP)
        snprintf(buf, size, "{\"%s\":%s}", f->key, value);
    else
        snprintf(buf, size, "{\"%s\":{\"%s\":%s}}", pool_settings_group_word(f->group), f->key,
                 value);
}

static void test_defaults(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    const struct pool *p = default_pool(s);
    const struct pool_timeouts timeouts = {.connect_ms = 1500,
                                           .response_head_ms = 60000,
                                           .idle_ms = 60000,
                                           .client_head_ms = 10000,
                                           .client_body_ms = 30000,
                                           .client_idle_ms = 75000,
                                           .client_write_ms = 60000,
                                           .tunnel_ms = 3600000};
    const struct pool_retry retry = {
        .attempts = 2, .budget_percent = 20, .replay_bytes = 65536};
    const struct pool_eject eject = {
        .errors = 5, .base_ms = 30000, .max_ms = 300000, .max_percent = 50};
    assert_memory_equal(&p->timeouts, &timeouts, sizeof(timeouts));
    assert_memory_equal(&p->retry, &retry, sizeof(retry));
    assert_memory_equal(&p->eject, &eject, sizeof(eject));
    assert_int_equal(p->bounds.request_line_bytes, 8192);
    assert_int_equal(p->bounds.head_bytes, 32768);
    assert_int_equal(p->bounds.fields, 100);
    assert_int_equal(p->bounds.body_bytes, 0);
    assert_int_equal(p->bounds.chunk_extension_bytes, 4096);
    assert_int_equal(p->bounds.trailer_bytes, 8192);
    assert_int_equal(p->bounds.requests_per_connection, 0);
    assert_int_equal(p->bounds.connections, 0);
    assert_int_equal(p->bounds.connections_per_client, 0);
    assert_int_equal(p->bounds.response_head_bytes, 65536);
    assert_int_equal(p->bounds.min_rate_bytes, 100);
    assert_int_equal(p->bounds.queue_bytes, 64 << 20);
    assert_int_equal(p->bounds.hops, 10);
    assert_int_equal(p->bounds.response_fields, 128);
    assert_true(p->fail_open);
    assert_false(p->forwarded);
    assert_false(p->client_abort_on_fin);
    assert_int_equal(p->min_active, 0);
    assert_int_equal(p->drain_ms, 300000);
    assert_true(p->request_id_to_client);
    assert_ptr_equal(&p->timeouts, &p->settings.timeouts);
    pool_state_free(s);
}

/* No key twice, no member twice, defaults within their limits. */
static void test_table_is_sound(void **state)
{
    (void)state;
    for (unsigned i = 0; i < POOL_SETTING_N; i++) {
        const struct pool_setting *f = &pool_settings_table[i];
        assert_ptr_equal(pool_settings_find(f->group, f->key), f);
        assert_true(pool_settings_is_valid(f, f->initial));
        assert_true(f->min < f->max && strlen(f->help) > 0);
        for (unsigned k = 0; k < i; k++)
            assert_true(pool_settings_table[k].offset != f->offset);
    }
    assert_null(pool_settings_find(POOL_GROUP_TOP, "connect_ms"));
    assert_null(pool_settings_find(POOL_GROUP_LIMITS, "connect_ms"));
}

/* Each setting alone: its PATCH changes it and nothing else, and the way back leads to the same
 * digest. */
static void test_patch_of_each(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    const struct pool *p = default_pool(s);
    uint64_t before = s->digest;
    for (unsigned i = 0; i < POOL_SETTING_N; i++) {
        const struct pool_setting *f = &pool_settings_table[i];
        char value[32];
        char body[128];
        struct pool_settings want;
        pool_settings_init(&want);
        pool_settings_set(&want, f, other_value(f));
        print_value(f, other_value(f), value, sizeof(value));
        print_patch(f, value, body, sizeof(body));
        assert_int_equal(set_pool(s, body), POOL_CHANGE_POOL_SET);
        assert_int_equal(set_pool(s, body), POOL_CHANGE_NONE);
        for (unsigned k = 0; k < POOL_SETTING_N; k++) {
            const struct pool_setting *g = &pool_settings_table[k];
            assert_true(pool_settings_get(&p->settings, g) == pool_settings_get(&want, g));
        }
        assert_true(s->digest != before && s->digest == pool_state_digest_recompute(s));
        print_value(f, f->initial, value, sizeof(value));
        print_patch(f, value, body, sizeof(body));
        assert_int_equal(set_pool(s, body), POOL_CHANGE_POOL_SET);
        assert_true(s->digest == before);
    }
    pool_state_free(s);
}

static void assert_value(const struct pool_setting *f, const char *value, bool is_good)
{
    char body[128];
    char about[96];
    struct pool_command c;
    struct pool_error error = {.code = ""};
    print_patch(f, value, body, sizeof(body));
    int rc = pool_code_set_pool_from_json(span_from_str(body), &c, &error);
    if (rc != (is_good ? 0 : WERR_INVALID))
        fail_msg("%s: %d", body, rc);
    if (is_good) {
        assert_true(c.given == pool_settings_bit(f));
        pool_command_fini(&c);
        return;
    }
    snprintf(about, sizeof(about), "(%s)", f->help);
    assert_string_equal(error.code, "invalid_value");
    assert_string_equal(error.field, f->path);
    assert_non_null(strstr(error.detail, about));
}

/* Both ends of each range, one beyond them, and everything that is no number. */
static void test_values_of_each(void **state)
{
    static const char *const never[] = {"null",
                                        "\"1\"",
                                        "1.0",
                                        "1.5e3",
                                        "{}",
                                        "[1]",
                                        "-1",
                                        "-9223372036854775808",
                                        "[true]",
                                        "\"true\"",
                                        "9223372036854775807"};
    (void)state;
    for (unsigned i = 0; i < POOL_SETTING_N; i++) {
        const struct pool_setting *f = &pool_settings_table[i];
        bool is_switch = f->type == POOL_SETTING_BOOL;
        char value[32];
        for (unsigned k = 0; k < sizeof(never) / sizeof(never[0]); k++)
            assert_value(f, never[k], false);
        assert_value(f, "true", is_switch);
        assert_value(f, "false", is_switch);
        snprintf(value, sizeof(value), "%llu", (unsigned long long)f->max);
        assert_value(f, value, !is_switch);
        snprintf(value, sizeof(value), "%llu", (unsigned long long)f->min);
        assert_value(f, value, !is_switch);
        snprintf(value, sizeof(value), "%llu", (unsigned long long)f->max + 1);
        assert_value(f, value, false);
        snprintf(value, sizeof(value), "%lld", (long long)f->min - 1);
        assert_value(f, value, false);
    }
}

/* Commands that did not come from JSON: pool_check sees the same limits. */
static void test_check_of_each(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    pool_command_init(&c, POOL_SET_POOL);
    for (unsigned i = 0; i < POOL_SETTING_N; i++) {
        const struct pool_setting *f = &pool_settings_table[i];
        struct pool_error error = {.code = ""};
        c.given = pool_settings_bit(f);
        pool_settings_set(&c.settings, f, f->max);
        assert_int_equal(pool_check(s, &c, &error), 0);
        if (f->type == POOL_SETTING_BOOL)
            continue;
        pool_settings_set(&c.settings, f, f->max + 1);
        assert_int_equal(pool_check(s, &c, &error), WERR_INVALID);
        assert_string_equal(error.code, "invalid_value");
        assert_string_equal(error.field, f->path);
    }
    pool_command_fini(&c);
    pool_state_free(s);
}

/* All at once through an entry, and through the pool's own document. */
static void test_round_trip(void **state)
{
    (void)state;
    struct pool_state *a = pool_state_new();
    struct pool_state *b = pool_state_new();
    struct pool_command c;
    struct pool_command back;
    struct pool_change change;
    char *bytes = NULL;
    size_t len = 0;
    pool_command_init(&c, POOL_SET_POOL);
    for (unsigned i = 0; i < POOL_SETTING_N; i++) {
        const struct pool_setting *f = &pool_settings_table[i];
        pool_settings_set(&c.settings, f, other_value(f));
        c.given |= pool_settings_bit(f);
    }
    assert_int_equal(pool_check(a, &c, NULL), 0);
    assert_int_equal(pool_code_encode(&c, &bytes, &len), 0);
    assert_int_equal(pool_code_decode(span_from(bytes, len), &back), 0);
    assert_true(back.given == c.given);
    assert_int_equal(apply_next(a, &c, &change), 0);
    assert_int_equal(apply_next(b, &back, &change), 0);
    assert_int_equal(change.type, POOL_CHANGE_POOL_SET);
    assert_true(a->digest == b->digest);
    char *json = pool_code_pool_json(default_pool(a));
    assert_int_equal(pool_code_read_pool(span_from_str(json), &back), 0);
    assert_int_equal(apply_next(b, &back, &change), 0);
    assert_int_equal(change.type, POOL_CHANGE_NONE);
    assert_true(default_pool(b)->bounds.body_bytes == POOL_BODY_BYTES_MAX);
    free(json);
    free(bytes);
    pool_state_free(a);
    pool_state_free(b);
}

static void test_unknown_keys(void **state)
{
    static const struct {
        const char *body, *code, *field;
    } cases[] = {
        {"{\"limits\":{\"heads\":1}}", "unknown_key", "limits.heads"},
        {"{\"limits\":{\"connect_ms\":1}}", "unknown_key", "limits.connect_ms"},
        {"{\"bounds\":{}}", "unknown_key", "bounds"},
        {"{\"retry\":{\"errors\":1}}", "unknown_key", "retry.errors"},
        {"{\"eject\":{\"\":1}}", "unknown_key", "eject."},
        {"{\"\":{}}", "unknown_key", ""},
        {"{\"connect_ms\":1}", "unknown_key", "connect_ms"},
        {"{\"limits\":[]}", "invalid_value", "limits"},
        {"{\"retry\":null}", "invalid_value", "retry"},
        {"{\"eject\":5}", "invalid_value", "eject"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pool_command c;
        struct pool_error error = {.code = ""};
        struct span body = span_from_str(cases[i].body);
        assert_int_equal(pool_code_set_pool_from_json(body, &c, &error), WERR_INVALID);
        assert_string_equal(error.code, cases[i].code);
        assert_string_equal(error.field, cases[i].field);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),      cmocka_unit_test(test_table_is_sound),
        cmocka_unit_test(test_patch_of_each), cmocka_unit_test(test_values_of_each),
        cmocka_unit_test(test_check_of_each), cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_unknown_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
