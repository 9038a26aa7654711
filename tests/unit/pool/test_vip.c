/* VIPs as objects of the description. */
#include "pool_fixture.h"

#include "base/fault.h"
#include "pool/pool_snapshot.h"

static void make(struct pool_command *c, const char *address, const char *json)
{
    make_named(c, pool_code_add_vip_from_json, address, json);
}

static void make_set(struct pool_command *c, const char *address, const char *json)
{
    make_wish(c, pool_code_set_vip_from_json, json);
    assert_int_equal(vip_set_address(&c->vip, span_from_str(address)), 0);
}

static struct vip *find(const struct pool_state *s, const char *address)
{
    struct vip named = {.node_n = 0};
    assert_int_equal(vip_set_address(&named, span_from_str(address)), 0);
    return vip_find(s, &named.addr);
}

static uint64_t add(struct pool_state *s, const char *address, const char *json)
{
    struct pool_command c;
    make(&c, address, json);
    return apply_good(s, &c);
}

static int remove_vip(struct pool_state *s, const char *address)
{
    struct pool_command c;
    struct pool_change change;
    pool_command_init(&c, POOL_REMOVE_VIP);
    assert_int_equal(vip_set_address(&c.vip, span_from_str(address)), 0);
    return apply_next(s, &c, &change);
}

static void test_add_and_remove(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    const uint64_t empty = s->digest;
    const uint64_t id = add(s, "192.0.2.10", "{}");
    add(s, "2001:DB8:0::10",
        "{\"interface\":\"eth0\",\"prefix\":64,\"conflict\":\"back_off\"}");
    const struct vip *v4 = find(s, "192.0.2.10"), *v6 = find(s, "2001:db8::10");
    assert_int_equal(s->vip_n, 2);
    assert_true(v4 != NULL && v6 != NULL && v4->id == id);
    assert_string_equal(v4->interface, "");
    assert_int_equal(v4->prefix, 32);
    assert_int_equal(v4->conflict, VIP_CONFLICT_HOLD);
    assert_string_equal(v6->address, "2001:db8::10");
    assert_string_equal(v6->interface, "eth0");
    assert_int_equal(v6->prefix, 64);
    assert_int_equal(v6->conflict, VIP_CONFLICT_BACK_OFF);
    assert_null(find(s, "192.0.2.11"));
    assert_true(s->digest == pool_state_digest_recompute(s) && s->digest != empty);
    assert_int_equal(remove_vip(s, "192.0.2.10"), 0);
    assert_int_equal(remove_vip(s, "192.0.2.10"), WERR_NOT_FOUND);
    assert_int_equal(remove_vip(s, "2001:db8::10"), 0);
    assert_true(s->digest == empty && s->vip_n == 0);
    pool_state_free(s);
}

static void test_changes_are_told(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    struct pool_change change;
    make(&c, "192.0.2.10", "{}");
    assert_int_equal(pool_apply(s, &c, 1, &change), 0);
    assert_true(pool_change_is(&change, KIND_VIP, POOL_CHANGE_ADDED));
    const struct vip *vip = find(s, "192.0.2.10");
    assert_ptr_equal(change.vip, vip);
    assert_int_equal(pool_apply(s, &c, 2, &change), 0); /* the same once more */
    assert_true(pool_change_is(&change, KIND_VIP, POOL_CHANGE_NONE) && change.id == vip->id);
    c.is_put = false;
    assert_int_equal(pool_apply(s, &c, 3, &change), WERR_EXISTS);
    pool_command_fini(&c);
    pool_command_init(&c, POOL_REMOVE_VIP);
    assert_int_equal(vip_set_address(&c.vip, SPAN("192.0.2.10")), 0);
    assert_int_equal(pool_apply(s, &c, 4, &change), 0);
    assert_true(pool_change_is(&change, KIND_VIP, POOL_CHANGE_REMOVED));
    assert_true(change.vip == NULL && change.removed_vip == vip);
    pool_change_fini(&change);
    assert_null(change.removed_vip);
    pool_command_fini(&c);
    pool_state_free(s);
}

