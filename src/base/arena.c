#include "base/arena.h"

#include <stdlib.h>

#include "base/fault.h"
#include "base/poison.h"

enum { ALIGN_BYTES = 8, CHUNK_BYTES_MIN = 64 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t bytes; /* of the payload */
    char payload[];
};

struct arena_store {
    size_t payload_bytes; /* of an ordinary chunk */
    unsigned keep_n;
    unsigned free_n;
    unsigned least_free_n; /* since the last arena_store_settle */
    struct arena_chunk *free_chunks;
};

struct arena_store *arena_store_new(size_t chunk_bytes, unsigned keep_n)
{
    MUST(chunk_bytes >= CHUNK_BYTES_MIN);
    struct arena_store *store = fault_malloc(sizeof(*store));
    if (store == NULL)
        return NULL;
    size_t payload = chunk_bytes - sizeof(struct arena_chunk);
    *store = (struct arena_store){
        .payload_bytes = payload / ALIGN_BYTES * ALIGN_BYTES,
        .keep_n = keep_n,
    };
    return store;
}

static void free_chunk(struct arena_chunk *chunk)
{
    UNPOISON(chunk->payload, chunk->bytes);
    free(chunk);
}

void arena_store_free(struct arena_store *store)
{
    if (store == NULL)
        return;
    while (store->free_chunks != NULL) {
        struct arena_chunk *chunk = store->free_chunks;
        store->free_chunks = chunk->next;
        free_chunk(chunk);
    }
    free(store);
}

static struct arena_chunk *new_chunk(size_t payload_bytes)
{
    struct arena_chunk *chunk = fault_malloc(sizeof(*chunk) + payload_bytes);
    if (chunk == NULL)
        return NULL;
    chunk->bytes = payload_bytes;
    POISON(chunk->payload, payload_bytes);
    return chunk;
}

static struct arena_chunk *get_chunk(struct arena_store *store)
{
    struct arena_chunk *chunk = store->free_chunks;
    if (chunk == NULL)
        return new_chunk(store->payload_bytes);
    store->free_chunks = chunk->next;
    store->free_n--;
    if (store->free_n < store->least_free_n)
        store->least_free_n = store->free_n;
    return chunk;
}

static void put_chunk(struct arena_store *store, struct arena_chunk *chunk)
{
    if (chunk->bytes != store->payload_bytes || store->free_n >= store->keep_n) {
        free_chunk(chunk);
        return;
    }
    POISON(chunk->payload, chunk->bytes);
    chunk->next = store->free_chunks;
    store->free_chunks = chunk;
    store->free_n++;
}

unsigned arena_store_settle(struct arena_store *store, unsigned reserve_n)
{
    unsigned freed = 0;
    while (store->least_free_n > reserve_n + freed) {
        struct arena_chunk *chunk = store->free_chunks;
        store->free_chunks = chunk->next;
        store->free_n--;
        free_chunk(chunk);
        freed++;
    }
    store->least_free_n = store->free_n;
    return freed;
}

void arena_init(struct arena *a, struct arena_store *store, size_t limit_bytes)
{
    *a = (struct arena){.store = store, .limit_bytes = limit_bytes};
}

/* The free space that at and end tell of stays in use, so a large block costs no room in a
 * chunk. */
static char *alloc_own_block(struct arena *a, size_t bytes)
{
    struct arena_chunk *block = new_chunk(bytes);
    if (block == NULL)
        return NULL;
    block->next = a->chunks;
    a->chunks = block;
    return block->payload;
}

static char *alloc_in_new_chunk(struct arena *a, size_t bytes)
{
    struct arena_chunk *chunk = get_chunk(a->store);
    if (chunk == NULL)
        return NULL;
    chunk->next = a->chunks;
    a->chunks = chunk;
    a->at = chunk->payload + bytes;
    a->end = chunk->payload + chunk->bytes;
    return chunk->payload;
}

static char *alloc_slow(struct arena *a, size_t bytes)
{
    if (bytes > a->store->payload_bytes)
        return alloc_own_block(a, bytes);
    return alloc_in_new_chunk(a, bytes);
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    size_t room = a->limit_bytes - a->used_bytes;
    if (bytes > room || bytes > SIZE_MAX / 2)
        return NULL;
    size_t rounded =
        bytes != 0 ? (bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES : ALIGN_BYTES;
    if (rounded > room)
        return NULL;
    char *at = a->at;
    if (rounded <= (size_t)(a->end - a->at))
        a->at += rounded;
    else
        at = alloc_slow(a, rounded);
    if (at == NULL)
        return NULL;
    a->used_bytes += rounded;
    UNPOISON(at, bytes);
    return at;
}

struct span arena_copy(struct arena *a, struct span s)
{
    if (s.len == 0)
        return span_from("", 0);
    char *at = arena_alloc(a, s.len);
    if (at == NULL)
        return SPAN_NONE;
    memcpy(at, s.ptr, s.len);
    return span_from(at, s.len);
}

static void put_chunks_until(struct arena *a, const struct arena_chunk *last)
{
    while (a->chunks != last) {
        struct arena_chunk *chunk = a->chunks;
        a->chunks = chunk->next;
        put_chunk(a->store, chunk);
    }
}

void arena_rewind(struct arena *a, const struct arena_mark *mark)
{
    put_chunks_until(a, mark->chunks);
    a->at = mark->at;
    a->end = mark->end;
    a->used_bytes = mark->used_bytes;
    if (a->at != NULL)
        POISON(a->at, (size_t)(a->end - a->at));
}

void arena_reset(struct arena *a)
{
    put_chunks_until(a, NULL);
    a->at = a->end = NULL;
    a->used_bytes = 0;
}
