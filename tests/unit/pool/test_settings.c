#include "pool_fixture.h"

/* A value of the setting that is not its default. */
static uint64_t other_value(const struct setting *f)
{
    return f->initial != f->max ? f->max : f->min;
}

static void print_value(const struct setting *f, uint64_t n, char *buf, size_t size)
{
    if (f->type == SETTING_BOOL)
        snprintf(buf, size, "%s", n != 0 ? "true" : "false");
    else
        snprintf(buf, size, "%llu", (unsigned long long)n);
}

/* The body of a PATCH that gives this setting a value. */
static void print_patch(const struct setting *f, const char *value, char *buf, size_t size)
{
    if (f->group == SETTINGS_TOP)
        snprintf(buf, size, "{\"%s\":%s}", f->key, value);
    else
        snprintf(buf, size, "{\"%s\":{\"%s\":%s}}", settings_group_word(f->group), f->key,
                 value);
}

/* The settings of a kind of object, and how a body of theirs is read. */
struct owner {
    const struct settings_table *table;
    from_json_fn from_json;
};

static const struct owner owners[] = {
    {&pool_settings_table, pool_code_set_pool_from_json},
    {&listener_settings_table, pool_code_set_listener_from_json},
};
enum { OWNER_N = sizeof(owners) / sizeof(owners[0]) };

static void *settings_of(const struct owner *owner, struct pool_command *c)
{
    return owner->table == &pool_settings_table ? (void *)&c->settings
                                                : (void *)&c->wanted.settings;
}

static const void *settings_in(const struct owner *owner, const struct pool_state *s)
{
    return owner->table == &pool_settings_table ? (const void *)&pool_default(s)->settings
                                                : (const void *)&listener_default(s)->settings;
}

static void test_defaults(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    const struct pool *p = default_pool(s);
    const struct pool_timeouts timeouts = {
        .connect_ms = 1500, .response_head_ms = 60000, .idle_ms = 60000, .tunnel_ms = 3600000};
    const struct pool_retry retry = {
        .attempts = 2, .budget_percent = 20, .replay_bytes = 65536};
    const struct pool_eject eject = {
        .errors = 5, .base_ms = 30000, .max_ms = 300000, .max_percent = 50};
    assert_memory_equal(&p->timeouts, &timeouts, sizeof(timeouts));
    assert_memory_equal(&p->retry, &retry, sizeof(retry));
    assert_memory_equal(&p->eject, &eject, sizeof(eject));
    assert_int_equal(p->queue.requests, 1000);
    assert_int_equal(p->queue.wait_ms, 5000);
    assert_int_equal(p->bounds.response_head_bytes, 65536);
    assert_int_equal(p->bounds.response_fields, 128);
    assert_true(p->fail_open);
    assert_false(p->forwarded);
    assert_int_equal(p->min_active, 0);
    assert_int_equal(p->drain_ms, 300000);
    assert_ptr_equal(&p->timeouts, &p->settings.timeouts);
    pool_state_free(s);
}

static void test_defaults_of_listener(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    const struct listener *l = listener_default(s);
    const struct listener_timeouts timeouts = {.client_head_ms = 10000,
                                               .client_body_ms = 30000,
                                               .client_idle_ms = 75000,
                                               .client_write_ms = 60000};
    assert_memory_equal(&l->timeouts, &timeouts, sizeof(timeouts));
    assert_int_equal(l->bounds.request_line_bytes, 8192);
    assert_int_equal(l->bounds.head_bytes, 32768);
    assert_int_equal(l->bounds.fields, 100);
    assert_int_equal(l->bounds.body_bytes, 0);
    assert_int_equal(l->bounds.chunk_extension_bytes, 4096);
    assert_int_equal(l->bounds.trailer_bytes, 8192);
    assert_int_equal(l->bounds.requests_per_connection, 0);
    assert_int_equal(l->bounds.connections, 0);
    assert_int_equal(l->bounds.connections_per_client, 0);
    assert_int_equal(l->bounds.min_rate_bytes, 100);
    assert_int_equal(l->bounds.hops, 10);
    assert_false(l->client_abort_on_fin);
    assert_true(l->request_id_to_client);
    pool_state_free(s);
}

