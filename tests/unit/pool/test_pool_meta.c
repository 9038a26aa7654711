#include "pool_fixture.h"

#include "base/fault.h"
#include "pool/pool_meta.h"

static void assert_meta(const struct pool_server *server, const char *want)
{
    char text[2000] = "";
    size_t len = 0;
    for (unsigned i = 0; i < server->meta_n; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s=%s;", server->meta[i].key,
                                server->meta[i].value);
    assert_string_equal(text, want);
}

static void test_set_and_remove(void **state)
{
    (void)state;
    struct pool_server server = {0};
    assert_int_equal(pool_meta_set(&server, "m", "1"), 0);
    assert_int_equal(pool_meta_set(&server, "z", "2"), 0);
    assert_int_equal(pool_meta_set(&server, "a", "3"), 0);
    assert_meta(&server, "a=3;m=1;z=2;");
    assert_int_equal(pool_meta_set(&server, "m", "4"), 0);
    assert_meta(&server, "a=3;m=4;z=2;");
    pool_meta_remove(&server, "none");
    pool_meta_remove(&server, "a");
    assert_meta(&server, "m=4;z=2;");
    pool_meta_remove(&server, "z");
    pool_meta_remove(&server, "m");
    pool_meta_remove(&server, "m");
    assert_meta(&server, "");
    pool_meta_fini(&server);
}

static void test_limit(void **state)
{
    (void)state;
    struct pool_server server = {0};
    char key[16];
    for (unsigned i = 0; i < POOL_META_N; i++) {
        snprintf(key, sizeof(key), "k%u", i);
        assert_int_equal(pool_meta_set(&server, key, ""), 0);
    }
    assert_int_equal(pool_meta_set(&server, "more", ""), WERR_TOO_BIG);
    assert_int_equal(pool_meta_set(&server, "k7", "replaced"), 0);
    assert_int_equal(server.meta_n, POOL_META_N);
    for (unsigned i = 1; i < server.meta_n; i++)
        assert_true(strcmp(server.meta[i - 1].key, server.meta[i].key) < 0);
    pool_meta_fini(&server);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct pool_server server = {0};
    struct pool_server copy = {0};
    assert_int_equal(pool_meta_set(&server, "a", "1"), 0);
    assert_int_equal(pool_meta_set(&server, "b", "2"), 0);
    for (unsigned n = 1; n <= 3; n++) {
        fault_set(n);
        assert_int_equal(pool_meta_set(&server, "c", "3"), WERR_NOMEM);
        assert_meta(&server, "a=1;b=2;");
    }
    fault_set(1);
    assert_int_equal(pool_meta_set(&server, "a", "9"), WERR_NOMEM);
    assert_meta(&server, "a=1;b=2;");
    for (unsigned n = 1; n <= 5; n++) {
        fault_set(n);
        assert_int_equal(pool_meta_copy(&copy, &server), WERR_NOMEM);
        assert_int_equal(copy.meta_n, 0);
        assert_null(copy.meta);
    }
    fault_set(0);
    assert_int_equal(pool_meta_copy(&copy, &server), 0);
    assert_meta(&copy, "a=1;b=2;");
    pool_meta_fini(&copy);
    pool_meta_fini(&server);
}

static void test_limits_of_text(void **state)
{
    (void)state;
    char text[POOL_META_VALUE_MAX + 1];
    memset(text, 'a', sizeof(text));
    assert_true(pool_meta_is_valid_key(span_from(text, 1)));
    assert_true(pool_meta_is_valid_key(span_from(text, POOL_META_KEY_MAX)));
    assert_false(pool_meta_is_valid_key(span_from(text, POOL_META_KEY_MAX + 1)));
    assert_false(pool_meta_is_valid_key(span_from(text, 0)));
    assert_false(pool_meta_is_valid_key(SPAN("a\n")));
    assert_true(pool_meta_is_valid_value(span_from(text, 0)));
    assert_true(pool_meta_is_valid_value(span_from(text, POOL_META_VALUE_MAX)));
    assert_false(pool_meta_is_valid_value(span_from(text, POOL_META_VALUE_MAX + 1)));
    assert_false(pool_meta_is_valid_value(SPAN("a\x7f")));
    assert_true(pool_meta_is_valid_value(SPAN("\xc3\xbc")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_and_remove),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_limits_of_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
