/* What goes by the table of a server's settings goes by all of it. */
#include "pool_fixture.h"

#include "pool/server_settings.h"

#define URL "http://10.0.0.1:80"

static uint32_t other_value(const struct server_setting *f)
{
    return f->initial != f->max ? f->max : f->min;
}

static void print_body(const struct server_setting *f, unsigned long n, char *buf, size_t size)
{
    if (f->type == SERVER_SETTING_BOOL)
        snprintf(buf, size, "{\"url\":\"" URL "\",\"%s\":%s}", f->key,
                 n == 0   ? "false"
                 : n == 1 ? "true"
                          : "2");
    else
        snprintf(buf, size, "{\"url\":\"" URL "\",\"%s\":%lu}", f->key, n);
}

/* A list of one: only what is no default is written, and all comes back. */
static void assert_there_and_back(struct pool_command *add)
{
    struct pool_command c, back;
    char *bytes = NULL;
    size_t len = 0;
    pool_command_init(&c, POOL_SET_SERVERS);
    c.list = calloc(1, sizeof(c.list[0]));
    assert_non_null(c.list);
    c.list[c.list_n++] = add->server;
    memset(&add->server, 0, sizeof(add->server));
    assert_int_equal(pool_code_encode(&c, &bytes, &len), 0);
    assert_int_equal(pool_code_decode(span_from(bytes, len), &back), 0);
    assert_int_equal(back.list_n, 1);
    assert_int_equal(server_differs(&c.list[0], &back.list[0]), 0);
    free(bytes);
    pool_command_fini(&c);
    pool_command_fini(&back);
}

static void test_each(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SERVER_SETTINGS_N; i++) {
        const struct server_setting *f = &server_settings[i];
        struct pool_command plain, other;
        struct pool_server copy;
        char body[200];
        make_add(&plain, "{\"url\":\"" URL "\"}");
        assert_int_equal(server_setting_get(&plain.server, f), f->initial);
        print_body(f, other_value(f), body, sizeof(body));
        make_add(&other, body);
        assert_int_equal(server_setting_get(&other.server, f), other_value(f));
        assert_int_equal(server_differs(&plain.server, &other.server), f->bit);
        copy = plain.server; /* borrowed */
        server_settings_copy(&copy, &other.server, UINT32_MAX & ~f->bit);
        assert_int_equal(server_differs(&plain.server, &copy), 0);
        server_settings_copy(&copy, &other.server, f->bit);
        assert_int_equal(server_differs(&other.server, &copy), 0);
        assert_there_and_back(&other);
        pool_command_fini(&plain);
        pool_command_fini(&other);
    }
}

static void test_out_of_range(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    for (unsigned i = 0; i < SERVER_SETTINGS_N; i++) {
        const struct server_setting *f = &server_settings[i];
        struct pool_command c;
        struct pool_error error = {.code = ""}, checked = {.code = ""};
        char body[200], wish[80];
        server_setting_print_wish(f, wish, sizeof(wish));
        print_body(f, f->max + 1UL, body, sizeof(body));
        assert_int_equal(pool_code_add_from_json(span_from_str(body), &c, &error),
                         WERR_INVALID);
        assert_string_equal(error.field, f->key);
        assert_string_equal(error.detail, wish);
        if (f->type == SERVER_SETTING_BOOL)
            continue;
        make_add(&c, "{\"url\":\"" URL "\"}");
        server_setting_set(&c.server, f, f->max + 1);
        assert_int_equal(pool_check(s, &c, &checked), WERR_INVALID);
        assert_string_equal(checked.field, f->key);
        assert_string_equal(checked.detail, wish);
        pool_command_fini(&c);
    }
    pool_state_free(s);
}

static void test_members(void **state)
{
    (void)state;
    uint32_t all = 0, bit = 0;
    unsigned n = 0;
    for (; server_member(n, &bit) != NULL; n++) {
        assert_int_equal(all & bit, 0);
        all |= bit;
    }
    assert_int_equal(n, SERVER_SETTINGS_N + 2); /* check, meta */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_out_of_range),
        cmocka_unit_test(test_members),
    };
    return cmocka_run_group_tests_name("server_settings", tests, NULL, NULL);
}
