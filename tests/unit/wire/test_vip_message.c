#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "wire/vip_message.h"

static const struct addr ip4 = {AF_INET, 0, {192, 0, 2, 7}};
static const struct addr ip6 = {AF_INET6, 0, {0x20, 1, 0x0d, 0xb8, [15] = 7}};

/* What was put is read, from a buffer of its very length; every part of it is none. */
static void put_and_get(const struct vip_message *m, struct vip_message *back)
{
    char buf[VIP_MESSAGE_MAX], again[VIP_MESSAGE_MAX];
    const size_t len = vip_message_put(buf, m);

    assert_true(len > 0 && len <= sizeof(buf));
    assert_int_equal(vip_message_get(span_from(buf, len), back), 0);
    assert_int_equal(back->type, m->type);
    assert_int_equal(vip_message_put(again, back), len);
    assert_memory_equal(again, buf, len);
    assert_int_equal(vip_message_get(span_from(buf, 0), back), WERR_CORRUPT);
    buf[len] = 0;
    if (m->type != VIP_CONFIGURE && m->type != VIP_KEEP_OUT) {
        assert_int_equal(vip_message_get(span_from(buf, len + 1), back), WERR_CORRUPT);
        assert_int_equal(vip_message_get(span_from(buf, len - 1), back), WERR_CORRUPT);
    }
    assert_int_equal(vip_message_get(span_from(again, len), back), 0);
}

static void test_of_one_address(void **state)
{
    static const struct vip_message each[] = {
        {.type = VIP_HOLD, .number = UINT64_MAX},
        {.type = VIP_DROP},
        {.type = VIP_PART},
        {.type = VIP_HELD, .ifname = "eth0.100"},
        {.type = VIP_DROPPED, .why = VIP_DROP_CONFLICT, .error = WERR_DENIED},
        {.type = VIP_CONFLICT, .mac = {2, 0, 0, 1, 2, 3}},
        {.type = VIP_ANNOUNCED, .number = 5},
        {.type = VIP_LINK, .link = VIP_LINK_DOWN, .ifname = "bond0"},
    };
    struct vip_message back;

    (void)state;
    for (unsigned i = 0; i < 2 * sizeof(each) / sizeof(each[0]); i++) {
        struct vip_message m = each[i / 2];

        m.addr = i % 2 ? ip6 : ip4;
        put_and_get(&m, &back);
        assert_true(addr_is_equal(&back.addr, &m.addr));
        assert_true(back.number == m.number && back.why == m.why && back.error == m.error);
        assert_int_equal(back.link, m.link);
        if (m.type == VIP_HELD || m.type == VIP_LINK)
            assert_string_equal(back.ifname, m.ifname);
        if (m.type == VIP_CONFLICT)
            assert_memory_equal(back.mac, m.mac, sizeof(m.mac));
    }
}

static void test_of_none(void **state)
{
    struct vip_message back;

    (void)state;
    put_and_get(&(struct vip_message){.type = VIP_HELLO, .number = 77}, &back);
    assert_true(back.number == 77);
    for (unsigned i = 0; i < 2; i++) {
        put_and_get(&(struct vip_message){.type = VIP_BUSY, .is_busy = i == 1}, &back);
        assert_int_equal(back.is_busy, i == 1);
    }
}

static void test_configure(void **state)
{
    struct vip_message m = {.type = VIP_CONFIGURE}, back;

    (void)state;
    put_and_get(&m, &back);
    assert_int_equal(back.named_n, 0);
    for (m.named_n = 0; m.named_n < VIP_ADDRS_MAX; m.named_n++) {
        struct vip_named *n = &m.named[m.named_n];

        n->addr = m.named_n % 2 ? ip6 : ip4;
        n->addr.ip[3] = (uint8_t)m.named_n;
        n->prefix = (uint8_t)(1 + m.named_n % 32);
        n->policy = m.named_n % 3 == 0;
        strcpy(n->ifname, m.named_n % 5 ? "fifteen-letters" : "");
    }
    put_and_get(&m, &back);
    assert_int_equal(back.named_n, VIP_ADDRS_MAX);
    for (unsigned i = 0; i < m.named_n; i++) {
        assert_true(addr_is_equal(&back.named[i].addr, &m.named[i].addr));
        assert_int_equal(back.named[i].prefix, m.named[i].prefix);
        assert_int_equal(back.named[i].policy, m.named[i].policy);
        assert_string_equal(back.named[i].ifname, m.named[i].ifname);
    }
}

