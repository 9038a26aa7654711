/* bufq.h - a bounded byte queue in one contiguous heap block.
 *
 * For what can't be handed on at once: the tail of a head that is not complete, bytes that a
 * slow peer does not take. Empty, it owns no memory at all (idle connections hold no buffer):
 * the block comes from a bufq_store, which keeps a few freed blocks of each size class for
 * reuse, and goes back as soon as the queue is empty. Owner: the conn.
 */
#ifndef WELDR_BASE_BUFQ_H
#define WELDR_BASE_BUFQ_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"

/* Free blocks of power-of-two classes (1 KiB … 1 MiB), one store a process; at most keep_bytes
 * are kept. */
struct bufq_store;
struct bufq_store *bufq_store_new(size_t keep_bytes);
/* From now on blocks are cleared when queues give them back: what they hold may be secret. */
void bufq_store_wipe(struct bufq_store *store);
/* To be called every few seconds: gives back the blocks that were not needed since the last
 * call, but for 64 KiB a class; returns their bytes. */
size_t bufq_store_settle(struct bufq_store *store);
void bufq_store_free(struct bufq_store *store); /* NULL allowed; all queues must be empty */
/* Bytes of all blocks that queues hold now (whole blocks, for that is what they cost). */
size_t bufq_store_held_bytes(const struct bufq_store *store);

/* A queue is one pointer, since most are empty and there are two in every connection. */
struct bufq_block {
    uint32_t cap;
    uint32_t head; /* index of the first byte */
    uint32_t len;  /* > 0 */
    char bytes[];
};

struct bufq {
    struct bufq_block *block; /* NULL: empty */
};

void bufq_init(struct bufq *q);
/* Gives the block back; the queue is empty afterwards and may be used again. */
void bufq_fini(struct bufq *q, struct bufq_store *store);
/* Appends s, which must not lie in the queue itself; grows the block as needed. WERR_TOO_BIG
 * when the queue would hold more than max_bytes (nothing is appended then), WERR_NOMEM. */
int bufq_push(struct bufq *q, struct bufq_store *store, struct span s,
              size_t max_bytes) MUST_USE;
/* The bytes in order, in one piece; valid until the next push or drop. */
static inline struct span bufq_peek(const struct bufq *q)
{
    if (q->block == NULL)
        return SPAN_NONE;
    return (struct span){q->block->bytes + q->block->head, q->block->len};
}
/* What its block can hold: memory in use. */
static inline size_t bufq_cap(const struct bufq *q)
{
    return q->block != NULL ? q->block->cap : 0;
}
static inline size_t bufq_len(const struct bufq *q)
{
    return q->block != NULL ? q->block->len : 0;
}
/* Drops n bytes from the front (n <= length); an empty queue gives its block back. */
void bufq_drop(struct bufq *q, struct bufq_store *store, size_t n);

#endif
