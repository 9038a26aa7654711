/*
 * The history of the description, as it stands in a snapshot. What is taken has one form; what
 * is refused leaves nothing; and whatever a history says, looking for the way back to each of
 * its revisions ends well.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pool/pool_history.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_form(const struct pool_history *h, struct span bytes)
{
    const size_t len = pool_history_bytes(h);
    char *again = malloc(len + 1);

    MUST(again != NULL && len == bytes.len);
    pool_history_encode(h, again);
    MUST(memcmp(again, bytes.ptr, len) == 0);
    free(again);
}

static void go_back(const struct pool_history *h, const struct pool_state *s, uint64_t revision)
{
    struct pool_history_back back;
    struct pool_command c;

    pool_command_init(&c, POOL_RESTORE);
    c.restore = revision;
    c.by.at_us = 1;
    const int rc = pool_history_restore(h, s, &c, s->index + 1, &back, NULL);
    MUST((rc == 0 || back.state == NULL) && (back.state == NULL) == (back.record == NULL));
    if (back.state != NULL)
        MUST(back.state->digest == pool_state_digest_recompute(back.state));
    pool_history_back_fini(&back);
    pool_command_fini(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pool_history *h = pool_history_new();
    struct pool_state *s = pool_state_new();

    MUST(h != NULL && s != NULL);
    if (pool_history_decode(h, span_from(data, size)) != 0)
        MUST(pool_history_n(h) == 0);
    else if (size > 0)
        check_form(h, span_from(data, size));
    pool_pass(s, POOL_ID_INDEX_MAX - 1);
    for (uint32_t i = 0; i < pool_history_n(h) && i < 8; i++)
        go_back(h, s, pool_history_at(h, i)->revision);
    pool_history_free(h);
    pool_state_free(s);
    return 0;
}
