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

static void add(struct pool_state *s, enum kind kind, struct span json)
{
    struct pool_command c;
    struct pool_change change;
    MUST(pool_code_read_stored(kind, json, &c) == 0);
    MUST(pool_apply(s, &c, s->index + 1, &change) == 0);
    pool_command_fini(&c);
}

#define CERTIFICATE                                                                            \
    "\"chain\":\"c\",\"key\":\"k\",\"staple\":null,\"is_of_file\":false,\"facts\":{\"names\":" \
    "[],"                                                                                      \
    "\"subject\":\"s\",\"issuer\":\"i\",\"serial\":\"1\",\"fingerprint\":\"f\",\"not_before_"  \
    "s\":1,"                                                                                   \
    "\"not_after_s\":2,\"key_type\":\"rsa\",\"key_bits\":2048}"

/* Server 1; certificates 2, a, and 3, b; listener 4 can't do without 3; VIP 5. */
static struct pool_state *new_state(void)
{
    struct pool_state *s = pool_state_new();
    MUST(s != NULL);
    add(s, KIND_SERVER, SPAN("{\"url\":\"http://10.0.0.1:80\"}"));
    add(s, KIND_CERTIFICATE, SPAN("{\"name\":\"a\"," CERTIFICATE "}"));
    add(s, KIND_CERTIFICATE, SPAN("{\"name\":\"b\"," CERTIFICATE "}"));
    add(s, KIND_LISTENER,
        SPAN("{\"name\":\"tls\",\"addresses\":[\"10.0.0.1:443\"],\"protocol\":\"https\","
             "\"tls\":{\"certificates\":[\"b\"],\"default_certificate\":\"a\"}}"));
    add(s, KIND_VIP, SPAN("{\"address\":\"192.0.2.10\",\"prefix\":24}"));
    return s;
}

/* Digest after applying the command; frees nothing of c. */
static uint64_t apply_alone(const struct pool_command *c)
{
    struct pool_state *s = new_state();
    struct pool_change change;
    const uint64_t index = s->index + 1;
    int rc = pool_apply(s, c, index, &change);
    MUST(rc != WERR_NOMEM && rc != WERR_CORRUPT);
    MUST(s->index == index && s->digest == pool_state_digest_recompute(s));
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
