/* The history of the description, and the way back. */
#include "pool_fixture.h"

#include <string.h>

#include "base/fault.h"
#include "pool/pool_history.h"
#include "pool/pool_replica.h"

enum { NODE = 0x1234, AT_US = 1000000 };

static struct pool_replica r;
static uint64_t last;
static bool is_known = true; /* who wished for it */

static int setup(void **state)
{
    (void)state;
    last = 0;
    is_known = true;
    return pool_replica_init(&r);
}

static int teardown(void **state)
{
    (void)state;
    pool_replica_fini(&r);
    return 0;
}

/* How the entry ended. Frees the command. */
static int apply(struct pool_command *c)
{
    char *entry;
    size_t len;

    last++;
    memset(c->request_id, 0, sizeof(c->request_id));
    memcpy(c->request_id, &last, sizeof(last));
    if (is_known)
        c->by = (struct pool_by){.at_us = AT_US + last,
                                 .node = NODE,
                                 .address = "socket",
                                 .token = "ops",
                                 .request = "POST /x"};
    assert_int_equal(pool_code_encode(c, &entry, &len), 0);
    assert_int_equal(pool_replica_apply(&r, last, span_from(entry, len)), 0);
    const struct pool_outcome *outcome = pool_requests_find(r.requests, c->request_id);
    assert_non_null(outcome);
    free(entry);
    pool_command_fini(c);
    assert_true(r.state->index == last);
    return outcome->result;
}

static void add(const char *url)
{
    char body[128];
    struct pool_command c;

    snprintf(body, sizeof(body), "{\"url\":\"%s\"}", url);
    make_add(&c, body);
    assert_int_equal(apply(&c), 0);
}

static int restore(uint64_t revision)
{
    struct pool_command c;

    pool_command_init(&c, POOL_RESTORE);
    c.restore = revision;
    return apply(&c);
}

static const struct pool_history_record *newest(void)
{
    return pool_history_at(r.history, 0);
}

/* Through bytes and back: nothing is lost. */
static void start_again(void)
{
    struct pool_replica copy;
    char *bytes, *again;
    size_t len, again_len;

    assert_int_equal(pool_replica_encode(&r, &bytes, &len), 0);
    assert_int_equal(pool_replica_decode(span_from(bytes, len), &copy), 0);
    assert_int_equal(pool_replica_encode(&copy, &again, &again_len), 0);
    assert_int_equal(again_len, len);
    assert_memory_equal(again, bytes, len);
    free(again);
    free(bytes);
    pool_replica_fini(&r);
    r = copy;
}

static void test_tells_who_and_what(void **state)
{
    struct pool_history_item item;
    struct pool_command c;
    size_t at = 0;

    (void)state;
    assert_int_equal(pool_history_n(r.history), 0);
    assert_true(pool_history_oldest_way(r.history) == 0);
    const uint64_t empty = pool_history_digest(r.history);
    add("http://127.0.0.1:80");
    pool_command_init(&c, POOL_REMOVE_SERVER);
    c.server_id = 1;
    assert_int_equal(apply(&c), 0);
    pool_command_init(&c, POOL_REMOVE_SERVER); /* refused: no change */
    c.server_id = 1;
    assert_int_equal(apply(&c), WERR_NOT_FOUND);
    assert_int_equal(pool_history_n(r.history), 2);
    assert_true(pool_history_digest(r.history) != empty);
    start_again();
    const struct pool_history_record *now = newest();
    assert_true(now->revision == 2 && now->restored == 0 && now->is_kept);
    assert_true(now->by.at_us == AT_US + 2 && now->by.node == NODE);
    assert_string_equal(now->by.address, "socket");
    assert_string_equal(now->by.token, "ops");
    assert_string_equal(now->by.request, "POST /x");
    assert_string_equal(now->summary, "remove server http://127.0.0.1:80 in pool default");
    assert_true(now->added == 0 && now->changed == 0 && now->removed == 1);
    assert_true(pool_history_next(now, &at, &item));
    assert_true(item.kind == KIND_SERVER && item.type == POOL_CHANGE_REMOVED && item.id == 1);
    assert_true(span_is_equal(item.name, SPAN("http://127.0.0.1:80")));
    assert_true(span_is_equal(item.owner_name, SPAN("default")));
    assert_non_null(memmem(item.json.ptr, item.json.len, "\"weight\":1", 10));
    assert_false(pool_history_next(now, &at, &item));
    assert_int_equal(pool_history_place(r.history, 99), 0);
    assert_int_equal(pool_history_place(r.history, 1), 1);
    assert_int_equal(pool_history_place(r.history, 0), 2);
    assert_null(pool_history_find(r.history, 3));
}

