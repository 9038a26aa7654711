#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rand.h"
#include "wire/frame.h"

/* The payload of the one frame in buf, which must be whole and of this type. */
static struct span payload_of(const char *buf, size_t len, uint16_t want)
{
    uint16_t type = 0;
    struct span payload = SPAN_NONE;
    for (size_t n = 0; n < len; n++)
        assert_int_equal(frame_parse(span_from(buf, n), &type, &payload), 0);
    assert_int_equal(frame_parse(span_from(buf, len), &type, &payload), len);
    assert_int_equal(type, want);
    assert_int_equal(payload.len, len - FRAME_HEADER_BYTES);
    assert_ptr_equal(payload.ptr, buf + FRAME_HEADER_BYTES);
    return payload;
}

static void test_layout(void **state)
{
    (void)state;
    char buf[FRAME_FIXED_MAX];
    const struct frame_local local = {0x0102030405060708, 9, FRAME_LOCAL_UP};
    assert_int_equal(frame_put_local(buf, &local), 24);
    assert_memory_equal(buf, "\x10\0\0\0\4\0\0\0\x08\7\6\5\4\3\2\1\x09\0\0\0\1\0\0\0", 24);
}

static void test_hello(void **state)
{
    (void)state;
    struct rand_state r;
    rand_seed(&r, 1);
    for (unsigned i = 0; i < 100; i++) {
        static const char text[] = "127.0.0.1";
        char buf[FRAME_FIXED_MAX + sizeof(text)];
        struct frame_hello back = {0};
        const struct frame_hello h = {(uint32_t)rand_u64(&r), (uint32_t)rand_u64(&r),
                                      (uint32_t)rand_u64(&r), (uint32_t)rand_u64(&r),
                                      rand_u64(&r),           rand_u64(&r),
                                      {text, i % 10}};
        size_t len = frame_put_hello(buf, &h);
        assert_true(len <= FRAME_FIXED_MAX);
        memcpy(buf + len, text, h.trusted.len);
        len += h.trusted.len;
        assert_int_equal(frame_get_hello(payload_of(buf, len, FRAME_HELLO), &back), 0);
        assert_int_equal(back.worker_id, h.worker_id);
        assert_int_equal(back.worker_n, h.worker_n);
        assert_int_equal(back.log_level, h.log_level);
        assert_int_equal(back.drain_timeout_ms, h.drain_timeout_ms);
        assert_true(back.seed == h.seed);
        assert_true(back.proxy_listeners == h.proxy_listeners);
        assert_true(span_is_equal(back.trusted, h.trusted));
    }
}

static void test_local_and_ack(void **state)
{
    (void)state;
    struct rand_state r;
    rand_seed(&r, 2);
    for (unsigned i = 0; i < 100; i++) {
        char buf[FRAME_FIXED_MAX];
        struct frame_local local_back = {0};
        struct frame_ack ack_back = {0};
        const struct frame_local local = {rand_u64(&r), (uint32_t)rand_u64(&r), i % 4};
        const struct frame_ack ack = {rand_u64(&r), rand_u64(&r), rand_u64(&r)};
        size_t len = frame_put_local(buf, &local);
        assert_int_equal(frame_get_local(payload_of(buf, len, FRAME_LOCAL), &local_back), 0);
        assert_memory_equal(&local_back, &local, sizeof(local));
        len = frame_put_ack(buf, &ack);
        assert_int_equal(frame_get_ack(payload_of(buf, len, FRAME_ACK), &ack_back), 0);
        assert_memory_equal(&ack_back, &ack, sizeof(ack));
    }
}

