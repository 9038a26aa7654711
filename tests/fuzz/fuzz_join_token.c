/*
 * The token that a node joins with: the input as its text, and as the bytes within, to which
 * the checksum is added, so that what stands behind it is reached. What is taken has one form.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/base64.h"
#include "cluster/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct span text)
{
    char again[TOKEN_TEXT_MAX];
    struct token t;
    const int rc = token_read(text, &t);

    MUST(rc == 0 || rc == WERR_SYNTAX || rc == WERR_CORRUPT || rc == WERR_UNSUPPORTED);
    if (rc == 0)
        MUST(span_is_equal(span_from(again, token_write(&t, again)), text));
}

static void check_within(const uint8_t *data, size_t size)
{
    char bytes[TOKEN_TEXT_MAX], text[2 * TOKEN_TEXT_MAX] = "weldr1.";
    const size_t head = strlen(text);
    const uint32_t checksum = (uint32_t)XXH3_64bits(data, size);

    if (size > sizeof(bytes) - sizeof(checksum))
        return;
    memcpy(bytes, data, size);
    for (unsigned i = 0; i < sizeof(checksum); i++)
        bytes[size + i] = (char)(checksum >> 8 * i);
    check(span_from(
        text, head + base64url_encode(span_from(bytes, size + sizeof(checksum)), text + head)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(span_from(data, size));
    check_within(data, size);
    return 0;
}
