#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/top_glyph.h"
#include "cli/top_screen.h"

/* A terminal that knows what Weldr writes, and nothing else. */
struct terminal {
    unsigned rows, columns, row, column, style;
    struct top_cell cell[40 * 60];
};

static void term_clear(struct terminal *t)
{
    for (unsigned i = 0; i < t->rows * t->columns; i++)
        t->cell[i] = (struct top_cell){' ', TOP_PLAIN};
}

static void term_style(struct terminal *t, unsigned number)
{
    static const unsigned styles[] = {
        [1] = TOP_BOLD,  [2] = TOP_DIM,   [7] = TOP_REVERSE, [31] = TOP_BAD,
        [32] = TOP_GOOD, [33] = TOP_WARN, [36] = TOP_ACCENT};

    assert_true(number < sizeof(styles) / sizeof(styles[0]));
    t->style = number == 0 ? TOP_PLAIN : t->style | styles[number];
}

/* "ESC [ ... LETTER"; returns what follows. */
static const char *term_obey(struct terminal *t, const char *at)
{
    unsigned number[8] = {0}, n = 0;

    assert_int_equal(*at++, '[');
    for (; (*at >= '0' && *at <= '9') || *at == ';'; at++)
        if (*at == ';')
            assert_true(++n < 8);
        else
            number[n] = 10 * number[n] + (unsigned)(*at - '0');
    if (*at == 'H') {
        t->row = number[0] > 0 ? number[0] - 1 : 0;
        t->column = number[1] > 0 ? number[1] - 1 : 0;
    } else if (*at == 'J') {
        assert_int_equal(number[0], 2);
        term_clear(t);
    } else {
        assert_int_equal(*at, 'm');
        for (unsigned i = 0; i <= n; i++)
            term_style(t, number[i]);
    }
    return at + 1;
}

static void term_write(struct terminal *t, struct span bytes)
{
    unsigned width;
    uint32_t c;

    while (bytes.len > 0) {
        if (bytes.ptr[0] == '\033') {
            const char *after = term_obey(t, bytes.ptr + 1);

            bytes = span_skip(bytes, (size_t)(after - bytes.ptr));
            continue;
        }
        assert_true(top_glyph_next(&bytes, &c, &width));
        assert_true(t->row < t->rows && t->column + width <= t->columns);
        t->cell[t->row * t->columns + t->column++] = (struct top_cell){c, (uint8_t)t->style};
        if (width == 2)
            t->cell[t->row * t->columns + t->column++] =
                (struct top_cell){0, (uint8_t)t->style};
    }
}

static void show(struct top_screen *s, struct terminal *t, struct top_bytes *out)
{
    out->len = 0;
    top_screen_diff(s, out);
    term_write(t, span_from(out->buf, out->len));
    assert_int_equal(t->style, TOP_PLAIN);
    for (unsigned i = 0; i < t->rows * t->columns; i++) {
        assert_int_equal(t->cell[i].c, s->now[i].c);
        assert_int_equal(t->cell[i].style, s->now[i].style);
    }
}

static void check_line(const struct top_screen *s, const char *want)
{
    char *text = NULL;
    size_t n;
    FILE *file = open_memstream(&text, &n);

    top_screen_print(s, file);
    fclose(file);
    *strchr(text, '\n') = '\0';
    assert_string_equal(text, want);
    free(text);
}

static void test_only_what_differs_is_written(void **state)
{
    struct terminal t = {.rows = 3, .columns = 20};
    struct top_bytes out = {NULL, 0, 0, false};
    struct top_screen s;

    (void)state;
    top_screen_init(&s, true, true);
    assert_int_equal(top_screen_resize(&s, 3, 20), 0);
    assert_int_equal(top_screen_put(&s, 1, 2, 18, TOP_GOOD, SPAN("active 17")), 9);
    show(&s, &t, &out);
    show(&s, &t, &out);
    assert_int_equal(out.len, 0);
    top_screen_clear(&s);
    (void)top_screen_put(&s, 1, 2, 18, TOP_GOOD, SPAN("active 18"));
    show(&s, &t, &out);
    out.buf[out.len] = '\0';
    assert_string_equal(out.buf, "\033[2;11H\033[0;32m8\033[0m");
    top_screen_forget(&s);
    show(&s, &t, &out);
    assert_true(out.len > 20);
    top_screen_fini(&s);
    top_bytes_fini(&out);
}

