#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "manager/api_host.h"

enum { FIELDS_MAX = 4, TEXT_BYTES = 512 };

/* A head as the codec makes it, of names and values in turn. */
struct head {
    struct msg m;
    struct msg_field fields[FIELDS_MAX];
    char text[TEXT_BYTES];
    size_t len;
};

static uint32_t put(struct head *h, const char *text)
{
    const uint32_t at = (uint32_t)h->len;

    assert_true(h->len + strlen(text) < TEXT_BYTES);
    memcpy(h->text + h->len, text, strlen(text));
    h->len += strlen(text);
    return at;
}

static void begin(struct head *h, const char *authority)
{
    memset(h, 0, sizeof(*h));
    h->m.base = h->text;
    h->m.fields = h->fields;
    h->m.authority = authority != NULL ? span_from_str(authority) : SPAN_NONE;
}

static void add(struct head *h, enum field_token token, const char *name, const char *value)
{
    struct msg_field *f = &h->fields[h->m.field_n++];

    f->token = (uint8_t)token;
    f->name_off = put(h, name);
    f->name_len = (uint16_t)strlen(name);
    f->value_off = put(h, value);
    f->value_len = (uint32_t)strlen(value);
}

static const struct {
    const char *authority, *host; /* NULL: not there */
    bool is_known;
} hosts[] = {
    {NULL, "127.0.0.1", true},
    {NULL, "127.0.0.1:8687", true},
    {NULL, "10.1.2.3:80", true},
    {NULL, "[::1]", true},
    {NULL, "[fd00::7]:8687", true},
    {NULL, "localhost", true},
    {NULL, "LocalHost:1", true},
    {NULL, "localhost.:8687", true},
    {NULL, "weldr.example", true},
    {NULL, "WELDR.Example.:99", true},
    {NULL, "other_1", true},
    {NULL, "other_1.", true},
    {NULL, NULL, true},
    {"127.0.0.1:8687", "127.0.0.1:8687", true},
    {NULL, "", false},
    {NULL, ".", false},
    {NULL, ":8687", false},
    {NULL, "evil.example", false},
    {NULL, "evil.example:8687", false},
    {NULL, "127.0.0.1.evil.example", false},
    {NULL, "localhost.evil.example", false},
    {NULL, "evil.localhost", false},
    {NULL, "weldr.example.evil.example", false},
    {NULL, "xweldr.example", false},
    {NULL, "weldr.exampl", false},
    {NULL, "weldr.example..", false},
    {NULL, "2130706433", false},
    {NULL, "127.1", false},
    {NULL, "::1", false},
    {NULL, "[::1", false},
    {NULL, "[::1]8687", false},
    {NULL, "[evil.example]", false},
    {NULL, "localhost:", false},
    {NULL, "localhost:evil", false},
    {NULL, "localhost:70000", false},
    {"evil.example", "127.0.0.1", false},
    {"127.0.0.1", "evil.example", false},
};

static void test_hosts(void **state)
{
    char one[] = "weldr.example", two[] = "other_1.";
    const struct config config = {.admin_host = {one, two}, .admin_host_n = 2};

    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct head h;

        begin(&h, hosts[i].authority);
        if (hosts[i].host != NULL)
            add(&h, FIELD_HOST, "Host", hosts[i].host);
        if (api_host_is_known(&config, &h.m) != hosts[i].is_known)
            fail_msg("%s", hosts[i].host);
    }
}

static void test_no_name_is_given(void **state)
{
    const struct config config = {.admin_host_n = 0};
    struct head h;

    (void)state;
    begin(&h, NULL);
    add(&h, FIELD_HOST, "Host", "weldr.example");
    assert_false(api_host_is_known(&config, &h.m));
    assert_false(api_host_is_named(&config, SPAN("")));
}

static void test_pages(void **state)
{
    static const struct {
        const char *first, *second;
        bool is_foreign;
    } cases[] = {
        {NULL, NULL, false},        {"none", NULL, false},         {"same-origin", NULL, false},
        {"cross-site", NULL, true}, {"same-site", NULL, true},     {"", NULL, true},
        {"None", NULL, true},       {"something-new", NULL, true}, {"none", "cross-site", true},
        {"none", "none", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct head h;

        begin(&h, NULL);
        add(&h, FIELD_HOST, "Host", "127.0.0.1");
        if (cases[i].first != NULL)
            add(&h, FIELD_OTHER, "sec-fetch-site", cases[i].first);
        if (cases[i].second != NULL)
            add(&h, FIELD_OTHER, "Sec-Fetch-Site", cases[i].second);
        if (api_host_is_foreign_page(&h.m) != cases[i].is_foreign)
            fail_msg("%s, %s", cases[i].first, cases[i].second);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_no_name_is_given),
        cmocka_unit_test(test_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