/* SET keeps what it does not give, PUT gives it its default; id and pointer stay. */
static void test_set_and_put(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    const uint64_t id = add(s, "192.0.2.10", "{\"interface\":\"eth0\",\"prefix\":24}");
    const struct vip *vip = find(s, "192.0.2.10");
    const uint64_t before = vip->digest;
    make_set(&c, "192.0.2.10",
             "{\"nodes\":{\"00000000000000b2\":\"bond0\",\"00000000000000a1\":\"vlan.7\"}}");
    assert_int_equal(apply_good(s, &c), id);
    assert_ptr_equal(find(s, "192.0.2.10"), vip);
    assert_true(vip->digest != before && s->digest == pool_state_digest_recompute(s));
    assert_string_equal(vip->interface, "eth0");
    assert_int_equal(vip->prefix, 24);
    assert_string_equal(vip_interface_of(vip, 0xa1), "vlan.7");
    assert_string_equal(vip_interface_of(vip, 0xb2), "bond0");
    assert_string_equal(vip_interface_of(vip, 0xc3), "eth0");
    assert_true(vip->nodes[0].member < vip->nodes[1].member);
    make_set(&c, "192.0.2.10", "{\"prefix\":null,\"nodes\":null,\"interface\":\"\"}");
    (void)apply_good(s, &c);
    assert_true(vip->prefix == 32 && vip->node_n == 0 && vip->interface[0] == '\0');
    make_set(&c, "192.0.2.10", "{\"conflict\":\"back_off\"}");
    (void)apply_good(s, &c);
    assert_int_equal(vip->conflict, VIP_CONFLICT_BACK_OFF);
    assert_int_equal(add(s, "192.0.2.10", "{\"interface\":\"eth1\"}"), id);
    assert_int_equal(vip->conflict, VIP_CONFLICT_HOLD);
    assert_string_equal(vip->interface, "eth1");
    make_set(&c, "192.0.2.11", "{}");
    struct pool_change change;
    assert_int_equal(apply_next(s, &c, &change), WERR_NOT_FOUND);
    pool_state_free(s);
}

static void check_bad(const char *address, const char *json, const char *field,
                      const char *words)
{
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    struct pool_error error = {0};
    int rc =
        pool_code_add_vip_from_json(span_from_str(json), span_from_str(address), &c, &error);
    if (rc == 0) {
        rc = pool_check(s, &c, &error);
        pool_command_fini(&c);
    }
    if (rc != WERR_INVALID || strcmp(error.field, field) != 0 ||
        strstr(error.detail, words) == NULL)
        print_error("%s %s: %d %s: %s\n", address, json, rc, error.field, error.detail);
    assert_int_equal(rc, WERR_INVALID);
    assert_string_equal(error.field, field);
    assert_non_null(strstr(error.detail, words));
    pool_state_free(s);
}

static const struct {
    const char *address, *json, *field, *words;
} bad_addresses[] = {
    {"0.0.0.0", "{}", "address", "unspecified"},
    {"::", "{}", "address", "unspecified"},
    {"127.1.2.3", "{}", "address", "loopback"},
    {"::1", "{}", "address", "loopback"},
    {"224.0.0.9", "{}", "address", "multicast"},
    {"ff02::1", "{}", "address", "multicast"},
    {"255.255.255.255", "{}", "address", "broadcast"},
    {"169.254.0.1", "{}", "address", "link-local"},
    {"febf::1", "{}", "address", "link-local"},
    {"192.0.2.10:80", "{}", "address", "without a port"},
    {"example.org", "{}", "address", "IPv4 or IPv6"},
    {"192.0.2.10", "{\"address\":\"192.0.2.11\"}", "address", "in the path"},
    {"192.0.2.10", "{\"address\":7}", "address", "IPv4 or IPv6"},
};

static void test_addresses_that_are_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(bad_addresses) / sizeof(bad_addresses[0]); i++)
        check_bad(bad_addresses[i].address, bad_addresses[i].json, bad_addresses[i].field,
                  bad_addresses[i].words);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json, *field, *words;
    } bad[] = {
        {"{\"prefix\":0}", "prefix", "1 to 32"},
        {"{\"prefix\":33}", "prefix", "1 to 32"},
        {"{\"prefix\":129}", "prefix", "128"},
        {"{\"interface\":\"sixteen-letters-\"}", "interface", "15"},
        {"{\"interface\":\"a b\"}", "interface", "blank"},
        {"{\"interface\":\"a/b\"}", "interface", "blank"},
        {"{\"interface\":\"eth0:1\"}", "interface", "blank"},
        {"{\"interface\":\"..\"}", "interface", "blank"},
        {"{\"interface\":1}", "interface", "blank"},
        {"{\"conflict\":\"fight\"}", "conflict", "back_off"},
        {"{\"nodes\":[]}", "nodes", "object"},
        {"{\"nodes\":{\"a1\":\"eth0\"}}", "nodes.a1", "id of a member"},
        {"{\"nodes\":{\"0000000000000000\":\"eth0\"}}", "nodes.0000000000000000",
         "id of a member"},
        {"{\"nodes\":{\"00000000000000a1\":\"\"}}", "nodes.00000000000000a1", "blank"},
        {"{\"port\":80}", "port", "not known"},
    };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_bad("192.0.2.10", bad[i].json, bad[i].field, bad[i].words);
    struct pool_command c;
    struct pool_error error = {0};
    assert_int_equal(pool_code_add_vip_from_json(SPAN("{}"), SPAN_NONE, &c, &error),
                     WERR_INVALID);
    assert_string_equal(error.code, "missing_field");
    /* One that an IPv6 socket would show so is the IPv4 address. */
    make(&c, "::ffff:192.0.2.10", "{}");
    assert_string_equal(c.vip.address, "192.0.2.10");
    pool_command_fini(&c);
}

