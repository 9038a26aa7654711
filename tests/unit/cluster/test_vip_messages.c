#include "../base/cm.h"

#include <string.h>

#include "cluster/vip_messages.h"

static struct vip_ask ask, asked;
static struct vip_grant grant, granted;
static char ask_bytes[VIP_ASK_BYTES_MAX], grant_bytes[VIP_GRANT_BYTES_MAX];

static struct vip_claim claim(unsigned n)
{
    struct vip_claim c = {.epoch = n + 1,
                          .cause = n % CLUSTER_VIP_CAUSES,
                          .is_parting = n % 3 == 1,
                          .since_us = 1000000 + n};

    c.address.family = n % 2 == 0 ? AF_INET : AF_INET6;
    c.address.ip[0] = 0x20;
    c.address.ip[3] = (uint8_t)n;
    return c;
}

static size_t make_ask(unsigned n)
{
    ask = (struct vip_ask){.sequence = 7,
                           .term = 3,
                           .stamp_term = 2,
                           .stamp_ns = UINT64_C(123456789012),
                           .fitness = CLUSTER_LEAVING,
                           .why = "draining",
                           .released_n = n};
    memset(ask.digest, 0xA5, sizeof(ask.digest));
    for (unsigned i = 0; i < n; i++)
        ask.released[i] = claim(i);
    return vip_ask_encode(&ask, ask_bytes);
}

static size_t make_grant(unsigned n)
{
    grant = (struct vip_grant){.sequence = 7,
                               .term = 3,
                               .stamp_ns = 99,
                               .is_ready = true,
                               .length_ns = 240000000,
                               .n = n};
    memset(grant.digest, 0x5A, sizeof(grant.digest));
    for (unsigned i = 0; i < n; i++)
        grant.claims[i] = claim(i);
    return vip_grant_encode(&grant, grant_bytes);
}

static void assert_claims(const struct vip_claim *a, const struct vip_claim *b, unsigned n,
                          bool is_granted)
{
    for (unsigned i = 0; i < n; i++) {
        assert_true(addr_is_equal(&a[i].address, &b[i].address));
        assert_int_equal(a[i].epoch, b[i].epoch);
        assert_int_equal(a[i].cause, is_granted ? b[i].cause : 0);
        assert_int_equal(a[i].is_parting, is_granted && b[i].is_parting);
        assert_int_equal(a[i].since_us, is_granted ? b[i].since_us : 0);
    }
}

static void test_what_is_asked_is_read(void **state)
{
    (void)state;
    for (unsigned n = 0; n <= ROSTER_VIPS_MAX; n += ROSTER_VIPS_MAX / 2) {
        const size_t len = make_ask(n);

        assert_int_equal(vip_ask_decode(span_from(ask_bytes, len), &asked), 0);
        assert_int_equal(asked.sequence, 7);
        assert_int_equal(asked.term, 3);
        assert_int_equal(asked.stamp_term, 2);
        assert_int_equal(asked.stamp_ns, UINT64_C(123456789012));
        assert_memory_equal(asked.digest, ask.digest, sizeof(ask.digest));
        assert_int_equal(asked.fitness, CLUSTER_LEAVING);
        assert_string_equal(asked.why, "draining");
        assert_int_equal(asked.released_n, n);
        assert_claims(asked.released, ask.released, n, false);
    }
}

static void test_what_is_granted_is_read(void **state)
{
    (void)state;
    for (unsigned n = 0; n <= ROSTER_VIPS_MAX; n += ROSTER_VIPS_MAX / 2) {
        const size_t len = make_grant(n);

        assert_int_equal(vip_grant_decode(span_from(grant_bytes, len), &granted), 0);
        assert_int_equal(granted.sequence, 7);
        assert_int_equal(granted.term, 3);
        assert_int_equal(granted.stamp_ns, 99);
        assert_true(granted.is_ready);
        assert_int_equal(granted.length_ns, 240000000);
        assert_int_equal(granted.n, n);
        assert_claims(granted.claims, grant.claims, n, true);
    }
}

static void test_what_is_cut_off_or_too_long_is_damage(void **state)
{
    char longer[VIP_ASK_BYTES_MAX + 1] = {0};
    const size_t ask_len = make_ask(3), grant_len = make_grant(3);

    (void)state;
    for (size_t i = 0; i < ask_len; i++)
        assert_int_equal(vip_ask_decode(span_from(ask_bytes, i), &asked), WERR_CORRUPT);
    for (size_t i = 0; i < grant_len; i++)
        assert_int_equal(vip_grant_decode(span_from(grant_bytes, i), &granted), WERR_CORRUPT);
    memcpy(longer, ask_bytes, ask_len);
    assert_int_equal(vip_ask_decode(span_from(longer, ask_len + 1), &asked), WERR_CORRUPT);
}

static int decode_ask(void)
{
    return vip_ask_decode(span_from(ask_bytes, vip_ask_encode(&ask, ask_bytes)), &asked);
}

static int decode_grant(void)
{
    return vip_grant_decode(span_from(grant_bytes, vip_grant_encode(&grant, grant_bytes)),
                            &granted);
}

static void test_values_that_can_not_be(void **state)
{
    (void)state;
    (void)make_ask(1);
    ask.sequence = 0;
    assert_int_equal(decode_ask(), WERR_CORRUPT);
    (void)make_ask(1);
    ask.why[0] = '\n';
    assert_int_equal(decode_ask(), WERR_CORRUPT);
    (void)make_ask(1);
    ask.released[0].epoch = 0;
    assert_int_equal(decode_ask(), WERR_CORRUPT);
    (void)make_ask(1);
    ask.released[0].address.port = 80;
    assert_int_equal(decode_ask(), WERR_CORRUPT);
    (void)make_ask(1);
    ask.released[0].address.family = 0;
    assert_int_equal(decode_ask(), WERR_CORRUPT);
    (void)make_grant(1);
    grant.sequence = 0;
    assert_int_equal(decode_grant(), WERR_CORRUPT);
    (void)make_grant(1);
    grant.is_ready = false;
    assert_int_equal(decode_grant(), WERR_CORRUPT);
    (void)make_grant(1);
    grant.claims[0].cause = CLUSTER_VIP_CAUSES;
    assert_int_equal(decode_grant(), WERR_CORRUPT);
    (void)make_grant(1);
    grant.length_ns = VIP_LENGTH_MAX_NS + 1;
    assert_int_equal(decode_grant(), WERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_asked_is_read),
        cmocka_unit_test(test_what_is_granted_is_read),
        cmocka_unit_test(test_what_is_cut_off_or_too_long_is_damage),
        cmocka_unit_test(test_values_that_can_not_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
