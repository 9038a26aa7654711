#include "../base/cm.h"
#include "pool/tls_key.h"

/* Each member makes another key, and none can pass for another one. */
static void test_every_member_counts(void **state)
{
    const struct pool_settings unverified = {.tls_settings.verify = false};
    const struct pool_settings verified = {.tls_settings.verify = true};
    char text[] = "a";
    char empty[] = "";
    const struct pool pools[] = {
        {.settings = verified},
        {.settings = unverified},
        {.settings = verified, .tls.min_version = POOL_TLS_1_3},
        {.settings = verified, .tls.ca = text},
        {.settings = verified, .tls.ca = empty},
        {.settings = verified, .tls.server_name = text},
        {.settings = verified, .tls.certificate = text},
        {.settings = verified, .tls.certificate = text, .tls.server_name = text},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
        assert_true(pool_tls_key(&pools[i]) == pool_tls_key(&pools[i]));
        for (size_t k = 0; k < i; k++)
            assert_false(pool_tls_key(&pools[i]) == pool_tls_key(&pools[k]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_member_counts)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
