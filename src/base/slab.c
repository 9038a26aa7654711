#include "base/slab.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/poison.h"
#include "base/werr.h"

enum { ALIGN_BYTES = 8, BATCH_BYTES = 16 * 1024, BATCH_N_MIN = 4, PAUSE_N_MAX = 32 };

/* Lies in the first bytes of an object that is not in use. */
struct free_object {
    struct free_object *next;
};

struct slab_batch {
    struct slab_batch *next;
    unsigned free_n; /* counted by slab_trim only */
    bool is_leaving; /* told by slab_trim only */
    char objects[] __attribute__((aligned(ALIGN_BYTES)));
};

static size_t stride_bytes(const struct slab *s)
{
    return s->object_bytes + POISON_GAP;
}

void slab_init(struct slab *s, const char *name, size_t object_bytes, unsigned max)
{
    MUST(object_bytes > 0);
    *s = (struct slab){
        .name = name,
        .object_bytes = (object_bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES,
        .max = max,
    };
    s->batch_n = (unsigned)((BATCH_BYTES - sizeof(struct slab_batch)) / stride_bytes(s));
    if (s->batch_n < BATCH_N_MIN)
        s->batch_n = BATCH_N_MIN;
    if (max != 0 && s->batch_n > max)
        s->batch_n = max;
}

static void push_free(struct slab *s, void *object)
{
    struct free_object *free_object = object;
    free_object->next = s->free_list;
    s->free_list = free_object;
    POISON(object, s->object_bytes);
}

static void *pop_free(struct slab *s)
{
    struct free_object *object = s->free_list;
    MUST(object != NULL);
    UNPOISON(object, s->object_bytes);
    s->free_list = object->next;
    return object;
}

static bool add_batch(struct slab *s)
{
    struct slab_batch *batch = fault_malloc(sizeof(*batch) + s->batch_n * stride_bytes(s));
    if (batch == NULL)
        return false;
    batch->next = s->batches;
    s->batches = batch;
    s->total_n += s->batch_n;
    POISON(batch->objects, s->batch_n * stride_bytes(s));
    /* Backwards, so that objects are handed out in the order of their addresses. */
    for (size_t i = s->batch_n; i-- > 0;) {
        char *object = batch->objects + i * stride_bytes(s);
        UNPOISON(object, s->object_bytes);
        push_free(s, object);
    }
    return true;
}

static void free_batch(const struct slab *s, struct slab_batch *batch)
{
    UNPOISON(batch->objects, s->batch_n * stride_bytes(s));
    free(batch);
}

void slab_fini(struct slab *s)
{
    MUST(s->in_use == 0);
    while (s->batches != NULL) {
        struct slab_batch *batch = s->batches;
        s->batches = batch->next;
        free_batch(s, batch);
    }
    s->free_list = NULL;
    s->total_n = 0;
}

void *slab_get_raw(struct slab *s)
{
    if (s->max != 0 && s->in_use >= s->max)
        return NULL;
    if (s->free_list == NULL && !add_batch(s))
        return NULL;
    s->in_use++;
    if (s->in_use > s->peak_n)
        s->peak_n = s->in_use;
    return pop_free(s);
}

void *slab_get(struct slab *s)
{
    void *object = slab_get_raw(s);

    return object != NULL ? memset(object, 0, s->object_bytes) : NULL;
}

void slab_put(struct slab *s, void *object)
{
    MUST(s->in_use > 0);
    s->in_use--;
    push_free(s, object);
}

static int compare_addresses(const void *a, const void *b)
{
    struct slab_batch *const *left = a;
    struct slab_batch *const *right = b;
    return ((uintptr_t)*left > (uintptr_t)*right) - ((uintptr_t)*left < (uintptr_t)*right);
}

/* All batches ordered by address, for find_batch; NULL when there is no memory (or no batch).
 */
static struct slab_batch **new_batch_index(const struct slab *s, size_t *n)
{
    *n = 0;
    for (struct slab_batch *batch = s->batches; batch != NULL; batch = batch->next)
        (*n)++;
    struct slab_batch **index = *n > 0 ? fault_malloc(*n * sizeof(struct slab_batch *)) : NULL;
    if (index == NULL)
        return NULL;
    size_t i = 0;
    for (struct slab_batch *batch = s->batches; batch != NULL; batch = batch->next) {
        batch->free_n = 0;
        batch->is_leaving = false;
        index[i++] = batch;
    }
    qsort(index, *n, sizeof(struct slab_batch *), compare_addresses);
    return index;
}

/* The batch with the greatest address below the object: objects do not name their batch, which
 * keeps them small. */
static struct slab_batch *find_batch(struct slab_batch **index, size_t n, const void *object)
{
    size_t low = 0;
    while (n > 1) {
        size_t half = n / 2;
        if ((uintptr_t)index[low + half] < (uintptr_t)object)
            low += half;
        n -= half;
    }
    return index[low];
}

static void count_free(const struct slab *s, struct slab_batch **index, size_t n)
{
    struct free_object *object = s->free_list;
    while (object != NULL) {
        find_batch(index, n, object)->free_n++;
        UNPOISON(object, sizeof(*object));
        struct free_object *next = object->next;
        POISON(object, sizeof(*object));
        object = next;
    }
}

/* The last ones in the order of addresses, so that what stays lies together. Returns how many.
 */
static unsigned choose_leaving(const struct slab *s, struct slab_batch **index, size_t n,
                               unsigned keep_n)
{
    unsigned free_n = s->total_n - s->in_use;
    unsigned chosen = 0;
    while (n-- > 0 && free_n >= keep_n + s->batch_n) {
        if (index[n]->free_n != s->batch_n)
            continue;
        index[n]->is_leaving = true;
        free_n -= s->batch_n;
        chosen++;
    }
    return chosen;
}

/* Rebuilds the free list, in its order, from the objects whose batch stays. */
static void drop_from_free_list(struct slab *s, struct slab_batch **index, size_t n)
{
    struct free_object *keep = NULL;
    struct free_object **tail = &keep;
    while (s->free_list != NULL) {
        struct free_object *object = pop_free(s);
        if (find_batch(index, n, object)->is_leaving)
            continue;
        *tail = object;
        tail = &object->next;
    }
    *tail = NULL;
    s->free_list = keep;
    while (keep != NULL) {
        struct free_object *next = keep->next;
        POISON(keep, s->object_bytes);
        keep = next;
    }
}

/* Returns how many. */
static unsigned free_leaving(struct slab *s)
{
    unsigned freed = 0;
    struct slab_batch **link = &s->batches;
    while (*link != NULL) {
        struct slab_batch *batch = *link;
        if (!batch->is_leaving) {
            link = &batch->next;
            continue;
        }
        *link = batch->next;
        free_batch(s, batch);
        s->total_n -= s->batch_n;
        freed++;
    }
    return freed;
}

unsigned slab_trim(struct slab *s, unsigned keep_n)
{
    size_t n = 0;
    struct slab_batch **index = new_batch_index(s, &n);
    if (index == NULL)
        return 0;
    count_free(s, index, n);
    unsigned leaving = choose_leaving(s, index, n, keep_n);
    if (leaving > 0)
        drop_from_free_list(s, index, n);
    free(index);
    return leaving > 0 ? free_leaving(s) : 0;
}

unsigned slab_settle(struct slab *s)
{
    unsigned peak_n = s->peak_n;
    s->peak_n = s->in_use;
    if (s->total_n < peak_n + 2 * s->batch_n)
        return 0;
    if (s->pause_n > 0) {
        s->pause_n--;
        return 0;
    }
    unsigned freed = slab_trim(s, peak_n - s->in_use + s->batch_n);
    if (freed > 0)
        s->pause_next_n = 0;
    else if (s->pause_next_n < PAUSE_N_MAX)
        s->pause_next_n = s->pause_next_n * 2 + 1;
    s->pause_n = s->pause_next_n;
    return freed;
}