static void test_goes_back_and_forth(void **state)
{
    (void)state;
    add("http://127.0.0.1:80");
    const uint64_t one = r.state->digest;
    add("http://127.0.0.1:81");
    const uint64_t two = r.state->digest;
    assert_int_equal(restore(1), 0);
    assert_true(r.state->digest == one && r.state->server_n == 1);
    assert_true(newest()->restored == 1 && newest()->removed == 1);
    assert_string_equal(newest()->summary, "restore revision 1: 0 added, 0 changed, 1 removed");
    assert_int_equal(restore(2), 0); /* … and of what the restore took away */
    assert_true(r.state->digest == two);
    assert_true(pool_find_server(default_pool(r.state), 2) != NULL); /* its id is its own */
    assert_int_equal(restore(3), 0);                                 /* of a restore */
    assert_true(r.state->digest == one);
    const uint32_t n = pool_history_n(r.history);
    assert_int_equal(restore(5), 0); /* it is so: no change */
    assert_int_equal(pool_history_n(r.history), n);
    assert_int_equal(restore(6), WERR_NOT_FOUND); /* that was none */
    assert_int_equal(restore(77), WERR_NOT_FOUND);
    start_again();
    assert_int_equal(restore(2), 0);
    assert_true(r.state->digest == two);
}

static void test_refuses_a_stale_wish(void **state)
{
    struct pool_command c;

    (void)state;
    add("http://127.0.0.1:80");
    add("http://127.0.0.1:81");
    for (unsigned i = 0; i < 3; i++) {
        pool_command_init(&c, POOL_RESTORE);
        c.restore = 1;
        c.if_digest = pool_history_digest(r.history) + (i == 0);
        c.if_absent = i == 1;
        assert_int_equal(apply(&c), i < 2 ? WERR_STALE : 0);
    }
    assert_int_equal(r.state->server_n, 1);
}

static void test_keeps_min_active(void **state)
{
    struct pool_command c;
    struct pool_error error;

    (void)state;
    assert_int_equal(pool_code_set_pool_from_json(SPAN("{\"min_active\":1}"), &c, &error), 0);
    assert_int_equal(apply(&c), 0);
    add("http://127.0.0.1:80");
    for (unsigned i = 0; i < 2; i++) {
        pool_command_init(&c, POOL_RESTORE);
        c.restore = 1;
        c.has_guard = i == 0;
        assert_int_equal(apply(&c), i == 0 ? WERR_GUARD : 0);
    }
    assert_int_equal(r.state->server_n, 0);
}

/* A history of one in which nobody is known begins anew. */
static void test_forgets_behind_what_nobody_tells(void **state)
{
    (void)state;
    add("http://127.0.0.1:80");
    is_known = false;
    add("http://127.0.0.1:80"); /* there already: nothing is changed */
    assert_int_equal(pool_history_n(r.history), 1);
    add("http://127.0.0.1:81");
    assert_int_equal(pool_history_n(r.history), 0);
    start_again(); /* as bytes of before there was a history */
    is_known = true;
    add("http://127.0.0.1:82");
    assert_int_equal(pool_history_n(r.history), 1);
    assert_int_equal(restore(1), WERR_NOT_FOUND);
}

static void test_the_oldest_gives_way(void **state)
{
    (void)state;
    for (unsigned i = 0; i < POOL_HISTORY_N + 1; i++) {
        char url[64];

        snprintf(url, sizeof(url), "http://10.0.%u.%u:80", i / 200, i % 200 + 1);
        add(url);
    }
    assert_int_equal(pool_history_n(r.history), POOL_HISTORY_N);
    assert_null(pool_history_find(r.history, 1));
    assert_true(pool_history_oldest_way(r.history) == 2);
    start_again();
    assert_int_equal(restore(1), WERR_NOT_FOUND);
    assert_int_equal(restore(2), 0);
    assert_int_equal(r.state->server_n, 2);
    assert_int_equal(pool_history_n(r.history), POOL_HISTORY_N);
}

/* n servers whose settings are long, and others than those of another number. */
static void put_list(uint32_t n, unsigned number)
{
    struct pool_command c;
    char meta[POOL_META_VALUE_MAX + 1];

    pool_command_init(&c, POOL_SET_SERVERS);
    c.list = calloc(n, sizeof(c.list[0]));
    assert_non_null(c.list);
    memset(meta, 'x', sizeof(meta));
    for (; c.list_n < n; c.list_n++) {
        struct pool_command one;
        char body[512];

        snprintf(
            body, sizeof(body),
            "{\"url\":\"http://10.%u.%u.%u:80\",\"weight\":%u,\"meta\":{\"a\":\"%.200s\"}}",
            c.list_n / 40000, c.list_n / 200 % 200, c.list_n % 200 + 1, 1 + number, meta);
        make_add(&one, body);
        c.list[c.list_n] = one.server;
        memset(&one.server, 0, sizeof(one.server));
        pool_command_fini(&one);
    }
    assert_int_equal(apply(&c), 0);
}

