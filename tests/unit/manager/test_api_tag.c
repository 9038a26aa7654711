#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "manager/api_tag.h"
#include "pool/pool_apply.h"

#define ONE   "\"0000000000000001\""
#define OTHER "\"00000000000000ff\""

static void test_values(void **state)
{
    static const struct {
        const char *value;
        bool is_weak, is_any;
        unsigned n;
        uint64_t last;
    } cases[] = {
        {"", false, false, 0, 0},
        {"*", false, true, 0, 0},
        {" * ", false, true, 0, 0},
        {ONE, false, false, 1, 1},
        {"W/" ONE, false, false, 0, 0},
        {"W/" ONE, true, false, 1, 1},
        {ONE " , " OTHER, false, false, 2, 255},
        {"\"x\"," ONE, false, false, 1, 1},
        {"0000000000000001", false, false, 0, 0},
        {"\"000000000000000g\"", false, false, 0, 0},
        {"\"0000000000000000\"", false, false, 0, 0},
        {"\"00000000000000001\"", false, false, 0, 0},
        {ONE "," ONE "," ONE "," ONE "," ONE "," ONE "," ONE "," ONE "," OTHER, false, false,
         API_TAGS_MAX, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct api_tags tags = {0};

        api_tag_read_value(span_from_str(cases[i].value), cases[i].is_weak, &tags);
        assert_true(tags.is_there);
        assert_int_equal(tags.is_any, cases[i].is_any);
        assert_int_equal(tags.n, cases[i].n);
        if (tags.n > 0)
            assert_true(tags.tags[tags.n - 1] == cases[i].last);
    }
}

static struct api_conditions make(const char *match, const char *none_match)
{
    struct api_conditions c = {0};

    if (match != NULL)
        api_tag_read_value(span_from_str(match), false, &c.match);
    if (none_match != NULL)
        api_tag_read_value(span_from_str(none_match), true, &c.none_match);
    return c;
}

static void test_reads(void **state)
{
    static const struct {
        const char *match, *none_match;
        unsigned status;
    } cases[] = {
        {NULL, NULL, 0}, {"*", NULL, 0},   {ONE, NULL, 0},   {OTHER, NULL, 412},
        {"", NULL, 412}, {NULL, "*", 304}, {NULL, ONE, 304}, {NULL, OTHER, 0},
        {NULL, "", 0},   {ONE, OTHER, 0},  {ONE, ONE, 304},  {OTHER, ONE, 412},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct api_conditions c = make(cases[i].match, cases[i].none_match);

        assert_int_equal(api_tag_judge_read(&c, 1), cases[i].status);
        assert_int_equal(api_tag_may_change(&c, 1), cases[i].status == 0);
    }
}

/* Stamped into a command that means the pool default, or one that is not there. */
static int judge(const struct pool_state *s, bool is_there, const char *match,
                 const char *none_match)
{
    const struct api_conditions conditions = make(match, none_match);
    struct pool_command c;

    pool_command_init(&c, POOL_ADD_POOL);
    c.is_put = true;
    strcpy(c.pool, is_there ? "default" : "green");
    assert_int_equal(api_tag_stamp(&conditions, s, &c), 0);
    const int rc = pool_check(s, &c, NULL);
    pool_command_fini(&c);
    return rc;
}

static void test_changes(void **state)
{
    struct pool_state *s = pool_state_new();
    char tag[API_TAG_TEXT_MAX];

    (void)state;
    assert_non_null(s);
    api_tag_print(pool_default(s)->digest, tag);
    assert_int_equal(judge(s, true, NULL, NULL), 0);
    assert_int_equal(judge(s, true, tag, NULL), 0);
    assert_int_equal(judge(s, true, "*", NULL), 0);
    assert_int_equal(judge(s, true, OTHER, NULL), WERR_STALE);
    assert_int_equal(judge(s, true, "", NULL), WERR_STALE);
    assert_int_equal(judge(s, true, NULL, tag), WERR_STALE);
    assert_int_equal(judge(s, true, NULL, "*"), WERR_STALE);
    assert_int_equal(judge(s, true, NULL, OTHER), 0);
    assert_int_equal(judge(s, false, NULL, "*"), 0);
    assert_int_equal(judge(s, false, NULL, OTHER), 0);
    assert_int_equal(judge(s, false, "*", NULL), WERR_STALE);
    assert_int_equal(judge(s, false, OTHER, NULL), WERR_STALE);
    pool_state_free(s);
}

static void test_text(void **state)
{
    char buf[API_TAG_TEXT_MAX];

    (void)state;
    api_tag_print(0xff, buf);
    assert_string_equal(buf, OTHER);
    assert_true(api_tag_of_text("a") == api_tag_of_text("a"));
    assert_true(api_tag_of_text("a") != api_tag_of_text("b") && api_tag_of_text("") != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
