#include "manager/check_settings.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "manager/check_tls.h"
#include "pool/pool_code.h"

static uint64_t hash_setting(const struct pool_health *h, const struct pool_health_field *f,
                             uint64_t seed)
{
    char buf[POOL_EXPECT_TEXT_MAX];
    const bool is_number = f->kind == POOL_KIND_U16 || f->kind == POOL_KIND_U32;
    const uint32_t n = is_number ? pool_health_number(h, f) : 0;
    const char *text = is_number ? "" : pool_health_text(h, f, buf);

    return is_number ? XXH3_64bits_withSeed(&n, sizeof(n), seed)
                     : XXH3_64bits_withSeed(text, strlen(text), seed);
}

/* Of how a connection to the server begins: a check that passed may fail with others. */
static uint64_t hash_beginning(const struct pool_state *state, const struct pool_server *server)
{
    struct pool *p = NULL;

    MUST(pool_find_any_server(state, server->id, &p) != NULL);
    const uint64_t parts[] = {server->proxy_protocol,
                              server->is_tls ? check_tls_key(state, p) : 0};

    return XXH3_64bits(parts, sizeof(parts));
}

uint64_t check_settings_hash(const struct pool_state *state, const struct pool_server *server,
                             const struct pool_health *h)
{
    uint64_t hash = h->set + hash_beginning(state, server);

    for (unsigned i = 0; i < POOL_HEALTH_FIELD_N; i++)
        if (pool_health_fields[i].kind != POOL_KIND_AGREE) /* that is no matter of checks */
            hash = hash_setting(h, &pool_health_fields[i], hash);
    return hash;
}
