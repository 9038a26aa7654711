/*
 * The file with what was down before a restart. What was read is written anew as a text that is
 * read as the same, and each of its addresses is found. The last line is put right in a second
 * go: else the checksum keeps all but the corpus away from what lies behind it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/num.h"
#include "health/hint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHECKSUM_DIGITS = 16 };

static void check_again(const struct health_hints *h)
{
    char *text = malloc(health_hints_room(h->n));
    struct health_hints *again = NULL;

    if (text == NULL)
        return;
    const size_t len = health_hints_write(h, text);
    MUST(health_hints_read(span_from(text, len), &again) == 0);
    MUST(again->at_us == h->at_us && again->n == h->n);
    for (unsigned i = 0; i < h->n; i++) {
        const struct health_hint *hint = &h->list[i];

        MUST(i == 0 || h->list[i - 1].server_id <= hint->server_id);
        MUST(health_hints_find(again, hint->server_id, hint->settings, &hint->addr) != NULL);
    }
    free(again);
    free(text);
}

static void try_text(const char *text, size_t len)
{
    struct health_hints *h = NULL;

    if (health_hints_read(span_from(text, len), &h) < 0)
        return;
    MUST(h->n <= HEALTH_HINTS_MAX);
    check_again(h);
    free(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + CHECKSUM_DIGITS + 1);

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    try_text(text, size);
    num_to_hex16(XXH3_64bits(text, size), text + size);
    text[size + CHECKSUM_DIGITS] = '\n';
    try_text(text, size + CHECKSUM_DIGITS + 1);
    free(text);
    return 0;
}
