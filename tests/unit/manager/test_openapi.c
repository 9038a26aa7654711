#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/fault.h"
#include "manager/openapi.h"
#include "manager/openapi_objects.h"
#include "manager/openapi_type.h"

enum { PATH_MAX_BYTES = 200 };

static const struct {
    const char *method, *pattern, *keys, *takes, *gives;
} routes[] = {
#define ROUTE(method, pattern, handler, keys, says, takes, gives) \
    {method, pattern, keys, takes, gives},
#include "manager/api_routes.def"
#undef ROUTE
};
enum { ROUTE_N = sizeof(routes) / sizeof(routes[0]) };

static const struct {
    const char *in, *name;
} keys[] = {
#define PATH                      "path"
#define QUERY                     "query"
#define KEY(in, name, type, says) {in, name},
#include "manager/api_keys.def"
#undef KEY
#undef QUERY
#undef PATH
};
enum { KEY_N = sizeof(keys) / sizeof(keys[0]) };

/* Malloc'd; NULL: no memory. bytes: of a page. */
static char *make_text(const char *base, size_t bytes, unsigned *pages)
{
    struct openapi_at at = {0};
    char *text = calloc(1, 1024 * 1024), *page;
    bool is_last = false;

    for (*pages = 0; !is_last; ++*pages) {
        page = openapi_page(&at, base, "1.2.3", bytes, &is_last);
        if (page == NULL) {
            free(text);
            return NULL;
        }
        strcat(text, page);
        free(page);
    }
    return text;
}

static json_t *make_document(void)
{
    unsigned pages;
    char *text = make_text("", SIZE_MAX, &pages);
    json_error_t error;

    assert_non_null(text);
    /* No path, method or name stands there twice. */
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        fail_msg("line %d: %s", error.line, error.text);
    free(text);
    return root;
}

/* By "components/schemas/Pool"; names have no slash. */
static json_t *find(json_t *node, const char *path)
{
    char step[PATH_MAX_BYTES];

    while (node != NULL && *path != '\0') {
        const size_t n = strcspn(path, "/");

        snprintf(step, sizeof(step), "%.*s", (int)n, path);
        node = json_object_get(node, step);
        path += n + (path[n] == '/');
    }
    return node;
}

static void test_pages_are_the_whole(void **state)
{
    unsigned one, n;
    char *whole = make_text("/v1", SIZE_MAX, &one), *pages = make_text("/v1", 1, &n);

    (void)state;
    assert_string_equal(whole, pages);
    assert_int_equal(one, 1);
    assert_true(n > 50);
    assert_non_null(strstr(whole, "\"url\": \"/v1\""));
    free(whole);
    free(pages);
}

/* Words of a row, but for "*". */
static unsigned count_words(const char *text)
{
    unsigned n = text[0] != '\0' && text[0] != '*';

    for (; *text != '\0'; text++)
        n += *text == ' ' && text[1] != '*';
    return n;
}

static unsigned count_query_keys(json_t *operation)
{
    unsigned n = 0;
    json_t *parameter;
    size_t i;

    json_array_foreach(json_object_get(operation, "parameters"), i, parameter)
    {
        const char *in = json_string_value(json_object_get(parameter, "in"));

        n += in != NULL && strcmp(in, "query") == 0;
    }
    return n;
}

static void test_every_route_is_there(void **state)
{
    json_t *root = make_document(), *paths = json_object_get(root, "paths"), *item;
    size_t operation_n = 0;
    const char *path, *member;
    json_t *value;

    (void)state;
    for (unsigned i = 0; i < ROUTE_N; i++) {
        char name[PATH_MAX_BYTES] = "", method[16];
        const char *from = routes[i].pattern;

        for (size_t n = 0; *from != '\0'; from++) {
            const bool ends = from[1] == '\0' || from[1] == '/';

            name[n++] = *from == ':' ? '{' : *from;
            if (ends && strrchr(name, '{') > strrchr(name, '/'))
                name[n++] = '}';
        }
        for (size_t n = 0; n <= strlen(routes[i].method); n++)
            method[n] = (char)(routes[i].method[n] | (routes[i].method[n] != '\0' ? 0x20 : 0));
        item = json_object_get(json_object_get(paths, name), method);
        if (item == NULL)
            fail_msg("%s %s is not there", method, name);
        assert_true(json_string_length(json_object_get(item, "summary")) > 0);
        assert_int_equal(count_query_keys(item), count_words(routes[i].keys));
    }
    json_object_foreach(paths, path, item)
    {
        json_object_foreach(item, member, value)
        {
            operation_n += strcmp(member, "parameters") != 0;
        }
    }
    assert_int_equal(operation_n, ROUTE_N);
    json_decref(root);
}

static void check_refs(json_t *root, json_t *node)
{
    const char *ref = json_string_value(json_object_get(node, "$ref"));
    const char *key;
    json_t *value;
    size_t i;

    if (ref != NULL && (strncmp(ref, "#/", 2) != 0 || find(root, ref + 2) == NULL))
        fail_msg("%s leads nowhere", ref);
    json_object_foreach(node, key, value)
    {
        check_refs(root, value);
    }
    json_array_foreach(node, i, value)
    {
        check_refs(root, value);
    }
}

