/* Certificates as objects of the description. */
#include "pool_fixture.h"

#include "base/fault.h"
#include "pool/pool_snapshot.h"

static void test_add_and_remove(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    const uint64_t empty = s->digest;
    const uint64_t named = add_certificate(s, "shop", 2);
    const uint64_t plain = add_certificate(s, NULL, 3);
    const struct certificate *shop = certificate_find(s, SPAN("shop"));
    char id[24];
    assert_int_equal(s->certificate_n, 2);
    assert_true(shop->id == named && shop->ref_n == 0);
    assert_ptr_equal(certificate_find_id(s, named), shop);
    kind_id_print(KIND_CERTIFICATE, named, id);
    assert_ptr_equal(certificate_find(s, span_from_str(id)), shop);
    assert_string_equal(shop->facts.names[1], "*.example");
    assert_true(!shop->is_of_file && shop->staple == NULL);
    assert_true(shop->facts.not_before_s == -98);
    /* Without a name: called by its id. */
    kind_id_print(KIND_CERTIFICATE, plain, id);
    const struct certificate *other = certificate_find(s, span_from_str(id));
    assert_true(other->id == plain && other->is_of_file);
    assert_string_equal(other->name, id);
    assert_string_equal(other->staple, "c3RhcGxl");
    assert_ptr_equal(certificate_find_fingerprint(s, span_from_str(other->facts.fingerprint)),
                     other);
    assert_null(certificate_find_fingerprint(s, SPAN("00")));
    assert_null(certificate_find(s, SPAN("c-ffff")));
    assert_null(certificate_find(s, SPAN("none")));
    assert_null(certificate_find_id(s, 0));
    assert_null(certificate_find_id(s, 999));
    assert_true(s->digest == pool_state_digest_recompute(s) && s->digest != empty);
    assert_int_equal(remove_certificate(s, named), 0);
    assert_null(certificate_find(s, SPAN("shop")));
    assert_null(certificate_find_id(s, named));
    assert_int_equal(remove_certificate(s, named), WERR_NOT_FOUND);
    assert_int_equal(remove_certificate(s, plain), 0);
    assert_true(s->digest == empty && s->certificate_n == 0);
    pool_state_free(s);
}

static void test_changes_are_told(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    struct pool_change change;
    make_certificate(&c, POOL_ADD_CERTIFICATE, "a", 1);
    assert_int_equal(apply_next(s, &c, &change), 0);
    assert_true(pool_change_is(&change, KIND_CERTIFICATE, POOL_CHANGE_ADDED));
    const struct certificate *a = certificate_find(s, SPAN("a"));
    assert_ptr_equal(change.certificate, a);
    pool_command_init(&c, POOL_REMOVE_CERTIFICATE);
    c.certificate_id = a->id;
    assert_int_equal(pool_apply(s, &c, s->index + 1, &change), 0);
    assert_true(pool_change_is(&change, KIND_CERTIFICATE, POOL_CHANGE_REMOVED));
    assert_true(change.certificate == NULL && change.removed_certificate == a);
    assert_string_equal(change.removed_certificate->name, "a");
    pool_change_fini(&change);
    assert_null(change.removed_certificate);
    pool_command_fini(&c);
    pool_state_free(s);
}

/* In place: name, id and pointer stay, the digest does not. */
static void test_set(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    struct pool_change change;
    const uint64_t id = add_certificate(s, "a", 1);
    const struct certificate *a = certificate_find(s, SPAN("a"));
    const uint64_t before = a->digest;
    make_certificate(&c, POOL_SET_CERTIFICATE, NULL, 6);
    c.certificate_id = id;
    assert_int_equal(pool_check(s, &c, NULL), 0);
    assert_int_equal(apply_next(s, &c, &change), 0);
    assert_true(pool_change_is(&change, KIND_CERTIFICATE, POOL_CHANGE_CHANGED));
    assert_true(change.id == id && change.certificate == a);
    assert_ptr_equal(certificate_find_id(s, id), a);
    assert_string_equal(a->name, "a");
    assert_string_equal(a->facts.names[0], "h6.example");
    assert_true(a->digest != before && s->digest == pool_state_digest_recompute(s));
    make_certificate(&c, POOL_SET_CERTIFICATE, NULL, 6);
    c.certificate_id = id;
    assert_int_equal(apply_next(s, &c, &change), 0);
    assert_int_equal(change.type, POOL_CHANGE_NONE);
    /* PUT, as a start does with files: of what is there, and of what is not. */
    make_certificate(&c, POOL_ADD_CERTIFICATE, "a", 7);
    c.is_put = true;
    assert_int_equal(apply_next(s, &c, &change), 0);
    assert_true(change.type == POOL_CHANGE_CHANGED && change.id == id);
    assert_true(a->is_of_file && s->certificate_n == 1);
    make_certificate(&c, POOL_ADD_CERTIFICATE, "b", 7);
    c.is_put = true;
    assert_int_equal(apply_next(s, &c, &change), 0);
    assert_true(change.type == POOL_CHANGE_ADDED && s->certificate_n == 2);
    make_certificate(&c, POOL_SET_CERTIFICATE, NULL, 7);
    c.certificate_id = 999;
    assert_int_equal(apply_next(s, &c, &change), WERR_NOT_FOUND);
    pool_state_free(s);
}

