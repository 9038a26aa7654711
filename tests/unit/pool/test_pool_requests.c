#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pool/pool_requests.h"

static void print_id(uint8_t *id, uint64_t first, uint64_t second)
{
    memcpy(id, &first, sizeof(first));
    memcpy(id + sizeof(first), &second, sizeof(second));
}

static const struct pool_outcome *find(const struct pool_requests *r, uint64_t first,
                                       uint64_t second)
{
    uint8_t id[POOL_REQUEST_ID_BYTES];

    print_id(id, first, second);
    return pool_requests_find(r, id);
}

static void note(struct pool_requests *r, uint64_t first, uint64_t second, uint64_t object_id)
{
    const struct pool_outcome outcome = {.id = object_id};
    uint8_t id[POOL_REQUEST_ID_BYTES];

    print_id(id, first, second);
    pool_requests_note(r, id, &outcome);
}

/* All 128 bits count. */
static void test_ids_are_whole(void **state)
{
    struct pool_requests *r = pool_requests_new();

    (void)state;
    assert_null(find(r, 0, 0));
    note(r, 1, 1, 11);
    note(r, 1, 2, 12);
    note(r, 2, 1, 21);
    assert_int_equal(find(r, 1, 1)->id, 11);
    assert_int_equal(find(r, 1, 2)->id, 12);
    assert_int_equal(find(r, 2, 1)->id, 21);
    assert_null(find(r, 2, 2));
    pool_requests_free(r);
}

static void test_oldest_gives_way(void **state)
{
    struct pool_requests *r = pool_requests_new();

    (void)state;
    for (uint64_t n = 0; n < 3 * POOL_REQUESTS_N; n++) {
        note(r, n, n, n);
        assert_non_null(find(r, n, n));
        if (n >= POOL_REQUESTS_N) {
            assert_null(find(r, n - POOL_REQUESTS_N, n - POOL_REQUESTS_N));
            assert_non_null(find(r, n - POOL_REQUESTS_N + 1, n - POOL_REQUESTS_N + 1));
        }
    }
    pool_requests_free(r);
}

static void test_bad_bytes(void **state)
{
    struct pool_requests *r = pool_requests_new();
    char bytes[2 * 32] = {0};

    (void)state;
    assert_int_equal(pool_requests_decode(r, span_from(bytes, 0)), 0);
    assert_int_equal(pool_requests_decode(r, span_from(bytes, 32)), 0);
    assert_int_equal(pool_requests_decode(r, span_from(bytes, 31)), WERR_CORRUPT);
    assert_int_equal(pool_requests_decode(r, span_from(bytes, 64)), WERR_CORRUPT); /* twice */
    bytes[24] = 1; /* a result above 0 */
    assert_int_equal(pool_requests_decode(r, span_from(bytes, 32)), WERR_CORRUPT);
    bytes[24] = 0;
    bytes[28] = 99; /* a change that is none */
    assert_int_equal(pool_requests_decode(r, span_from(bytes, 32)), WERR_CORRUPT);
    pool_requests_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_are_whole),
        cmocka_unit_test(test_oldest_gives_way),
        cmocka_unit_test(test_bad_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
