#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "manager/api_cursor.h"

static struct api_pick pick;
static struct pool_error error;

static void assert_read(const char *query)
{
    if (api_pick_read(span_from_str(query), &pick, &error) < 0)
        fail_msg("%s: %s", query, error.detail);
}

static void test_nothing_is_everything(void **state)
{
    static const struct api_pick all;

    (void)state;
    assert_read("");
    assert_memory_equal(&pick, &all, sizeof(all));
    assert_read("?");
    assert_memory_equal(&pick, &all, sizeof(all));
}

static void test_whole_question(void **state)
{
    (void)state;
    assert_read(
        "?state=down,ejected&meta.team=a%20b&&limit=1000&cursor=1-2-0-0-0&fields=url%2Cid");
    assert_int_equal(pick.states, 1 << SERVER_DOWN | 1 << SERVER_EJECTED);
    assert_int_equal(pick.members, 3); /* id, url: the first two of the table */
    assert_int_equal(pick.limit, 1000);
    assert_string_equal(pick.cursor, "1-2-0-0-0");
    assert_string_equal(pick.question,
                        "state=down,ejected&meta.team=a%20b&limit=1000&fields=url%2Cid");
    assert_int_equal(pick.meta_n, 1);
    assert_string_equal(pick.text + pick.meta[0].key, "team");
    assert_string_equal(pick.text + pick.meta[0].value, "a b");
}

static const struct {
    const char *query, *field, *told;
} bad[] = {
    {"?state=", "state", "state can't be \"\""},
    {"?state=down,", "state", "state can't be \"\""},
    {"?state=up", "state", "there are initial active"},
    {"?state=drainng", "state", "did you mean \"draining\"?"},
    {"?state=Down", "state", "did you mean \"down\"?"},
    {"?fields=url,stat", "fields", "did you mean \"state\"?"},
    {"?fields=max-requests", "fields", "did you mean \"max_requests\"?"},
    {"?fields=", "fields", "members that GET"},
    {"?limit=0", "limit", "from 1 to 1000"},
    {"?limit=1001", "limit", "from 1 to 1000"},
    {"?limit=", "limit", "from 1 to 1000"},
    {"?limit=-1", "limit", "from 1 to 1000"},
    {"?limit=1%30x", "limit", "from 1 to 1000"},
    {"?limit=%3", "limit", "malformed escape"},
    {"?cursor=", "cursor", "gave as next"},
    {"?meta.=a", "meta", "meta.KEY=VALUE"},
    {"?meta.a=%zz", "meta", "meta.KEY=VALUE"},
    {"?meta.a=%00", "meta", "meta.KEY=VALUE"},
    {"?meta.1=&meta.2=&meta.3=&meta.4=&meta.5=&meta.6=&meta.7=&meta.8=&meta.9=", "meta",
     "8 of them at most"},
};

static void test_bad_values_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        error = (struct pool_error){0};
        assert_int_equal(api_pick_read(span_from_str(bad[i].query), &pick, &error),
                         WERR_INVALID);
        assert_string_equal(error.code, "invalid_value");
        assert_string_equal(error.field, bad[i].field);
        if (strstr(error.detail, bad[i].told) == NULL)
            fail_msg("%s: %s", bad[i].query, error.detail);
    }
}

static void test_servers_are_picked(void **state)
{
    struct pool_meta meta[] = {{(char *)"team", (char *)"blue"}, {(char *)"zone", (char *)""}};
    const struct pool_server server = {.meta_n = 2, .meta = meta};
    static const struct {
        const char *query;
        enum server_state state;
        bool is_taken;
    } cases[] = {
        {"", SERVER_DOWN, true},
        {"?state=down", SERVER_DOWN, true},
        {"?state=active,initial", SERVER_DOWN, false},
        {"?state=standby", SERVER_STANDBY, true},
        {"?meta.team=blue", SERVER_DOWN, true},
        {"?meta.team=blue&meta.zone=", SERVER_DOWN, true},
        {"?meta.team=blue&meta.zone=a", SERVER_DOWN, false},
        {"?meta.team=Blue", SERVER_DOWN, false},
        {"?meta.tea=blue", SERVER_DOWN, false},
        {"?state=down&meta.team=blue", SERVER_ACTIVE, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_read(cases[i].query);
        if (api_pick_takes(&pick, &server, cases[i].state) != cases[i].is_taken)
            fail_msg("%s", cases[i].query);
    }
}

static void test_cursor_comes_back(void **state)
{
    const struct api_cursor at = {.next = UINT64_MAX,
                                  .left_id = UINT64_MAX,
                                  .left_no = UINT64_MAX,
                                  .left_end = UINT64_MAX};
    struct api_cursor again = {0};
    char text[PICK_CURSOR_MAX], query[PICK_CURSOR_MAX + 16] = "?cursor=";

    (void)state;
    api_cursor_print(&at, UINT64_MAX, text);
    assert_read(strcat(query, text));
    assert_string_equal(pick.cursor, text);
    assert_int_equal(api_cursor_read(span_from_str(text), UINT64_MAX, &again), 0);
    assert_memory_equal(&again, &at, sizeof(at));
    assert_int_equal(api_cursor_read(span_from_str(text), 7, &again), WERR_NOT_FOUND);
}

static void test_no_cursor(void **state)
{
    static const char *const texts[] = {"",          "1",           "1-2-3-4",   "1-2-3-4-",
                                        "1-2-3-4-g", "1-2-3-4-5-6", "1-2-3-4-5-"};
    struct api_cursor at = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(api_cursor_read(span_from_str(texts[i]), 1, &at), WERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_everything), cmocka_unit_test(test_whole_question),
        cmocka_unit_test(test_bad_values_are_named),  cmocka_unit_test(test_servers_are_picked),
        cmocka_unit_test(test_cursor_comes_back),     cmocka_unit_test(test_no_cursor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