static void assert_refused(const struct pool_state *s, struct pool_command *c, int rc,
                           const char *code, const char *field, const char *detail)
{
    struct pool_error error = {.code = ""};
    assert_int_equal(pool_check(s, c, &error), rc);
    assert_string_equal(error.code, code);
    assert_string_equal(error.field, field);
    if (strstr(error.detail, detail) == NULL)
        fail_msg("%s", error.detail);
    pool_command_fini(c);
}

static void replace(char **text, const char *by)
{
    free(*text);
    *text = by != NULL ? strdup(by) : NULL;
}

static void fill(char **text, size_t n)
{
    free(*text);
    *text = calloc(n + 1, 1);
    memset(*text, 'x', n);
}

static void test_names_are_checked(void **state)
{
    static const struct {
        const char *name, *field, *detail;
    } names[] = {
        {"", "name", "1 to 64"},
        {"a/b", "name", "characters"},
        {"c-1f", "name", "like an id"},
        {"c-0", "name", "like an id"},
    };
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        make_certificate(&c, POOL_ADD_CERTIFICATE, names[i].name, 1);
        assert_refused(s, &c, WERR_INVALID, "invalid_value", names[i].field, names[i].detail);
    }
    pool_state_free(s);
}

static void test_values_are_checked(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    for (unsigned i = 0; i < CERTIFICATE_TEXT_N; i++) {
        const struct certificate_text *f = &certificate_texts[i];
        const char *field = i < CERTIFICATE_TEXT_FACTS ? f->key : "chain";
        make_certificate(&c, POOL_ADD_CERTIFICATE, "a", 3);
        char **at = certificate_text_at(&c.certificate, i);
        replace(at, NULL);
        if (f->is_optional)
            assert_int_equal(pool_check(s, &c, NULL), 0);
        else
            assert_refused(s, &c, WERR_INVALID, "missing_field", field, "is missing");
        pool_command_fini(&c);
        make_certificate(&c, POOL_SET_CERTIFICATE, "a", 3);
        fill(at, f->most + 1);
        assert_refused(s, &c, WERR_INVALID, "invalid_value", field, i > 0 ? "longer" : "1 to");
        make_certificate(&c, POOL_SET_CERTIFICATE, "a", 3);
        replace(at, i < CERTIFICATE_TEXT_FACTS ? "a\rb" : "a\nb");
        assert_refused(s, &c, WERR_INVALID, "invalid_value", field, i > 0 ? "plain" : "1 to");
        make_certificate(&c, POOL_SET_CERTIFICATE, "a", 3);
        replace(at, "\xff");
        assert_refused(s, &c, WERR_INVALID, "invalid_value", field, i > 0 ? "plain" : "1 to");
    }
    make_certificate(&c, POOL_ADD_CERTIFICATE, "a", 3);
    replace(&c.certificate.facts.names[0], "h\xc3\xbc.example");
    assert_refused(s, &c, WERR_INVALID, "invalid_value", "chain", "names");
    make_certificate(&c, POOL_ADD_CERTIFICATE, "a", 3);
    c.certificate.facts.key_type = CERTIFICATE_KEY_TYPE_N;
    assert_refused(s, &c, WERR_INVALID, "invalid_value", "chain", "names");
    pool_state_free(s);
}

