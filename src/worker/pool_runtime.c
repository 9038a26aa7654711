/* Out of memory, uthash takes the item out again and leaves its table pointer NULL. */
#define HASH_NONFATAL_OOM    1
#define uthash_malloc(bytes) fault_malloc(bytes)
#include "worker/pool_runtime.h"

#include "base/fault.h"
#include "worker/origin.h"
#include "worker/worker.h"

/* The macros of uthash are pages of branches: each alone in a function that has nothing else.
 * NOLINTBEGIN(readability-function-size) */
struct pool_runtime *pool_runtime_find(const struct worker *w, uint64_t id)
{
    struct pool_runtime *pool;

    HASH_FIND(hh, w->pools, &id, sizeof(id), pool);
    return pool;
}

static int link_pool(struct worker *w, struct pool_runtime *pool)
{
    HASH_ADD(hh, w->pools, id, sizeof(pool->id), pool);
    return pool->hh.tbl != NULL ? 0 : WERR_NOMEM;
}

static void unlink_pool(struct worker *w, struct pool_runtime *pool)
{
    HASH_DEL(w->pools, pool);
}
/* NOLINTEND(readability-function-size) */

static char *copy_name(const char *name)
{
    size_t bytes = strlen(name) + 1;
    char *copy = fault_malloc(bytes);

    if (copy != NULL)
        memcpy(copy, name, bytes);
    return copy;
}

static struct pool_runtime *make(struct worker *w, const struct pool *p)
{
    struct pool_runtime *pool = fault_malloc(sizeof(*pool));

    if (pool == NULL)
        return NULL;
    *pool = (struct pool_runtime){
        .magic = POOL_RUNTIME_MAGIC,
        .id = p->id,
        .worker = w,
        .name = copy_name(p->name),
        .response_limits = codec_limits_response,
    };
    LIST_INIT(&pool->origins);
    pool_queue_init(&pool->queue, w->loop);
    balance_init(&pool->balance, BALANCE_ROUND_ROBIN, w->id);
    balance_spoil(&pool->balance);
    if (pool->name != NULL && link_pool(w, pool) == 0) {
        w->pools_version++;
        return pool;
    }
    free(pool->name);
    free(pool);
    return NULL;
}

static void follow_bounds(struct pool_runtime *pool)
{
    const struct pool_bounds *b = &pool->settings.bounds;

    pool->response_limits.head_bytes = b->response_head_bytes;
    pool->response_limits.fields = (uint16_t)b->response_fields;
}

static const uint8_t policies[POOL_POLICY_N] = {
    [POOL_POLICY_ROUND_ROBIN] = BALANCE_ROUND_ROBIN,
    [POOL_POLICY_LEAST_OUTSTANDING] = BALANCE_LEAST_OUTSTANDING,
    [POOL_POLICY_P2C] = BALANCE_P2C,
    [POOL_POLICY_HASH] = BALANCE_HASH,
};

struct pool_runtime *pool_runtime_follow(struct worker *w, const struct pool *p)
{
    struct pool_runtime *pool = pool_runtime_find(w, p->id);

    if (pool == NULL)
        pool = make(w, p);
    if (pool == NULL)
        return NULL;
    MUST(pool->magic == POOL_RUNTIME_MAGIC);
    pool->is_described = true;
    pool->stats_slot = worker_pool_slot(w, p->id);
    pool->stats = worker_pool_stats(w, p->id);
    pool->served = worker_pool_served(w, p->id);
    pool->settings = p->settings;
    follow_bounds(pool);
    pool->hash_key = p->hash_key;
    pool->policy = p->policy;
    balance_set_policy(&pool->balance, policies[p->policy]);
    balance_spoil(&pool->balance); /* fail_open may have changed */
    pool_queue_wake(&pool->queue);
    return pool;
}

static void free_pool(struct pool_runtime *pool)
{
    unlink_pool(pool->worker, pool);
    pool_queue_fini(&pool->queue);
    balance_fini(&pool->balance);
    origin_tls_fini(&pool->tls);
    free(pool->name);
    pool->magic = 0;
    free(pool);
}

static void check_done(struct pool_runtime *pool)
{
    if (!pool->is_described && pool->exchange_n == 0 && pool->origin_n == 0)
        free_pool(pool);
}

/* The analyzer does not see that HASH_DEL unlinks. NOLINTBEGIN(clang-analyzer-unix.Malloc) */
void pool_runtime_forget_absent(struct worker *w)
{
    struct pool_runtime *pool, *next;

    w->pools_version++;
    HASH_ITER (hh, w->pools, pool, next) {
        pool->is_described = pool_find_id(w->pool_state, pool->id) != NULL;
        check_done(pool);
    }
}

void pool_runtime_free_all(struct worker *w)
{
    struct pool_runtime *pool, *next;

    HASH_ITER (hh, w->pools, pool, next) {
        MUST(LIST_EMPTY(&pool->origins) && pool->exchange_n == 0);
        free_pool(pool);
    }
}
/* NOLINTEND(clang-analyzer-unix.Malloc) */

void pool_runtime_join(struct pool_runtime *pool, struct origin *o)
{
    MUST(o->pool == NULL);
    o->pool = pool;
    LIST_INSERT_HEAD(&pool->origins, o, in_pool_entry);
    pool->origin_n++;
    pool->untried_n += o->is_untried;
    pool->limited_n += o->max_requests > 0;
}

void pool_runtime_part(struct origin *o)
{
    struct pool_runtime *pool = o->pool;

    if (pool == NULL)
        return;
    MUST(pool->magic == POOL_RUNTIME_MAGIC && o->state != ORIGIN_EJECTED &&
         o->place != ORIGIN_LISTED);
    pool->untried_n -= o->is_untried;
    pool->limited_n -= o->max_requests > 0;
    LIST_REMOVE(o, in_pool_entry);
    o->pool = NULL;
    pool->origin_n--;
    check_done(pool);
}

void pool_runtime_forget(struct worker *w, uint64_t id)
{
    struct pool_runtime *pool = pool_runtime_find(w, id);

    if (pool == NULL)
        return;
    pool->is_described = false;
    w->pools_version++;
    check_done(pool);
}

void pool_runtime_enter(struct pool_runtime *pool)
{
    pool->exchange_n++;
}

void pool_runtime_leave(struct pool_runtime *pool)
{
    MUST(pool->magic == POOL_RUNTIME_MAGIC && pool->exchange_n > pool->queue.n);
    pool->exchange_n--;
    check_done(pool);
}

/* A server that is too late is slow; one that fails at once is not quick. */
void pool_runtime_heard(const struct pool_runtime *pool, struct origin *o, uint64_t latency_us,
                        bool well)
{
    if (pool->policy == POOL_POLICY_P2C && (well || latency_us > o->seat.latency_us))
        balance_seat_heard(&o->seat, latency_us, loop_now_us(pool->worker->loop));
}
