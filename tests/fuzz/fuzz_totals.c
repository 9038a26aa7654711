/*
 * The file with what was counted before a restart. What was read is written anew as a text that
 * is read as the same. The last line is put right in a second go: else the checksum keeps all
 * but the corpus away from what lies behind it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/num.h"
#include "stats/totals.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHECKSUM_DIGITS = 16 };

static bool has_any(const struct stats_total *one)
{
    for (unsigned i = 0; i < STATS_TOTAL_MAX; i++)
        if (one->n[i] != 0)
            return true;
    return false;
}

/* Behind the next that has counted something; the others are not written. */
static bool next_of_some(struct stats_totals_head *head, struct stats_total *one)
{
    while (stats_totals_next(head, one))
        if (has_any(one))
            return true;
    return false;
}

static void check_again(struct stats_totals_head head)
{
    struct stats_totals_head first = head, again;
    struct stats_total one, other;
    struct stats_totals t;
    struct span text;

    stats_totals_begin(&t, head.since_us, head.at_us);
    while (stats_totals_next(&head, &one))
        stats_totals_add(&t, &one);
    if (stats_totals_end(&t, &text) == 0) {
        MUST(stats_totals_open(text, &again) == 0);
        MUST(again.since_us == first.since_us && again.at_us == first.at_us);
        while (next_of_some(&first, &one)) {
            MUST(stats_totals_next(&again, &other));
            MUST(one.kind == other.kind && one.id == other.id && one.name == other.name);
            MUST(memcmp(one.n, other.n, sizeof(one.n)) == 0);
        }
        MUST(!stats_totals_next(&again, &other));
    }
    stats_totals_free(&t);
}

static void try_text(const char *text, size_t len)
{
    struct stats_totals_head head;

    if (stats_totals_open(span_from(text, len), &head) == 0)
        check_again(head);
}

/* Each line seeded by the one before, as totals.h has it. */
static uint64_t checksum_of(const char *text, size_t n)
{
    uint64_t sum = 0;

    for (size_t at = 0; at < n;) {
        const char *line_end = memchr(text + at, '\n', n - at);
        const size_t len = line_end != NULL ? (size_t)(line_end - (text + at)) + 1 : n - at;

        sum = XXH3_64bits_withSeed(text + at, len, sum);
        at += len;
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + CHECKSUM_DIGITS + 1);

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    try_text(text, size);
    num_to_hex16(checksum_of(text, size), text + size);
    text[size + CHECKSUM_DIGITS] = '\n';
    try_text(text, size + CHECKSUM_DIGITS + 1);
    free(text);
    return 0;
}
