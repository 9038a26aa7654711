/* What counts as a hop of our own in Via, and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/hops.h"
#include "msg_make.h"

static const struct {
    const char *lines;
    unsigned hops;
} cases[] = {
    {"Host: a\n", 0},
    {"Via: \n", 0},
    {"Via: 1.1 weldr\n", 1},
    {"Via: 1.0 weldr\n", 1},
    {"Via: 2 weldr\n", 1},
    {"Via: HTTP/1.1 weldr\n", 1},
    {"Via: 1.1 WELDR\n", 1},
    {"via: 1.1 weldr, 1.1 weldr\n", 2},
    {"Via: 1.1 weldr,1.1 weldr,1.1 weldr\n", 3},
    {"Via: ,, 1.1\tweldr\t,\t1.1   weldr ,,\n", 2},
    {"Via: 1.1 a, 1.1 weldr, 1.0 b:80\n", 1},
    {"Via: 1.1 weldr\nHost: a\nVia: 1.1 weldr, 1.1 weldr\n", 3},
    {"Via: 1.1 weldr (comment)\n", 1},
    {"Via: 1.1 weldr (1.1 weldr, 1.1 weldr), 1.1 weldr\n", 2},
    {"Via: 1.1 weldr(x, 1.1 weldr)\n", 1},
    {"Via: 1.1 a (b (c, 1.1 weldr), 1.1 weldr), 1.1 weldr\n", 1},
    {"Via: 1.1 a (\\), 1.1 weldr), 1.1 weldr\n", 1},
    {"Via: 1.1 a (\\\\), 1.1 weldr\n", 1},
    /* What does not end is no comment and hides nothing. */
    {"Via: 1.1 a (, 1.1 weldr, 1.1 weldr\n", 2},
    {"Via: 1.1 a ((b), 1.1 weldr, 1.1 weldr\n", 2},
    {"Via: 1.1 a (\\, 1.1 weldr\n", 1},
    {"Via: 1.1 a (b\\)\\, 1.1 weldr\n", 1},
    {"Via: 1.1 a (\nVia: 1.1 weldr\nVia: b)\n", 1},
    {"Via: 1.1 a ), 1.1 weldr\n", 1},
    /* Others. */
    {"Via: 1.1 weldr2\n", 0},
    {"Via: 1.1 xweldr\n", 0},
    {"Via: 1.1 weldr:80\n", 0},
    {"Via: 1.1 weldr.example\n", 0},
    {"Via: weldr\n", 0},
    {"Via: weldr 1.1\n", 0},
    {"Via: weldr, 1.1\n", 0},
    {"Via: 1.1 a weldr\n", 0},
    {"Via: (weldr) 1.1 weldr\n", 0},
    {"X-Via: 1.1 weldr\n", 0},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct made_msg made;
        unsigned hops = hops_count(msg_make(&made, cases[i].lines));
        if (hops != cases[i].hops)
            fail_msg("%s: %u, not %u", cases[i].lines, hops, cases[i].hops);
    }
}

/* A head full of what may or may not begin a comment is read in one go. */
static void test_many_parens(void **state)
{
    enum { PARENS = 60000 };
    static char lines[PARENS + 64];
    struct made_msg made;

    (void)state;
    strcpy(lines, "Via: ");
    memset(lines + 5, '(', PARENS);
    strcpy(lines + 5 + PARENS, ", 1.1 weldr\n");
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(hops_count(msg_make(&made, lines)), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_many_parens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
