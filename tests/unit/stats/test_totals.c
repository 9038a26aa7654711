#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/fault.h"
#include "base/num.h"
#include "stats/totals_int.h"

enum { TEXT_MAX = 256 * 1024, CHECKSUM_DIGITS = 16 };

/* Each number that is kept has another value. */
static struct stats_total fill(enum stats_total_kind kind)
{
    struct stats_total one = {
        .kind = (uint8_t)kind, .id = 100U + kind, .name = UINT64_MAX - kind};
    const struct stats_total_group *g;
    unsigned at = 0;

    for (unsigned i = 0; (g = stats_total_group(kind, i)) != NULL; i++)
        for (unsigned k = 0; k < g->n; k++, at++)
            if (g->words == NULL || g->words[k] != NULL)
                one.n[at] = UINT64_MAX - at;
    assert_in_range(at, 1, STATS_TOTAL_MAX);
    return one;
}

static size_t write_all(char *text)
{
    struct stats_totals t;
    struct span s;

    stats_totals_begin(&t, 1764432000000001, 1764432900000002);
    for (unsigned kind = 0; kind < STATS_TOTAL_KINDS; kind++) {
        const struct stats_total one = fill((enum stats_total_kind)kind);

        stats_totals_add(&t, &one);
    }
    assert_int_equal(stats_totals_end(&t, &s), 0);
    assert_true(s.len < TEXT_MAX);
    memcpy(text, s.ptr, s.len);
    stats_totals_free(&t);
    return s.len;
}

static int open_it(const char *text, size_t len)
{
    struct stats_totals_head head;

    return stats_totals_open(span_from(text, len), &head);
}

static void test_what_is_written_is_read(void **state)
{
    static char text[TEXT_MAX];
    const size_t len = write_all(text);
    struct stats_totals_head head;
    struct stats_total one;

    (void)state;
    assert_int_equal(stats_totals_open(span_from(text, len), &head), 0);
    assert_true(head.since_us == 1764432000000001 && head.at_us == 1764432900000002);
    for (unsigned kind = 0; kind < STATS_TOTAL_KINDS; kind++) {
        const struct stats_total wanted = fill((enum stats_total_kind)kind);

        assert_true(stats_totals_next(&head, &one));
        assert_memory_equal(&one, &wanted, sizeof(one));
    }
    assert_false(stats_totals_next(&head, &one));
}

/* Piece by piece it is the same text. */
static void test_taken_in_pieces(void **state)
{
    static char whole[TEXT_MAX], text[TEXT_MAX];
    const size_t len = write_all(whole);
    struct stats_totals t;
    struct span piece;
    size_t at = 0;

    (void)state;
    stats_totals_begin(&t, 1764432000000001, 1764432900000002);
    for (unsigned kind = 0; kind < STATS_TOTAL_KINDS; kind++) {
        const struct stats_total one = fill((enum stats_total_kind)kind);

        stats_totals_add(&t, &one);
        piece = stats_totals_take(&t);
        memcpy(text + at, piece.ptr, piece.len);
        at += piece.len;
    }
    assert_int_equal(stats_totals_end(&t, &piece), 0);
    memcpy(text + at, piece.ptr, piece.len);
    at += piece.len;
    assert_int_equal(at, len);
    assert_memory_equal(text, whole, len);
    stats_totals_free(&t);
}

/* Two numbers of one name would be one after a restart. */
static void test_each_number_has_its_name(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < STATS_TOTAL_KINDS; kind++) {
        const struct stats_total_group *g, *other;

        for (unsigned i = 0; (g = stats_total_group((enum stats_total_kind)kind, i)) != NULL;
             i++)
            for (unsigned k = 0; k < i; k++) {
                other = stats_total_group((enum stats_total_kind)kind, k);
                assert_string_not_equal(g->name, other->name);
            }
    }
}

static void test_what_has_counted_nothing_is_left_out(void **state)
{
    const struct stats_total nothing = {.kind = STATS_TOTAL_POOL, .id = 3};
    struct stats_totals t;
    struct span text;

    (void)state;
    stats_totals_begin(&t, 1, 2);
    stats_totals_add(&t, &nothing);
    assert_int_equal(stats_totals_end(&t, &text), 0);
    assert_memory_equal(text.ptr, "weldr-counters 1 1 2\n", 21);
    assert_int_equal(text.len, 21 + CHECKSUM_DIGITS + 1);
    assert_int_equal(open_it(text.ptr, text.len), 0);
    stats_totals_free(&t);
}

/* One that is not all there, or not as it was. */
static void test_damage(void **state)
{
    static char text[TEXT_MAX];
    const size_t len = write_all(text);

    (void)state;
    for (size_t n = 0; n < len; n += 1 + n % 7)
        assert_int_equal(open_it(text, n), WERR_CORRUPT);
    for (size_t i = 0; i < len; i += 1 + i % 7) {
        text[i] ^= 1;
        assert_int_equal(open_it(text, len), WERR_CORRUPT);
        text[i] ^= 1;
    }
    assert_int_equal(open_it(text, len), 0);
}

