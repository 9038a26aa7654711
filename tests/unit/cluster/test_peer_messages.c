#include "../base/cm.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "cluster/peer_messages.h"
#include "cluster/raft_entry.h"

static const struct addr v4 = {.family = AF_INET, .port = 8688, .ip = {10, 0, 0, 1}};
static const struct addr v6 = {.family = AF_INET6, .port = 1, .ip = {0xFD, [15] = 1}};

/* A message of each kind; all is encoded and decoded by one row of the table below. */
union message {
    struct peer_ask ask;
    struct peer_grant grant;
    struct peer_elsewhere elsewhere;
    struct peer_refused refused;
    struct peer_request request;
    struct peer_response response;
    struct peer_tell tell;
    struct peer_share share;
    struct peer_order order;
};

#define ROW(name)                                                \
    static char *name##_out(const union message *m, size_t *len) \
    {                                                            \
        return peer_##name##_encode(&m->name, len);              \
    }                                                            \
    static int name##_in(struct span payload, union message *m)  \
    {                                                            \
        return peer_##name##_decode(payload, &m->name);          \
    }
ROW(ask)
ROW(grant)
ROW(elsewhere)
ROW(refused)
ROW(request)
ROW(response)
ROW(tell)
ROW(share)
ROW(order)
#undef ROW

static const struct row {
    char *(*out)(const union message *m, size_t *len);
    int (*in)(struct span payload, union message *m);
    union message example;
} rows[] = {
    {ask_out,
     ask_in,
     {.ask = {.token_id = {1},
              .secret = {2},
              .id = 3,
              .address = {AF_INET, 8688, {10, 0, 0, 1}},
              .is_witness = true,
              .level = 4,
              .version = {"0.9.0", 5},
              .request = {"PEM", 3}}}},
    {grant_out,
     grant_in,
     {.grant = {.uuid = {1},
                .incarnation = 2,
                .profile = ROSTER_WAN,
                .cluster_key = {3},
                .address = {AF_INET6, 1, {0xFD}},
                .certificate = {"cert", 4},
                .authority = {"CA", 2},
                .address_n = 2,
                .addresses = {{AF_INET, 1, {10}}, {AF_INET6, 2, {0xFD}}}}}},
    {elsewhere_out, elsewhere_in, {.elsewhere = {.address = {AF_INET, 8688, {10, 0, 0, 1}}}}},
    {refused_out,
     refused_in,
     {.refused = {.error = WERR_STALE, .reason = {"It is over.", 11}}}},
    {request_out,
     request_in,
     {.request = {.sequence = 1,
                  .kind = PEER_PROPOSE,
                  .request_id = {2},
                  .member = 3,
                  .number = 4,
                  .entry = {"an\0entry", 8}}}},
    {response_out,
     response_in,
     {.response = {.sequence = 1, .error = 0, .index = 2, .text = {"weldr1.AAAA", 11}}}},
    {tell_out,
     tell_in,
     {.tell = {.applied = 1,
               .term = 2,
               .role = CLUSTER_LEADER,
               .level = 3,
               .version = {"0.9.0", 5}}}},
    {share_out, share_in, {.share = {.from = 1, .bytes = {"any\0bytes", 9}}}},
    {order_out,
     order_in,
     {.order =
          {.number = 1, .from = 2, .to = 3, .error = WERR_STALE, .bytes = {"an\0order", 8}}}},
};

/* What is taken has one form. */
static int take(const struct row *row, const char *bytes, size_t len)
{
    union message m;
    char *exact = malloc(len > 0 ? len : 1);
    size_t again_len;

    assert_non_null(exact);
    memcpy(exact, bytes, len);
    const int rc = row->in(span_from(exact, len), &m);
    assert_true(rc == 0 || rc == WERR_CORRUPT);
    if (rc == 0) {
        char *again = row->out(&m, &again_len);
        assert_non_null(again);
        assert_int_equal(again_len, len);
        assert_memory_equal(again, exact, len);
        free(again);
    }
    free(exact);
    return rc;
}

