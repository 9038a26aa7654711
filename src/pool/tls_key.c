#include "pool/tls_key.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

/* No text is another one than an empty text. */
static uint64_t add_text(uint64_t key, const char *text)
{
    return text != NULL ? XXH3_64bits_withSeed(text, strlen(text) + 1, key)
                        : XXH3_64bits_withSeed(NULL, 0, key);
}

uint64_t pool_tls_key(const struct pool *p)
{
    const uint8_t plain[2] = {p->tls_settings.verify, p->tls.min_version};
    uint64_t key = XXH3_64bits(plain, sizeof(plain));

    key = add_text(key, p->tls.server_name);
    key = add_text(key, p->tls.certificate);
    return add_text(key, p->tls.ca);
}
