#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/doc.h"

static void is_json(const char *const *pairs, const char *wanted)
{
    struct doc *d = doc_new();
    char why[128], *text;

    for (; *pairs != NULL; pairs++)
        assert_int_equal(doc_set_pair(d, *pairs, why, sizeof(why)), 0);
    text = doc_json(d, false);
    assert_string_equal(text, wanted);
    free(text);
    doc_free(d);
}
#define IS(wanted, ...) is_json((const char *const[]){__VA_ARGS__, NULL}, wanted "\n")

static void test_pairs_become_json(void **state)
{
    (void)state;
    IS("{\"weight\":3,\"a\":-1,\"b\":0}", "weight=3", "a=-1", "b=0");
    IS("{\"a\":true,\"b\":false,\"c\":null}", "a=true", "b=false", "c=null");
    IS("{\"a\":\"1.4\",\"b\":\"007\",\"c\":\"\",\"d\":\"x=y\",\"e\":\"-\"}", "a=1.4", "b=007",
       "c=", "d=x=y", "e=-");
    IS("{\"a\":\"5\",\"b\":[1,\"x\"],\"c\":{\"d\":1}}", "a=\"5\"", "b=[1,\"x\"]",
       "c={\"d\":1}");
    IS("{\"tags\":{\"zone\":\"a\",\"rack\":{\"n\":1}}}", "tags.zone=a", "tags.rack.n=1");
    IS("{\"l\":[\"x\",2]}", "l+=x", "l+=2");
    IS("{\"a\":{\"l\":[\"x\"]}}", "a.l+=x");
    IS("{\"a\":\"9999999999999999999\"}", "a=9999999999999999999");
}

static void is_refused(const char *before, const char *pair, const char *word)
{
    struct doc *d = doc_new();
    char why[128] = "";

    if (before != NULL)
        assert_int_equal(doc_set_pair(d, before, why, sizeof(why)), 0);
    assert_int_equal(doc_set_pair(d, pair, why, sizeof(why)), WERR_INVALID);
    if (strstr(why, word) == NULL)
        fail_msg("no %s in: %s", word, why);
    doc_free(d);
}

static void test_mistakes_are_named(void **state)
{
    (void)state;
    is_refused(NULL, "a=[1", "a: the value is neither JSON");
    is_refused(NULL, "a=\xff", "a: the value is neither JSON nor text");
    is_refused(NULL, "a=@/nowhere/at/all", "a: this file can't be read");
    is_refused("a=1", "a.b=2", "a.b: a part of this key");
    is_refused("a=1", "a+=2", "a: is no list");
    is_refused(NULL, "a.=2", "a.: a part of this key");
}

static void test_a_file_is_a_value(void **state)
{
    char path[] = "/tmp/weldr-doc-XXXXXX", pair[64];
    const int fd = mkstemp(path);

    (void)state;
    assert_int_equal(write(fd, "line\nline\n", 10), 10);
    (void)snprintf(pair, sizeof(pair), "chain=@%s", path);
    IS("{\"chain\":\"line\\nline\\n\"}", pair);
    assert_int_equal(write(fd, "\0", 1), 1); /* no text */
    is_refused(NULL, pair, "chain: this file");
    close(fd);
    unlink(path);
}

static struct doc *parse(const char *text)
{
    char why[128];
    struct doc *d = doc_parse(span_from_str(text), why, sizeof(why));

    assert_non_null(d);
    return d;
}

static void is_text(const struct doc *d, const char *path, const char *wanted)
{
    char *text = doc_text(doc_get(d, path));

    assert_string_equal(text, wanted);
    free(text);
}

static void test_values_as_text(void **state)
{
    struct doc *d =
        parse("{\"a\":{\"b\":[\"x\",2,null],\"e\":[]},\"n\":null,\"t\":true,\"s\":\"\","
              "\"o\":{\"k\":1}}");

    (void)state;
    is_text(d, "a.b", "x,2,-");
    is_text(d, "a.e", "-");
    is_text(d, "n", "-");
    is_text(d, "t", "true");
    is_text(d, "s", "-");
    is_text(d, "o", "{\"k\":1}");
    is_text(d, "none.at.all", "-");
    doc_free(d);
    d = parse("{\"n\":1,\"list\":[1,2],\"more\":[]}");
    assert_int_equal(doc_size(doc_list(d)), 2);
    assert_int_equal(doc_size(doc_at(doc_list(d), 0)), 0);
    doc_free(d);
}

static int add_line(void *arg, const char *path, const struct doc *value)
{
    char *text = doc_text(value);

    strcat(strcat(strcat(strcat(arg, path), "="), text), ";");
    free(text);
    return strcmp(path, "stop") == 0 ? WERR_CLOSED : 0;
}

static void test_lines(void **state)
{
    struct doc *d = parse(
        "{\"a\":{\"b\":1,\"c\":{\"d\":\"x\"}},\"e\":{},\"links\":[1],\"stop\":2,\"z\":1}");
    char text[256] = "", why[64];

    (void)state;
    assert_int_equal(doc_each_line(d, add_line, text), WERR_CLOSED);
    assert_string_equal(text, "a.b=1;a.c.d=x;e={};stop=2;");
    doc_free(d);
    assert_null(doc_parse(SPAN("{\"a\":1,\"a\":2}"), why, sizeof(why)));
    assert_non_null(strstr(why, "line 1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs_become_json),
        cmocka_unit_test(test_mistakes_are_named),
        cmocka_unit_test(test_a_file_is_a_value),
        cmocka_unit_test(test_values_as_text),
        cmocka_unit_test(test_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