static void test_whole_cut_and_changed(void **state)
{
    size_t len;

    (void)state;
    for (unsigned i = 0; i < COUNT(rows); i++) {
        char *bytes = rows[i].out(&rows[i].example, &len);

        assert_non_null(bytes);
        assert_int_equal(take(&rows[i], bytes, len), 0);
        for (size_t cut = 0; cut < len; cut++)
            assert_int_equal(take(&rows[i], bytes, cut), WERR_CORRUPT);
        for (size_t bit = 0; bit < len * 8; bit++) {
            bytes[bit / 8] ^= (char)(1 << bit % 8);
            (void)take(&rows[i], bytes, len);
            bytes[bit / 8] ^= (char)(1 << bit % 8);
        }
        bytes = realloc(bytes, len + 1);
        assert_non_null(bytes);
        bytes[len] = 0;
        assert_int_equal(take(&rows[i], bytes, len + 1), WERR_CORRUPT);
        free(bytes);
    }
}

/* A length within says more than there is, at each place where one could stand. */
static void test_lengths_within(void **state)
{
    static const unsigned char lengths[][4] = {
        {0xFF, 0xFF, 0xFF, 0xFF}, {0xFF, 0xFF, 0xFF, 0x7F}, {0, 0, 0, 0x80}, {0, 0, 0x60, 0}};
    size_t len;

    (void)state;
    for (unsigned i = 0; i < COUNT(rows); i++) {
        char *bytes = rows[i].out(&rows[i].example, &len);
        char keep[4];

        assert_non_null(bytes);
        for (size_t at = 0; at + 4 <= len; at++) {
            memcpy(keep, bytes + at, 4);
            for (unsigned l = 0; l < COUNT(lengths); l++) {
                memcpy(bytes + at, lengths[l], 4);
                (void)take(&rows[i], bytes, len);
            }
            memcpy(bytes + at, keep, 4);
        }
        free(bytes);
    }
}

static void test_no_memory(void **state)
{
    size_t len;

    (void)state;
    for (unsigned i = 0; i < COUNT(rows); i++) {
        fault_set(1);
        assert_null(rows[i].out(&rows[i].example, &len));
        assert_false(fault_is_armed());
    }
}

static void test_ask(void **state)
{
    struct peer_ask m = rows[0].example.ask, back;
    size_t len;

    (void)state;
    m.address = v6;
    char *bytes = peer_ask_encode(&m, &len);
    assert_int_equal(peer_ask_decode(span_from(bytes, len), &back), 0);
    assert_memory_equal(back.token_id, m.token_id, sizeof(m.token_id));
    assert_memory_equal(back.secret, m.secret, sizeof(m.secret));
    assert_true(back.id == 3 && back.is_witness && back.level == 4);
    assert_true(addr_is_equal(&back.address, &v6));
    assert_true(span_is_equal(back.version, m.version));
    assert_true(span_is_equal(back.request, m.request));
    free(bytes);
}

static void test_grant(void **state)
{
    struct peer_grant m = rows[1].example.grant, back;
    size_t len;

    (void)state;
    m.address_n = ROSTER_MEMBERS_MAX;
    for (unsigned i = 0; i < ROSTER_MEMBERS_MAX; i++) {
        m.addresses[i] = v6;
        m.addresses[i].port = (uint16_t)(i + 1);
    }
    char *bytes = peer_grant_encode(&m, &len);
    assert_int_equal(peer_grant_decode(span_from(bytes, len), &back), 0);
    assert_memory_equal(back.uuid, m.uuid, sizeof(m.uuid));
    assert_memory_equal(back.cluster_key, m.cluster_key, sizeof(m.cluster_key));
    assert_true(back.incarnation == 2 && back.profile == ROSTER_WAN);
    assert_true(addr_is_equal(&back.address, &m.address));
    assert_true(span_is_equal(back.certificate, m.certificate));
    assert_true(span_is_equal(back.authority, m.authority));
    assert_int_equal(back.address_n, ROSTER_MEMBERS_MAX);
    for (unsigned i = 0; i < ROSTER_MEMBERS_MAX; i++)
        assert_true(addr_is_equal(&back.addresses[i], &m.addresses[i]));
    free(bytes);
}

