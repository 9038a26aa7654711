/* Frames as RFC 826 and RFC 4861 have them, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "vip/claims.h"

static const struct addr ip4 = {AF_INET, 0, {10, 77, 0, 200}};
static const struct addr ip6 = {AF_INET6, 0, {0xfd, 0x77, [15] = 0xc8}};
static const uint8_t ours[VIP_MAC_BYTES] = {2, 0, 0, 0, 0, 1};

static struct span span_of(const uint8_t *buf, size_t n)
{
    return span_from((const char *)buf, n);
}

static void test_arp_is_written(void **state)
{
    static const char request[] = "\0\1\x08\0\6\4\0\1\2\0\0\0\0\1\x0a\x4d\0\xc8"
                                  "\0\0\0\0\0\0\x0a\x4d\0\xc8";
    static const char reply[] = "\0\1\x08\0\6\4\0\2\2\0\0\0\0\1\x0a\x4d\0\xc8"
                                "\2\0\0\0\0\1\x0a\x4d\0\xc8";
    uint8_t buf[CLAIMS_BYTES_MAX];

    (void)state;
    assert_int_equal(claims_put_arp(buf, &ip4, ours, false), CLAIMS_ARP_BYTES);
    assert_memory_equal(buf, request, CLAIMS_ARP_BYTES);
    assert_int_equal(claims_put_arp(buf, &ip4, ours, true), CLAIMS_ARP_BYTES);
    assert_memory_equal(buf, reply, CLAIMS_ARP_BYTES);
}

static void test_arp_is_read(void **state)
{
    uint8_t buf[CLAIMS_BYTES_MAX], mac[VIP_MAC_BYTES];
    struct addr a;

    (void)state;
    for (unsigned is_reply = 0; is_reply < 2; is_reply++) {
        const size_t n = claims_put_arp(buf, &ip4, ours, is_reply == 1);

        memset(mac, 0, sizeof(mac));
        assert_int_equal(claims_read_arp(span_of(buf, n), &a, mac), CLAIM_OWN);
        assert_true(addr_is_equal(&a, &ip4));
        assert_memory_equal(mac, ours, sizeof(mac));
        for (size_t k = 0; k < n; k++)
            assert_int_equal(claims_read_arp(span_of(buf, k), &a, mac), CLAIM_NONE);
    }
    /* a probe: from nobody, for the address; only as a request */
    (void)claims_put_arp(buf, &ip4, ours, false);
    memset(buf + 14, 0, 4);
    assert_int_equal(claims_read_arp(span_of(buf, CLAIMS_ARP_BYTES), &a, mac), CLAIM_PROBE);
    assert_true(addr_is_equal(&a, &ip4));
    buf[7] = 2;
    assert_int_equal(claims_read_arp(span_of(buf, CLAIMS_ARP_BYTES), &a, mac), CLAIM_NONE);
    /* another kind of link, of address, of operation */
    for (unsigned at = 0; at < 8; at++) {
        (void)claims_put_arp(buf, &ip4, ours, false);
        buf[at] ^= 0x40;
        assert_int_equal(claims_read_arp(span_of(buf, CLAIMS_ARP_BYTES), &a, mac), CLAIM_NONE);
    }
}

static uint32_t sum_of(const uint8_t *at, size_t n)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
    return sum;
}

static void test_advertisement_is_written(void **state)
{
    uint8_t buf[CLAIMS_BYTES_MAX];

    (void)state;
    assert_int_equal(claims_put_advertisement(buf, &ip6, ours), CLAIMS_NA_BYTES);
    assert_int_equal(buf[0], 0x60);
    assert_int_equal(buf[5], 32);  /* bytes that follow */
    assert_int_equal(buf[6], 58);  /* ICMPv6 */
    assert_int_equal(buf[7], 255); /* hops */
    assert_memory_equal(buf + 8, ip6.ip, 16);
    assert_memory_equal(buf + 24, "\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
    assert_int_equal(buf[40], 136);
    assert_int_equal(buf[44], 0x20); /* Override, neither solicited nor of a router */
    assert_memory_equal(buf + 48, ip6.ip, 16);
    assert_memory_equal(buf + 64, "\2\1\2\0\0\0\0\1", 8);
    /* with its checksum the sum is all ones */
    uint32_t sum = sum_of(buf + 8, 64) + 58 + 32; /* addresses and message, length, protocol */

    while (sum > 0xffff)
        sum = (sum >> 16) + (sum & 0xffff);
    assert_int_equal(sum, 0xffff);
}

static void test_neighbours_are_read(void **state)
{
    uint8_t buf[CLAIMS_BYTES_MAX], mac[VIP_MAC_BYTES];
    struct addr a;

    (void)state;
    const size_t n = claims_put_advertisement(buf, &ip6, ours);

    assert_int_equal(claims_read_neighbour(span_of(buf, n), ours, &a, mac), CLAIM_OWN);
    assert_true(addr_is_equal(&a, &ip6));
    assert_memory_equal(mac, ours, sizeof(mac));
    for (size_t k = 0; k < 64; k++)
        assert_int_equal(claims_read_neighbour(span_of(buf, k), ours, &a, mac), CLAIM_NONE);
    /* who solicits asks; who has no address yet probes */
    buf[40] = 135;
    assert_int_equal(claims_read_neighbour(span_of(buf, n), ours, &a, mac), CLAIM_NONE);
    memset(buf + 8, 0, 16);
    assert_int_equal(claims_read_neighbour(span_of(buf, n), ours, &a, mac), CLAIM_PROBE);
    /* another version, protocol, type, code; or it came over a router */
    static const uint8_t at[] = {0, 6, 7, 40, 41};

    for (unsigned i = 0; i < sizeof(at); i++) {
        (void)claims_put_advertisement(buf, &ip6, ours);
        buf[at[i]] ^= 0x40;
        assert_int_equal(claims_read_neighbour(span_of(buf, n), ours, &a, mac), CLAIM_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arp_is_written),
        cmocka_unit_test(test_arp_is_read),
        cmocka_unit_test(test_advertisement_is_written),
        cmocka_unit_test(test_neighbours_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