/* One that is too large is told all the same, and nothing behind it can be had back. */
static void test_too_large_to_be_kept(void **state)
{
    (void)state;
    add("http://127.0.0.1:80"); /* 1 */
    put_list(7000, 0);          /* 2: of those that are added little is kept */
    assert_true(newest()->is_kept && newest()->added == 7000 && newest()->removed == 1);
    put_list(7000, 1); /* 3: too much */
    assert_true(!newest()->is_kept && newest()->before_len == 0);
    assert_int_equal(newest()->changed, 7000);
    assert_string_equal(newest()->summary,
                        "set servers of pool default: 0 added, 7000 changed, 0 removed");
    assert_true(pool_history_oldest_way(r.history) == 3);
    start_again();
    assert_int_equal(restore(2), WERR_TOO_BIG);
    add("http://127.0.0.1:81");
    assert_int_equal(restore(3), 0);
    assert_int_equal(r.state->server_n, 7000);
}

/* What is kept of all has a bound too. */
static void test_all_of_it_is_bounded(void **state)
{
    enum { N = 4000, TIMES = 12 };
    size_t bytes = 0;

    (void)state;
    for (unsigned i = 0; i < TIMES; i++)
        put_list(N, i);
    assert_int_equal(pool_history_n(r.history), TIMES);
    for (uint32_t i = 0; i < TIMES; i++)
        bytes += pool_history_at(r.history, i)->before_len;
    assert_true(bytes <= POOL_HISTORY_BYTES);
    assert_true(bytes > POOL_HISTORY_BYTES - POOL_HISTORY_CHANGE_BYTES);
    const uint64_t oldest = pool_history_oldest_way(r.history);
    assert_true(oldest > 1 && oldest < TIMES);
    start_again();
    assert_int_equal(restore(oldest - 1), WERR_TOO_BIG);
    assert_int_equal(restore(oldest), 0);
    assert_int_equal(default_pool(r.state)->servers[0]->weight, oldest); /* 1 + number */
}

/* ---- certificates ---- */

static uint64_t apply_certificate(enum pool_command_type type, const char *name, unsigned seed)
{
    struct pool_command c;

    make_certificate(&c, type, name, seed);
    assert_int_equal(apply(&c), 0);
    return last;
}

static int drop_certificate(uint64_t id)
{
    struct pool_command c;

    pool_command_init(&c, POOL_REMOVE_CERTIFICATE);
    c.certificate_id = id;
    return apply(&c);
}

/* Keys are in no history, and a restore touches no certificate. */
static void test_certificates_stay(void **state)
{
    struct pool_command c;
    struct pool_history_back back;
    struct pool_error error;

    (void)state;
    const uint64_t shop = apply_certificate(POOL_ADD_CERTIFICATE, "shop", 2);
    const uint64_t other = apply_certificate(POOL_ADD_CERTIFICATE, "other", 4);
    make_named(&c, pool_code_add_listener_from_json, "",
               "{\"name\":\"l\",\"addresses\":[\"127.0.0.1:1\"],\"protocol\":\"https\","
               "\"tls\":{\"certificates\":[\"shop\",\"other\"]}}");
    assert_int_equal(apply(&c), 0);
    const uint64_t both = last;
    assert_int_equal(drop_certificate(shop), 0); /* the listener loses it */
    assert_true(newest()->changed == 1 && newest()->removed == 1);
    const uint64_t without = last;
    for (uint32_t i = 0; i < pool_history_n(r.history); i++) {
        const struct pool_history_record *one = pool_history_at(r.history, i);

        assert_null(one->before_len > 0 ? memmem(one->before, one->before_len, "Y2xvc2Vk", 8)
                                        : NULL);
    }
    assert_int_equal(restore(both), WERR_NO_TARGET);
    pool_command_init(&c, POOL_RESTORE);
    c.restore = both;
    assert_int_equal(pool_history_restore(r.history, r.state, &c, last + 1, &back, &error),
                     WERR_NO_TARGET);
    assert_string_equal(error.code, "certificate_gone");
    assert_string_equal(error.detail, "certificates that are needed have been removed: shop");
    pool_command_fini(&c);
    assert_int_equal(restore(other), 0); /* before there was a listener */
    assert_int_equal(r.state->listener_n, 1);
    assert_int_equal(r.state->certificate_n, 1);
    apply_certificate(POOL_ADD_CERTIFICATE, "shop", 6); /* another one of that name will do */
    assert_int_equal(restore(both), 0);
    assert_int_equal(listener_find(r.state, SPAN("l"))->tls.certificate_n, 2);
    assert_int_equal(restore(without), 0);
    assert_int_equal(r.state->certificate_n, 2); /* those that came since stay */
}

