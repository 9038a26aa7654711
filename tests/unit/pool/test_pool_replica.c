#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "pool/pool_code.h"
#include "pool/pool_replica.h"

static struct pool_replica r;
static uint64_t last_index;

static int setup(void **state)
{
    (void)state;
    last_index = 0;
    return pool_replica_init(&r);
}

static int teardown(void **state)
{
    (void)state;
    pool_replica_fini(&r);
    return 0;
}

static void print_id(uint8_t *id, uint64_t number)
{
    memset(id, 0, POOL_REQUEST_ID_BYTES);
    memcpy(id + number % 8, &number, sizeof(number));
    memcpy(id, &number, sizeof(number));
}

static int apply(struct pool_command *c, uint64_t request)
{
    char *entry;
    size_t len;
    int rc;

    print_id(c->request_id, request);
    assert_int_equal(pool_code_encode(c, &entry, &len), 0);
    rc = pool_replica_apply(&r, last_index + 1, span_from(entry, len));
    last_index += rc == 0;
    free(entry);
    pool_command_fini(c);
    return rc;
}

static int add(unsigned port, uint64_t request)
{
    struct pool_command c;
    struct pool_error refusal;
    char body[64];

    snprintf(body, sizeof(body), "{\"url\":\"http://127.0.0.1:%u\"}", port);
    assert_int_equal(pool_code_add_from_json(span_from_str(body), &c, &refusal), 0);
    return apply(&c, request);
}

static int take_out(uint64_t id, uint64_t request)
{
    struct pool_command c;

    pool_command_init(&c, POOL_REMOVE_SERVER);
    c.server_id = id;
    return apply(&c, request);
}

static const struct pool_outcome *outcome_of(uint64_t request)
{
    uint8_t id[POOL_REQUEST_ID_BYTES];

    print_id(id, request);
    return pool_requests_find(r.requests, id);
}

/* An entry that the log holds twice changes nothing the second time. */
static void test_applies_once(void **state)
{
    (void)state;
    assert_null(outcome_of(1));
    assert_int_equal(add(80, 1), 0);
    assert_int_equal(take_out(1, 2), 0);
    assert_int_equal(outcome_of(2)->result, 0);
    assert_int_equal(outcome_of(2)->change, POOL_CHANGE_SERVER_REMOVED);
    assert_int_equal(add(80, 1), 0);
    assert_int_equal(r.state->pools[0].server_n, 0); /* it does not come back */
    assert_int_equal(outcome_of(1)->id, 1);
    assert_int_equal(take_out(1, 2), 0);
    assert_int_equal(outcome_of(2)->result, 0); /* it was there, the first time */
    assert_int_equal(take_out(1, 3), 0);
    assert_int_equal(outcome_of(3)->result, WERR_NOT_FOUND);
}

static void check_round_trip(void)
{
    struct pool_replica copy;
    char *bytes, *again;
    size_t len, again_len;

    assert_int_equal(pool_replica_encode(&r, &bytes, &len), 0);
    assert_int_equal(pool_replica_decode(span_from(bytes, len), &copy), 0);
    assert_int_equal(copy.state->digest, r.state->digest);
    assert_int_equal(copy.state->index, r.state->index);
    assert_int_equal(pool_replica_encode(&copy, &again, &again_len), 0);
    assert_int_equal(again_len, len);
    assert_memory_equal(again, bytes, len);
    pool_replica_fini(&r);
    r = copy;
    free(again);
    free(bytes);
}

/* The oldest give way, and those that do are the same after a snapshot. */
static void test_forgets_in_the_order_of_the_log(void **state)
{
    enum { FIRST = 100, MORE = 50 };

    (void)state;
    check_round_trip();
    assert_int_equal(add(80, 1), 0);
    check_round_trip();
    for (uint64_t n = 0; n < POOL_REQUESTS_N; n++)
        assert_int_equal(take_out(999, FIRST + n), 0);
    assert_null(outcome_of(1));
    assert_non_null(outcome_of(FIRST));
    for (uint64_t n = 0; n < MORE; n++)
        assert_int_equal(take_out(999, FIRST + POOL_REQUESTS_N + n), 0);
    check_round_trip();
    assert_null(outcome_of(FIRST + MORE - 1));
    assert_non_null(outcome_of(FIRST + MORE));
    assert_int_equal(add(81, 2), 0);
    assert_null(outcome_of(FIRST + MORE));
    assert_non_null(outcome_of(FIRST + MORE + 1));
    assert_int_equal(outcome_of(2)->change, POOL_CHANGE_SERVER_ADDED);
}

/* No byte of it can be damaged unseen. */
static void test_damage(void **state)
{
    struct pool_replica copy;
    char *bytes;
    size_t len;

    (void)state;
    assert_int_equal(add(80, 1), 0);
    assert_int_equal(take_out(7, 2), 0);
    assert_int_equal(pool_replica_encode(&r, &bytes, &len), 0);
    for (size_t i = 0; i < len; i++) {
        bytes[i] ^= 1;
        assert_true(pool_replica_decode(span_from(bytes, len), &copy) < 0);
        bytes[i] ^= 1;
        assert_true(pool_replica_decode(span_from(bytes, i), &copy) < 0);
    }
    free(bytes);
}

/* Whichever allocation fails: nothing has changed, and nothing is remembered. */
static void test_without_memory(void **state)
{
    bool is_over = false;

    (void)state;
    for (unsigned n = 1; !is_over; n++) {
        uint64_t digest = r.state->digest;
        struct pool_replica copy;
        char *bytes = NULL;
        size_t len;
        int rc;

        fault_set(0);
        assert_int_equal(pool_replica_encode(&r, &bytes, &len), 0);
        fault_set(n);
        rc = pool_replica_decode(span_from(bytes, len), &copy);
        is_over = fault_is_armed();
        fault_set(0);
        free(bytes);
        assert_int_equal(rc, is_over ? 0 : WERR_NOMEM);
        if (rc == 0)
            pool_replica_fini(&copy);
        assert_int_equal(r.state->digest, digest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_applies_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forgets_in_the_order_of_the_log, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_memory, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
