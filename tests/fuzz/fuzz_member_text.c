/*
 * The file `member`: as it is, and as if its checksum were right. What is taken is written
 * again and read as the same.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "cluster/member_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINE_MAX_BYTES = 32 };

static void check_closed(const struct member_closed *a, const struct member_closed *b)
{
    MUST(memcmp(a->identity, b->identity, sizeof(a->identity)) == 0);
    MUST(span_is_equal(a->cluster_key, b->cluster_key) && span_is_equal(a->key, b->key));
    MUST(span_is_equal(a->certificate, b->certificate));
    MUST(span_is_equal(a->authority, b->authority));
}

static void check_facts(const struct member_file *a, const struct member_file *b)
{
    MUST(memcmp(a->uuid, b->uuid, sizeof(a->uuid)) == 0 && a->incarnation == b->incarnation);
    MUST(a->id == b->id && a->profile == b->profile && a->profile < ROSTER_PROFILES);
    MUST(a->is_witness == b->is_witness && a->has_joined == b->has_joined);
    MUST(addr_is_equal(&a->address, &b->address));
    MUST(a->address_n == b->address_n && a->address_n <= ROSTER_MEMBERS_MAX);
    for (unsigned i = 0; i < a->address_n; i++)
        MUST(addr_is_equal(&a->addresses[i], &b->addresses[i]));
}

static void check_again(const struct member_file *facts, const struct member_closed *closed)
{
    struct member_file again = {0};
    struct member_closed closed_again;
    char *text;
    size_t len;
    const int rc = member_text_write(facts, closed, &text, &len);

    MUST(rc == 0 || rc == WERR_TOO_BIG);
    if (rc < 0)
        return;
    MUST(member_text_read(span_from(text, len), &again, &closed_again) == 0);
    check_facts(facts, &again);
    check_closed(closed, &closed_again);
    text[facts->incarnation % len] ^= 1;
    MUST(member_text_read(span_from(text, len), &again, &closed_again) == WERR_CORRUPT);
    free(text);
}

static void read_text(struct span text)
{
    struct member_file facts = {0};
    struct member_closed closed;
    const int rc = member_text_read(text, &facts, &closed);

    MUST(rc == 0 || rc == WERR_CORRUPT || rc == WERR_UNSUPPORTED);
    if (rc == 0)
        check_again(&facts, &closed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + LINE_MAX_BYTES);

    MUST(text != NULL);
    read_text(span_from(data, size));
    if (size > 0)
        memcpy(text, data, size);
    memcpy(text + size, "checksum ", 9);
    (void)snprintf(text + size + 9, LINE_MAX_BYTES - 9, "%016" PRIx64 "\n",
                   (uint64_t)XXH3_64bits(text, size + 9));
    read_text(span_from(text, size + 9 + 17));
    free(text);
    return 0;
}