static void test_no_more_than_fit(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    struct pool_error error = {0};
    char address[32];
    for (unsigned i = 0; i < VIP_MAX; i++) {
        snprintf(address, sizeof(address), "10.0.0.%u", i + 1);
        (void)add(s, address, "{}");
    }
    make(&c, "10.0.1.1", "{}");
    assert_int_equal(pool_check(s, &c, &error), WERR_TOO_BIG);
    assert_string_equal(error.code, "too_many");
    pool_command_fini(&c);
    make(&c, "10.0.0.1", "{\"interface\":\"eth0\"}"); /* one that is there */
    assert_int_equal(pool_check(s, &c, &error), 0);
    pool_command_fini(&c);
    pool_state_free(s);
}

/* An entry and a snapshot say the same as what they were made of. */
static void test_bytes_and_back(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new(), *copy = NULL;
    struct pool_command c, back;
    char *entry = NULL;
    size_t len = 0;
    (void)add(s, "192.0.2.10",
              "{\"interface\":\"eth0\",\"nodes\":{\"00000000000000a1\":\"bond0\"}}");
    (void)add(s, "2001:db8::10", "{\"prefix\":64,\"conflict\":\"back_off\"}");
    assert_int_equal(pool_state_copy(s, &copy), 0);
    assert_true(copy->digest == s->digest && copy->vip_n == 2);
    assert_string_equal(vip_interface_of(find(copy, "192.0.2.10"), 0xa1), "bond0");
    char *json = pool_code_vip_json(find(s, "2001:db8::10"));
    assert_string_equal(json, "{\"address\":\"2001:db8::10\",\"interface\":null,\"prefix\":64,"
                              "\"conflict\":\"back_off\",\"nodes\":{}}");
    free(json);
    make_set(&c, "192.0.2.10", "{\"prefix\":null,\"conflict\":\"back_off\"}");
    assert_int_equal(pool_code_encode(&c, &entry, &len), 0);
    assert_int_equal(pool_code_decode(span_from(entry, len), &back), 0);
    assert_int_equal(back.set, c.set);
    assert_string_equal(back.vip.address, "192.0.2.10");
    assert_int_equal(back.vip.conflict, VIP_CONFLICT_BACK_OFF);
    assert_int_equal(back.vip.prefix, 0);
    pool_command_fini(&back);
    pool_command_fini(&c);
    free(entry);
    pool_state_free(copy);
    pool_state_free(s);
}

/* Without memory nothing has changed. */
static void test_short_of_memory(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_change change;
    struct pool_command c;
    int rc = WERR_NOMEM;
    make(&c, "192.0.2.10", "{\"interface\":\"eth0\"}");
    for (unsigned n = 1; rc == WERR_NOMEM && n < 100; n++) {
        const uint64_t digest = s->digest;
        fault_set(n);
        rc = pool_apply(s, &c, 1, &change);
        fault_set(0);
        pool_change_fini(&change);
        if (rc == WERR_NOMEM)
            assert_true(s->digest == digest && s->vip_n == 0 && s->index == 0);
    }
    assert_int_equal(rc, 0);
    assert_true(s->vip_n == 1 && s->digest == pool_state_digest_recompute(s));
    pool_command_fini(&c);
    pool_state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_and_remove),
        cmocka_unit_test(test_changes_are_told),
        cmocka_unit_test(test_set_and_put),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_addresses_that_are_refused),
        cmocka_unit_test(test_no_more_than_fit),
        cmocka_unit_test(test_bytes_and_back),
        cmocka_unit_test(test_short_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
