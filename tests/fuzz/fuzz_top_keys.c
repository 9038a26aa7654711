/*
 * Bytes of a terminal as "weldr top" reads them. Whole or cut in two anywhere, the same keys
 * come out, no more than one for each byte, and nothing waits after the rest was called for.
 */
#include <stdint.h>

#include "base/werr.h"
#include "cli/top_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
    uint64_t hash;
    size_t n;
};

static void add(void *arg, enum top_key key, uint32_t c)
{
    struct sum *s = arg;

    MUST(key <= TOP_KEY_REDRAW);
    MUST(key == TOP_KEY_CHAR ? (c >= 0x20 && c < 0x7f) || (c >= 0xa0 && c <= 0x10ffff)
                             : c == 0);
    MUST(c < 0xd800 || c > 0xdfff);
    s->hash = (s->hash * 31 + key) * 31 + c;
    s->n++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span text = span_from(data, size);
    const size_t cut = size > 0 ? data[0] % size : 0;
    struct sum whole = {0, 0}, parts = {0, 0};
    struct top_keys k;

    top_keys_init(&k);
    top_keys_feed(&k, text, add, &whole);
    top_keys_rest(&k, add, &whole);
    MUST(!top_keys_is_waiting(&k) && whole.n <= size);
    top_keys_init(&k);
    top_keys_feed(&k, span_first(text, cut), add, &parts);
    top_keys_feed(&k, span_skip(text, cut), add, &parts);
    top_keys_rest(&k, add, &parts);
    MUST(whole.hash == parts.hash && whole.n == parts.n);
    return 0;
}
