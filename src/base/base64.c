#include "base/base64.h"

#include <sodium.h>

int base64_decode(struct span text, char *bytes, size_t *n)
{
    *n = 0;
    if (text.len == 0)
        return 0;
    return sodium_base642bin((unsigned char *)bytes, text.len / 4 * 3, text.ptr, text.len, NULL,
                             n, NULL, sodium_base64_VARIANT_ORIGINAL) == 0
               ? 0
               : WERR_SYNTAX;
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
    *n = 0;
    if (text.len == 0)
        return 0;
    return sodium_base642bin((unsigned char *)bytes, (text.len * 3 + 3) / 4, text.ptr, text.len,
                             NULL, n, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0
               ? 0
               : WERR_SYNTAX;
}
