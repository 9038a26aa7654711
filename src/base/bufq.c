#include "base/bufq.h"

#include <stdlib.h>

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

struct bufq_store {
    size_t keep_bytes;
    size_t kept_bytes;
    size_t held_bytes; /* by queues */
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

static char *take_free_block(struct bufq_store *store, unsigned size_class)
{
    struct free_block *block = store->free_blocks[size_class];
    if (block == NULL)
        return NULL;
    UNPOISON(block, class_bytes(size_class));
    store->free_blocks[size_class] = block->next;
    store->kept_bytes -= class_bytes(size_class);
    if (--store->free_n[size_class] < store->least_free_n[size_class])
        store->least_free_n[size_class] = store->free_n[size_class];
    return (char *)block;
}

void bufq_store_free(struct bufq_store *store)
{
    if (store == NULL)
        return;
    MUST(store->held_bytes == 0);
    for (unsigned size_class = 0; size_class < CLASSES; size_class++) {
        for (char *block; (block = take_free_block(store, size_class)) != NULL;)
            free(block);
    }
    free(store);
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

/* A block of at least *cap bytes; *cap becomes its size. Over the largest size_class growth
 * still doubles, to stay linear. */
static char *find_block(struct bufq_store *store, uint32_t *cap)
{
    unsigned size_class = class_of(*cap);
    if (size_class == CLASSES) {
        if (*cap <= UINT32_MAX / 2)
            *cap = 1U << (32 - __builtin_clz(*cap - 1));
        return fault_malloc(*cap);
    }
    *cap = (uint32_t)class_bytes(size_class);
    char *block = take_free_block(store, size_class);
    return block != NULL ? block : fault_malloc(*cap);
}

static char *get_block(struct bufq_store *store, uint32_t *cap)
{
    char *block = find_block(store, cap);
    if (block != NULL)
        store->held_bytes += *cap;
    return block;
}

static void put_block(struct bufq_store *store, char *block, uint32_t cap)
{
    store->held_bytes -= cap;
    unsigned size_class = class_of(cap);
    if (size_class == CLASSES || store->kept_bytes + cap > store->keep_bytes) {
        free(block);
        return;
    }
    struct free_block *free_block = (struct free_block *)block;
    free_block->next = store->free_blocks[size_class];
    store->free_blocks[size_class] = free_block;
    store->kept_bytes += cap;
    store->free_n[size_class]++;
    POISON(block, cap);
}

void bufq_init(struct bufq *q)
{
    *q = (struct bufq){0};
}

void bufq_fini(struct bufq *q, struct bufq_store *store)
{
    if (q->block != NULL)
        put_block(store, q->block, q->cap);
    bufq_init(q);
}

static int grow(struct bufq *q, struct bufq_store *store, uint32_t need)
{
    uint32_t cap = need;
    char *block = get_block(store, &cap);
    if (block == NULL)
        return WERR_NOMEM;
    if (q->block != NULL) {
        memcpy(block, q->block + q->head, q->len);
        put_block(store, q->block, q->cap);
    }
    q->block = block;
    q->cap = cap;
    q->head = 0;
    return 0;
}

int bufq_push(struct bufq *q, struct bufq_store *store, struct span s, size_t max_bytes)
{
    if (max_bytes > UINT32_MAX)
        max_bytes = UINT32_MAX;
    if (q->len > max_bytes || s.len > max_bytes - q->len)
        return WERR_TOO_BIG;
    if (s.len == 0)
        return 0;
    uint32_t need = q->len + (uint32_t)s.len;
    if (need > q->cap) {
        int rc = grow(q, store, need);
        if (rc < 0)
            return rc;
    } else if (need > q->cap - q->head) {
        memmove(q->block, q->block + q->head, q->len);
        q->head = 0;
    }
    memcpy(q->block + q->head + q->len, s.ptr, s.len);
    q->len = need;
    return 0;
}

void bufq_drop(struct bufq *q, struct bufq_store *store, size_t n)
{
    MUST(n <= q->len);
    q->head += (uint32_t)n;
    q->len -= (uint32_t)n;
    if (q->len == 0)
        bufq_fini(q, store);
}