static void test_addrs(void **state)
{
    (void)state;
    struct frame_addrs a = {
        .server_id = 0x1122334455667788, .n = FRAME_ADDRS_N, .down = 1ULL << 63 | 5};
    struct frame_addrs back = {0};
    char buf[FRAME_ADDRS_BYTES_MAX];
    for (unsigned i = 0; i < a.n; i++)
        a.addrs[i] =
            (struct addr){i % 2 ? AF_INET : AF_INET6, (uint16_t)(8080 + i), {(uint8_t)i}};
    size_t len = frame_put_addrs(buf, &a);
    assert_int_equal(len, FRAME_ADDRS_BYTES_MAX);
    struct span payload = payload_of(buf, len, FRAME_ADDRS);
    assert_int_equal(frame_get_addrs(payload, &back), 0);
    assert_true(back.server_id == a.server_id && back.n == a.n && back.down == a.down);
    for (unsigned i = 0; i < a.n; i++)
        assert_true(addr_is_equal(&back.addrs[i], &a.addrs[i]));
    assert_int_equal(frame_get_addrs(span_first(payload, payload.len - 1), &back),
                     WERR_CORRUPT);
    buf[FRAME_HEADER_BYTES + 8] = 0; /* no address */
    assert_int_equal(frame_get_addrs(payload, &back), WERR_CORRUPT);
    buf[FRAME_HEADER_BYTES + 8] = FRAME_ADDRS_N + 1;
    assert_int_equal(frame_get_addrs(payload, &back), WERR_CORRUPT);
    buf[FRAME_HEADER_BYTES + 8] = FRAME_ADDRS_N;
    buf[FRAME_HEADER_BYTES + 20 + 2] = 99; /* a family that is none */
    assert_int_equal(frame_get_addrs(payload, &back), WERR_CORRUPT);
    a.n = 3;
    for (a.down = 7; a.down <= 8; a.down++) { /* a bit of an address that is none */
        len = frame_put_addrs(buf, &a);
        assert_int_equal(frame_get_addrs(payload_of(buf, len, FRAME_ADDRS), &back),
                         a.down == 7 ? 0 : WERR_CORRUPT);
    }
}

static void test_drain_and_bye(void **state)
{
    (void)state;
    char buf[FRAME_FIXED_MAX];
    uint32_t limit_ms = 0;
    size_t len = frame_put_drain(buf, 30000);
    assert_int_equal(frame_get_drain(payload_of(buf, len, FRAME_DRAIN), &limit_ms), 0);
    assert_int_equal(limit_ms, 30000);
    len = frame_put_bye(buf);
    assert_int_equal(payload_of(buf, len, FRAME_BYE).len, 0);
}

static void test_ping_and_pong(void **state)
{
    (void)state;
    char buf[FRAME_FIXED_MAX];
    uint64_t number = 0;
    size_t len = frame_put_ping(buf, 0x0102030405060708);
    struct span payload = payload_of(buf, len, FRAME_PING);
    assert_int_equal(frame_get_number(payload, &number), 0);
    assert_true(number == 0x0102030405060708);
    assert_int_equal(frame_get_number(span_first(payload, 7), &number), WERR_CORRUPT);
    len = frame_put_pong(buf, 9);
    assert_int_equal(frame_get_number(payload_of(buf, len, FRAME_PONG), &number), 0);
    assert_int_equal(number, 9);
}

static void test_lacking_and_resume(void **state)
{
    (void)state;
    char buf[FRAME_FIXED_MAX];
    size_t len = frame_put_lacking(buf);
    assert_int_equal(payload_of(buf, len, FRAME_LACKING).len, 0);
    len = frame_put_resume(buf);
    assert_int_equal(payload_of(buf, len, FRAME_RESUME).len, 0);
    assert_true(frame_is_update(FRAME_LOCAL) && frame_is_update(FRAME_SNAPSHOT));
    assert_false(frame_is_update(FRAME_HELLO) || frame_is_update(FRAME_RESUME));
}

