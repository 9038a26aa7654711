/* All servers of a pool, read and written. */
#include "pool_fixture.h"

static void test_there_and_back(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c, again;
    char *bytes = NULL, *bytes_again = NULL;
    size_t len = 0, len_again = 0;
    const char *body = "{\"total\":9,\"links\":[],\"servers\":["
                       "{\"url\":\"http://1.1.1.1\",\"id\":\"s-1\",\"state\":\"down\","
                       "\"check\":{\"failures\":3,\"passes\":9}},"
                       "{\"url\":\"http://2.2.2.2\",\"check\":{\"failures\":3}},"
                       "{\"url\":\"http://3.3.3.3\",\"id\":\"s-3\",\"state\":\"draining\","
                       "\"admin\":\"enabled\"}]}";
    assert_int_equal(
        pool_code_set_servers_from_json(span_from_str(body), pool_default(s), &c, NULL), 0);
    assert_int_equal(c.list_n, 2); /* the third has left */
    assert_true(c.list[0].health.set == POOL_HEALTH_SET_PASSES);
    assert_true(c.list[1].health.set == POOL_HEALTH_SET_FAILURES);
    assert_int_equal(pool_code_encode(&c, &bytes, &len), 0);
    assert_int_equal(pool_code_decode(span_from(bytes, len), &again), 0);
    assert_int_equal(pool_code_encode(&again, &bytes_again, &len_again), 0);
    assert_int_equal(len, len_again);
    assert_memory_equal(bytes, bytes_again, len);
    free(bytes);
    free(bytes_again);
    pool_command_fini(&c);
    pool_command_fini(&again);
    pool_state_free(s);
}

static void test_bad_lists(void **state)
{
    static const struct {
        const char *body, *code, *field;
    } cases[] = {
        {"{}", "missing_field", "servers"},
        {"{\"servers\":null}", "invalid_value", "servers"},
        {"{\"servers\":{}}", "invalid_value", "servers"},
        {"{\"servers\":[],\"x\":1}", "unknown_key", "x"},
        {"{\"servers\":[],\"next\":\"1\"}", "invalid_value", "next"},
        {"{\"servers\":[1]}", "invalid_value", "servers[0]"},
        {"{\"servers\":[{}]}", "missing_field", "servers[0].url"},
        {"{\"servers\":[{\"url\":\"http://1.1.1.1\",\"check\":{\"passes\":0}}]}",
         "invalid_value", "servers[0].check.passes"},
    };
    (void)state;
    struct pool_state *s = pool_state_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pool_command c;
        struct pool_error error = {.code = ""};
        assert_int_equal(pool_code_set_servers_from_json(span_from_str(cases[i].body),
                                                         pool_default(s), &c, &error),
                         WERR_INVALID);
        assert_string_equal(error.code, cases[i].code);
        assert_string_equal(error.field, cases[i].field);
    }
    pool_state_free(s);
}

/* Shorter servers than are ever written, as only a forged entry has them: there is no more room
 * than for those that are. */
static void test_more_servers_than_there_is_room_for(void **state)
{
    enum { HEAD_BYTES = 24, ITEM_MAX = 24, N = 200 };
    static const char begin[] = "{\"pool\":\"default\",\"set\":{\"servers\":[";
    char *entry = calloc(1, HEAD_BYTES + sizeof(begin) + (size_t)N * ITEM_MAX);
    char *json = entry + HEAD_BYTES;
    int at = sprintf(json, "%s", begin);
    for (unsigned i = 0; i < N; i++)
        at += sprintf(json + at, "%s{\"url\":\"http://%c\"}", i > 0 ? "," : "", 'a' + i % 26);
    at += sprintf(json + at, "]}}");
    const uint32_t len = (uint32_t)at;
    struct pool_command c;
    (void)state;
    entry[0] = 2; /* the format */
    entry[1] = POOL_SET_SERVERS;
    memcpy(entry + 4, &len, sizeof(len));
    assert_int_equal(pool_code_decode(span_from(entry, HEAD_BYTES + len), &c), WERR_CORRUPT);
    free(entry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_bad_lists),
        cmocka_unit_test(test_more_servers_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
