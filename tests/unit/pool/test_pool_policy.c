#include "pool_fixture.h"

#include "pool/pool_policy.h"

static void test_words(void **state)
{
    (void)state;
    uint8_t policy = 0;
    for (unsigned i = 0; i < POOL_POLICY_N; i++) {
        assert_true(pool_policy_from_word(pool_policy_word((enum pool_policy)i), &policy));
        assert_int_equal(policy, i);
    }
    assert_false(pool_policy_from_word("random", &policy));
    assert_string_equal(pool_policy_word(POOL_POLICY_LEAST_OUTSTANDING), "least_outstanding");
}

static void test_hash_keys(void **state)
{
    static const char *const good[] = {"address", "path", "header:X-User", "cookie:a.b_c!"};
    static const char *const bad[] = {"",
                                      "Address",
                                      "addresses",
                                      "path:",
                                      "header",
                                      "header:",
                                      "header:a b",
                                      "cookie:a=b",
                                      "cookie:a;",
                                      "header:12345678901234567890123456789012345678901234567"
                                      "890123456789012345"};
    (void)state;
    struct pool_hash_key key = {0};
    char text[POOL_HASH_KEY_TEXT_MAX];
    for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(pool_hash_key_from_text(span_from_str(good[i]), &key), 0);
        assert_string_equal(pool_hash_key_print(&key, text), good[i]);
        assert_true(pool_hash_key_is_valid(&key));
    }
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(pool_hash_key_from_text(span_from_str(bad[i]), &key), WERR_INVALID);
    key = (struct pool_hash_key){.by = POOL_HASH_PATH, .name = "x"};
    assert_false(pool_hash_key_is_valid(&key));
    key = (struct pool_hash_key){.by = 9};
    assert_false(pool_hash_key_is_valid(&key));
    memset(&key, 'x', sizeof(key));
    key.by = POOL_HASH_HEADER;
    assert_false(pool_hash_key_is_valid(&key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_hash_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