static void test_listen_and_unlisten(void **state)
{
    (void)state;
    char buf[FRAME_FIXED_MAX];
    const struct frame_listen l = {
        0x0102030405060708, 9, 0, {.family = AF_INET, .port = 8080, .ip = {127, 0, 0, 1}}};
    const struct frame_unlisten u = {0x0102030405060708, 9, 0};
    struct frame_listen l_back;
    struct frame_unlisten u_back;
    size_t len = frame_put_listen(buf, &l);
    assert_int_equal(len, FRAME_HEADER_BYTES + 36);
    struct span payload = payload_of(buf, len, FRAME_LISTEN);
    assert_int_equal(frame_get_listen(payload, &l_back), 0);
    assert_true(l_back.listener_id == l.listener_id && l_back.socket_no == 9);
    assert_true(addr_is_equal(&l_back.bound, &l.bound));
    assert_int_equal(frame_get_listen(span_first(payload, payload.len - 1), &l_back),
                     WERR_CORRUPT);
    buf[FRAME_HEADER_BYTES + 12] = 1; /* a flag that nobody knows */
    assert_int_equal(frame_get_listen(payload, &l_back), WERR_CORRUPT);
    buf[FRAME_HEADER_BYTES + 12] = 0;
    buf[FRAME_HEADER_BYTES + 18] = 99; /* a family that is none */
    assert_int_equal(frame_get_listen(payload, &l_back), WERR_CORRUPT);
    len = frame_put_unlisten(buf, &u);
    payload = payload_of(buf, len, FRAME_UNLISTEN);
    assert_int_equal(frame_get_unlisten(payload, &u_back), 0);
    assert_true(u_back.listener_id == u.listener_id && u_back.socket_no == 9);
    assert_int_equal(frame_get_unlisten(span_first(payload, 15), &u_back), WERR_CORRUPT);
    buf[FRAME_HEADER_BYTES + 12] = 1;
    assert_int_equal(frame_get_unlisten(payload, &u_back), WERR_CORRUPT);
    assert_true(frame_is_update(FRAME_LISTEN) && frame_is_update(FRAME_UNLISTEN));
}

static void test_node(void **state)
{
    (void)state;
    char buf[FRAME_FIXED_MAX];
    const struct frame_node n = {1ULL << 40, 3};
    struct frame_node back = {0};
    size_t len = frame_put_node(buf, &n);
    struct span payload = payload_of(buf, len, FRAME_NODE);
    assert_int_equal(frame_get_node(payload, &back), 0);
    assert_true(back.queue_bytes == n.queue_bytes && back.log_level == 3);
    assert_int_equal(frame_get_node(span_first(payload, 11), &back), WERR_CORRUPT);
    assert_true(frame_is_update(FRAME_NODE));
}

static void test_part(void **state)
{
    (void)state;
    char buf[FRAME_FIXED_MAX];
    const struct frame_part p = {
        {.family = AF_INET, .ip = {10, 0, 0, 7}}, 9, FRAME_PART_SHUT, 5000};
    struct frame_part back = {0};
    size_t len = frame_put_part(buf, &p);
    assert_int_equal(len, FRAME_HEADER_BYTES + 32);
    struct span payload = payload_of(buf, len, FRAME_PART);
    assert_int_equal(frame_get_part(payload, &back), 0);
    assert_true(addr_is_equal(&back.address, &p.address) && back.number == 9);
    assert_true(back.phase == FRAME_PART_SHUT && back.limit_ms == 5000);
    assert_true(frame_is_update(FRAME_PART));
    for (size_t n = 0; n < 32; n++)
        assert_int_equal(frame_get_part(span_first(payload, n), &back), WERR_CORRUPT);
    buf[FRAME_HEADER_BYTES + 24] = FRAME_PART_PHASES; /* a phase that is none */
    assert_int_equal(frame_get_part(payload, &back), WERR_CORRUPT);
    buf[FRAME_HEADER_BYTES + 24] = FRAME_PART_STAY;
    assert_int_equal(frame_get_part(payload, &back), 0);
    buf[FRAME_HEADER_BYTES] = 80; /* a port */
    assert_int_equal(frame_get_part(payload, &back), WERR_CORRUPT);
    buf[FRAME_HEADER_BYTES] = 0;
    buf[FRAME_HEADER_BYTES + 2] = 99; /* a family that is none */
    assert_int_equal(frame_get_part(payload, &back), WERR_CORRUPT);
    assert_string_equal(frame_part_word(FRAME_PART_STAY), "stay");
    assert_string_equal(frame_part_word(FRAME_PART_SHUT), "shut");
}

