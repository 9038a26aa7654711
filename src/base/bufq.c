#include "base/bufq.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/poison.h"

enum {
    CLASS_MIN_LOG2 = 10,
    CLASS_MAX_LOG2 = 20,
    CLASSES = CLASS_MAX_LOG2 - CLASS_MIN_LOG2 + 1,
    RESERVE_LOG2 = 16
};

/* Lies in the first bytes of a block that waits in the store. */
struct free_block {
    struct free_block *next;
};

/* Classes and accounts are of the bytes that a block can hold. */
static size_t whole_bytes(size_t cap)
{
    return sizeof(struct bufq_block) + cap;
}

struct bufq_store {
    size_t keep_bytes;
    size_t kept_bytes;
    size_t held_bytes; /* by queues */
    bool wipes;
    struct free_block *free_blocks[CLASSES];
    unsigned free_n[CLASSES];
    unsigned least_free_n[CLASSES]; /* since the last bufq_store_settle */
};

static size_t class_bytes(unsigned size_class)
{
    return (size_t)1 << (size_class + CLASS_MIN_LOG2);
}

/* The smallest size_class that holds bytes; CLASSES when none does. */
static unsigned class_of(size_t bytes)
{
    unsigned size_class = 0;
    while (size_class < CLASSES && class_bytes(size_class) < bytes)
        size_class++;
    return size_class;
}

struct bufq_store *bufq_store_new(size_t keep_bytes)
{
    struct bufq_store *store = fault_malloc(sizeof(*store));
    if (store != NULL)
        *store = (struct bufq_store){.keep_bytes = keep_bytes};
    return store;
}

static void *take_free_block(struct bufq_store *store, unsigned size_class)
{
    struct free_block *block = store->free_blocks[size_class];
    if (block == NULL)
        return NULL;
    UNPOISON(block, whole_bytes(class_bytes(size_class)));
    store->free_blocks[size_class] = block->next;
    store->kept_bytes -= class_bytes(size_class);
    if (--store->free_n[size_class] < store->least_free_n[size_class])
        store->least_free_n[size_class] = store->free_n[size_class];
    return block;
}

void bufq_store_free(struct bufq_store *store)
{
    if (store == NULL)
        return;
    MUST(store->held_bytes == 0);
    for (unsigned size_class = 0; size_class < CLASSES; size_class++) {
        for (void *block; (block = take_free_block(store, size_class)) != NULL;)
            free(block);
    }
    free(store);
}

void bufq_store_wipe(struct bufq_store *store)
{
    store->wipes = true;
}

size_t bufq_store_held_bytes(const struct bufq_store *store)
{
    return store->held_bytes;
}

static size_t settle_class(struct bufq_store *store, unsigned size_class)
{
    size_t reserve_n = ((size_t)1 << RESERVE_LOG2) / class_bytes(size_class);
    size_t unused_n = store->least_free_n[size_class];
    size_t freed = 0;
    for (; unused_n > reserve_n; unused_n--) {
        free(take_free_block(store, size_class));
        freed += class_bytes(size_class);
    }
    store->least_free_n[size_class] = store->free_n[size_class];
    return freed;
}

size_t bufq_store_settle(struct bufq_store *store)
{
    size_t freed = 0;
    for (unsigned size_class = 0; size_class < CLASSES; size_class++)
        freed += settle_class(store, size_class);
    return freed;
}

/* How much the block for this many bytes can hold. Over the largest size_class growth still
 * doubles, to stay linear. */
static uint32_t round_up(uint32_t bytes)
{
    unsigned size_class = class_of(bytes);
    if (size_class < CLASSES)
        return (uint32_t)class_bytes(size_class);
    return bytes <= UINT32_MAX / 2 ? 1U << (32 - __builtin_clz(bytes - 1)) : bytes;
}

static struct bufq_block *get_block(struct bufq_store *store, uint32_t bytes)
{
    uint32_t cap = round_up(bytes);
    unsigned size_class = class_of(cap);
    struct bufq_block *block = size_class < CLASSES ? take_free_block(store, size_class) : NULL;
    if (block == NULL)
        block = fault_malloc(whole_bytes(cap));
    if (block == NULL)
        return NULL;
    *block = (struct bufq_block){.cap = cap};
    store->held_bytes += cap;
    return block;
}

static void put_block(struct bufq_store *store, struct bufq_block *block)
{
    uint32_t cap = block->cap;
    unsigned size_class = class_of(cap);
    store->held_bytes -= cap;
    if (store->wipes)
        explicit_bzero(block->bytes, cap);
    if (size_class == CLASSES || store->kept_bytes + cap > store->keep_bytes) {
        free(block);
        return;
    }
    struct free_block *free_block = (struct free_block *)(void *)block;
    free_block->next = store->free_blocks[size_class];
    store->free_blocks[size_class] = free_block;
    store->kept_bytes += cap;
    store->free_n[size_class]++;
    POISON(block, whole_bytes(cap));
}

void bufq_init(struct bufq *q)
{
    q->block = NULL;
}

void bufq_fini(struct bufq *q, struct bufq_store *store)
{
    if (q->block != NULL)
        put_block(store, q->block);
    q->block = NULL;
}

static int grow(struct bufq *q, struct bufq_store *store, uint32_t need)
{
    struct bufq_block *old = q->block;
    struct bufq_block *block = get_block(store, need);
    if (block == NULL)
        return WERR_NOMEM;
    if (old != NULL) {
        memcpy(block->bytes, old->bytes + old->head, old->len);
        block->len = old->len;
        put_block(store, old);
    }
    q->block = block;
    return 0;
}

int bufq_push(struct bufq *q, struct bufq_store *store, struct span s, size_t max_bytes)
{
    size_t len = bufq_len(q);
    if (max_bytes > UINT32_MAX)
        max_bytes = UINT32_MAX;
    if (len > max_bytes || s.len > max_bytes - len)
        return WERR_TOO_BIG;
    if (s.len == 0)
        return 0;
    uint32_t need = (uint32_t)(len + s.len);
    struct bufq_block *block = q->block;
    if (block == NULL || need > block->cap) {
        int rc = grow(q, store, need);
        if (rc < 0)
            return rc;
        block = q->block;
    } else if (need > block->cap - block->head) {
        memmove(block->bytes, block->bytes + block->head, block->len);
        block->head = 0;
    }
    memcpy(block->bytes + block->head + block->len, s.ptr, s.len);
    block->len = need;
    return 0;
}

void bufq_drop(struct bufq *q, struct bufq_store *store, size_t n)
{
    MUST(n <= bufq_len(q));
    if (q->block == NULL)
        return;
    q->block->head += (uint32_t)n;
    q->block->len -= (uint32_t)n;
    if (q->block->len == 0)
        bufq_fini(q, store);
}