static void test_node(void **state)
{
    (void)state;
    struct node_settings node;
    struct pool_error error = {.code = ""};
    settings_init(&node_settings_table, &node);
    assert_int_equal(node.queue_bytes, 64 << 20);
    assert_int_equal(node.workers, 0);
    assert_int_equal(node.log_level, 2);
    struct span body = SPAN("{\"limits\":{\"queue_bytes\":1048576},\"log_level\":\"debug\"}");
    assert_int_equal(pool_code_set_node_from_json(body, &node, &error), 0);
    char *json = pool_code_node_json(&node);
    assert_string_equal(
        json, "{\"limits\":{\"queue_bytes\":1048576},\"workers\":0,\"log_level\":\"debug\"}");
    free(json);
    /* What can't be read changes nothing. */
    body = SPAN("{\"workers\":4,\"log_level\":\"loud\"}");
    assert_int_equal(pool_code_set_node_from_json(body, &node, &error), WERR_INVALID);
    assert_string_equal(error.field, "log_level");
    assert_int_equal(node.workers, 0);
    assert_null(setting_level_word(SETTING_LEVEL_N));
}

static void assert_table_is_sound(const struct settings_table *t)
{
    for (unsigned i = 0; i < t->n; i++) {
        const struct setting *f = &t->fields[i];
        assert_ptr_equal(settings_find(t, f->group, f->key), f);
        assert_ptr_equal(settings_find_path(t, f->path), f);
        assert_null(settings_find_other(t, f->group, f->key));
        assert_true(setting_is_valid(f, f->initial));
        assert_true(f->min < f->max && strlen(f->help) > 0);
        for (unsigned k = 0; k < i; k++)
            assert_true(t->fields[k].offset != f->offset);
    }
}

/* No key twice, in whatever table, no member twice, defaults within their limits. */
static void test_tables_are_sound(void **state)
{
    (void)state;
    assert_table_is_sound(&pool_settings_table);
    assert_table_is_sound(&listener_settings_table);
    assert_table_is_sound(&node_settings_table);
    assert_null(settings_find(&pool_settings_table, SETTINGS_TOP, "connect_ms"));
    assert_null(settings_find(&pool_settings_table, SETTINGS_LIMITS, "connect_ms"));
    assert_ptr_equal(settings_find_other(&pool_settings_table, SETTINGS_LIMITS, "queue_bytes"),
                     &node_settings_table);
}

static enum pool_change_type patch(struct pool_state *s, const struct owner *owner,
                                   const struct setting *f, uint64_t n)
{
    char value[32];
    char body[128];
    struct pool_command c;
    struct pool_change change;
    print_value(f, n, value, sizeof(value));
    print_patch(f, value, body, sizeof(body));
    make_wish(&c, owner->from_json, body);
    assert_int_equal(apply_next(s, &c, &change), 0);
    return change.type;
}

static void assert_only(const struct pool_state *s, const struct owner *owner,
                        const struct setting *f, uint64_t n)
{
    const void *settings = settings_in(owner, s);
    for (unsigned k = 0; k < owner->table->n; k++) {
        const struct setting *g = &owner->table->fields[k];
        assert_true(setting_get(settings, g) == (g == f ? n : g->initial));
    }
}

/* Each setting alone: its PATCH changes it and nothing else, and the way back leads to the same
 * digest. */
