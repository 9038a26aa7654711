#include <ctype.h>
#include <string.h>

#include "../base/cm.h"
#include "base/span.h"
#include "stats/stats.h"
#include "worker/ends.h"

static bool is_word(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if (!islower((unsigned char)*s) && *s != '_')
            return false;
    return true;
}

static void test_words_are_words_and_unique(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ENDS; i++) {
        assert_true(is_word(end_facts(i)->word));
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(end_facts(i)->word, end_facts(k)->word);
    }
}

/* What a client is told must be an error, and who is to blame must fit it. */
static void test_statuses(void **state)
{
    (void)state;
    assert_int_equal(end_facts(END_OK)->status, 0);
    assert_int_equal(end_facts(END_CLIENT_ABORT)->status, 0);
    for (unsigned i = 0; i < ENDS; i++) {
        const struct end_facts *f = end_facts(i);

        if (f->status == 0)
            continue;
        assert_true(f->status >= 400 && f->status < 600);
        if (f->blame == END_BLAME_CLIENT)
            assert_true(f->status < 500);
        else
            assert_true(f->status >= 500);
        assert_true(f->blame != END_BLAME_NOBODY);
    }
}

static void test_texts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ENDS; i++) {
        struct span text = end_facts(i)->text;

        assert_true(text.len > 0 && text.len == strlen(text.ptr));
        assert_true(text.ptr[text.len - 1] != '.'); /* the response adds it */
    }
}

/* Only what a server has done, or what we lack for it alone, can be better elsewhere, and never
 * after it may have acted. */
static void test_retries(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ENDS; i++)
        if (end_facts(i)->retry && i != END_NO_PORT && i != END_CONNECT_DENIED)
            assert_int_equal(end_facts(i)->blame, END_BLAME_SERVER);
    assert_int_equal(end_facts(END_NO_PORT)->blame, END_BLAME_WELDR);
    assert_int_equal(end_facts(END_CONNECT_DENIED)->blame, END_BLAME_WELDR);
    assert_true(end_facts(END_CONNECT_REFUSED)->retry);
    assert_true(end_facts(END_CONNECT_TIMEOUT)->retry);
    assert_true(end_facts(END_ORIGIN_RESET)->retry);
    assert_false(end_facts(END_ORIGIN_TIMEOUT)->retry);
    assert_false(end_facts(END_ORIGIN_BAD_ANSWER)->retry);
}

/* Their order is a layout in shared memory. */
static void test_order(void **state)
{
    (void)state;
    assert_int_equal(END_OK, 0);
    assert_int_equal(END_BAD_REQUEST, 1);
    assert_int_equal(END_NO_SERVER, 3);
    assert_true((int)ENDS <= (int)STATS_ENDS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_are_words_and_unique),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_retries),
        cmocka_unit_test(test_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
