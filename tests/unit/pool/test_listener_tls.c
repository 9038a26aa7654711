/* What listeners say about TLS, and the certificates that they name. */
#include "pool_fixture.h"

#include "base/fault.h"
#include "pool/pool_snapshot.h"

static void add_https(struct pool_state *s, const char *name, unsigned port, const char *tls)
{
    char json[600];
    snprintf(json, sizeof(json),
             "{\"name\":\"%s\",\"addresses\":[\"127.0.0.1:%u\"],\"protocol\":\"https\","
             "\"tls\":%s}",
             name, port, tls);
    add_listener(s, json);
}

static struct listener *find(const struct pool_state *s, const char *name)
{
    struct listener *l = listener_find(s, span_from_str(name));
    assert_non_null(l);
    return l;
}

static uint32_t refs(const struct pool_state *s, const char *name)
{
    return certificate_find(s, span_from_str(name))->ref_n;
}

/* PATCH. */
static int set_listener(struct pool_state *s, const char *name, const char *json)
{
    struct pool_command c;
    struct pool_change change;
    make_wish(&c, pool_code_set_listener_from_json, json);
    set_text(c.listener, name);
    return apply_next(s, &c, &change);
}

static void test_members(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    add_certificate(s, "a", 1);
    add_certificate(s, "b", 2);
    add_https(s, "two", 1,
              "{\"profile\":\"modern\",\"certificates\":[\"a\",\"b\"],"
              "\"default_certificate\":\"b\",\"client_certificate\":\"optional\","
              "\"client_ca\":\"PEM\",\"handshake_ms\":5,\"hsts_max_age_s\":63072000,"
              "\"hsts_include_subdomains\":true,\"strict_sni\":true}");
    const struct listener *l = find(s, "two");
    assert_int_equal(l->protocol, LISTENER_HTTPS);
    assert_int_equal(l->tls.profile, LISTENER_TLS_MODERN);
    assert_int_equal(l->tls.client_certificate, LISTENER_CLIENT_OPTIONAL);
    assert_int_equal(l->tls.certificate_n, 2);
    assert_string_equal(l->tls.certificates[1], "b");
    assert_string_equal(l->tls.default_certificate, "b");
    assert_string_equal(l->tls.client_ca, "PEM");
    assert_true(l->tls_settings.handshake_ms == 5 && l->tls_settings.strict_sni);
    assert_true(refs(s, "a") == 1 && refs(s, "b") == 2);
    /* One at a time; the rest stays. */
    assert_int_equal(set_listener(s, "two", "{\"tls\":{\"profile\":null}}"), 0);
    assert_int_equal(l->tls.profile, LISTENER_TLS_INTERMEDIATE);
    assert_true(l->tls.certificate_n == 2 && l->tls_settings.handshake_ms == 5);
    assert_int_equal(set_listener(s, "two",
                                  "{\"tls\":{\"certificates\":null,\"strict_sni\":null,"
                                  "\"client_certificate\":\"require\"}}"),
                     0);
    assert_true(l->tls.certificate_n == 0 && !l->tls_settings.strict_sni);
    assert_int_equal(l->tls.client_certificate, LISTENER_CLIENT_REQUIRE);
    assert_true(refs(s, "a") == 0 && refs(s, "b") == 1);
    /* Everything, by null. */
    assert_int_equal(set_listener(s, "two", "{\"tls\":null}"), 0);
    assert_true(l->tls.client_ca == NULL && l->tls.default_certificate == NULL);
    assert_true(l->tls_settings.handshake_ms == 10000);
    assert_int_equal(refs(s, "b"), 0);
    assert_true(s->digest == pool_state_digest_recompute(s));
    pool_state_free(s);
}

/* What is not given is the default, also of what is there. */
static void test_put(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    struct pool_change change;
    add_certificate(s, "a", 1);
    add_https(s, "two", 1, "{\"certificates\":[\"a\"],\"client_ca\":\"PEM\"}");
    make_named(&c, pool_code_add_listener_from_json, "two",
               "{\"addresses\":[\"127.0.0.1:1\"]}");
    assert_int_equal(apply_next(s, &c, &change), 0);
    const struct listener *l = find(s, "two");
    assert_true(l->protocol == LISTENER_HTTP && l->tls.certificate_n == 0);
    assert_true(l->tls.client_ca == NULL && refs(s, "a") == 0);
    assert_int_equal(set_listener(s, "two", "{\"tls\":{\"certificates\":[\"a\"]}}"), 0);
    assert_int_equal(refs(s, "a"), 1); /* named by one that does not speak TLS, yet */
    pool_command_init(&c, POOL_REMOVE_LISTENER);
    set_text(c.listener, "two");
    apply_good(s, &c);
    assert_int_equal(refs(s, "a"), 0);
    pool_state_free(s);
}

