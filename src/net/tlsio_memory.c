#include "net/tlsio_memory.h"

#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>

/* Sizes: each 16 bytes up to SMALL_BYTES, then 16 to each doubling up to PIECE_MAX_BYTES: the
 * largest is a sixteenth more than was asked for, and what a connection keeps (7,608 bytes of
 * its SSL, 928 of its session) wastes less than a hundredth. What is larger has a region of its
 * own. */
enum {
    REGION_BYTES = 256 * 1024, /* and its alignment */
    HEAD_BYTES = 64,
    STEP_BYTES = 16,
    SMALL_BYTES = 512,
    SMALL_N = SMALL_BYTES / STEP_BYTES,
    SMALL_BITS = 9,
    PARTS_BITS = 4,
    PARTS = 1 << PARTS_BITS,
    PIECE_MAX_BYTES = 32 * 1024,
    SIZES = SMALL_N + 6 * PARTS,
    SPARE_MAX = 32, /* what some hundred handshakes at once need and give back */
    REGION_MAGIC = 0x746c6d65
};

struct free_piece {
    struct free_piece *next;
};

struct region {
    uint32_t magic;
    uint32_t piece_bytes; /* 0: of one large piece */
    uint32_t used_n;
    uint32_t fresh_n; /* from fresh on, never used */
    char *fresh;
    struct free_piece *free_list;
    size_t bytes;             /* mapped */
    LIST_ENTRY(region) entry; /* among those of its size that have room, or the spare ones */
};

_Static_assert(sizeof(struct region) <= HEAD_BYTES, "pieces follow");

LIST_HEAD(region_list, region);

static struct {
    struct region_list with_room[SIZES];
    struct region_list spare; /* without pieces; mapped, for any size */
    unsigned spare_n;
    unsigned idle_n; /* of them, so many had nothing to do since the last settling */
    size_t bytes;
    bool is_used;      /* by the library */
    bool clears_freed; /* a key is being read */
} memory;

size_t tlsio_memory_bytes(void)
{
    return memory.bytes;
}

/* ---- sizes ---- */

static unsigned size_of(size_t bytes)
{
    if (bytes <= SMALL_BYTES)
        return (unsigned)((bytes + STEP_BYTES - 1) / STEP_BYTES) - 1;
    const unsigned bits = 63U - (unsigned)__builtin_clzl(bytes - 1); /* 9: 513 to 1,024 */
    const unsigned part = (unsigned)((bytes - 1) >> (bits - PARTS_BITS)) - PARTS;

    return SMALL_N + (bits - SMALL_BITS) * PARTS + part;
}

static uint32_t bytes_of(unsigned size)
{
    if (size < SMALL_N)
        return (size + 1) * STEP_BYTES;
    const unsigned doubling = (size - SMALL_N) / PARTS, part = (size - SMALL_N) % PARTS;

    return (PARTS + part + 1) << (SMALL_BITS - PARTS_BITS + doubling);
}

/* ---- regions ---- */

/* Aligned to REGION_BYTES, in no core file. NULL: no memory. */
static char *map(size_t bytes)
{
    const size_t all = bytes + REGION_BYTES;
    char *at = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        return NULL;
    const size_t before = (size_t)(-(uintptr_t)at & (REGION_BYTES - 1));

    if (before > 0)
        (void)munmap(at, before);
    (void)munmap(at + before + bytes, all - before - bytes);
    (void)madvise(at + before, bytes, MADV_DONTDUMP);
    /* Of most sizes a few pages are used. */
    (void)madvise(at + before, bytes, MADV_NOHUGEPAGE);
    return at + before;
}

static struct region *new_region(size_t bytes)
{
    char *at = map(bytes);
    struct region *r = (struct region *)(void *)at;

    if (r == NULL)
        return NULL;
    *r = (struct region){.magic = REGION_MAGIC, .fresh = at + HEAD_BYTES, .bytes = bytes};
    memory.bytes += bytes;
    return r;
}

static void free_region(struct region *r)
{
    memory.bytes -= r->bytes;
    r->magic = 0;
    (void)munmap(r, r->bytes);
}

static struct region *region_of(void *piece)
{
    const size_t from_begin = (uintptr_t)piece & (REGION_BYTES - 1);
    struct region *r = (struct region *)(void *)((char *)piece - from_begin);

    MUST(r->magic == REGION_MAGIC && r->used_n > 0);
    return r;
}

static bool has_room(const struct region *r)
{
    return r->free_list != NULL || r->fresh_n > 0;
}

static struct region *take_spare(void)
{
    struct region *r = LIST_FIRST(&memory.spare);

