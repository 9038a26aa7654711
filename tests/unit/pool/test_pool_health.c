#include "pool_fixture.h"

#include "base/fault.h"

static const struct pool_health_field *field(const char *key)
{
    for (unsigned i = 0; i < POOL_HEALTH_FIELD_N; i++) {
        if (strcmp(pool_health_fields[i].key, key) == 0)
            return &pool_health_fields[i];
    }
    fail_msg("no field %s", key);
    return NULL;
}

/* Every bit of the set has exactly one field. */
static void test_table_is_whole(void **state)
{
    (void)state;
    uint32_t bits = 0;
    for (unsigned i = 0; i < POOL_HEALTH_FIELD_N; i++) {
        assert_int_equal(bits & pool_health_fields[i].bit, 0);
        bits |= pool_health_fields[i].bit;
    }
    assert_int_equal(bits, POOL_HEALTH_SET_ALL);
}

static void test_defaults(void **state)
{
    (void)state;
    struct pool_health h;
    assert_int_equal(pool_health_init_defaults(&h), 0);
    char *json = pool_code_health_json(&h);
    assert_string_equal(
        json, "{\"type\":\"http\",\"interval_ms\":30000,\"fast_interval_ms\":2000,"
              "\"timeout_ms\":5000,\"path\":\"/\",\"host\":\"\",\"expect\":"
              "\"200-299\",\"failures\":3,\"passes\":2,\"initial\":\"up\",\"agree\":\"own\"}");
    for (unsigned i = 0; i < POOL_HEALTH_FIELD_N; i++)
        assert_true(pool_health_is_valid(&h, &pool_health_fields[i]));
    free(json);
    pool_health_fini(&h);
}

static const struct {
    const char *key, *text;
    const char *back; /* NULL: refused */
} texts[] = {
    {"type", "http", "http"},
    {"type", "tcp", "tcp"},
    {"type", "none", "none"},
    {"type", "HTTP", NULL},
    {"type", "", NULL},
    {"initial", "up", "up"},
    {"initial", "down", "down"},
    {"initial", "Down", NULL},
    {"initial", "", NULL},
    {"initial", "none", NULL},
    {"agree", "own", "own"},
    {"agree", "majority", "majority"},
    {"agree", "most", NULL},
    {"agree", "", NULL},
    {"path", "/", "/"},
    {"path", "/up?x=1", "/up?x=1"},
    {"path", "", NULL},
    {"path", "up", NULL},
    {"path", "/a b", NULL},
    {"path", "/a\r\nX: y", NULL},
    {"path", "/\x7f", NULL},
    {"host", "", ""},
    {"host", "a-b.example:80", "a-b.example:80"},
    {"host", "[::1]:80", "[::1]:80"},
    {"host", "a b", NULL},
    {"host", "a/b", NULL},
    {"host", "a\r\n", NULL},
    {"expect", "200-299", "200-299"},
    {"expect", "200,204,300-399", "200,204,300-399"},
    {"expect", "200-200", "200"},
    {"expect", "100,101,102,103,104,105,106,107-599", "100,101,102,103,104,105,106,107-599"},
    {"expect", "100,101,102,103,104,105,106,107,108", NULL},
    {"expect", "", NULL},
    {"expect", "200,", NULL},
    {"expect", ",200", NULL},
    {"expect", "200, 204", NULL},
    {"expect", "99", NULL},
    {"expect", "600", NULL},
    {"expect", "0200", NULL},
    {"expect", "300-200", NULL},
    {"expect", "200-", NULL},
    {"expect", "-200", NULL},
    {"expect", "200-204-206", NULL},
    {"expect", "2xx", NULL},
};

static void test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const struct pool_health_field *f = field(texts[i].key);
        struct pool_health h = {0};
        char buf[POOL_EXPECT_TEXT_MAX];
        int rc = pool_health_set_text(&h, f, span_from_str(texts[i].text));
        if (rc != (texts[i].back != NULL ? 0 : WERR_INVALID))
            fail_msg("%s %s: %d", texts[i].key, texts[i].text, rc);
        assert_int_equal(h.set, rc == 0 ? f->bit : 0);
        if (rc == 0) {
            assert_string_equal(pool_health_text(&h, f, buf), texts[i].back);
            assert_true(pool_health_is_valid(&h, f));
        }
        pool_health_fini(&h);
    }
}