static void test_the_others(void **state)
{
    union message m;
    size_t len;

    (void)state;
    char *bytes = elsewhere_out(&rows[2].example, &len);
    assert_int_equal(elsewhere_in(span_from(bytes, len), &m), 0);
    assert_true(addr_is_equal(&m.elsewhere.address, &v4));
    free(bytes);
    bytes = refused_out(&rows[3].example, &len);
    assert_int_equal(refused_in(span_from(bytes, len), &m), 0);
    assert_int_equal(m.refused.error, WERR_STALE);
    assert_true(span_is_equal(m.refused.reason, SPAN("It is over.")));
    free(bytes);
    bytes = request_out(&rows[4].example, &len);
    assert_int_equal(request_in(span_from(bytes, len), &m), 0);
    assert_true(m.request.sequence == 1 && m.request.kind == PEER_PROPOSE &&
                m.request.request_id[0] == 2 && m.request.member == 3 && m.request.number == 4);
    assert_true(span_is_equal(m.request.entry, SPAN("an\0entry")));
    free(bytes);
    bytes = response_out(&rows[5].example, &len);
    assert_int_equal(response_in(span_from(bytes, len), &m), 0);
    assert_true(m.response.sequence == 1 && m.response.error == 0 && m.response.index == 2);
    assert_true(span_is_equal(m.response.text, SPAN("weldr1.AAAA")));
    free(bytes);
    bytes = tell_out(&rows[6].example, &len);
    assert_int_equal(tell_in(span_from(bytes, len), &m), 0);
    assert_true(m.tell.applied == 1 && m.tell.term == 2 && m.tell.role == CLUSTER_LEADER &&
                m.tell.level == 3);
    assert_true(span_is_equal(m.tell.version, SPAN("0.9.0")));
    free(bytes);
    bytes = share_out(&rows[7].example, &len);
    assert_int_equal(share_in(span_from(bytes, len), &m), 0);
    assert_int_equal(m.share.from, 1);
    assert_true(span_is_equal(m.share.bytes, SPAN("any\0bytes")));
    free(bytes);
    bytes = order_out(&rows[8].example, &len);
    assert_int_equal(order_in(span_from(bytes, len), &m), 0);
    assert_true(m.order.number == 1 && m.order.from == 2 && m.order.to == 3 &&
                m.order.error == WERR_STALE);
    assert_true(span_is_equal(m.order.bytes, SPAN("an\0order")));
    free(bytes);
}

static void test_the_largest_share(void **state)
{
    static char most[CLUSTER_SHARE_MAX];
    const struct peer_share m = {.from = 1, .bytes = {most, sizeof(most)}};
    struct peer_share back;
    size_t len;

    (void)state;
    char *bytes = peer_share_encode(&m, &len);
    assert_non_null(bytes);
    assert_int_equal(peer_share_decode(span_from(bytes, len), &back), 0);
    assert_int_equal(back.bytes.len, sizeof(most));
    bytes = realloc(bytes, len + 1);
    assert_non_null(bytes);
    bytes[len] = 0;
    bytes[8] = 1; /* of the length, little-endian */
    assert_int_equal(peer_share_decode(span_from(bytes, len + 1), &back), WERR_CORRUPT);
    free(bytes);
}

/* The largest entry goes through; one more byte does not. */
static void test_a_large_entry(void **state)
{
    char *entry = calloc(1, ENGINE_ENTRY_MAX_BYTES);
    struct peer_request m = {.kind = PEER_PROPOSE}, back;
    size_t len;

    (void)state;
    assert_non_null(entry);
    m.entry = span_from(entry, ENGINE_ENTRY_MAX_BYTES);
    char *bytes = peer_request_encode(&m, &len);
    assert_non_null(bytes);
    assert_int_equal(peer_request_decode(span_from(bytes, len), &back), 0);
    assert_int_equal(back.entry.len, ENGINE_ENTRY_MAX_BYTES);
    bytes = realloc(bytes, len + 1);
    assert_non_null(bytes);
    bytes[len] = 0;
    bytes[len - ENGINE_ENTRY_MAX_BYTES - 4] = 1; /* the length, little-endian */
    assert_int_equal(peer_request_decode(span_from(bytes, len + 1), &back), WERR_CORRUPT);
    free(bytes);
    free(entry);
}