static void test_patch_of_each(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    uint64_t before = s->digest;
    for (unsigned i = 0; i < OWNER_N; i++) {
        for (unsigned k = 0; k < owners[i].table->n; k++) {
            const struct setting *f = &owners[i].table->fields[k];
            assert_int_equal(patch(s, &owners[i], f, other_value(f)), POOL_CHANGE_CHANGED);
            assert_int_equal(patch(s, &owners[i], f, other_value(f)), POOL_CHANGE_NONE);
            assert_only(s, &owners[i], f, other_value(f));
            assert_true(s->digest != before && s->digest == pool_state_digest_recompute(s));
            assert_int_equal(patch(s, &owners[i], f, f->initial), POOL_CHANGE_CHANGED);
            assert_true(s->digest == before);
        }
    }
    pool_state_free(s);
}

static void assert_value(const struct owner *owner, const struct setting *f, const char *value,
                         bool is_good)
{
    char body[128];
    char about[200];
    struct pool_command c;
    struct pool_error error = {.code = ""};
    print_patch(f, value, body, sizeof(body));
    int rc = owner->from_json(span_from_str(body), &c, &error);
    if (rc != (is_good ? 0 : WERR_INVALID))
        fail_msg("%s: %d", body, rc);
    if (is_good) {
        assert_true(c.given == setting_bit(owner->table, f));
        pool_command_fini(&c);
        return;
    }
    snprintf(about, sizeof(about), "(%s)", f->help);
    assert_string_equal(error.code, "invalid_value");
    assert_string_equal(error.field, f->path);
    assert_non_null(strstr(error.detail, about));
}

static void assert_values(const struct owner *owner, const struct setting *f)
{
    static const char *const never[] = {"[]",
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
    bool is_switch = f->type == SETTING_BOOL;
    char value[32];
    for (unsigned k = 0; k < sizeof(never) / sizeof(never[0]); k++)
        assert_value(owner, f, never[k], false);
    assert_value(owner, f, "true", is_switch);
    assert_value(owner, f, "false", is_switch);
    snprintf(value, sizeof(value), "%llu", (unsigned long long)f->max);
    assert_value(owner, f, value, !is_switch);
    snprintf(value, sizeof(value), "%llu", (unsigned long long)f->min);
    assert_value(owner, f, value, !is_switch);
    snprintf(value, sizeof(value), "%llu", (unsigned long long)f->max + 1);
    assert_value(owner, f, value, false);
    snprintf(value, sizeof(value), "%lld", (long long)f->min - 1);
    assert_value(owner, f, value, false);
}

/* Both ends of each range, one beyond them, and everything that is no number. */
static void test_values_of_each(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OWNER_N; i++) {
        for (unsigned k = 0; k < owners[i].table->n; k++)
            assert_values(&owners[i], &owners[i].table->fields[k]);
    }
}

static void assert_checked(const struct pool_state *s, const struct owner *owner,
                           const struct setting *f)
{
    struct pool_command c;
    struct pool_error error = {.code = ""};
    pool_command_init(&c, owner == &owners[0] ? POOL_SET_POOL : POOL_SET_LISTENER);
    c.given = setting_bit(owner->table, f);
    setting_set(settings_of(owner, &c), f, f->max);
    assert_int_equal(pool_check(s, &c, &error), 0);
    if (f->type != SETTING_BOOL) {
        setting_set(settings_of(owner, &c), f, f->max + 1);
        assert_int_equal(pool_check(s, &c, &error), WERR_INVALID);
        assert_string_equal(error.code, "invalid_value");
        assert_string_equal(error.field, f->path);
    }
    pool_command_fini(&c);
}

/* Commands that did not come from JSON: pool_check sees the same limits. */
static void test_check_of_each(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    for (unsigned i = 0; i < OWNER_N; i++) {
        for (unsigned k = 0; k < owners[i].table->n; k++)
            assert_checked(s, &owners[i], &owners[i].table->fields[k]);
    }
    pool_state_free(s);
}

