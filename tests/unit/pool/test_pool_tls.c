/* What pools say about TLS to their servers, and the certificate that they show. */
#include "pool_fixture.h"

#include "base/fault.h"
#include "pool/pool_snapshot.h"

static int set_tls(struct pool_state *s, const char *json)
{
    struct pool_command c;
    struct pool_change change;
    make_wish(&c, pool_code_set_pool_from_json, json);
    return apply_next(s, &c, &change);
}

static uint32_t refs(const struct pool_state *s, const char *name)
{
    return certificate_find(s, span_from_str(name))->ref_n;
}

static void test_default(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    char *json = pool_code_pool_json(pool_default(s));
    assert_non_null(strstr(json, "\"tls\":{\"ca\":null,\"server_name\":null,"
                                 "\"min_version\":\"1.2\",\"certificate\":null,"
                                 "\"verify\":true}"));
    free(json);
    pool_state_free(s);
}

static void test_members(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    const struct pool_tls *tls = &pool_default(s)->tls;
    add_certificate(s, "a", 1);
    const uint64_t empty = s->digest;
    assert_int_equal(set_tls(s, "{\"tls\":{\"ca\":\"PEM\",\"server_name\":\"in.example\","
                                "\"min_version\":\"1.3\",\"certificate\":\"a\","
                                "\"verify\":false}}"),
                     0);
    assert_string_equal(tls->ca, "PEM");
    assert_string_equal(tls->server_name, "in.example");
    assert_int_equal(tls->min_version, POOL_TLS_1_3);
    assert_string_equal(tls->certificate, "a");
    assert_false(pool_default(s)->tls_settings.verify);
    assert_int_equal(refs(s, "a"), 1);
    /* One at a time; the rest stays. */
    assert_int_equal(set_tls(s, "{\"tls\":{\"ca\":null}}"), 0);
    assert_true(tls->ca == NULL && tls->min_version == POOL_TLS_1_3);
    assert_int_equal(refs(s, "a"), 1);
    assert_true(s->digest == pool_state_digest_recompute(s));
    assert_int_equal(set_tls(s, "{\"tls\":null}"), 0);
    assert_true(tls->server_name == NULL && tls->min_version == POOL_TLS_1_2);
    assert_true(pool_default(s)->tls_settings.verify);
    assert_int_equal(refs(s, "a"), 0);
    assert_true(s->digest == empty);
    pool_state_free(s);
}

static void test_put_and_remove(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    add_certificate(s, "a", 1);
    add_pool(s, "{\"name\":\"p\",\"tls\":{\"certificate\":\"a\",\"ca\":\"PEM\"}}");
    assert_int_equal(refs(s, "a"), 1);
    make_named(&c, pool_code_add_pool_from_json, "p", "{}");
    apply_good(s, &c);
    assert_int_equal(refs(s, "a"), 0);
    assert_null(pool_find(s, SPAN("p"))->tls.ca);
    make_named(&c, pool_code_add_pool_from_json, "p", "{\"tls\":{\"certificate\":\"a\"}}");
    apply_good(s, &c);
    assert_int_equal(refs(s, "a"), 1);
    pool_command_init(&c, POOL_REMOVE_POOL);
    set_text(c.pool, "p");
    apply_good(s, &c);
    assert_int_equal(refs(s, "a"), 0);
    pool_state_free(s);
}

static void test_bad_bodies(void **state)
{
    static const struct {
        const char *tls, *code, *field;
    } cases[] = {
        {"[]", "invalid_value", "tls"},
        {"{\"ca\":\"\"}", "invalid_value", "tls.ca"},
        {"{\"ca\":1}", "invalid_value", "tls.ca"},
        {"{\"server_name\":\"\"}", "invalid_value", "tls.server_name"},
        {"{\"server_name\":\".example\"}", "invalid_value", "tls.server_name"},
        {"{\"server_name\":\"a b\"}", "invalid_value", "tls.server_name"},
        {"{\"min_version\":\"1.1\"}", "invalid_value", "tls.min_version"},
        {"{\"min_version\":1.2}", "invalid_value", "tls.min_version"},
        {"{\"certificate\":\"a/b\"}", "invalid_value", "tls.certificate"},
        {"{\"verify\":0}", "invalid_value", "tls.verify"},
        {"{\"ciphers\":1}", "unknown_key", "tls.ciphers"},
        {"{\"strict_sni\":true}", "moved", "tls.strict_sni"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pool_command c;
        struct pool_error error = {.code = ""};
        char body[200];
        snprintf(body, sizeof(body), "{\"tls\":%s}", cases[i].tls);
        int rc = pool_code_set_pool_from_json(span_from_str(body), &c, &error);
        if (rc != WERR_INVALID || strcmp(error.code, cases[i].code) != 0 ||
            strcmp(error.field, cases[i].field) != 0)
            fail_msg("%s: %d %s %s", body, rc, error.code, error.field);
    }
}

static void test_names(void **state)
{
    static const struct {
        const char *name;
        bool is_good;
    } names[] = {
        {"a", true},        {"xn--bcher-kva.example", true},
        {"10.0.0.1", true}, {"2001:db8::1", true},
        {"a_b.c-d", true},  {"", false},
        {".a", false},      {"a.", false},
        {"a..b", false},    {"*.a", false},
        {"a/b", false},     {"a\n", false},
    };
    (void)state;
    char longest[POOL_TLS_NAME_MAX + 2];
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (pool_tls_name_is_valid(span_from_str(names[i].name)) != names[i].is_good)
            fail_msg("%s", names[i].name);
    }
    memset(longest, 'a', sizeof(longest));
    assert_true(pool_tls_name_is_valid(span_from(longest, POOL_TLS_NAME_MAX)));
    assert_false(pool_tls_name_is_valid(span_from(longest, POOL_TLS_NAME_MAX + 1)));
}