static void test_parted(void **state)
{
    (void)state;
    char buf[FRAME_FIXED_MAX];
    const struct frame_parted p = {{.family = AF_INET6, .ip = {0xfd, 0, 1}}, 9, 70000};
    struct frame_parted back = {0};
    size_t len = frame_put_parted(buf, &p);
    struct span payload = payload_of(buf, len, FRAME_PARTED);
    assert_int_equal(frame_get_parted(payload, &back), 0);
    assert_true(addr_is_equal(&back.address, &p.address));
    assert_true(back.number == 9 && back.left_n == 70000);
    assert_false(frame_is_update(FRAME_PARTED));
    for (size_t n = 0; n < payload.len; n++)
        assert_int_equal(frame_get_parted(span_first(payload, n), &back), WERR_CORRUPT);
    buf[FRAME_HEADER_BYTES] = 80; /* a port */
    assert_int_equal(frame_get_parted(payload, &back), WERR_CORRUPT);
}

static void test_bodies_behind_heads(void **state)
{
    (void)state;
    char buf[FRAME_FIXED_MAX + 16];
    uint64_t index = 0;
    struct span entry = SPAN_NONE;
    size_t len = frame_put_apply_head(buf, 77, 5);
    memcpy(buf + len, "entry", 5);
    assert_int_equal(frame_get_apply(payload_of(buf, len + 5, FRAME_APPLY), &index, &entry), 0);
    assert_int_equal(index, 77);
    assert_true(span_is_equal(entry, SPAN("entry")));
    len = frame_put_bytes_head(buf, FRAME_SECRETS, 5);
    memcpy(buf + len, "token", 5);
    assert_true(span_is_equal(payload_of(buf, len + 5, FRAME_SECRETS), SPAN("token")));
    assert_true(frame_is_update(FRAME_SECRETS));
    for (uint16_t type = FRAME_SEAL; type <= FRAME_AUTHORITIES; type++) {
        len = frame_put_bytes_head(buf, type, 5);
        assert_true(span_is_equal(payload_of(buf, len + 5, type), SPAN("token")));
        assert_int_equal(payload_of(buf, frame_put_bytes_head(buf, type, 0), type).len, 0);
        assert_true(frame_is_update(type));
    }
    uint64_t way = 0;
    len = frame_put_log(buf, 2);
    assert_int_equal(frame_get_number(payload_of(buf, len, FRAME_LOG), &way), 0);
    assert_int_equal(way, 2);
    assert_true(frame_is_update(FRAME_LOG));
    len = frame_put_log_wanted(buf);
    assert_int_equal(payload_of(buf, len, FRAME_LOG_WANTED).len, 0);
    assert_false(frame_is_update(FRAME_LOG_WANTED));
    len = frame_put_snapshot_head(buf, 4);
    memcpy(buf + len, "snap", 4);
    assert_true(span_is_equal(payload_of(buf, len + 4, FRAME_SNAPSHOT), SPAN("snap")));
}

