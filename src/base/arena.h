/* arena.h - memory that is given back whole: one arena a request.
 *
 * Bump allocation from chunks that come from (and return to) a free list shared by all arenas
 * of the process: after warm-up a request allocates nothing. An arena that was never used holds
 * no chunk. Over its limit arena_alloc returns NULL: a normal outcome (Varnish's workspace),
 * answered with 431 or 500, never a crash.
 */
#ifndef WELDR_BASE_ARENA_H
#define WELDR_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"

/* Free list of chunks; keeps at most keep_n free ones. chunk_bytes counts the whole heap block
 * (at least 64, MUST), some 16 bytes of which are the chunk's header. */
struct arena_store;
struct arena_store *arena_store_new(size_t chunk_bytes, unsigned keep_n);
/* To be called every few seconds: gives back the chunks that were not needed since the last
 * call, but for reserve_n; returns how many. */
unsigned arena_store_settle(struct arena_store *store, unsigned reserve_n);
void arena_store_free(struct arena_store *store); /* NULL allowed; all arenas must be reset */

struct arena_chunk;
struct arena {
    struct arena_store *store;
    struct arena_chunk *chunks; /* newest first */
    char *at, *end;             /* free space of the newest ordinary chunk */
    size_t used_bytes;
    size_t limit_bytes;
};

void arena_init(struct arena *a, struct arena_store *store, size_t limit_bytes);
/* Aligned to 8; every allocation counts as the next multiple of 8 against the limit; NULL when
 * the limit or the memory is exhausted. Never zeroed. A request larger than a chunk gets its
 * own block, which goes back to the system and not to the store. */
void *arena_alloc(struct arena *a, size_t bytes);
/* Copy of s in the arena; ptr NULL when there was no room (and s was not empty). */
struct span arena_copy(struct arena *a, struct span s);
/* What is allocated from now on can be given back before the rest: arena_rewind goes back to a
 * mark of this arena that is not older than the last arena_reset. */
struct arena_mark {
    struct arena_chunk *chunks;
    char *at, *end;
    size_t used_bytes;
};
static inline struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){a->chunks, a->at, a->end, a->used_bytes};
}
void arena_rewind(struct arena *a, const struct arena_mark *mark);
/* Gives all chunks back. */
void arena_reset(struct arena *a);

#endif
