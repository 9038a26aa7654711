#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "manager/expiry.h"
#include "pool/certificate.h"

/* What is said of dates, by the clock that is given. */

enum { DAY_S = 24 * 60 * 60 };
static const int64_t now_s = 1780000000; /* 2026-05-28T20:26:40Z */

static struct certificate valid_from_to(int64_t from_s, int64_t to_s)
{
    return (struct certificate){
        .facts = {.not_before_s = now_s + from_s, .not_after_s = now_s + to_s}};
}

static void days_are_whole(void **state)
{
    static const struct {
        int64_t left_s;
        uint64_t days;
    } cases[] = {
        {-400 * (int64_t)DAY_S, 0},    {-1, 0}, {0, 0}, {DAY_S - 1, 0}, {DAY_S, 1},
        {90 * (int64_t)DAY_S + 5, 90},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct certificate c = valid_from_to(-500 * (int64_t)DAY_S, cases[i].left_s);

        assert_int_equal(expiry_days_left(&c, expiry_wall_us(now_s)), cases[i].days);
    }
}

static void what_is_amiss_is_told(void **state)
{
    static const struct {
        int64_t from_s, to_s;
        const char *text; /* NULL: nothing */
    } cases[] = {
        {-1, 31 * (int64_t)DAY_S, NULL},
        {0, 30 * (int64_t)DAY_S, NULL},
        {-1, 30 * (int64_t)DAY_S - 1, "it expires in 29 days, at 2026-06-27T20:26:39.000Z"},
        {-1, 60, "it expires in 0 days, at 2026-05-28T20:27:40.000Z"},
        {-9, -1, "it has expired: it was valid until 2026-05-28T20:26:39.000Z"},
        {1, 400 * (int64_t)DAY_S, "it is not valid before 2026-05-28T20:26:41.000Z"},
        {1, 2, "it is not valid before 2026-05-28T20:26:41.000Z"},
    };
    char text[EXPIRY_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct certificate c = valid_from_to(cases[i].from_s, cases[i].to_s);

        assert_int_equal(expiry_tell(&c, expiry_wall_us(now_s), text), cases[i].text != NULL);
        if (cases[i].text != NULL)
            assert_string_equal(text, cases[i].text);
    }
}

static void times_before_1970_are_none(void **state)
{
    (void)state;
    assert_int_equal(expiry_wall_us(-5), 0);
    assert_int_equal(expiry_wall_us(5), 5000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_are_whole),
        cmocka_unit_test(what_is_amiss_is_told),
        cmocka_unit_test(times_before_1970_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