static void test_keep_out(void **state)
{
    struct vip_message m = {.type = VIP_KEEP_OUT}, back;

    (void)state;
    put_and_get(&m, &back);
    assert_int_equal(back.named_n, 0);
    for (m.named_n = 0; m.named_n < VIP_ADDRS_MAX; m.named_n++)
        m.addrs[m.named_n] = m.named_n % 2 ? ip6 : ip4;
    put_and_get(&m, &back);
    assert_int_equal(back.named_n, VIP_ADDRS_MAX);
    for (unsigned i = 0; i < m.named_n; i++)
        assert_true(addr_is_equal(&back.addrs[i], &m.addrs[i]));
    put_and_get(&(struct vip_message){.type = VIP_KEPT_OUT, .error = WERR_DENIED}, &back);
    assert_int_equal(back.error, WERR_DENIED);
}

static void test_will(void **state)
{
    struct vip_message m = {.type = VIP_WILL}, back;

    (void)state;
    put_and_get(&m, &back);
    assert_int_equal(back.will.to_n, 0);
    m.will.to_n = VIP_WILL_TO_MAX;
    m.will.len = VIP_WILL_BYTES;
    for (unsigned i = 0; i < VIP_WILL_TO_MAX; i++) {
        m.will.to[i] = i % 2 ? ip6 : ip4;
        m.will.to[i].port = (uint16_t)(8000 + i);
    }
    memset(m.will.bytes, 'w', VIP_WILL_BYTES);
    put_and_get(&m, &back);
    assert_int_equal(back.will.len, VIP_WILL_BYTES);
    assert_memory_equal(back.will.bytes, m.will.bytes, VIP_WILL_BYTES);
    for (unsigned i = 0; i < VIP_WILL_TO_MAX; i++)
        assert_true(addr_is_equal(&back.will.to[i], &m.will.to[i]));
}

/* A byte of a good message is another one. */
static void test_refused(void **state)
{
    static const struct {
        struct vip_message m;
        size_t at;
        uint8_t byte;
    } each[] = {
        {{.type = VIP_DROP, .addr = {AF_INET}}, 0, 0},
        {{.type = VIP_DROP, .addr = {AF_INET}}, 0, VIP_KEPT_OUT + 1},
        {{.type = VIP_DROP, .addr = {AF_INET}}, 1, 80}, /* a port */
        {{.type = VIP_DROP, .addr = {AF_INET}}, 3, 99}, /* a family that is none */
        {{.type = VIP_DROPPED, .addr = {AF_INET}}, 21, VIP_DROPS},
        {{.type = VIP_DROPPED, .addr = {AF_INET}}, 23, 200}, /* an error that is none */
        {{.type = VIP_LINK, .addr = {AF_INET}}, 21, VIP_LINK_STATES},
        {{.type = VIP_LINK, .addr = {AF_INET}}, 37, 'x'}, /* the name has no end */
        {{.type = VIP_HELD, .addr = {AF_INET}}, 25, 'x'}, /* behind its end */
        {{.type = VIP_BUSY}, 1, 2},
        {{.type = VIP_KEPT_OUT}, 2, 200},
        {{.type = VIP_KEEP_OUT, .named_n = 1, .addrs[0] = {AF_INET}}, 3, 99},
        {{.type = VIP_CONFIGURE, .named_n = 1, .named[0] = {{AF_INET}, 32, 0, ""}}, 21, 0},
        {{.type = VIP_CONFIGURE, .named_n = 1, .named[0] = {{AF_INET}, 32, 0, ""}}, 21, 33},
        {{.type = VIP_CONFIGURE, .named_n = 1, .named[0] = {{AF_INET6}, 32, 0, ""}}, 21, 129},
        {{.type = VIP_CONFIGURE, .named_n = 1, .named[0] = {{AF_INET}, 32, 0, ""}},
         22,
         VIP_POLICIES},
        {{.type = VIP_WILL}, 1, 1},
        {{.type = VIP_WILL}, 3, 1},
    };
    struct vip_message back;

    (void)state;
    for (unsigned i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
        char buf[VIP_MESSAGE_MAX];
        const size_t len = vip_message_put(buf, &each[i].m);

        assert_int_equal(vip_message_get(span_from(buf, len), &back), 0);
        assert_true(each[i].at < len);
        buf[each[i].at] = (char)each[i].byte;
        assert_int_equal(vip_message_get(span_from(buf, len), &back), WERR_CORRUPT);
    }
}

static void test_words(void **state)
{
    (void)state;
    assert_string_equal(vip_drop_word(VIP_DROP_TOLD), "told");
    assert_string_equal(vip_drop_word(VIP_DROP_FAILED), "refused by the kernel");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_one_address), cmocka_unit_test(test_of_none),
        cmocka_unit_test(test_configure),      cmocka_unit_test(test_will),
        cmocka_unit_test(test_keep_out),       cmocka_unit_test(test_refused),
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