    if (r == NULL)
        return NULL;
    LIST_REMOVE(r, entry);
    memory.spare_n--;
    if (memory.idle_n > memory.spare_n)
        memory.idle_n = memory.spare_n;
    r->free_list = NULL;
    r->fresh = (char *)r + HEAD_BYTES;
    return r;
}

static struct region *region_with_room(unsigned size)
{
    struct region *r = LIST_FIRST(&memory.with_room[size]);

    if (r != NULL)
        return r;
    r = take_spare();
    if (r == NULL)
        r = new_region(REGION_BYTES);
    if (r == NULL)
        return NULL;
    r->piece_bytes = bytes_of(size);
    r->fresh_n = (REGION_BYTES - HEAD_BYTES) / r->piece_bytes;
    LIST_INSERT_HEAD(&memory.with_room[size], r, entry);
    return r;
}

/* All of it is free. Some are kept: else handshakes would map and unmap, and each page costs as
 * much as many pieces. */
static void retire(struct region *r)
{
    if (memory.spare_n == SPARE_MAX) {
        free_region(r);
        return;
    }
    LIST_INSERT_HEAD(&memory.spare, r, entry);
    memory.spare_n++;
}

void tlsio_memory_settle(void)
{
    for (; memory.idle_n > 0; memory.idle_n--) {
        struct region *r = LIST_FIRST(&memory.spare);

        LIST_REMOVE(r, entry);
        memory.spare_n--;
        free_region(r);
    }
    memory.idle_n = memory.spare_n;
}

/* ---- pieces ---- */

static void *new_large(size_t bytes)
{
    enum { PAGE_BYTES = 4096 };

    if (bytes > SIZE_MAX / 2)
        return NULL;
    struct region *r =
        new_region((bytes + HEAD_BYTES + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES);

    if (r == NULL)
        return NULL;
    r->used_n = 1;
    return r->fresh;
}

static void *take_piece(struct region *r)
{
    struct free_piece *piece = r->free_list;

    r->used_n++;
    if (piece != NULL) {
        r->free_list = piece->next;
        return piece;
    }
    char *fresh = r->fresh;

    r->fresh += r->piece_bytes;
    r->fresh_n--;
    return fresh;
}

void *tlsio_memory_new(size_t bytes)
{
    if (bytes == 0)
        return NULL;
    if (bytes > PIECE_MAX_BYTES)
        return new_large(bytes);
    struct region *r = region_with_room(size_of(bytes));

    if (r == NULL)
        return NULL;
    void *piece = take_piece(r);

    if (!has_room(r))
        LIST_REMOVE(r, entry);
    return piece;
}

static size_t room_of(const struct region *r)
{
    return r->piece_bytes > 0 ? r->piece_bytes : r->bytes - HEAD_BYTES;
}

void tlsio_memory_clear_freed(bool is_wanted)
{
    memory.clears_freed = is_wanted;
}

void tlsio_memory_free(void *piece)
{
    if (piece == NULL)
        return;
    struct region *r = region_of(piece);

    if (memory.clears_freed)
        explicit_bzero(piece, room_of(r));
    if (r->piece_bytes == 0) {
        free_region(r);
        return;
    }
    struct region_list *list = &memory.with_room[size_of(r->piece_bytes)];
    struct free_piece *freed = piece;

    if (!has_room(r))
        LIST_INSERT_HEAD(list, r, entry);
    freed->next = r->free_list;
    r->free_list = freed;
    r->used_n--;
    if (r->used_n == 0) {
        LIST_REMOVE(r, entry);
        retire(r);
    }
}

void *tlsio_memory_resize(void *piece, size_t bytes)
{
    if (piece == NULL)
        return tlsio_memory_new(bytes);
    if (bytes == 0) {
        tlsio_memory_free(piece);
        return NULL;
    }
    const size_t room = room_of(region_of(piece));

    if (bytes <= room && bytes > room / 2)
        return piece;
    void *fresh = tlsio_memory_new(bytes);

    if (fresh == NULL)
        return NULL;
    memcpy(fresh, piece, bytes < room ? bytes : room);
    tlsio_memory_free(piece);
    return fresh;
}

/* ---- for the library ---- */

#ifndef __SANITIZE_ADDRESS__
static void *library_new(size_t bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    return tlsio_memory_new(bytes);
}

static void *library_resize(void *piece, size_t bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    return tlsio_memory_resize(piece, bytes);
}

static void library_free(void *piece, const char *file, int line)
{
    (void)file;
    (void)line;
    tlsio_memory_free(piece);
}

int tlsio_memory_start(void)
{
    if (memory.is_used)
        return 0;
    if (CRYPTO_set_mem_functions(library_new, library_resize, library_free) != 1)
        return WERR_INVALID;
    memory.is_used = true;
    return 0;
}
#else
int tlsio_memory_start(void)
{
    return 0;
}
#endif