static void test_certificates(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    struct pool_error error = {.code = ""};
    for (unsigned i = 0; i < 2; i++) {
        if (i == 0)
            make_wish(&c, pool_code_set_pool_from_json, "{\"tls\":{\"certificate\":\"a\"}}");
        else
            make_named(&c, pool_code_add_pool_from_json, "p",
                       "{\"tls\":{\"certificate\":\"a\"}}");
        assert_int_equal(pool_check(s, &c, &error), WERR_NO_TARGET);
        assert_string_equal(error.code, "invalid_value");
        assert_string_equal(error.field, "tls.certificate");
        assert_string_equal(error.detail, "there is no certificate a");
        pool_command_fini(&c);
    }
    const uint64_t a = add_certificate(s, "a", 1);
    assert_int_equal(set_tls(s, "{\"tls\":{\"certificate\":\"a\"}}"), 0);
    pool_command_init(&c, POOL_REMOVE_CERTIFICATE);
    c.certificate_id = a;
    assert_int_equal(pool_check(s, &c, &error), WERR_IN_USE);
    assert_string_equal(error.detail, "pool default shows it to its servers");
    pool_command_fini(&c);
    assert_int_equal(remove_certificate(s, a), WERR_IN_USE);
    assert_int_equal(set_tls(s, "{\"tls\":{\"certificate\":null}}"), 0);
    assert_int_equal(remove_certificate(s, a), 0);
    pool_state_free(s);
}

static void test_snapshot(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_state *copy = NULL;
    add_certificate(s, "a", 1);
    assert_int_equal(set_tls(s, "{\"tls\":{\"certificate\":\"a\",\"ca\":\"PEM\\n\"}}"), 0);
    add_pool(s, "{\"name\":\"p\",\"tls\":{\"certificate\":\"a\",\"verify\":false}}");
    assert_int_equal(pool_state_copy(s, &copy), 0);
    assert_true(copy->digest == s->digest);
    assert_int_equal(refs(copy, "a"), 2);
    assert_string_equal(pool_default(copy)->tls.ca, "PEM\n");
    assert_false(pool_find(copy, SPAN("p"))->tls_settings.verify);
    pool_state_free(copy);
    pool_state_free(s);
}

static void test_without_memory(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    bool has_passed = false;
    add_certificate(s, "a", 1);
    add_certificate(s, "b", 2);
    assert_int_equal(set_tls(s, "{\"tls\":{\"certificate\":\"a\",\"ca\":\"PEM\"}}"), 0);
    for (unsigned n = 1; !has_passed; n++) {
        struct pool_command c;
        struct pool_change change;
        make_wish(&c, pool_code_set_pool_from_json,
                  "{\"tls\":{\"certificate\":\"b\",\"server_name\":\"x\"},"
                  "\"check\":{\"path\":\"/x\"}}");
        fault_set(n);
        int rc = pool_apply(s, &c, s->index + 1, &change);
        has_passed = fault_is_armed();
        fault_set(0);
        pool_change_fini(&change);
        pool_command_fini(&c);
        assert_int_equal(rc, has_passed ? 0 : WERR_NOMEM);
        assert_int_equal(refs(s, "a"), has_passed ? 0 : 1);
        assert_int_equal(refs(s, "b"), has_passed ? 1 : 0);
        assert_true(s->digest == pool_state_digest_recompute(s));
    }
    pool_state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default),        cmocka_unit_test(test_members),
        cmocka_unit_test(test_put_and_remove), cmocka_unit_test(test_bad_bodies),
        cmocka_unit_test(test_names),          cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_snapshot),       cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