static void test_every_reference_leads_somewhere(void **state)
{
    json_t *root = make_document();

    (void)state;
    check_refs(root, root);
    json_decref(root);
}

/* Beside a word of api_routes.def: is it all of it? */
static bool has_word(const char *text, const char *word, const char *ends)
{
    const size_t n = strlen(word);

    for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
        if ((at == text || strchr(ends, at[-1]) != NULL) && strchr(ends, at[n]) != NULL)
            return true;
    return false;
}

static bool is_used(unsigned key)
{
    const bool is_path = strcmp(keys[key].in, "path") == 0;

    for (unsigned i = 0; i < ROUTE_N; i++)
        if (has_word(is_path ? routes[i].pattern : routes[i].keys, keys[key].name,
                     is_path ? ":/" : " "))
            return true;
    return false;
}

static void test_no_row_of_keys_is_left_over(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KEY_N; i++)
        if (!is_used(i))
            fail_msg("no route has the %s key %s", keys[i].in, keys[i].name);
}

static void test_settings_have_their_limits(void **state)
{
    json_t *root = make_document();
    json_t *f = find(root, "components/schemas/Pool/properties/timeouts/properties/connect_ms");
    json_t *wish =
        find(root, "components/schemas/PoolRequest/properties/timeouts/properties/connect_ms");

    (void)state;
    assert_string_equal(json_string_value(json_object_get(f, "type")), "integer");
    assert_int_equal(json_integer_value(json_object_get(f, "minimum")), 1);
    assert_int_equal(json_integer_value(json_object_get(f, "maximum")), 600000);
    assert_int_equal(json_integer_value(json_object_get(f, "default")), 1500);
    assert_non_null(json_object_get(f, "description"));
    assert_int_equal(json_array_size(json_object_get(wish, "type")), 2); /* null: the default */
    assert_int_equal(json_integer_value(json_object_get(wish, "maximum")), 600000);
    json_decref(root);
}

/* Of a response all, of a request none; neither knows others. */
static void test_members_that_must_be_there(void **state)
{
    json_t *root = make_document();
    json_t *pool = find(root, "components/schemas/Pool");
    json_t *wish = find(root, "components/schemas/PoolRequest");
    const size_t member_n = json_object_size(json_object_get(pool, "properties"));

    (void)state;
    assert_int_equal(json_array_size(json_object_get(pool, "required")), member_n);
    assert_null(json_object_get(wish, "required"));
    assert_true(json_is_false(json_object_get(pool, "additionalProperties")));
    assert_true(json_is_false(json_object_get(wish, "additionalProperties")));
    assert_int_equal(json_object_size(json_object_get(wish, "properties")), member_n);
    assert_true(openapi_object_has_request(SPAN("Pool")));
    assert_false(openapi_object_has_request(SPAN("Pools")));
    assert_null(find(root, "components/schemas/ServerPart/required"));
    assert_int_equal(json_object_size(find(root, "components/schemas/ServerPart/properties")),
                     json_object_size(find(root, "components/schemas/Server/properties")));
    json_decref(root);
}

static void test_types(void **state)
{
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"text", "{\"type\":\"string\"}"},
        {"text?", "{\"type\":[\"string\",\"null\"]}"},
        {"count", "{\"type\":\"integer\",\"minimum\":0}"},
        {"[[count]]", "{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":"
                      "{\"type\":\"integer\",\"minimum\":0}}}"},
        {"1..9", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":9}"},
        {"=a|b", "{\"enum\":[\"a\",\"b\"]}"},
        {"=a|b?", "{\"enum\":[\"a\",\"b\",null]}"},
        {"=0|2|true", "{\"enum\":[0,2,true]}"},
        {"[bool]", "{\"type\":\"array\",\"items\":{\"type\":\"boolean\"}}"},
        {"{text}", "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}"},
        {"Link", "{\"$ref\":\"#/components/schemas/Link\"}"},
        {"Server~", "{\"$ref\":\"#/components/schemas/ServerPart\"}"},
        {"Link?", "{\"anyOf\":[{\"$ref\":\"#/components/schemas/Link\"},{\"type\":\"null\"}]}"},
        {"text+", "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{\"type\":"
                  "\"string\"}}]}"},
        {"@policy", "{\"enum\":[\"round_robin\",\"least_outstanding\",\"p2c\",\"hash\"]}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct jtext t;

        jtext_init_compact(&t);
        openapi_type_put(&t, NULL,
                         &(struct openapi_type){.text = span_from_str(cases[i].text)});
        char *text = jtext_take(&t);
        assert_string_equal(text, cases[i].json);
        free(text);
    }
}

static void test_without_memory(void **state)
{
    bool has_failed = true;
    unsigned pages;

    (void)state;
    for (unsigned n = 1; has_failed; n++) {
        fault_set(n);
        char *text = make_text("", 64 * 1024, &pages);
        has_failed = !fault_is_armed();
        fault_set(0);
        assert_true(has_failed == (text == NULL));
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_are_the_whole),
        cmocka_unit_test(test_every_route_is_there),
        cmocka_unit_test(test_every_reference_leads_somewhere),
        cmocka_unit_test(test_no_row_of_keys_is_left_over),
        cmocka_unit_test(test_settings_have_their_limits),
        cmocka_unit_test(test_members_that_must_be_there),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