/* A certificate is named by its id as well. */
static void test_ids(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    char tls[100], id[24];
    kind_id_print(KIND_CERTIFICATE, add_certificate(s, "a", 1), id);
    snprintf(tls, sizeof(tls), "{\"certificates\":[\"%s\"],\"default_certificate\":\"%s\"}", id,
             id);
    add_https(s, "two", 1, tls);
    assert_string_equal(find(s, "two")->tls.certificates[0], id);
    assert_int_equal(refs(s, "a"), 2);
    pool_state_free(s);
}

static void test_bad_bodies(void **state)
{
    static const struct {
        const char *tls, *code, *field;
    } cases[] = {
        {"1", "invalid_value", "tls"},
        {"{\"profile\":\"old\"}", "invalid_value", "tls.profile"},
        {"{\"profile\":1}", "invalid_value", "tls.profile"},
        {"{\"certificates\":[]}", "invalid_value", "tls.certificates"},
        {"{\"certificates\":\"a\"}", "invalid_value", "tls.certificates"},
        {"{\"certificates\":[\"a\",1]}", "invalid_value", "tls.certificates[1]"},
        {"{\"certificates\":[\"a\",\"a b\"]}", "invalid_value", "tls.certificates[1]"},
        {"{\"certificates\":[\"a\",\"b\",\"a\"]}", "invalid_value", "tls.certificates[2]"},
        {"{\"default_certificate\":\"\"}", "invalid_value", "tls.default_certificate"},
        {"{\"client_certificate\":\"maybe\"}", "invalid_value", "tls.client_certificate"},
        {"{\"client_ca\":\"\"}", "invalid_value", "tls.client_ca"},
        {"{\"client_ca\":[]}", "invalid_value", "tls.client_ca"},
        {"{\"handshake_ms\":-1}", "invalid_value", "tls.handshake_ms"},
        {"{\"redirect\":1}", "invalid_value", "tls.redirect"},
        {"{\"ciphers\":\"\"}", "unknown_key", "tls.ciphers"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pool_command c;
        struct pool_error error = {.code = ""};
        char body[200];
        snprintf(body, sizeof(body), "{\"tls\":%s}", cases[i].tls);
        int rc = pool_code_set_listener_from_json(span_from_str(body), &c, &error);
        if (rc != WERR_INVALID || strcmp(error.code, cases[i].code) != 0 ||
            strcmp(error.field, cases[i].field) != 0)
            fail_msg("%s: %d %s %s", body, rc, error.code, error.field);
    }
}

static void test_too_long(void **state)
{
    (void)state;
    const size_t n = LISTENER_CLIENT_CA_BYTES_MAX + 1;
    char *body = malloc(n + 100);
    struct pool_error error = {.code = ""};
    struct pool_command c;
    const int at = snprintf(body, 100, "{\"tls\":{\"client_ca\":\"");
    memset(body + at, 'x', n);
    memcpy(body + (size_t)at + n, "\"}}", sizeof("\"}}"));
    assert_int_equal(pool_code_set_listener_from_json(span_from_str(body), &c, &error),
                     WERR_INVALID);
    assert_string_equal(error.field, "tls.client_ca");
    free(body);
}

static void assert_refused(const struct pool_state *s, const char *name, const char *json,
                           int rc, const char *code, const char *field, const char *detail)
{
    struct pool_command c;
    struct pool_error error = {.code = ""};
    make_wish(&c, pool_code_set_listener_from_json, json);
    set_text(c.listener, name);
    int got = pool_check(s, &c, &error);
    if (got != rc || strcmp(error.code, code) != 0 || strcmp(error.field, field) != 0 ||
        strstr(error.detail, detail) == NULL)
        fail_msg("%s: %d %s %s %s", json, got, error.code, error.field, error.detail);
    assert_int_equal(pool_judge(s, &c), rc);
    pool_command_fini(&c);
}

/* What is given is judged together with what is there. */
static void test_what_does_not_go_together(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    assert_refused(s, "default", "{\"protocol\":\"https\"}", WERR_NO_CERTIFICATE,
                   "no_certificate", "protocol", "needs a certificate");
    assert_refused(s, "default", "{\"tls\":{\"certificates\":[\"a\"]}}", WERR_NO_TARGET,
                   "invalid_value", "tls.certificates[0]", "there is no certificate a");
    add_certificate(s, "a", 1);
    assert_refused(s, "default", "{\"tls\":{\"certificates\":[\"a\",\"b\"]}}", WERR_NO_TARGET,
                   "invalid_value", "tls.certificates[1]", "there is no certificate b");
    assert_refused(s, "default", "{\"tls\":{\"default_certificate\":\"c-77\"}}", WERR_NO_TARGET,
                   "invalid_value", "tls.default_certificate", "c-77");
    for (unsigned i = 0; i < 2; i++)
        assert_refused(s, "default",
                       i == 0 ? "{\"tls\":{\"client_certificate\":\"require\"}}"
                              : "{\"tls\":{\"client_certificate\":\"optional\"}}",
                       WERR_INVALID, "missing_field", "tls.client_ca", "who signs");
    assert_int_equal(set_listener(s, "default", "{\"tls\":{\"client_ca\":\"PEM\"}}"), 0);
    assert_int_equal(
        set_listener(s, "default", "{\"tls\":{\"client_certificate\":\"require\"}}"), 0);
    assert_refused(s, "default", "{\"tls\":{\"client_ca\":null}}", WERR_INVALID,
                   "missing_field", "tls.client_ca", "who signs");
    assert_refused(s, "default", "{\"protocol\":\"https\",\"tls\":{\"redirect\":true}}",
                   WERR_INVALID, "invalid_value", "tls.redirect", "protocol is http");
    assert_int_equal(set_listener(s, "default", "{\"tls\":{\"redirect\":true}}"), 0);
    assert_refused(s, "default", "{\"protocol\":\"https\"}", WERR_INVALID, "invalid_value",
                   "tls.redirect", "protocol is http");
    assert_int_equal(
        set_listener(s, "default", "{\"protocol\":\"https\",\"tls\":{\"redirect\":false}}"), 0);
    assert_refused(s, "default", "{\"tls\":{\"redirect\":true}}", WERR_INVALID, "invalid_value",
                   "tls.redirect", "protocol is http");
    /* A pool that is not there is told of as before. */
    assert_refused(s, "default", "{\"default_action\":{\"forward\":[{\"pool\":\"x\"}]}}",
                   WERR_NO_TARGET, "invalid_value", "default_action.forward[0].pool", "pool x");
    pool_state_free(s);
}

/* ---- certificates that go ---- */

static void assert_needed(struct pool_state *s, const char *name, const char *by)
{
    struct pool_command c;
    struct pool_change change;
    struct pool_error error = {.code = ""};
    char detail[100];
    const uint64_t digest = s->digest;
    pool_command_init(&c, POOL_REMOVE_CERTIFICATE);
    c.certificate_id = certificate_find(s, span_from_str(name))->id;
    assert_int_equal(pool_check(s, &c, &error), WERR_IN_USE);
    assert_string_equal(error.code, "in_use");
    snprintf(detail, sizeof(detail), "listener %s has no other certificate", by);
    assert_string_equal(error.detail, detail);
    assert_int_equal(apply_next(s, &c, &change), WERR_IN_USE);
    assert_true(s->digest == digest);
}

static void test_the_last_one_stays(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    const uint64_t a = add_certificate(s, "a", 1);
    add_https(s, "two", 1, "{}");
    assert_needed(s, "a", "two");
    const uint64_t b = add_certificate(s, "b", 2);
    assert_int_equal(remove_certificate(s, a), 0);
    assert_needed(s, "b", "two");
    assert_int_equal(set_listener(s, "two", "{\"protocol\":\"http\"}"), 0);
    assert_int_equal(remove_certificate(s, b), 0);
    pool_state_free(s);
}

/* It is taken off lists that have another, and is no default any more. */
static void test_it_is_taken_off_lists(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    struct pool_change change;
    const uint64_t a = add_certificate(s, "a", 1);
    add_certificate(s, "b", 2);
    add_https(s, "one", 1, "{\"certificates\":[\"a\"]}");
    add_https(s, "both", 2, "{\"certificates\":[\"a\",\"b\"],\"default_certificate\":\"a\"}");
    add_https(s, "all", 3, "{\"default_certificate\":\"a\"}");
    add_https(s, "none", 4, "{\"certificates\":[\"b\"]}");
    assert_needed(s, "a", "one");
    assert_int_equal(set_listener(s, "one", "{\"tls\":{\"certificates\":[\"b\"]}}"), 0);
    const uint64_t none = find(s, "none")->digest;
    pool_command_init(&c, POOL_REMOVE_CERTIFICATE);
    c.certificate_id = a;
    assert_int_equal(pool_apply(s, &c, s->index + 1, &change), 0);
    assert_int_equal(change.list_n, 2);
    assert_true(change.list[0].id == find(s, "both")->id);
    assert_true(change.list[1].id == find(s, "all")->id);
    assert_int_equal(change.list[1].type, POOL_CHANGE_CHANGED);
    pool_change_fini(&change);
    pool_command_fini(&c);
    const struct listener_tls *both = &find(s, "both")->tls;
    assert_true(both->certificate_n == 1 && both->default_certificate == NULL);
    assert_string_equal(both->certificates[0], "b");
    assert_null(find(s, "all")->tls.default_certificate);
    assert_true(find(s, "none")->digest == none);
    assert_int_equal(refs(s, "b"), 3);
    assert_true(s->digest == pool_state_digest_recompute(s));
    assert_needed(s, "b", "one");
    pool_state_free(s);
}

static void test_removal_without_memory(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    const uint64_t a = add_certificate(s, "a", 1);
    add_certificate(s, "b", 2);
    add_https(s, "both", 2, "{\"certificates\":[\"a\",\"b\"],\"default_certificate\":\"a\"}");
    add_https(s, "all", 3, "{\"default_certificate\":\"a\",\"client_ca\":\"PEM\"}");
    bool has_passed = false;
    for (unsigned n = 1; !has_passed; n++) {
        const uint64_t digest = s->digest;
        fault_set(n);
        int rc = remove_certificate(s, a);
        has_passed = fault_is_armed();
        fault_set(0);
        assert_int_equal(rc, has_passed ? 0 : WERR_NOMEM);
        assert_true(s->digest == pool_state_digest_recompute(s));
        assert_true(has_passed || s->digest == digest);
    }
    pool_state_free(s);
}

/* ---- as bytes ---- */

static void test_snapshot(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_state *copy = NULL;
    add_certificate(s, "a", 1);
    add_certificate(s, NULL, 2);
    add_https(
        s, "two", 1,
        "{\"certificates\":[\"a\",\"c-2\"],\"default_certificate\":\"c-2\","
        "\"client_certificate\":\"require\",\"client_ca\":\"PEM\\n\",\"strict_sni\":true}");
    assert_int_equal(
        set_listener(s, "default", "{\"protocol\":\"https\",\"addresses\":[\"[::1]:2\"]}"), 0);
    assert_int_equal(pool_state_copy(s, &copy), 0);
    assert_true(copy->digest == s->digest);
    for (uint32_t i = 0; i < s->certificate_n; i++)
        assert_int_equal(s->certificates[i]->ref_n, copy->certificates[i]->ref_n);
    const struct listener *l = find(copy, "two");
    assert_true(l->protocol == LISTENER_HTTPS && l->tls.certificate_n == 2);
    assert_string_equal(l->tls.client_ca, "PEM\n");
    assert_int_equal(find(copy, "default")->protocol, LISTENER_HTTPS);
    pool_state_free(copy);
    pool_state_free(s);
}

static void test_entry(void **state)
{
    (void)state;
    struct pool_command c;
    char *json;
    make_wish(&c, pool_code_set_listener_from_json,
              "{\"protocol\":\"https\",\"tls\":{\"certificates\":[\"a\"],\"redirect\":false,"
              "\"client_ca\":null}}");
    json = pool_code_payload_json(&c);
    assert_string_equal(json,
                        "{\"listener\":\"default\",\"set\":{\"protocol\":\"https\",\"tls\":{"
                        "\"certificates\":[\"a\"],\"client_ca\":null,\"redirect\":false}}}");
    free(json);
    pool_command_fini(&c);
}

static void test_words(void **state)
{
    (void)state;
    uint8_t n = 9;
    assert_string_equal(listener_tls_profile_word(LISTENER_TLS_MODERN), "modern");
    assert_true(listener_tls_profile_from_word(SPAN("modern"), &n) && n == 1);
    assert_false(listener_tls_profile_from_word(SPAN("old"), &n));
    assert_string_equal(listener_client_certificate_word(LISTENER_CLIENT_REQUIRE), "require");
    assert_true(listener_client_certificate_from_word(SPAN("optional"), &n) && n == 1);
    assert_false(listener_client_certificate_from_word(SPAN(""), &n));
    assert_string_equal(listener_protocol_word(LISTENER_HTTPS), "https");
    assert_true(listener_protocol_from_word(SPAN("https"), &n) && n == LISTENER_HTTPS);
    assert_false(listener_protocol_from_word(SPAN("h2"), &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_bad_bodies),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_what_does_not_go_together),
        cmocka_unit_test(test_the_last_one_stays),
        cmocka_unit_test(test_it_is_taken_off_lists),
        cmocka_unit_test(test_removal_without_memory),
        cmocka_unit_test(test_snapshot),
        cmocka_unit_test(test_entry),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