static void test_long_texts(void **state)
{
    (void)state;
    char text[POOL_PATH_MAX + 1];
    struct pool_health h = {0};
    memset(text, 'a', sizeof(text));
    text[0] = '/';
    assert_int_equal(pool_health_set_text(&h, field("path"), span_from(text, POOL_PATH_MAX)),
                     0);
    assert_int_equal(
        pool_health_set_text(&h, field("path"), span_from(text, POOL_PATH_MAX + 1)),
        WERR_INVALID);
    assert_int_equal(strlen(h.path), POOL_PATH_MAX);
    text[0] = 'a';
    assert_int_equal(pool_health_set_text(&h, field("host"), span_from(text, POOL_HOST_MAX)),
                     0);
    assert_int_equal(
        pool_health_set_text(&h, field("host"), span_from(text, POOL_HOST_MAX + 1)),
        WERR_INVALID);
    pool_health_fini(&h);
}

static void test_numbers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < POOL_HEALTH_FIELD_N; i++) {
        const struct pool_health_field *f = &pool_health_fields[i];
        struct pool_health h = {0};
        if (f->kind != POOL_KIND_U16 && f->kind != POOL_KIND_U32)
            continue;
        const uint32_t numbers[] = {f->min - 1, f->min, f->max, f->max + 1};
        for (unsigned k = 0; k < 4; k++) {
            pool_health_set_number(&h, f, numbers[k]);
            assert_int_equal(pool_health_number(&h, f), numbers[k]);
            assert_int_equal(pool_health_is_valid(&h, f), k == 1 || k == 2);
        }
    }
}

static void test_merge(void **state)
{
    (void)state;
    struct pool_health into;
    struct pool_health from = {0};
    assert_int_equal(pool_health_init_defaults(&into), 0);
    assert_int_equal(pool_health_set_text(&from, field("path"), SPAN("/up")), 0);
    assert_int_equal(pool_health_set_text(&from, field("expect"), SPAN("204")), 0);
    pool_health_set_number(&from, field("failures"), 9);
    assert_int_equal(pool_health_merge(&into, &from, POOL_HEALTH_SET_HOST), 0);
    assert_int_equal(into.set, POOL_HEALTH_SET_ALL & ~(unsigned)POOL_HEALTH_SET_HOST);
    assert_string_equal(into.path, "/up");
    assert_int_equal(into.expect_n, 1);
    assert_int_equal(into.expect[0].to, 204);
    assert_int_equal(into.failures, 9);
    assert_int_equal(into.passes, 2);
    pool_health_fini(&into);
    pool_health_fini(&from);
}

static void test_copy_out_of_memory(void **state)
{
    (void)state;
    struct pool_health from = {0};
    struct pool_health to;
    assert_int_equal(pool_health_set_text(&from, field("path"), SPAN("/up")), 0);
    assert_int_equal(pool_health_set_text(&from, field("host"), SPAN("h")), 0);
    for (unsigned n = 1; n <= 2; n++) {
        fault_set(n);
        assert_int_equal(pool_health_copy(&to, &from), WERR_NOMEM);
        assert_false(fault_is_armed());
        assert_null(to.path);
    }
    fault_set(0);
    assert_int_equal(pool_health_copy(&to, &from), 0);
    assert_string_equal(to.host, "h");
    assert_ptr_not_equal(to.path, from.path);
    pool_health_fini(&to);
    pool_health_fini(&from);
}

static void test_wishes(void **state)
{
    (void)state;
    char wish[200];
    pool_health_print_wish(field("interval_ms"), wish, sizeof(wish));
    assert_string_equal(wish, "interval_ms must be a whole number from 100 to 3600000");
    for (unsigned i = 0; i < POOL_HEALTH_FIELD_N; i++) {
        const char *key = pool_health_fields[i].key;
        pool_health_print_wish(&pool_health_fields[i], wish, sizeof(wish));
        assert_memory_equal(wish, key, strlen(key));
        assert_true(strlen(wish) < sizeof(wish) - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_whole), cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_texts),          cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_numbers),        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_wishes),         cmocka_unit_test(test_copy_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
