#include "pool_fixture.h"

/* A POST of a server that needs the list to be what it was. */
static int judge_list(const struct pool_state *s, uint64_t digest)
{
    struct pool_command c;
    assert_int_equal(pool_code_add_from_json(SPAN("{\"url\":\"http://9.9.9.9\"}"), &c, NULL),
                     0);
    c.if_list = true;
    c.if_digest = digest;
    int rc = pool_check(s, &c, NULL);
    pool_command_fini(&c);
    return rc;
}

static void test_list_of_servers(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    uint64_t empty = pool_list_digest(s, KIND_SERVER, SPAN("default"));
    assert_true(empty != 0);
    assert_int_equal(judge_list(s, empty), 0);
    add_server(s, "{\"url\":\"http://1.1.1.1\"}");
    assert_int_equal(judge_list(s, empty), WERR_STALE);
    uint64_t one = pool_list_digest(s, KIND_SERVER, SPAN("default"));
    assert_true(one != empty);
    assert_int_equal(judge_list(s, one), 0);
    pool_state_free(s);
}

static void test_other_lists(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    assert_true(pool_list_digest(s, KIND_POOL, SPAN_NONE) == pool_default(s)->digest);
    assert_true(pool_list_digest(s, KIND_LISTENER, SPAN_NONE) == listener_default(s)->digest);
    assert_true(pool_list_digest(s, KIND_RULE, SPAN("default")) ==
                pool_list_digest(s, KIND_RULE, SPAN("none")));
    pool_state_free(s);
}

static void test_there_and_absent(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    pool_command_init(&c, POOL_ADD_POOL);
    c.is_put = true;
    strcpy(c.pool, "default");
    c.if_there = true;
    assert_int_equal(pool_check(s, &c, NULL), 0);
    c.if_absent = true;
    assert_int_equal(pool_check(s, &c, NULL), WERR_STALE);
    strcpy(c.pool, "green");
    assert_int_equal(pool_check(s, &c, NULL), WERR_STALE);
    c.if_there = false;
    assert_int_equal(pool_check(s, &c, NULL), 0);
    pool_command_fini(&c);
    pool_state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_of_servers),
        cmocka_unit_test(test_other_lists),
        cmocka_unit_test(test_there_and_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
