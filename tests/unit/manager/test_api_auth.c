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

static void test_who_needs_a_token(void **state)
{
    static const struct {
        const char *peer;
        bool is_required, needs;
    } cases[] = {
        {"127.0.0.1:5000", false, false}, {"127.9.9.9:5000", false, false},
        {"[::1]:5000", false, false},     {"127.0.0.1:5000", true, true},
        {"[::1]:5000", true, true},       {"10.0.0.1:5000", false, true},
        {"10.0.0.1:5000", true, true},    {"[fd00::1]:5000", false, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct addr peer = addr_of(cases[i].peer), socket = {0};
        const struct api_auth a = {.is_required = cases[i].is_required};

        assert_int_equal(api_auth_needs_token(&a, &peer), cases[i].needs);
        assert_false(api_auth_needs_token(&a, &socket));
        assert_true(api_auth_is_of_this_machine(&socket));
    }
}

static struct api_auth auth_with(char *token)
{
    const struct config config = {.admin_token = token};
    struct api_auth a = {0};
    char error[128];

    assert_int_equal(tokens_load(&a.tokens, &config, error, sizeof(error)), 0);
    return a;
}

static void test_what_is_shown(void **state)
{
    static const struct {
        const char *field;
        bool is_token;
    } cases[] = {
        {NULL, false},
        {"", false},
        {"Bearer secret", true},
        {"bearer secret", true},
        {"Bearer   secret ", true},
        {"Bearer secre", false},
        {"Bearer secret2", false},
        {"Bearer Secret", false},
        {"Bearer secretsecret", false},
        {"Bearer ", false},
        {"Bearer", false},
        {"Basic secret", false},
        {"secret", false},
    };
    char token[] = "secret";
    const struct api_auth a = auth_with(token), none = auth_with(NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct span field =
            cases[i].field != NULL ? span_from_str(cases[i].field) : SPAN_NONE;

        assert_int_equal(api_auth_token(&a, field) != NULL, cases[i].is_token);
        assert_null(api_auth_token(&none, field));
    }
    assert_string_equal(api_auth_token(&a, SPAN("Bearer secret"))->name, "admin");
}

static void test_roles(void **state)
{
    const struct token reads = {"reads", TOKEN_READ}, admin = {"all", TOKEN_ADMIN};
    static const char *const changing[] = {"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get"};

    (void)state;
    assert_true(api_auth_may(&reads, SPAN("GET")));
    assert_true(api_auth_may(&reads, SPAN("HEAD")));
    for (size_t i = 0; i < sizeof(changing) / sizeof(changing[0]); i++) {
        assert_false(api_auth_may(&reads, span_from_str(changing[i])));
        assert_true(api_auth_may(&admin, span_from_str(changing[i])));
        assert_true(api_auth_may(NULL, span_from_str(changing[i])));
    }
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
        cmocka_unit_test(test_who_needs_a_token),
        cmocka_unit_test(test_what_is_shown),
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_origins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
