#include "../base/cm.h"

#include <string.h>

#include "worker/hash_key.h"

static struct msg head;
static struct msg_field fields[8];
static char bytes[512];

/* "target", then "Name: value" lines. */
static void make(const char *target, const char *const *lines)
{
    size_t at = strlen(target);

    head = (struct msg){.base = bytes, .fields = fields, .target_len = (uint32_t)at};
    memcpy(bytes, target, at);
    for (unsigned i = 0; lines[i] != NULL; i++) {
        const char *colon = strchr(lines[i], ':');

        memcpy(bytes + at, lines[i], strlen(lines[i]));
        fields[i] = (struct msg_field){
            .name_off = (uint32_t)at,
            .name_len = (uint16_t)(colon - lines[i]),
            .value_off = (uint32_t)(at + (size_t)(colon - lines[i]) + 1),
            .value_len = (uint32_t)strlen(colon + 1),
        };
        at += strlen(lines[i]);
        head.field_n++;
    }
}

static uint64_t hash(enum pool_hash_by by, const char *name, const char *target,
                     const char *const *lines)
{
    struct pool_hash_key key = {.by = (uint8_t)by};
    const struct addr client = {.family = AF_INET, .ip = {10, 0, 0, 1}};

    (void)strncpy(key.name, name, sizeof(key.name) - 1);
    make(target, lines);
    return hash_key_of(&key, &head, &client);
}

static const char *const none[] = {NULL};

static void test_address(void **state)
{
    const struct pool_hash_key key = {.by = POOL_HASH_ADDRESS};
    struct addr a = {.family = AF_INET, .port = 1, .ip = {10, 0, 0, 1}};
    struct addr b = {.family = AF_INET, .port = 2, .ip = {10, 0, 0, 1}};
    struct addr c = {.family = AF_INET6, .ip = {10, 0, 0, 1, [15] = 1}};

    (void)state;
    make("/", none);
    assert_true(hash_key_of(&key, &head, &a) == hash_key_of(&key, &head, &b));
    b.ip[3] = 2;
    assert_true(hash_key_of(&key, &head, &a) != hash_key_of(&key, &head, &b));
    assert_true(hash_key_of(&key, &head, &a) != hash_key_of(&key, &head, &c));
}

static void test_header(void **state)
{
    const char *const one[] = {"X-Key: a ", "Other: b", NULL};
    const char *const same[] = {"Other: c", "x-key:a", NULL};
    const char *const another[] = {"X-Key: b", NULL};
    const uint64_t address = hash(POOL_HASH_ADDRESS, "", "/", none);

    (void)state;
    assert_true(hash(POOL_HASH_HEADER, "x-key", "/", one) ==
                hash(POOL_HASH_HEADER, "X-Key", "/q", same));
    assert_true(hash(POOL_HASH_HEADER, "x-key", "/", one) !=
                hash(POOL_HASH_HEADER, "x-key", "/", another));
    assert_true(hash(POOL_HASH_HEADER, "x-key", "/", none) == address);
}

static void test_cookie(void **state)
{
    const char *const one[] = {"Cookie: a=1; sid=xy; b=2", NULL};
    const char *const split[] = {"Cookie: a=1", "cookie: asid=no;sid=xy", NULL};
    const char *const another[] = {"Cookie: sid=xyz", NULL};
    const char *const odd[] = {"Cookie: ;;=; sid; =sid", NULL};
    const uint64_t address = hash(POOL_HASH_ADDRESS, "", "/", none);

    (void)state;
    assert_true(hash(POOL_HASH_COOKIE, "sid", "/", one) ==
                hash(POOL_HASH_COOKIE, "sid", "/", split));
    assert_true(hash(POOL_HASH_COOKIE, "sid", "/", one) !=
                hash(POOL_HASH_COOKIE, "sid", "/", another));
    assert_true(hash(POOL_HASH_COOKIE, "SID", "/", one) == address); /* names have a case */
    assert_true(hash(POOL_HASH_COOKIE, "sid", "/", odd) == address);
    assert_true(hash(POOL_HASH_COOKIE, "sid", "/", none) == address);
}

static void test_path(void **state)
{
    (void)state;
    assert_true(hash(POOL_HASH_PATH, "", "/a?x=1", none) ==
                hash(POOL_HASH_PATH, "", "/a?x=2", none));
    assert_true(hash(POOL_HASH_PATH, "", "/a", none) == hash(POOL_HASH_PATH, "", "/a?", none));
    assert_true(hash(POOL_HASH_PATH, "", "/a", none) != hash(POOL_HASH_PATH, "", "/b", none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_cookie),
        cmocka_unit_test(test_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