static void test_without_colors_and_utf8(void **state)
{
    struct top_bytes out = {NULL, 0, 0, false};
    struct top_screen s;

    (void)state;
    top_screen_init(&s, false, false);
    assert_int_equal(top_screen_resize(&s, 1, 12), 0);
    (void)top_screen_put(&s, 0, 0, 12, TOP_BAD | TOP_BOLD,
                         SPAN("5\xc2\xb5s \xe2\x96\x81\xe2\x96\x88"));
    (void)top_screen_put(&s, 0, 8, 4, TOP_PLAIN, SPAN("\xe6\x9c\x8d."));
    top_screen_diff(&s, &out);
    for (size_t i = 0; i < out.len; i++)
        assert_true((unsigned char)out.buf[i] < 0x7f);
    assert_null(memmem(out.buf, out.len, ";31", 3));
    assert_non_null(memmem(out.buf, out.len, "\033[0;1m", 6));
    check_line(&s, "5us _#  ??.");
    top_screen_fini(&s);
    top_bytes_fini(&out);
}

static void test_texts_are_cut_and_aligned(void **state)
{
    struct top_screen s;

    (void)state;
    top_screen_init(&s, true, false);
    assert_int_equal(top_screen_resize(&s, 1, 12), 0);
    assert_int_equal(top_screen_put(&s, 0, 0, 5, TOP_PLAIN, SPAN("abcdef")), 5);
    top_screen_put_right(&s, 0, 6, 5, TOP_PLAIN, SPAN("42"));
    check_line(&s, "abcd\xe2\x80\xa6    42");
    top_screen_clear(&s); /* half a character is none */
    assert_int_equal(
        top_screen_put(&s, 0, 0, 4, TOP_PLAIN, SPAN("\xe6\x9c\x8d\xe5\x8a\xa1\xe5\x99\xa8")),
        3);
    check_line(&s, "\xe6\x9c\x8d\xe2\x80\xa6");
    (void)top_screen_put(&s, 0, 1, 1, TOP_PLAIN, SPAN("x"));
    check_line(&s, " x\xe2\x80\xa6");
    assert_int_equal(top_screen_put(&s, 0, 10, 9, TOP_PLAIN, SPAN("abc")), 2);
    assert_int_equal(top_screen_put(&s, 0, 12, 9, TOP_PLAIN, SPAN("abc")), 0);
    assert_int_equal(top_screen_put(&s, 1, 0, 9, TOP_PLAIN, SPAN("abc")), 0);
    assert_int_equal(top_screen_put(&s, 0, 0, 0, TOP_PLAIN, SPAN("abc")), 0);
    top_screen_fini(&s);
}

/* Whatever was shown before: the terminal shows the frame. */
static void test_frames_by_chance(void **state)
{
    static const char *const texts[] = {
        "a",          "down",  "\xe6\x9c\x8d", "x\xe5\x8a\xa1y", "\xc3\xa9\xe2\x96\x88",
        "0123456789", "\033[H"};
    struct terminal t = {.rows = 7, .columns = 23};
    struct top_bytes out = {NULL, 0, 0, false};
    struct top_screen s;

    (void)state;
    srand(7);
    top_screen_init(&s, true, true);
    assert_int_equal(top_screen_resize(&s, t.rows, t.columns), 0);
    for (unsigned frame = 0; frame < 2000; frame++) {
        if (rand() % 3 == 0)
            top_screen_clear(&s);
        for (int i = rand() % 12; i > 0; i--) {
            const unsigned row = (unsigned)rand() % t.rows,
                           column = (unsigned)rand() % t.columns;

            (void)top_screen_put(&s, row, column, (unsigned)rand() % 14,
                                 (unsigned)rand() % 5 | ((unsigned)rand() % 8) << 3,
                                 span_from_str(texts[rand() % 7]));
            top_screen_add_style(&s, row, 0, t.columns, rand() % 9 == 0 ? TOP_REVERSE : 0);
        }
        if (rand() % 50 == 0) {
            t.rows = 1 + (unsigned)rand() % 39;
            t.columns = 2 + (unsigned)rand() % 58;
            assert_int_equal(top_screen_resize(&s, t.rows, t.columns), 0);
        }
        show(&s, &t, &out);
    }
    top_screen_fini(&s);
    top_bytes_fini(&out);
}

static void test_sizes_are_bounded(void **state)
{
    struct top_screen s;

    (void)state;
    top_screen_init(&s, true, true);
    assert_int_equal(top_screen_resize(&s, 65535, 65535), 0);
    assert_int_equal(s.row_n, TOP_SCREEN_ROWS_MAX);
    assert_int_equal(s.column_n, TOP_SCREEN_COLUMNS_MAX);
    assert_int_equal(top_screen_resize(&s, 0, 0), 0);
    top_screen_clear(&s);
    top_screen_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_differs_is_written),
        cmocka_unit_test(test_without_colors_and_utf8),
        cmocka_unit_test(test_texts_are_cut_and_aligned),
        cmocka_unit_test(test_frames_by_chance),
        cmocka_unit_test(test_sizes_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