/* ---- anything at all ---- */

static uint64_t digest_but_certificates(void)
{
    uint64_t digest = r.state->digest;

    for (uint32_t i = 0; i < r.state->certificate_n; i++)
        digest -= r.state->certificates[i]->digest;
    return digest;
}

/* Whatever was done: each revision can be had back, exactly, unless it needs a certificate that
 * has gone. */
static void test_random_ways(void **state)
{
    enum { STEPS = 400, SEEDS = 12 };
    static uint64_t digests[STEPS + 1];
    unsigned back_n = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct rand_state random;

        rand_seed(&random, seed);
        for (uint64_t i = 1; i <= STEPS; i++) {
            struct pool_command c;
            const uint64_t to = 1 + rand_below(&random, i);
            const bool goes_back =
                pool_history_find(r.history, to) != NULL && rand_below(&random, 5) == 0;

            if (goes_back) {
                const int rc = restore(to);

                assert_true(rc == 0 || rc == WERR_NO_TARGET || rc == WERR_NO_CERTIFICATE);
                if (rc == 0)
                    assert_true(digest_but_certificates() == digests[to]);
                back_n += rc == 0;
            } else {
                make_random_command(&random, r.state, &c);
                (void)apply(&c);
            }
            digests[i] = digest_but_certificates();
            assert_true(r.state->digest == pool_state_digest_recompute(r.state));
            if (rand_below(&random, 50) == 0)
                start_again();
        }
        (void)teardown(state);
        (void)setup(state);
    }
    assert_true(back_n > SEEDS * STEPS / 20);
}

/* ---- entries ---- */

static int decode(uint8_t format, uint8_t type, const char *payload)
{
    char entry[400] = {(char)format, (char)type, 0, 0, (char)strlen(payload)};
    struct pool_command c;

    assert_true(strlen(payload) < 256);
    memcpy(entry + POOL_ENTRY_HEADER_BYTES, payload, strlen(payload));
    int rc = pool_code_decode(span_from(entry, POOL_ENTRY_HEADER_BYTES + strlen(payload)), &c);
    if (rc == 0)
        pool_command_fini(&c);
    return rc;
}

#define BY                                                                       \
    "\"by\":{\"at_us\":7,\"node\":\"1f\",\"address\":\"socket\",\"token\":\"\"," \
    "\"request\":\"POST /servers\"}"

/* Who wished for it: in entries of format 3, and in no others. */
static void test_entries_say_who(void **state)
{
    struct pool_command c, back;
    char *entry;
    size_t len;

    (void)state;
    pool_command_init(&c, POOL_RESTORE);
    c.restore = 12;
    c.by =
        (struct pool_by){.at_us = 7, .node = 0x1f, .address = "socket", .request = "POST /x"};
    assert_int_equal(pool_code_encode(&c, &entry, &len), 0);
    assert_int_equal(entry[0], 3);
    assert_int_equal(pool_code_decode(span_from(entry, len), &back), 0);
    assert_true(back.type == POOL_RESTORE && back.restore == 12);
    assert_memory_equal(&back.by, &c.by, sizeof(c.by));
    pool_command_fini(&back);
    pool_command_fini(&c);
    free(entry);
    pool_command_init(&c, POOL_REMOVE_SERVER); /* nobody: as it always was */
    assert_int_equal(pool_code_encode(&c, &entry, &len), 0);
    assert_int_equal(entry[0], 2);
    pool_command_fini(&c);
    free(entry);
}

