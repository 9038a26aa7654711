#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "manager/api_auth.h"

static struct addr addr_of(const char *text)
{
    struct addr a;

    assert_int_equal(addr_from_text(span_from_str(text), &a), 0);
    return a;
}

static struct api_auth auth_with(char *token)
{
    struct config config = {.admin_token = token};
    struct api_auth a;
    char error[128];

    assert_int_equal(api_auth_load(&a, &config, error, sizeof(error)), 0);
    return a;
}

static void test_who_is_allowed(void **state)
{
    static const struct {
        const char *peer, *field;
        bool allowed;
    } cases[] = {
        {"127.0.0.1:5000", NULL, true},
        {"127.9.9.9:5000", NULL, true},
        {"[::1]:5000", "Bearer wrong", true},
        {"10.0.0.1:5000", NULL, false},
        {"10.0.0.1:5000", "", false},
        {"10.0.0.1:5000", "Bearer secret", true},
        {"10.0.0.1:5000", "bearer secret", true},
        {"10.0.0.1:5000", "Bearer   secret ", true},
        {"10.0.0.1:5000", "Bearer secre", false},
        {"10.0.0.1:5000", "Bearer secret2", false},
        {"10.0.0.1:5000", "Bearer Secret", false},
        {"10.0.0.1:5000", "Bearer secretsecret", false},
        {"10.0.0.1:5000", "Bearer ", false},
        {"10.0.0.1:5000", "Basic secret", false},
        {"10.0.0.1:5000", "secret", false},
    };
    char token[] = "secret";
    const struct api_auth a = auth_with(token);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct addr peer = addr_of(cases[i].peer);
        const struct span field =
            cases[i].field != NULL ? span_from_str(cases[i].field) : SPAN_NONE;

        assert_int_equal(api_auth_is_allowed(&a, &peer, field), cases[i].allowed);
    }
}

static void test_no_token_lets_nobody_in(void **state)
{
    const struct api_auth a = auth_with(NULL);
    const struct addr peer = addr_of("10.0.0.1:5000");

    (void)state;
    assert_int_equal(a.token.len, 0);
    assert_false(api_auth_is_allowed(&a, &peer, SPAN("Bearer ")));
    assert_false(api_auth_is_allowed(&a, &peer, SPAN("Bearer x")));
}

static void test_generated_tokens(void **state)
{
    struct api_auth a = {0}, b = {0};
    const struct addr peer = addr_of("10.0.0.1:5000");
    char field[SECRET_MAX + 16];

    (void)state;
    assert_int_equal(api_auth_generate(&a), 0);
    assert_int_equal(api_auth_generate(&b), 0);
    assert_int_equal(a.token.len, 2 * API_TOKEN_RANDOM_BYTES);
    assert_string_not_equal(a.token.text, b.token.text);
    snprintf(field, sizeof(field), "Bearer %s", a.token.text);
    assert_true(api_auth_is_allowed(&a, &peer, span_from_str(field)));
    assert_false(api_auth_is_allowed(&b, &peer, span_from_str(field)));
}

static int load_file(const char *content, struct api_auth *a)
{
    char path[] = "/tmp/weldr-token-XXXXXX";
    struct config config = {.admin_token_file = path};
    char error[256];
    const int fd = mkstemp(path);
    int result;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
    result = api_auth_load(a, &config, error, sizeof(error));
    unlink(path);
    if (result < 0)
        assert_non_null(strstr(error, path));
    return result;
}

static void test_token_file(void **state)
{
    struct api_auth a;
    char path[] = "/nonexistent/token";
    struct config missing = {.admin_token_file = path};
    char error[256];

    (void)state;
    assert_int_equal(load_file(" abc def\r\n\n", &a), 0);
    assert_string_equal(a.token.text, "abc def");
    assert_int_equal(load_file("", &a), WERR_INVALID);
    assert_int_equal(load_file(" \n\t", &a), WERR_INVALID);
    assert_int_equal(api_auth_load(&a, &missing, error, sizeof(error)), WERR_INVALID);
    assert_non_null(strstr(error, "/nonexistent/token"));
}

static const struct {
    const char *local, *origin;
    bool is_own;
} origins[] = {
    {"127.0.0.1:8687", "http://localhost:8687", true},
    {"127.0.0.1:8687", "http://LOCALHOST:8687", true},
    {"127.0.0.1:8687", "http://127.0.0.1:8687", true},
    {"127.0.0.1:8687", "http://[::1]:8687", true},
    {"[::1]:8687", "http://[::1]:8687", true},
    {"10.0.0.1:8687", "http://10.0.0.1:8687", true},
    {"10.0.0.1:80", "http://10.0.0.1", true},
    {"[fd00::1]:80", "http://[fd00::1]", true},
    {"10.0.0.1:8687", "http://weldr.example:8687", true},
    {"10.0.0.1:8687", "http://weldr.example:8688", false},
    {"10.0.0.1:8687", "http://weldr.example", false},
    {"127.0.0.1:8687", "http://localhost", false},
    {"127.0.0.1:8687", "http://localhost:8688", false},
    {"127.0.0.1:8687", "https://localhost:8687", false},
    {"127.0.0.1:8687", "http://evil.example:8687", false},
    {"127.0.0.1:8687", "http://localhost.evil.example:8687", false},
    {"127.0.0.1:8687", "http://localhost:8687.evil.example", false},
    {"127.0.0.1:8687", "http://localhost:8687/", false},
    {"127.0.0.1:8687", "http://localhost:", false},
    {"127.0.0.1:8687", "http://[::1", false},
    {"127.0.0.1:8687", "http://[::1]8687", false},
    {"127.0.0.1:8687", "http://10.0.0.1:8687", false},
    {"10.0.0.1:8687", "http://10.0.0.2:8687", false},
    {"127.0.0.1:8687", "http://", false},
    {"127.0.0.1:8687", "http://:8687", false},
    {"127.0.0.1:8687", "null", false},
    {"127.0.0.1:8687", "", false},
};

static void test_origins(void **state)
{
    char name[] = "weldr.example";
    const struct config config = {.admin_host = {name}, .admin_host_n = 1};

    (void)state;
    for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
        const struct addr local = addr_of(origins[i].local);

        if (api_auth_is_own_origin(&config, span_from_str(origins[i].origin), &local) !=
            origins[i].is_own)
            fail_msg("%s at %s", origins[i].origin, origins[i].local);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_allowed),   cmocka_unit_test(test_no_token_lets_nobody_in),
        cmocka_unit_test(test_generated_tokens), cmocka_unit_test(test_token_file),
        cmocka_unit_test(test_origins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