/* Each line seeded by the one before, as totals.h has it. */
static uint64_t checksum_of(const char *text, size_t n)
{
    uint64_t sum = 0;

    for (size_t at = 0; at < n;) {
        const char *line_end = memchr(text + at, '\n', n - at);
        const size_t len = line_end != NULL ? (size_t)(line_end - (text + at)) + 1 : n - at;

        sum = XXH3_64bits_withSeed(text + at, len, sum);
        at += len;
    }
    return sum;
}

/* With a checksum that is right. */
static int open_sealed(const char *body)
{
    char text[512];
    const size_t n = strlen(body);

    assert_true(n + CHECKSUM_DIGITS + 1 < sizeof(text));
    memcpy(text, body, n + 1);
    num_to_hex16(checksum_of(body, n), text + n);
    text[n + CHECKSUM_DIGITS] = '\n';
    return open_it(text, n + CHECKSUM_DIGITS + 1);
}

#define FIRST "weldr-counters 1 5 6\n"
#define NAME  " 0011223344556677"

static void test_lines(void **state)
{
    static const struct {
        const char *body;
        int result;
    } rows[] = {
        {FIRST, 0},
        {FIRST "pool 7" NAME "\n", 0},
        {FIRST "pool 7" NAME " count.requests=1\n", 0},
        {"weldr-counters 2 whatever\n", WERR_UNSUPPORTED},
        {"weldr-counters 1 5\n", WERR_CORRUPT},
        {"weldr-counters 1 5 6 7\n", WERR_CORRUPT},
        {"weldr-counters x 5 6\n", WERR_CORRUPT},
        {"weldr-health 1 5 6\n", WERR_CORRUPT},
        {FIRST "\n", WERR_CORRUPT},
        {FIRST "pool\n", WERR_CORRUPT},
        {FIRST "pool x" NAME "\n", WERR_CORRUPT},
        {FIRST "pool 18446744073709551616" NAME "\n", WERR_CORRUPT},
        {FIRST "pool 7 0011\n", WERR_CORRUPT},
        {FIRST "pool 7 00112233445566FF\n", WERR_CORRUPT},
        {FIRST "pool 7" NAME " count.requests\n", WERR_CORRUPT},
        {FIRST "pool 7" NAME " count.requests=\n", WERR_CORRUPT},
        {FIRST "pool 7" NAME " count.requests=-1\n", WERR_CORRUPT},
        {FIRST "pool 7" NAME " count.requests=18446744073709551616\n", WERR_CORRUPT},
        {FIRST "pool 7" NAME " requests=1\n", WERR_CORRUPT},
        {FIRST "pool 7" NAME " .requests=1\n", WERR_CORRUPT},
        {FIRST "pool 7" NAME " count.=1\n", WERR_CORRUPT},
        {FIRST "pool 7" NAME "  count.requests=1\n", WERR_CORRUPT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (open_sealed(rows[i].body) != rows[i].result)
            fail_msg("row %zu: %s", i, rows[i].body);
}

/* Of a Weldr that counts something else: what is known is read, gauges are nothing to it. */
static void test_what_is_not_known(void **state)
{
    static const char body[] =
        FIRST "planet 1" NAME " count.moons=2\n"
              "server 12" NAME " count.unheard=1 count.success=3 count.in_flight=4 unheard.0=5 "
              "class.99=6 class.x=7 class.18446744073709551615=8 class.2=9\n";
    char text[sizeof(body) + CHECKSUM_DIGITS + 1];
    const size_t n = sizeof(body) - 1;
    struct stats_totals_head head;
    struct stats_total one;

    (void)state;
    memcpy(text, body, n);
    num_to_hex16(checksum_of(body, n), text + n);
    text[n + CHECKSUM_DIGITS] = '\n';
    assert_int_equal(stats_totals_open(span_from(text, n + CHECKSUM_DIGITS + 1), &head), 0);
    assert_true(stats_totals_next(&head, &one));
    assert_true(one.kind == STATS_TOTAL_SERVER && one.id == 12);
    struct stats_total wanted = {.kind = STATS_TOTAL_SERVER, .id = 12, .name = one.name};
    wanted.n[STATS_SERVER_success] = 3;
    wanted.n[STATS_SERVER_COUNTERS + 2] = 9;
    assert_memory_equal(&one, &wanted, sizeof(one));
    assert_false(stats_totals_next(&head, &one));
}

static void test_without_memory(void **state)
{
    const struct stats_total node = fill(STATS_TOTAL_NODE);
    bool is_over = false;

    (void)state;
    for (unsigned n = 1; !is_over; n++) {
        struct stats_totals t;
        struct span text;

        fault_set(n);
        stats_totals_begin(&t, 1, 2);
        for (unsigned i = 0; i < 20; i++)
            stats_totals_add(&t, &node);
        const int rc = stats_totals_end(&t, &text);
        is_over = fault_is_armed();
        fault_set(0);
        assert_int_equal(rc, is_over ? 0 : WERR_NOMEM);
        assert_int_equal(is_over ? open_it(text.ptr, text.len) : 0, 0);
        stats_totals_free(&t);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_taken_in_pieces),
        cmocka_unit_test(test_each_number_has_its_name),
        cmocka_unit_test(test_what_has_counted_nothing_is_left_out),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_what_is_not_known),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
