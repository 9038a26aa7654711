#include "base/base64.h"

#include <sodium.h>

/* libsodium (1.0.18) takes bytes from 0x80 for the digit A where char is signed. */
static bool is_ascii(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    }
    return true;
}

static int decode(struct span text, int variant, char *bytes, size_t cap, size_t *n)
{
    *n = 0;
    if (text.len == 0)
        return 0;
    return is_ascii(text) && sodium_base642bin((unsigned char *)bytes, cap, text.ptr, text.len,
                                               NULL, n, NULL, variant) == 0
               ? 0
               : WERR_SYNTAX;
}

int base64_decode(struct span text, char *bytes, size_t *n)
{
    return decode(text, sodium_base64_VARIANT_ORIGINAL, bytes, text.len / 4 * 3, n);
}

size_t base64url_encode(struct span bytes, char *text)
{
    const size_t n = BASE64URL_LEN(bytes.len);

    sodium_bin2base64(text, n + 1, (const unsigned char *)bytes.ptr, bytes.len,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return n;
}

int base64url_decode(struct span text, char *bytes, size_t *n)
{
    return decode(text, sodium_base64_VARIANT_URLSAFE_NO_PADDING, bytes, (text.len * 3 + 3) / 4,
                  n);
}