/* All at once through an entry. */
static void test_round_trip(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OWNER_N; i++) {
        const struct owner *owner = &owners[i];
        struct pool_state *a = pool_state_new();
        struct pool_state *b = pool_state_new();
        struct pool_command c;
        struct pool_command back;
        struct pool_change change;
        char *bytes = NULL;
        size_t len = 0;
        pool_command_init(&c, i == 0 ? POOL_SET_POOL : POOL_SET_LISTENER);
        for (unsigned k = 0; k < owner->table->n; k++)
            setting_set(settings_of(owner, &c), &owner->table->fields[k],
                        other_value(&owner->table->fields[k]));
        c.given = settings_all(owner->table);
        assert_int_equal(pool_check(a, &c, NULL), 0);
        assert_int_equal(pool_code_encode(&c, &bytes, &len), 0);
        assert_int_equal(pool_code_decode(span_from(bytes, len), &back), 0);
        assert_true(back.given == c.given);
        assert_int_equal(apply_next(a, &c, &change), 0);
        assert_int_equal(apply_next(b, &back, &change), 0);
        assert_int_equal(change.type, POOL_CHANGE_CHANGED);
        assert_true(a->digest == b->digest);
        for (unsigned k = 0; k < owner->table->n; k++)
            assert_true(setting_get(settings_in(owner, b), &owner->table->fields[k]) ==
                        other_value(&owner->table->fields[k]));
        free(bytes);
        pool_state_free(a);
        pool_state_free(b);
    }
}

/* A setting in its old place, or of the wrong object: the response says where it is. */
static void test_moved(void **state)
{
    static const struct {
        from_json_fn from_json;
        const char *body, *field, *detail;
    } cases[] = {
        {pool_code_set_pool_from_json, "{\"timeouts\":{\"client_head_ms\":5}}",
         "timeouts.client_head_ms",
         "timeouts.client_head_ms is a setting of listeners: PATCH /listeners/default"},
        {pool_code_set_pool_from_json, "{\"limits\":{\"queue_bytes\":5}}", "limits.queue_bytes",
         "limits.queue_bytes is a setting of the node: PATCH /node"},
        {pool_code_set_pool_from_json, "{\"client_abort_on_fin\":1}", "client_abort_on_fin",
         "client_abort_on_fin is a setting of listeners: PATCH /listeners/default"},
        {pool_code_set_listener_from_json, "{\"retry\":{\"attempts\":1}}", "retry.attempts",
         "retry.attempts is a setting of pools: PATCH /pools/default"},
        {pool_code_set_listener_from_json, "{\"fail_open\":true}", "fail_open",
         "fail_open is a setting of pools: PATCH /pools/default"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pool_command c;
        struct pool_error error = {.code = ""};
        assert_int_equal(cases[i].from_json(span_from_str(cases[i].body), &c, &error),
                         WERR_INVALID);
        assert_string_equal(error.code, "moved");
        assert_string_equal(error.field, cases[i].field);
        assert_string_equal(error.detail, cases[i].detail);
    }
    for (unsigned i = 0; i < listener_settings_table.n; i++) {
        const struct setting *f = &listener_settings_table.fields[i];
        char body[128];
        struct pool_command c;
        struct pool_error error = {.code = ""};
        print_patch(f, "1", body, sizeof(body));
        assert_int_equal(pool_code_set_pool_from_json(span_from_str(body), &c, &error),
                         WERR_INVALID);
        assert_string_equal(error.code, "moved");
        assert_string_equal(error.field, f->path);
    }
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
        {"{\"retry\":5}", "invalid_value", "retry"},
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
        cmocka_unit_test(test_defaults),      cmocka_unit_test(test_defaults_of_listener),
        cmocka_unit_test(test_node),          cmocka_unit_test(test_tables_are_sound),
        cmocka_unit_test(test_patch_of_each), cmocka_unit_test(test_values_of_each),
        cmocka_unit_test(test_check_of_each), cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_moved),         cmocka_unit_test(test_unknown_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
