#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "log/log.h"
#include "manager/expiry.h"
#include "manager/manager.h"
#include "net/loop_sim.h"
#include "pool/certificate.h"
#include "pool/pool_apply.h"

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

/* ---- once a day ---- */

static struct manager manager;
static struct expiry expiry;

static void on_time(struct timer *t)
{
    (void)t;
    loop_stop(manager.loop);
}

static void pass(uint64_t ms)
{
    struct timer t;

    timer_init(&t, on_time);
    loop_timer_in(manager.loop, &t, ms);
    loop_run(manager.loop);
}

static void add(const char *name, int64_t days)
{
    const int64_t begin_s = (int64_t)(loop_wall_us(manager.loop) / 1000000);
    static uint64_t index;
    struct pool_command c;
    struct pool_change change;

    pool_command_init(&c, POOL_ADD_CERTIFICATE);
    c.certificate = (struct certificate){.name = strdup(name),
                                         .chain = strdup("chain"),
                                         .key = strdup("closed"),
                                         .facts = {.names = calloc(1, sizeof(char *)),
                                                   .subject = strdup(""),
                                                   .issuer = strdup(""),
                                                   .serial = strdup("1"),
                                                   .fingerprint = strdup(name),
                                                   .not_before_s = begin_s - 1,
                                                   .not_after_s = begin_s + days * DAY_S}};
    assert_int_equal(pool_apply(manager.pool, &c, ++index, &change), 0);
    expiry_note(&expiry, change.certificate);
    pool_change_fini(&change);
    pool_command_fini(&c);
}

/* Lines of the log that tell of a certificate. */
static unsigned count_told(const char *path, const char *name)
{
    FILE *file = fopen(path, "r");
    char line[1024], wanted[64];
    unsigned n = 0;

    assert_non_null(file);
    snprintf(wanted, sizeof(wanted), "certificate=%s ", name);
    while (fgets(line, sizeof(line), file) != NULL)
        n += strstr(line, wanted) != NULL;
    (void)fclose(file);
    return n;
}

static void each_day_has_its_lines(void **state)
{
    char path[] = "/tmp/weldr-expiry-XXXXXX";
    const int fd = mkstemp(path), saved = dup(STDERR_FILENO);

    (void)state;
    assert_true(fd >= 0 && saved >= 0);
    manager.loop = loop_sim_new(1, NULL);
    manager.pool = pool_state_new();
    assert_true(manager.loop != NULL && manager.pool != NULL);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    log_init("manager", -1, LOG_WARN);
    expiry_init(&expiry, &manager);
    add("soon", 10);
    add("later", 32);
    pass(EXPIRY_EVERY_MS - 1);
    const unsigned at_first = count_told(path, "soon");
    pass(2);
    const unsigned after_a_day = count_told(path, "soon");
    pass(2 * (uint64_t)EXPIRY_EVERY_MS);
    (void)dup2(saved, STDERR_FILENO);
    assert_int_equal(at_first, 1);
    assert_int_equal(after_a_day, 2);
    assert_int_equal(count_told(path, "soon"), 4);
    assert_int_equal(count_told(path, "later"), 1); /* it was 32 days away, and now is 29 */
    expiry_fini(&expiry);
    pool_state_free(manager.pool);
    loop_free(manager.loop);
    (void)unlink(path);
    (void)close(fd);
    (void)close(saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_are_whole),
        cmocka_unit_test(what_is_amiss_is_told),
        cmocka_unit_test(times_before_1970_are_none),
        cmocka_unit_test(each_day_has_its_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
