#include "cm.h"

#include "base/cidr.h"

static const struct {
    const char *text, *printed; /* NULL: malformed */
} from_texts[] = {
    {"10.0.0.0/8", "10.0.0.0/8"},
    {"0.0.0.0/0", "0.0.0.0/0"},
    {"127.0.0.1", "127.0.0.1/32"},
    {"192.168.129.0/25", "192.168.129.0/25"},
    {"192.168.128.0/17", "192.168.128.0/17"},
    {"255.255.255.255/32", "255.255.255.255/32"},
    {"::/0", "::/0"},
    {"::1", "::1/128"},
    {"[2001:db8::]/32", "2001:db8::/32"},
    {"2001:DB8:8000::/33", "2001:db8:8000::/33"},
    {"::ffff:10.0.0.0/104", "10.0.0.0/8"},
    {"::ffff:10.0.0.1", "10.0.0.1/32"},
    {"::ffff:0.0.0.0/96", "0.0.0.0/0"},
    {"::ffff:0.0.0.0/95", NULL},
    {"", NULL},
    {"/8", NULL},
    {"10.0.0.0/", NULL},
    {"10.0.0.0/33", NULL},
    {"10.0.0.0/-1", NULL},
    {"10.0.0.0/0008", NULL},
    {"10.0.0.0/8/8", NULL},
    {"10.0.0.0/255.0.0.0", NULL},
    {"10.0.0.1/8", NULL},
    {"192.168.128.0/16", NULL},
    {"10/8", NULL},
    {"10.0.0.0 /8", NULL},
    {"::1/129", NULL},
    {"::1/64", NULL},
    {"[10.0.0.0]/8", NULL},
    {"10.0.0.0:80", NULL},
    {"localhost", NULL},
};

static void test_from_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(from_texts); i++) {
        struct cidr range = {.bits = 77}, again;
        char buf[CIDR_TEXT_MAX];
        int rc = cidr_from_text(span_from_str(from_texts[i].text), &range);
        if (from_texts[i].printed == NULL) {
            assert_int_equal(rc, WERR_SYNTAX);
            assert_int_equal(range.bits, 77);
            continue;
        }
        assert_int_equal(rc, 0);
        assert_int_equal(cidr_print(&range, buf), strlen(from_texts[i].printed));
        assert_string_equal(buf, from_texts[i].printed);
        assert_int_equal(cidr_from_text(span_from_str(buf), &again), 0);
        assert_memory_equal(&again, &range, sizeof(range));
    }
}

static void test_has(void **state)
{
    static const struct {
        const char *range, *ip;
        bool is_in;
    } cases[] = {
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "9.255.255.255", false},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"192.168.128.0/17", "192.168.128.1", true},
        {"192.168.128.0/17", "192.168.127.255", false},
        {"192.168.1.4/31", "192.168.1.5", true},
        {"192.168.1.4/31", "192.168.1.6", false},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.2", false},
        {"0.0.0.0/0", "8.8.8.8", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "8.8.8.8", false},
        {"::/0", "fe80::1", true},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"::1", "::1", true},
        {"::1", "::2", false},
        {"::1", "0.0.0.1", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cidr range;
        struct addr a;
        assert_int_equal(cidr_from_text(span_from_str(cases[i].range), &range), 0);
        assert_int_equal(addr_from_ip(span_from_str(cases[i].ip), 4711, &a), 0);
        if (cidr_has(&range, &a) != cases[i].is_in)
            fail_msg("%s and %s", cases[i].range, cases[i].ip);
    }
    struct cidr all;
    assert_int_equal(cidr_from_text(SPAN("0.0.0.0/0"), &all), 0);
    assert_false(cidr_has(&all, &(struct addr){0}));
}

static void test_list(void **state)
{
    static struct cidr_list list;
    static char buf[CIDR_LIST_TEXT_MAX];
    struct addr a;
    (void)state;
    assert_int_equal(cidr_list_print(&list, buf), 0);
    assert_int_equal(cidr_list_add(&list, SPAN("10.0.0.0/8, ::1,,127.0.0.0/8")), 0);
    assert_int_equal(cidr_list_add(&list, SPAN("192.0.2.7")), 0);
    assert_int_equal(list.n, 4);
    size_t len = cidr_list_print(&list, buf);
    assert_int_equal(len, strlen(buf));
    assert_string_equal(buf, "10.0.0.0/8,::1/128,127.0.0.0/8,192.0.2.7/32");
    assert_int_equal(addr_from_ip(SPAN("127.9.9.9"), 1, &a), 0);
    assert_true(cidr_list_has(&list, &a));
    assert_int_equal(addr_from_ip(SPAN("192.0.2.8"), 1, &a), 0);
    assert_false(cidr_list_has(&list, &a));
    assert_int_equal(cidr_list_add(&list, SPAN("")), WERR_SYNTAX);
    assert_int_equal(cidr_list_add(&list, SPAN(" , ,")), WERR_SYNTAX);
    assert_int_equal(cidr_list_add(&list, SPAN("1.1.1.1,nonsense,2.2.2.2")), WERR_SYNTAX);
    assert_int_equal(list.n, 5);
}

/* A full list of the longest texts fits its buffer. */
static void test_full_list(void **state)
{
    static struct cidr_list list;
    static char buf[CIDR_LIST_TEXT_MAX];
    const struct span longest = SPAN("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
    (void)state;
    for (unsigned i = 0; i < CIDR_LIST_MAX; i++)
        assert_int_equal(cidr_list_add(&list, longest), 0);
    assert_int_equal(cidr_list_add(&list, longest), WERR_TOO_BIG);
    assert_int_equal(list.n, CIDR_LIST_MAX);
    assert_int_equal(cidr_list_print(&list, buf), CIDR_LIST_MAX * (longest.len + 1) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_text),
        cmocka_unit_test(test_has),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_full_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
