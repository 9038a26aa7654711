#include "base/secret.h"

#include <sodium.h>

#include "base/werr.h"

_Static_assert(SECRET_BYTES >= crypto_generichash_BYTES_MIN &&
                   SECRET_BYTES <= crypto_generichash_KEYBYTES_MAX,
               "as the library has them");

void secrets_init(struct secrets *s, const unsigned char *key)
{
    memset(s, 0, sizeof(*s));
    memcpy(s->bytes, key, SECRET_BYTES);
}

/* False: no text that could be one of them. */
static bool digest(const struct secrets *s, struct span text, unsigned char *to)
{
    return text.len > 0 && text.len <= SECRET_MAX &&
           crypto_generichash(to, SECRET_BYTES, (const unsigned char *)text.ptr, text.len,
                              s->bytes, SECRET_BYTES) == 0;
}

static int find_digest(const struct secrets *s, const unsigned char *wanted)
{
    int found = WERR_NOT_FOUND;

    for (unsigned i = 0; i < s->n; i++)
        if (sodium_memcmp(s->bytes + (size_t)(1 + i) * SECRET_BYTES, wanted, SECRET_BYTES) == 0)
            found = (int)i; /* and on: how many are left tells nothing */
    return found;
}

int secrets_add(struct secrets *s, struct span text)
{
    unsigned char made[SECRET_BYTES];

    if (!digest(s, text, made))
        return WERR_INVALID;
    if (find_digest(s, made) >= 0)
        return WERR_EXISTS;
    if (s->n == SECRETS_MAX)
        return WERR_TOO_BIG;
    memcpy(s->bytes + (size_t)(1 + s->n) * SECRET_BYTES, made, SECRET_BYTES);
    s->n++;
    return 0;
}

int secrets_find(const struct secrets *s, struct span shown)
{
    unsigned char made[SECRET_BYTES];

    return digest(s, shown, made) ? find_digest(s, made) : WERR_NOT_FOUND;
}

struct span secrets_bytes(const struct secrets *s)
{
    return span_from(s->bytes, (size_t)(1 + s->n) * SECRET_BYTES);
}

int secrets_from_bytes(struct secrets *s, struct span bytes)
{
    if (bytes.len < SECRET_BYTES || bytes.len > SECRETS_BYTES_MAX ||
        bytes.len % SECRET_BYTES != 0)
        return WERR_SYNTAX;
    memcpy(s->bytes, bytes.ptr, bytes.len);
    s->n = (unsigned)(bytes.len / SECRET_BYTES) - 1;
    return 0;
}
