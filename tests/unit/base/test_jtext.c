#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/fault.h"
#include "base/jtext.h"
#include "base/rand.h"

static char *write_all(bool is_compact)
{
    struct jtext t;

    if (is_compact)
        jtext_init_compact(&t);
    else
        jtext_init(&t);
    jtext_open(&t, NULL, '{');
    jtext_open(&t, "empty", '{');
    jtext_close(&t, '}');
    jtext_open(&t, "none", '[');
    jtext_close(&t, ']');
    jtext_open(&t, "list", '[');
    jtext_number(&t, NULL, 0);
    jtext_number(&t, NULL, UINT64_MAX / 2);
    jtext_open(&t, NULL, '{');
    jtext_bool(&t, "yes", true);
    jtext_bool(&t, "no", false);
    jtext_null(&t, "nothing");
    if (!is_compact)
        jtext_json(&t, "made", "{\n  \"a\": [\n    1\n  ]\n}");
    jtext_close(&t, '}');
    jtext_close(&t, ']');
    jtext_str(&t, "text", "plain \"\\/\b\f\n\r\t\x01\x1f\x7f \xc3\xa9 \xe2\x82\xac");
    jtext_str(&t, "", "");
    jtext_two(&t, "two", "/v1\"", "/\n");
    jtext_two(&t, "neither", "", "");
    jtext_close(&t, '}');
    return jtext_take(&t);
}

/* The library's own text of the same document is the measure. */
static void test_layout_is_the_librarys(void **state)
{
    char *text = write_all(false);
    json_t *read = json_loads(text, 0, NULL);
    char *wanted = json_dumps(read, JSON_INDENT(2));

    (void)state;
    assert_non_null(read);
    assert_int_equal(strlen(text), strlen(wanted) + 1);
    assert_memory_equal(text, wanted, strlen(wanted));
    assert_string_equal(text + strlen(wanted), "\n");
    assert_int_equal(json_integer_value(json_array_get(json_object_get(read, "list"), 1)),
                     INT64_MAX);
    free(text);
    free(wanted);
    json_decref(read);
}

static void test_compact_too(void **state)
{
    char *text = write_all(true);
    json_t *read = json_loads(text, 0, NULL);
    char *wanted = json_dumps(read, JSON_COMPACT);

    (void)state;
    assert_non_null(read);
    assert_string_equal(text, wanted);
    free(text);
    free(wanted);
    json_decref(read);
}

/* Of every control character, every width of UTF-8, and what other writers of JSON escape. */
static void put_random_text(struct rand_state *r, char *text, unsigned pieces)
{
    static const char *const odd[] = {"\"",           "\\",           "/",
                                      "\x7f",         "\xc2\x80",     "\xe2\x80\xa8",
                                      "\xe2\x80\xa9", "\xef\xbf\xbf", "\xf0\x9f\x98\x80",
                                      "<>&'"};
    size_t len = 0;

    for (unsigned i = 0; i < pieces; i++) {
        const unsigned kind = (unsigned)rand_below(r, 4);
        const char *piece = odd[rand_below(r, sizeof(odd) / sizeof(odd[0]))];

        if (kind > 0) {
            text[len++] = (char)(1 + rand_below(r, kind == 1 ? 31 : 126));
            continue;
        }
        memcpy(text + len, piece, strlen(piece));
        len += strlen(piece);
    }
    text[len] = '\0';
}

static void test_texts_are_the_librarys(void **state)
{
    static char text[4 * 70000 + 1];
    struct rand_state r;

    (void)state;
    rand_seed(&r, 7);
    for (unsigned i = 0; i < 300; i++) {
        struct jtext t;
        json_t *wanted = json_array();
        char *own, *its;

        put_random_text(&r, text, (unsigned)rand_below(&r, i % 50 == 0 ? 70000 : 600));
        jtext_init_compact(&t);
        jtext_open(&t, NULL, '[');
        jtext_str(&t, NULL, text);
        jtext_close(&t, ']');
        own = jtext_take(&t);
        assert_int_equal(json_array_append_new(wanted, json_string(text)), 0);
        its = json_dumps(wanted, JSON_COMPACT);
        assert_string_equal(own, its);
        free(own);
        free(its);
        json_decref(wanted);
    }
}

static void test_long(void **state)
{
    struct jtext t;
    json_t *read;
    char *text;

    (void)state;
    jtext_init(&t);
    jtext_open(&t, NULL, '[');
    for (uint64_t i = 0; i < 100000; i++)
        jtext_number(&t, NULL, i);
    jtext_close(&t, ']');
    text = jtext_take(&t);
    read = json_loads(text, 0, NULL);
    assert_int_equal(json_array_size(read), 100000);
    assert_int_equal(json_integer_value(json_array_get(read, 99999)), 99999);
    json_decref(read);
    free(text);
}

static void test_no_memory(void **state)
{
    struct jtext t;
    bool is_over = false;

    (void)state;
    for (unsigned n = 1; !is_over; n++) {
        char *text;

        fault_set(n);
        text = write_all(false);
        is_over = fault_is_armed();
        fault_set(0);
        assert_int_equal(text != NULL, is_over);
        free(text);
    }
    jtext_init(&t);
    jtext_json(&t, NULL, NULL);
    assert_null(jtext_take(&t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout_is_the_librarys),
        cmocka_unit_test(test_compact_too),
        cmocka_unit_test(test_texts_are_the_librarys),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
