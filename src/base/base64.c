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
