#include "pool/pool_history.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "pool/pool_mem.h"

/* A ring: the oldest is at `first`. */
struct pool_history {
    uint32_t first, n;
    size_t bytes; /* of what is kept of all */
    struct pool_history_record *records[POOL_HISTORY_N];
};

struct pool_history *pool_history_new(void)
{
    return pool_calloc(1, sizeof(struct pool_history));
}

void pool_history_record_free(struct pool_history_record *r)
{
    if (r == NULL)
        return;
    free(r->before);
    free(r);
}

static struct pool_history_record **slot(struct pool_history *h, uint32_t from_oldest)
{
    return &h->records[(h->first + from_oldest) % POOL_HISTORY_N];
}

static void clear(struct pool_history *h)
{
    for (uint32_t i = 0; i < h->n; i++)
        pool_history_record_free(*slot(h, i));
    h->first = h->n = 0;
    h->bytes = 0;
}

void pool_history_free(struct pool_history *h)
{
    if (h == NULL)
        return;
    clear(h);
    free(h);
}

/* ---- what it holds ---- */

uint32_t pool_history_n(const struct pool_history *h)
{
    return h->n;
}

const struct pool_history_record *pool_history_at(const struct pool_history *h, uint32_t i)
{
    MUST(i < h->n);
    return h->records[(h->first + h->n - 1 - i) % POOL_HISTORY_N];
}

uint32_t pool_history_place(const struct pool_history *h, uint64_t revision)
{
    uint32_t low = 0, high = h->n;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (pool_history_at(h, middle)->revision > revision)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct pool_history_record *pool_history_find(const struct pool_history *h,
                                                    uint64_t revision)
{
    const uint32_t place = pool_history_place(h, revision);
    const struct pool_history_record *r = place < h->n ? pool_history_at(h, place) : NULL;
    return r != NULL && r->revision == revision ? r : NULL;
}

uint64_t pool_history_oldest_way(const struct pool_history *h)
{
    for (uint32_t i = 0; i < h->n; i++)
        if (!pool_history_at(h, i)->is_kept)
            return pool_history_at(h, i)->revision;
    return h->n > 0 ? pool_history_at(h, h->n - 1)->revision : 0;
}

uint64_t pool_history_digest(const struct pool_history *h)
{
    const uint64_t last = h->n > 0 ? pool_history_at(h, 0)->revision : 0;
    const uint64_t hash = XXH3_64bits_withSeed(&last, sizeof(last), POOL_HISTORY_N);
    return hash != 0 ? hash : 1;
}

/* ---- keeping ---- */

static void forget_before(struct pool_history *h, struct pool_history_record *r)
{
    h->bytes -= r->before_len;
    free(r->before);
    r->before = NULL;
    r->before_len = 0;
    r->is_kept = false;
}

/* A way back that ends at a change is of no use behind it either. */
static void make_room(struct pool_history *h, const struct pool_history_record *newest)
{
    for (uint32_t i = 0; i < h->n; i++) {
        struct pool_history_record *r = *slot(h, i);
        if (newest->is_kept && h->bytes + newest->before_len <= POOL_HISTORY_BYTES)
            return;
        forget_before(h, r);
    }
}

void pool_history_take(struct pool_history *h, struct pool_history_record *r)
{
    if (r == NULL) {
        clear(h);
        return;
    }
    MUST(h->n == 0 || pool_history_at(h, 0)->revision < r->revision);
    MUST(r->before_len <= POOL_HISTORY_CHANGE_BYTES);
    make_room(h, r);
    if (h->n == POOL_HISTORY_N) {
        struct pool_history_record *oldest = *slot(h, 0);
        h->bytes -= oldest->before_len;
        pool_history_record_free(oldest);
        h->first = (h->first + 1) % POOL_HISTORY_N;
        h->n--;
    }
    *slot(h, h->n) = r;
    h->n++;
    h->bytes += r->before_len;
}