static void test_frames_in_a_row(void **state)
{
    (void)state;
    char buf[3 * FRAME_FIXED_MAX];
    const struct frame_ack ack = {1, 2, 3};
    size_t len = frame_put_bye(buf);
    len += frame_put_ack(buf + len, &ack);
    len += frame_put_drain(buf + len, 9);
    static const uint16_t types[] = {FRAME_BYE, FRAME_ACK, FRAME_DRAIN};
    struct span rest = span_from(buf, len);
    for (unsigned i = 0; i < 3; i++) {
        uint16_t type = 0;
        struct span payload = SPAN_NONE;
        int64_t n = frame_parse(rest, &type, &payload);
        assert_true(n > 0);
        assert_int_equal(type, types[i]);
        rest = span_skip(rest, (size_t)n);
    }
    assert_int_equal(rest.len, 0);
}

static void test_bad_heads(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        int64_t want;
    } heads[] = {
        {"\0\0\0\0\7\0\0\0", 8},
        {"\0\0\0\0\0\0\0\0", WERR_CORRUPT},
        {"\0\0\0\0\x08\0\0\0", 8},
        {"\0\0\0\0\x0f\0\0\0", 8},
        {"\0\0\0\0\x10\0\0\0", 8},
        {"\0\0\0\0\x12\0\0\0", 8},
        {"\0\0\0\0\x13\0\0\0", 8},
        {"\0\0\0\0\x15\0\0\0", 8},
        {"\0\0\0\0\x16\0\0\0", 8},
        {"\0\0\0\0\x17\0\0\0", 8},
        {"\0\0\0\0\x18\0\0\0", WERR_CORRUPT},
        {"\0\0\0\0\7\1\0\0", WERR_CORRUPT},
        {"\0\0\0\0\7\0\1\0", WERR_CORRUPT},
        {"\0\0\0\0\7\0\0\1", WERR_CORRUPT},
        {"\0\0\0\x20\7\0\0\0", 0},
        {"\1\0\0\x20\7\0\0\0", WERR_CORRUPT},
        {"\xff\xff\xff\xff\7\0\0\0", WERR_CORRUPT},
    };
    for (unsigned i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        uint16_t type = 0;
        struct span payload = SPAN_NONE;
        assert_int_equal(frame_parse(span_from(heads[i].head, 8), &type, &payload),
                         heads[i].want);
    }
}

static void test_bad_payloads(void **state)
{
    (void)state;
    static const char zeros[FRAME_FIXED_MAX];
    for (size_t n = 0; n < FRAME_FIXED_MAX; n++) {
        struct span payload = span_from(zeros, n);
        struct frame_hello hello;
        struct frame_local local;
        struct frame_ack ack;
        struct span entry;
        uint32_t limit_ms = 0;
        uint64_t index = 0;
        assert_int_equal(frame_get_hello(payload, &hello), n >= 32 ? 0 : WERR_CORRUPT);
        assert_int_equal(frame_get_local(payload, &local), n == 16 ? 0 : WERR_CORRUPT);
        assert_int_equal(frame_get_ack(payload, &ack), n == 24 ? 0 : WERR_CORRUPT);
        assert_int_equal(frame_get_drain(payload, &limit_ms), n == 4 ? 0 : WERR_CORRUPT);
        assert_int_equal(frame_get_apply(payload, &index, &entry), n >= 8 ? 0 : WERR_CORRUPT);
    }
    struct frame_local local;
    assert_int_equal(
        frame_get_local(span_from("\0\0\0\0\0\0\0\0\0\0\0\0\40\0\0\0", 16), &local),
        WERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_hello),
        cmocka_unit_test(test_addrs),
        cmocka_unit_test(test_local_and_ack),
        cmocka_unit_test(test_drain_and_bye),
        cmocka_unit_test(test_ping_and_pong),
        cmocka_unit_test(test_lacking_and_resume),
        cmocka_unit_test(test_listen_and_unlisten),
        cmocka_unit_test(test_node),
        cmocka_unit_test(test_part),
        cmocka_unit_test(test_parted),
        cmocka_unit_test(test_frames_in_a_row),
        cmocka_unit_test(test_bodies_behind_heads),
        cmocka_unit_test(test_bad_heads),
        cmocka_unit_test(test_bad_payloads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
