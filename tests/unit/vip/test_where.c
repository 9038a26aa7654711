/* Where an address belongs, in tables of addresses and links that are given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "vip/where.h"

enum { NOW = 1000, LO = 1, ETH0 = 2, ETH1 = 3, VLAN = 4 };

static struct where where;

static struct addr ip(const char *text)
{
    struct addr a;

    assert_int_equal(addr_from_ip(span_from_str(text), 0, &a), 0);
    return a;
}

static void name(struct plan *p, const char *address, const char *ifname)
{
    struct vip_named n = {.addr = ip(address), .prefix = 32};

    strcpy(n.ifname, ifname);
    memset(p, 0, sizeof(*p));
    p->is_alone = true;
    plan_configure(p, &n, 1, NOW);
}

static void address(struct plan *p, int ifindex, const char *text, uint8_t prefix,
                    bool is_finite)
{
    const struct where_address a = {ip(text), prefix, ifindex, is_finite};

    where_see_address(&where, p, &a, NOW);
}

static void link_of(struct plan *p, int ifindex, const char *ifname, bool is_up)
{
    struct where_link l = {.ifindex = ifindex, .is_up = is_up, .has_mac = ifindex != LO};

    strcpy(l.name, ifname);
    l.mac[5] = (uint8_t)ifindex;
    where_see_link(&where, p, &l);
}

static void all_links(struct plan *p)
{
    link_of(p, LO, "lo", true);
    link_of(p, ETH0, "eth0", true);
    link_of(p, ETH1, "eth1", false);
    link_of(p, VLAN, "eth0.7", true);
}

static void test_by_subnet(void **state)
{
    static struct plan p;

    (void)state;
    name(&p, "10.1.2.3", "");
    where_begin(&where);
    address(&p, LO, "10.1.2.1", 24, false); /* never the loopback */
    address(&p, VLAN, "10.1.0.1", 16, false);
    address(&p, ETH1, "10.1.0.2", 16, false); /* as narrow, of a lower number */
    address(&p, ETH0, "10.0.0.1", 8, false);  /* wider */
    address(&p, ETH0, "10.1.3.1", 24, false); /* another one */
    address(&p, ETH0, "fd00::1", 1, false);
    all_links(&p);
    where_end(&where, &p, NOW);
    assert_int_equal(p.rows[0].place.ifindex, ETH1);
    assert_string_equal(p.rows[0].place.ifname, "eth1");
    assert_int_equal(p.rows[0].place.link, VIP_LINK_DOWN);
    assert_int_equal(p.rows[0].place.mac[5], ETH1);
    assert_true((p.rows[0].tell & PLAN_TELL_LINK) != 0);
}

static void test_by_name(void **state)
{
    static struct plan p;

    (void)state;
    name(&p, "10.1.2.3", "eth0.7");
    where_begin(&where);
    address(&p, ETH1, "10.1.2.1", 24, false);
    all_links(&p);
    where_end(&where, &p, NOW);
    assert_int_equal(p.rows[0].place.ifindex, VLAN);
    assert_int_equal(p.rows[0].place.link, VIP_LINK_UP);
    name(&p, "10.1.2.3", "eth9");
    where_begin(&where);
    address(&p, ETH1, "10.1.2.1", 24, false);
    all_links(&p);
    where_end(&where, &p, NOW);
    assert_int_equal(p.rows[0].place.ifindex, 0);
    assert_int_equal(p.rows[0].place.link, VIP_LINK_NONE);
}

static void test_ip6(void **state)
{
    static struct plan p;

    (void)state;
    name(&p, "fd00:1::7", "");
    where_begin(&where);
    address(&p, ETH0, "fd00:1::1", 64, false);
    address(&p, ETH1, "10.1.2.1", 1, false);
    all_links(&p);
    where_end(&where, &p, NOW);
    assert_int_equal(p.rows[0].place.ifindex, ETH0);
}

/* It stands there already: of itself no subnet follows; with an end of its life it is ours. */
static void test_itself(void **state)
{
    static struct plan p;

    (void)state;
    name(&p, "10.1.2.3", "");
    where_begin(&where);
    address(&p, ETH0, "10.1.2.3", 24, false);
    all_links(&p);
    where_end(&where, &p, NOW);
    assert_int_equal(p.rows[0].place.ifindex, 0);
    assert_int_equal(p.rows[0].phase, PLAN_NAMED);
    where_begin(&where);
    address(&p, ETH1, "10.1.2.3", 32, true);
    assert_int_equal(p.rows[0].phase, PLAN_DOUBTFUL);
    assert_int_equal(p.rows[0].ifindex, ETH1);
    assert_int_equal(p.rows[0].prefix, 32);
    const struct plan_step step = plan_next(&p, NOW);

    assert_int_equal(step.act, PLAN_DELETE);
    assert_ptr_equal(step.row, &p.rows[0]);
}

/* The subnet goes, and the address stays; the interface goes, and it does not. */
static void test_the_subnet_goes(void **state)
{
    static struct plan p;

    (void)state;
    name(&p, "fd00:1::7", "");
    where_begin(&where);
    address(&p, ETH0, "fd00:1::1", 64, false);
    all_links(&p);
    where_end(&where, &p, NOW);
    where_begin(&where);
    all_links(&p);
    where_end(&where, &p, NOW);
    assert_int_equal(p.rows[0].place.ifindex, ETH0);
    where_begin(&where);
    address(&p, ETH1, "fd00:1::2", 64, false);
    all_links(&p);
    where_end(&where, &p, NOW);
    assert_int_equal(p.rows[0].place.ifindex, ETH1);
    where_begin(&where);
    link_of(&p, ETH0, "eth0", true);
    where_end(&where, &p, NOW);
    assert_int_equal(p.rows[0].place.ifindex, 0);
}

/* Not named: whatever its life, it is not ours. */
static void test_of_others(void **state)
{
    static struct plan p;

    (void)state;
    name(&p, "10.1.2.3", "");
    where_begin(&where);
    address(&p, ETH0, "10.1.2.4", 32, true);
    all_links(&p);
    where_end(&where, &p, NOW);
    assert_int_equal(plan_next(&p, NOW).act, PLAN_WAIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_subnet),
        cmocka_unit_test(test_by_name),
        cmocka_unit_test(test_ip6),
        cmocka_unit_test(test_itself),
        cmocka_unit_test(test_the_subnet_goes),
        cmocka_unit_test(test_of_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
