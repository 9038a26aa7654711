#include "pool_fixture.h"

static void test_words(void **state)
{
    (void)state;
    assert_string_equal(pool_command_word(POOL_ADD_SERVER), "add server");
    assert_string_equal(pool_command_word(POOL_CHANGE_SERVER), "change server");
    assert_string_equal(pool_command_word(POOL_REMOVE_SERVER), "remove server");
    assert_string_equal(pool_command_word(POOL_SET_POOL), "set pool");
    assert_string_equal(pool_command_word(POOL_SET_SERVER_ADMIN), "set server admin");
    assert_string_equal(pool_command_word((enum pool_command_type)0), "unknown command");
    assert_string_equal(pool_command_word((enum pool_command_type)200), "unknown command");
}

/* The numbers are in logs on disk: they never change. */
static void test_numbers(void **state)
{
    (void)state;
    assert_int_equal(POOL_ADD_SERVER, 1);
    assert_int_equal(POOL_CHANGE_SERVER, 2);
    assert_int_equal(POOL_REMOVE_SERVER, 3);
    assert_int_equal(POOL_SET_SERVER_ADMIN, 5);
    assert_int_equal(POOL_SET_POOL, 4);
}

static void test_init(void **state)
{
    (void)state;
    struct pool_command c;
    pool_command_init(&c, POOL_ADD_SERVER);
    assert_string_equal(c.pool, "default");
    assert_int_equal(c.server.weight, 1);
    assert_false(c.server.map_host);
    assert_int_equal(c.server.health.set, 0);
    pool_command_fini(&c);
    pool_command_fini(&c);
}

static void test_error(void **state)
{
    (void)state;
    struct pool_error error;
    pool_error_set(&error, "invalid_value", "check.path", "%s %d", "wrong", 7);
    assert_string_equal(error.code, "invalid_value");
    assert_string_equal(error.field, "check.path");
    assert_string_equal(error.detail, "wrong 7");
    pool_error_set(NULL, "invalid_value", "", "nobody listens");
}

/* Fills the field with characters of 1 to 4 bytes at every shift: what is left must end with a
 * whole one. */
static void test_error_is_cut_at_a_character(void **state)
{
    (void)state;
    static const char *const characters[] = {"a", "\xc3\xbc", "\xe2\x82\xac",
                                             "\xf0\x9f\x98\x80"};
    for (unsigned size = 1; size <= 4; size++) {
        for (unsigned shift = 0; shift < size; shift++) {
            char text[300] = "";
            memset(text, 'x', shift);
            while (strlen(text) < 200)
                strcat(text, characters[size - 1]);
            struct pool_error error;
            pool_error_set(&error, "unknown_key", text, "%s", "");
            size_t len = strlen(error.field);
            assert_true(len < sizeof(error.field) && len + 4 >= sizeof(error.field));
            assert_int_equal((len - shift) % size, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_error),
        cmocka_unit_test(test_error_is_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
