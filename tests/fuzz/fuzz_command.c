/*
 * Log entries. What decodes must encode again, and the second encoding must be stable: it is
 * the canonical form of the first. Applied to two equal states, entry and canonical entry must
 * lead to equal states.
 */
#include <stdint.h>
#include <stdlib.h>

#include "pool/pool_apply.h"
#include "pool/pool_code.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Digest after applying the command to a state that has server 1; frees nothing of c. */
static uint64_t apply_alone(const struct pool_command *c)
{
    struct pool_state *s = pool_state_new();
    struct pool_command add;
    struct pool_change change;
    MUST(s != NULL);
    MUST(pool_code_add_from_json(SPAN("{\"url\":\"http://10.0.0.1\"}"), &add, NULL) == 0);
    MUST(pool_apply(s, &add, 1, &change) == 0);
    pool_command_fini(&add);
    int rc = pool_apply(s, c, 2, &change);
    MUST(rc != WERR_NOMEM && rc != WERR_CORRUPT);
    MUST(s->index == 2 && s->digest == pool_state_digest_recompute(s));
    pool_change_fini(&change);
    uint64_t digest = s->digest;
    pool_state_free(s);
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pool_command c;
    struct pool_command back;
    char *first = NULL;
    char *second = NULL;
    size_t first_len = 0;
    size_t second_len = 0;
    if (pool_code_decode(span_from(data, size), &c) != 0)
        return 0;
    MUST(pool_code_encode(&c, &first, &first_len) == 0);
    MUST(pool_code_decode(span_from(first, first_len), &back) == 0);
    MUST(pool_code_encode(&back, &second, &second_len) == 0);
    MUST(span_is_equal(span_from(first, first_len), span_from(second, second_len)));
    MUST(apply_alone(&c) == apply_alone(&back));
    pool_command_fini(&c);
    pool_command_fini(&back);
    free(first);
    free(second);
    return 0;
}