static void test_the_largest_order(void **state)
{
    static char most[CLUSTER_ORDER_MAX];
    const struct peer_order m = {
        .number = 1, .from = 2, .to = 3, .bytes = {most, sizeof(most)}};
    struct peer_order back;
    size_t len;

    (void)state;
    char *bytes = peer_order_encode(&m, &len);
    assert_non_null(bytes);
    assert_int_equal(peer_order_decode(span_from(bytes, len), &back), 0);
    assert_int_equal(back.bytes.len, CLUSTER_ORDER_MAX);
    /* One more is refused, with the length that says so. */
    bytes = realloc(bytes, len + 1);
    assert_non_null(bytes);
    bytes[len] = 0;
    bytes[len - CLUSTER_ORDER_MAX - 4]++;
    assert_int_equal(peer_order_decode(span_from(bytes, len + 1), &back), WERR_CORRUPT);
    free(bytes);
}

/* Each message with one value that can't be. */
static void check_refused(unsigned row, const union message *m)
{
    union message back;
    size_t len;
    char *bytes = rows[row].out(m, &len);

    assert_non_null(bytes);
    assert_int_equal(rows[row].in(span_from(bytes, len), &back), WERR_CORRUPT);
    free(bytes);
}

static void test_values_that_cannot_be(void **state)
{
    union message m = rows[0].example;

    (void)state;
    m.ask.id = 0;
    check_refused(0, &m);
    m = rows[0].example;
    m.ask.address.port = 0;
    check_refused(0, &m);
    m.ask.address = (struct addr){0};
    check_refused(0, &m);
    m = rows[0].example;
    m.ask.version = SPAN("0.9 .0");
    check_refused(0, &m);
    m = rows[0].example;
    m.ask.request = SPAN_NONE;
    check_refused(0, &m);
    m = rows[1].example;
    m.grant.incarnation = 0;
    check_refused(1, &m);
    m = rows[1].example;
    m.grant.profile = ROSTER_PROFILES;
    check_refused(1, &m);
    m = rows[1].example;
    m.grant.addresses[1].port = 0;
    check_refused(1, &m);
    m.elsewhere.address = (struct addr){.family = AF_INET, .port = 1}; /* 0.0.0.0 */
    check_refused(2, &m);
    m = rows[3].example;
    m.refused.reason = SPAN("two\nlines");
    check_refused(3, &m);
    m = rows[5].example;
    m.response.text = SPAN("\x1B[2J");
    check_refused(5, &m);
    m = rows[6].example;
    m.tell.role = CLUSTER_LEADER + 1;
    check_refused(6, &m);
    m = rows[7].example;
    m.share.from = 0;
    check_refused(7, &m);
}

static void test_orders_that_cannot_be(void **state)
{
    union message m = rows[8].example;

    (void)state;
    m.order.number = 0;
    check_refused(8, &m);
    m = rows[8].example;
    m.order.from = 0;
    check_refused(8, &m);
    m = rows[8].example;
    m.order.to = 0;
    check_refused(8, &m);
}

/* The joiner may leave it to who it calls which address it has. */
static void test_an_address_that_is_left_open(void **state)
{
    union message m = rows[0].example;
    size_t len;

    (void)state;
    m.ask.address = (struct addr){.family = AF_INET, .port = 8688};
    char *bytes = ask_out(&m, &len);
    assert_int_equal(take(&rows[0], bytes, len), 0);
    free(bytes);
}

static void test_errors_of_a_later_weldr(void **state)
{
    union message m = rows[5].example;
    size_t len;

    (void)state;
    m.response.error = -0xFFFF;
    char *bytes = response_out(&m, &len);
    m.response.error = 0;
    assert_int_equal(response_in(span_from(bytes, len), &m), 0);
    assert_int_equal(m.response.error, -0xFFFF);
    assert_non_null(werr_text(m.response.error));
    free(bytes);
    /* Nobody is refused with success. */
    bytes = refused_out(&rows[3].example, &len);
    bytes[0] = bytes[1] = 0;
    assert_int_equal(refused_in(span_from(bytes, len), &m), WERR_CORRUPT);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_cut_and_changed),
        cmocka_unit_test(test_lengths_within),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_ask),
        cmocka_unit_test(test_grant),
        cmocka_unit_test(test_the_others),
        cmocka_unit_test(test_a_large_entry),
        cmocka_unit_test(test_the_largest_share),
        cmocka_unit_test(test_the_largest_order),
        cmocka_unit_test(test_values_that_cannot_be),
        cmocka_unit_test(test_orders_that_cannot_be),
        cmocka_unit_test(test_an_address_that_is_left_open),
        cmocka_unit_test(test_errors_of_a_later_weldr),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
