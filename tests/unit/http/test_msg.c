/* Finding, dropping, adding and copying fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/werr.h"
#include "msg_make.h"

static const char lines[] = "Host: a\nVia: 1.0 x\nX: y\nvia: 1.1 z\n";

static void test_next_and_value(void **state)
{
    (void)state;
    struct made_msg made;
    struct msg *m = msg_make(&made, lines);
    unsigned from = 0;
    const struct msg_field *f = msg_next(m, FIELD_VIA, &from);
    assert_ptr_equal(f, &m->fields[1]);
    f = msg_next(m, FIELD_VIA, &from);
    assert_ptr_equal(f, &m->fields[3]);
    assert_null(msg_next(m, FIELD_VIA, &from));
    assert_null(msg_next(m, FIELD_VIA, &from));
    assert_true(span_is_equal(msg_value(m, FIELD_HOST), SPAN("a")));
    assert_null(msg_value(m, FIELD_DATE).ptr);
}

static void test_surely_has(void **state)
{
    (void)state;
    struct made_msg made;
    struct msg *m = msg_make(&made, lines);
    assert_false(msg_surely_has(m, FIELD_VIA)); /* nobody has looked */
    assert_false(msg_surely_lacks(m, FIELD_DATE));
    m->absent = ~(1U << FIELD_VIA | 1U << FIELD_HOST);
    assert_true(msg_surely_has(m, FIELD_VIA));
    assert_false(msg_surely_has(m, FIELD_DATE));
    assert_true(msg_surely_lacks(m, FIELD_DATE));
    assert_false(msg_surely_lacks(m, FIELD_VIA));
}

static void test_drop(void **state)
{
    (void)state;
    struct made_msg made;
    char text[MADE_TEXT_MAX];
    struct msg *m = msg_make(&made, lines);
    assert_int_equal(msg_drop(m, FIELD_VIA), 2);
    assert_int_equal(msg_drop(m, FIELD_VIA), 0);
    assert_null(msg_value(m, FIELD_VIA).ptr);
    assert_string_equal(msg_show(m, text), "Host: a\nX: y\n");
}

static void test_add_has_an_end(void **state)
{
    (void)state;
    struct made_msg made;
    struct msg *m = msg_make(&made, lines);
    for (unsigned i = 0; i < MSG_ADDED_MAX; i++)
        assert_int_equal(msg_add(m, SPAN("A"), SPAN("b")), 0);
    assert_int_equal(msg_add(m, SPAN("A"), SPAN("b")), WERR_TOO_BIG);
    assert_int_equal(m->added_n, MSG_ADDED_MAX);
}

static void test_copy_stands_alone(void **state)
{
    (void)state;
    struct arena_store *store = arena_store_new(1024, 1);
    struct arena arena;
    arena_init(&arena, store, 4096);
    char bytes[sizeof(lines)];
    memcpy(bytes, lines, sizeof(lines));
    struct made_msg made;
    struct msg *m = msg_make(&made, bytes);
    m->authority = span_from(bytes + 6, 1);
    m->content_length = 7;
    assert_int_equal(msg_add(m, SPAN("Q"), SPAN("r")), 0);

    struct msg copy;
    char text[MADE_TEXT_MAX];
    assert_int_equal(msg_copy(&copy, m, &arena), 0);
    memset(bytes, '#', sizeof(bytes));
    memset(&made, 0xff, sizeof(made));
    assert_string_equal(msg_show(&copy, text), "Host: a\nVia: 1.0 x\nX: y\nvia: 1.1 z\nQ: r\n");
    assert_true(span_is_equal(copy.authority, SPAN("a")));
    assert_int_equal(copy.content_length, 7);

    /* An authority that lives elsewhere stays there; a message of nothing can be copied. */
    struct msg empty = {.base = "", .authority = SPAN("else")};
    assert_int_equal(msg_copy(&copy, &empty, &arena), 0);
    assert_ptr_equal(copy.authority.ptr, empty.authority.ptr);

    struct arena tiny;
    arena_init(&tiny, store, 16);
    m = msg_make(&made, lines);
    assert_int_equal(msg_copy(&copy, m, &tiny), WERR_NOMEM);
    arena_reset(&tiny);
    arena_reset(&arena);
    arena_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_and_value),
        cmocka_unit_test(test_surely_has),
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_add_has_an_end),
        cmocka_unit_test(test_copy_stands_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