static void test_refusals(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    add_certificate(s, "a", 1);
    make_certificate(&c, POOL_ADD_CERTIFICATE, "a", 2);
    assert_refused(s, &c, WERR_EXISTS, "exists", "name", "certificate with this name");
    make_certificate(&c, POOL_ADD_CERTIFICATE, "a", 1); /* closed with another nonce */
    replace(&c.certificate.key, "b3RoZXI=");
    struct pool_change change;
    assert_int_equal(pool_check(s, &c, NULL), 0);
    assert_int_equal(apply_next(s, &c, &change), 0);
    assert_int_equal(change.type, POOL_CHANGE_NONE);
    assert_ptr_equal(change.certificate, certificate_find(s, SPAN("a")));
    make_certificate(&c, POOL_ADD_CERTIFICATE, "a", 1);
    replace(&c.certificate.staple, "AA==");
    assert_refused(s, &c, WERR_EXISTS, "exists", "name", "certificate with this name");
    make_certificate(&c, POOL_SET_CERTIFICATE, NULL, 2);
    c.certificate_id = 77;
    assert_refused(s, &c, WERR_NOT_FOUND, "not_found", "certificate", "no such certificate");
    make_certificate(&c, POOL_ADD_CERTIFICATE, "b", 2);
    s->certificate_n = CERTIFICATE_MAX;
    assert_refused(s, &c, WERR_TOO_BIG, "too_many", "", "16384 certificates");
    s->certificate_n = 1;
    make_certificate(&c, POOL_ADD_CERTIFICATE, "b", 2);
    c.if_digest = pool_list_digest(s, KIND_CERTIFICATE, SPAN_NONE);
    c.if_list = true;
    assert_int_equal(pool_check(s, &c, NULL), 0);
    add_certificate(s, NULL, 5);
    assert_refused(s, &c, WERR_STALE, "precondition_failed", "", "list of certificates");
    pool_state_free(s);
}

/* ---- as bytes ---- */

#define FACTS                                                                          \
    "\"facts\":{\"names\":[\"h1.example\"],\"subject\":\"CN=h\",\"issuer\":\"CN=i\","  \
    "\"serial\":\"0a\",\"fingerprint\":\"ab\",\"not_before_s\":-5,\"not_after_s\":77," \
    "\"key_type\":\"ecdsa\",\"key_bits\":256}"
#define TEXTS "\"chain\":\"c\\n\",\"key\":\"k\",\"staple\":null,\"is_of_file\":false"

static int decode(uint8_t type, const char *payload, struct pool_command *c)
{
    char entry[2000] = {2, (char)type};
    const size_t len = strlen(payload);
    entry[4] = (char)(len & 0xff);
    entry[5] = (char)(len >> 8);
    memcpy(entry + POOL_ENTRY_HEADER_BYTES, payload, len);
    return pool_code_decode(span_from(entry, POOL_ENTRY_HEADER_BYTES + len), c);
}