static void test_entries_that_say_it_wrong(void **state)
{
    (void)state;
    assert_int_equal(decode(3, 18, "{\"pool\":\"default\"," BY ",\"revision\":7}"), 0);
    assert_int_equal(decode(3, 18, "{\"pool\":\"default\",\"revision\":7}"), WERR_CORRUPT);
    assert_int_equal(decode(2, 18, "{\"pool\":\"default\",\"revision\":7}"), WERR_CORRUPT);
    assert_int_equal(decode(3, 18, "{\"pool\":\"default\"," BY "}"), WERR_CORRUPT);
    assert_int_equal(decode(3, 18, "{\"pool\":\"default\"," BY ",\"revision\":0}"),
                     WERR_CORRUPT);
    assert_int_equal(decode(3, 3, "{\"pool\":\"default\",\"id\":\"s-1f\"," BY "}"), 0);
    assert_int_equal(decode(2, 3, "{\"pool\":\"default\",\"id\":\"s-1f\"," BY "}"),
                     WERR_CORRUPT);
    assert_int_equal(
        decode(3, 3, "{\"pool\":\"default\",\"id\":\"s-1f\",\"by\":{\"node\":\"1\"}}"),
        WERR_CORRUPT);
    assert_int_equal(decode(3, 3,
                            "{\"pool\":\"default\",\"id\":\"s-1f\","
                            "\"by\":{\"at_us\":1,\"token\":\"\\u00fc\"}}"),
                     WERR_CORRUPT);
    assert_int_equal(decode(4, 3, "{\"pool\":\"default\",\"id\":\"s-1f\"}"), WERR_UNSUPPORTED);
    assert_int_equal(decode(3, 3, "{\"pool\":\"default\",\"id\":\"s-1f\"}"), WERR_CORRUPT);
    char name[] = "a \x01\xc3\xbc b";
    char text[6];
    pool_by_set(text, sizeof(text), span_from_str(name));
    assert_string_equal(text, "a ???");
}

/* ---- damage and memory ---- */

static void fill(void)
{
    add("http://127.0.0.1:80");
    apply_certificate(POOL_ADD_CERTIFICATE, "shop", 2);
    put_list(3, 1);
    assert_int_equal(restore(1), 0);
}

static void test_damage_is_no_history(void **state)
{
    struct pool_history *h = pool_history_new();

    (void)state;
    fill();
    const size_t len = pool_history_bytes(r.history);
    char *bytes = malloc(len + 1);
    assert_non_null(bytes);
    pool_history_encode(r.history, bytes);
    assert_int_equal(pool_history_decode(h, span_from(bytes, len)), 0);
    assert_int_equal(pool_history_n(h), 4);
    for (size_t i = 0; i < len; i++) { /* a checksum is around it: here, that nothing crashes */
        if (pool_history_decode(h, span_from(bytes, i)) < 0)
            assert_int_equal(pool_history_n(h), 0);
        bytes[i] ^= 0x41;
        if (pool_history_decode(h, span_from(bytes, len)) < 0)
            assert_int_equal(pool_history_n(h), 0);
        bytes[i] ^= 0x41;
    }
    assert_int_equal(pool_history_decode(h, span_from(bytes, len - 1)), WERR_CORRUPT);
    assert_int_equal(pool_history_n(h), 0);
    pool_history_free(h);
    free(bytes);
}

/* Whichever allocation fails: nothing has changed, and it goes the next time. */
static void test_without_memory(void **state)
{
    struct pool_history_back back;
    struct pool_command c;
    bool is_over = false;

    (void)state;
    fill();
    for (unsigned n = 1; !is_over; n++) {
        pool_command_init(&c, POOL_RESTORE);
        c.restore = 3;
        c.by.at_us = 1;
        fault_set(n);
        const int rc = pool_history_restore(r.history, r.state, &c, last + 1, &back, NULL);
        is_over = fault_is_armed();
        fault_set(0);
        assert_int_equal(rc, is_over ? 0 : WERR_NOMEM);
        assert_true((back.state != NULL) == is_over && (back.record != NULL) == is_over);
        pool_history_back_fini(&back);
        pool_command_fini(&c);
    }
    is_over = false;
    for (unsigned n = 1; !is_over; n++) {
        struct pool_history_record *record;

        pool_command_init(&c, POOL_REMOVE_SERVER);
        c.server_id = 1;
        c.by.at_us = 1;
        fault_set(n);
        const int rc = pool_history_look(r.state, &c, last + 1, &record);
        is_over = fault_is_armed();
        fault_set(0);
        assert_int_equal(rc, is_over ? 0 : WERR_NOMEM);
        pool_history_record_free(record);
        pool_command_fini(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tells_who_and_what, setup, teardown),
        cmocka_unit_test_setup_teardown(test_goes_back_and_forth, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses_a_stale_wish, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keeps_min_active, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forgets_behind_what_nobody_tells, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_oldest_gives_way, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_large_to_be_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_of_it_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_certificates_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random_ways, setup, teardown),
        cmocka_unit_test(test_entries_say_who),
        cmocka_unit_test(test_entries_that_say_it_wrong),
        cmocka_unit_test_setup_teardown(test_damage_is_no_history, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_memory, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