static void test_entries(void **state)
{
    static const struct {
        uint8_t type;
        const char *payload;
    } good[] = {
        {POOL_ADD_CERTIFICATE, "{\"set\":{" TEXTS "," FACTS "}}"},
        {POOL_ADD_CERTIFICATE, "{\"put\":true,\"set\":{\"name\":\"a\"," TEXTS "," FACTS "}}"},
        {POOL_SET_CERTIFICATE, "{\"id\":\"c-1f\",\"if\":\"a0\",\"set\":{" TEXTS "," FACTS "}}"},
        {POOL_REMOVE_CERTIFICATE, "{\"id\":\"c-1f\"}"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct pool_command c;
        char *bytes = NULL;
        size_t len = 0;
        assert_int_equal(decode(good[i].type, good[i].payload, &c), 0);
        assert_int_equal(pool_code_encode(&c, &bytes, &len), 0);
        assert_int_equal(len, POOL_ENTRY_HEADER_BYTES + strlen(good[i].payload));
        assert_memory_equal(bytes + POOL_ENTRY_HEADER_BYTES, good[i].payload,
                            strlen(good[i].payload));
        free(bytes);
        pool_command_fini(&c);
    }
}

static void test_bad_entries(void **state)
{
    static const struct {
        uint8_t type;
        const char *payload;
    } bad[] = {
        {POOL_ADD_CERTIFICATE, "{}"},
        {POOL_ADD_CERTIFICATE, "{\"set\":{}}"},
        {POOL_ADD_CERTIFICATE, "{\"set\":[]}"},
        {POOL_ADD_CERTIFICATE, "{\"set\":{" TEXTS "}}"},
        {POOL_ADD_CERTIFICATE, "{\"set\":{" FACTS "}}"},
        {POOL_ADD_CERTIFICATE, "{\"id\":\"c-1\",\"set\":{" TEXTS "," FACTS "}}"},
        {POOL_ADD_CERTIFICATE, "{\"pool\":\"default\",\"set\":{" TEXTS "," FACTS "}}"},
        {POOL_ADD_CERTIFICATE, "{\"listener\":\"default\",\"set\":{" TEXTS "," FACTS "}}"},
        {POOL_ADD_CERTIFICATE, "{\"set\":{\"name\":\"c-1\"," TEXTS "," FACTS "}}"},
        {POOL_ADD_CERTIFICATE, "{\"set\":{\"name\":\"\"," TEXTS "," FACTS "}}"},
        {POOL_ADD_CERTIFICATE, "{\"set\":{\"name\":1," TEXTS "," FACTS "}}"},
        {POOL_ADD_CERTIFICATE, "{\"set\":{\"more\":1," TEXTS "," FACTS "}}"},
        {POOL_ADD_CERTIFICATE, "{\"set\":{" TEXTS ",\"facts\":{\"names\":[]}}}"},
        {POOL_ADD_CERTIFICATE, "{\"set\":{" TEXTS ",\"facts\":{\"names\":[1]}}}"},
        {POOL_ADD_CERTIFICATE, "{\"set\":{" TEXTS ",\"facts\":{\"names\":1}}}"},
        {POOL_ADD_CERTIFICATE, "{\"set\":{" TEXTS ",\"facts\":{\"key_type\":\"dsa\"}}}"},
        {POOL_ADD_CERTIFICATE, "{\"set\":{" TEXTS ",\"facts\":{\"key_type\":1}}}"},
        {POOL_ADD_CERTIFICATE, "{\"set\":{" TEXTS ",\"facts\":{\"key_bits\":65536}}}"},
        {POOL_ADD_CERTIFICATE, "{\"set\":{" TEXTS ",\"facts\":{\"not_after_s\":1.5}}}"},
        {POOL_ADD_CERTIFICATE, "{\"set\":{" TEXTS ",\"facts\":{\"more\":1}}}"},
        {POOL_ADD_CERTIFICATE, "{\"set\":{" TEXTS ",\"facts\":1}}"},
        {POOL_ADD_CERTIFICATE, "{\"set\":{\"is_of_file\":1," FACTS "}}"},
        {POOL_ADD_CERTIFICATE, "{\"set\":{\"key\":null,\"chain\":\"c\"," FACTS "}}"},
        {POOL_SET_CERTIFICATE, "{\"set\":{" TEXTS "," FACTS "}}"},
        {POOL_SET_CERTIFICATE, "{\"id\":\"l-1\",\"set\":{" TEXTS "," FACTS "}}"},
        {POOL_SET_CERTIFICATE, "{\"id\":1,\"set\":{" TEXTS "," FACTS "}}"},
        {POOL_REMOVE_CERTIFICATE, "{}"},
        {POOL_REMOVE_CERTIFICATE, "{\"id\":\"c-1\",\"set\":{" TEXTS "," FACTS "}}"},
        {POOL_REMOVE_CERTIFICATE, "{\"id\":\"c-1\",\"listener\":\"default\"}"},
        {POOL_REMOVE_POOL, "{\"pool\":\"x\",\"id\":\"c-1\"}"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct pool_command c;
        if (decode(bad[i].type, bad[i].payload, &c) != WERR_CORRUPT)
            fail_msg("%s", bad[i].payload);
    }
}

/* A name that is an id is not written: what comes back has it all the same. */
static void test_snapshot(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_state *copy = NULL;
    add_certificate(s, "shop", 2);
    const uint64_t plain = add_certificate(s, NULL, 3);
    assert_int_equal(pool_state_copy(s, &copy), 0);
    assert_int_equal(copy->certificate_n, 2);
    assert_true(copy->digest == s->digest);
    for (unsigned i = 0; i < 2; i++) {
        const struct certificate *a = s->certificates[i], *b = copy->certificates[i];
        assert_true(a->id == b->id && a->digest == b->digest);
        assert_string_equal(a->name, b->name);
        assert_string_equal(a->key, b->key);
        assert_string_equal(a->facts.subject, b->facts.subject);
        assert_true(a->facts.not_before_s == b->facts.not_before_s);
        assert_true(a->facts.not_after_s == b->facts.not_after_s);
    }
    char *json = pool_code_certificate_json(certificate_find_id(s, plain));
    assert_null(strstr(json, "\"name\":"));
    free(json);
    pool_state_free(copy);
    pool_state_free(s);
}

/* ---- what people bring ---- */

static void test_pem_from_json(void **state)
{
    static const struct {
        const char *body, *code, *field;
    } bad[] = {
        {"{", "invalid_json", ""},
        {"[]", "invalid_value", ""},
        {"{\"key\":\"k\"}", "missing_field", "chain"},
        {"{\"chain\":\"c\"}", "missing_field", "key"},
        {"{\"chain\":1,\"key\":\"k\"}", "invalid_value", "chain"},
        {"{\"chain\":\"\",\"key\":\"k\"}", "invalid_value", "chain"},
        {"{\"chain\":\"c\",\"key\":null}", "invalid_value", "key"},
        {"{\"chain\":\"c\",\"key\":\"k\",\"name\":\"a b\"}", "invalid_value", "name"},
        {"{\"chain\":\"c\",\"key\":\"k\",\"ocsp\":1}", "invalid_value", "ocsp"},
        {"{\"chain\":\"c\",\"key\":\"k\",\"staple\":null}", "unknown_key", "staple"},
    };
    (void)state;
    struct pool_code_pem pem;
    assert_int_equal(pool_code_pem_from_json(SPAN("{\"chain\":\"c\\n\",\"key\":\"k\\r\\n\","
                                                  "\"name\":\"a\",\"ocsp\":\"AA==\"}"),
                                             &pem, NULL),
                     0);
    assert_string_equal(pem.chain.ptr, "c\n");
    assert_string_equal(pem.key.ptr, "k\r\n");
    assert_int_equal(pem.key.len, 3);
    assert_string_equal(pem.name, "a");
    assert_string_equal(pem.staple, "AA==");
    pool_code_pem_fini(&pem);
    assert_int_equal(
        pool_code_pem_from_json(SPAN("{\"chain\":\"c\",\"key\":\"k\",\"name\":null,\"ocsp\":"
                                     "null,\"id\":\"c-1\",\"names\":[]}"),
                                &pem, NULL),
        0);
    assert_true(pem.name == NULL && pem.staple == NULL);
    pool_code_pem_fini(&pem);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct pool_error error = {.code = ""};
        int rc = pool_code_pem_from_json(span_from_str(bad[i].body), &pem, &error);
        if (rc == 0 || strcmp(error.code, bad[i].code) != 0 ||
            strcmp(error.field, bad[i].field) != 0)
            fail_msg("%s: %d %s %s", bad[i].body, rc, error.code, error.field);
        assert_true(pem.chain.ptr == NULL && pem.key.ptr == NULL);
    }
}

static void test_pem_without_memory(void **state)
{
    bool has_passed = false;
    (void)state;
    for (unsigned n = 1; !has_passed; n++) {
        struct pool_code_pem pem;
        fault_set(n);
        int rc = pool_code_pem_from_json(
            SPAN("{\"chain\":\"c\",\"key\":\"k\",\"name\":\"a\",\"ocsp\":\"AA==\"}"), &pem,
            NULL);
        has_passed = fault_is_armed();
        fault_set(0);
        assert_int_equal(rc, has_passed ? 0 : WERR_NOMEM);
        pool_code_pem_fini(&pem);
    }
}

/* ---- many ---- */

/* As many as a large site has: to add one must not take longer the more there are. */
static void test_ten_thousand(void **state)
{
    enum { N = 10000 };
    (void)state;
    struct pool_state *s = pool_state_new();
    char name[16];
    for (unsigned i = 0; i < N; i++) {
        snprintf(name, sizeof(name), "n%u", i);
        add_certificate(s, i % 2 == 0 ? name : NULL, i);
    }
    assert_int_equal(s->certificate_n, N);
    for (unsigned i = 0; i < N; i += 100) {
        snprintf(name, sizeof(name), "n%u", i);
        const struct certificate *c = certificate_find(s, span_from_str(name));
        assert_ptr_equal(certificate_find_fingerprint(s, span_from_str(c->facts.fingerprint)),
                         c);
        assert_int_equal(remove_certificate(s, c->id), 0);
        assert_null(certificate_find(s, span_from_str(name)));
    }
    assert_true(s->digest == pool_state_digest_recompute(s));
    pool_state_free(s);
}

static void test_words(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < CERTIFICATE_KEY_TYPE_N; i++) {
        uint8_t type = 99;
        const char *word = certificate_key_type_word((enum certificate_key_type)i);
        assert_int_equal(certificate_key_type_from_word(span_from_str(word), &type), 0);
        assert_int_equal(type, i);
        assert_int_equal(certificate_key_type_from_word(SPAN("dsa"), &type), WERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_and_remove),
        cmocka_unit_test(test_changes_are_told),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_names_are_checked),
        cmocka_unit_test(test_values_are_checked),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_bad_entries),
        cmocka_unit_test(test_snapshot),
        cmocka_unit_test(test_pem_from_json),
        cmocka_unit_test(test_pem_without_memory),
        cmocka_unit_test(test_ten_thousand),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
