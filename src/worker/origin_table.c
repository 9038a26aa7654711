/* Out of memory, uthash takes the item out again and leaves its table pointer NULL. */
#define HASH_NONFATAL_OOM    1
#define uthash_malloc(bytes) fault_malloc(bytes)
#include "worker/origin_table.h"

#include "base/fault.h"
#include "worker/eject.h"
#include "worker/origin.h"
#include "worker/pool_runtime.h"
#include "worker/worker.h"

/* The macros of uthash are pages of branches: each alone in a function that has nothing else.
 * NOLINTBEGIN(readability-function-size) */
struct origin *origin_find(struct worker *w, uint64_t server_id)
{
    struct origin *o;

    HASH_FIND(hh, w->origins, &server_id, sizeof(server_id), o);
    return o;
}

static int link_origin(struct worker *w, struct origin *o)
{
    HASH_ADD(hh, w->origins, server_id, sizeof(o->server_id), o);
    return o->hh.tbl != NULL ? 0 : WERR_NOMEM;
}

static void unlink_origin(struct worker *w, struct origin *o)
{
    HASH_DEL(w->origins, o);
}
/* NOLINTEND(readability-function-size) */

struct origin *origin_find_or_new(struct worker *w, uint64_t server_id)
{
    struct origin *o = origin_find(w, server_id);

    if (o != NULL)
        return o;
    o = fault_malloc(sizeof(*o));
    if (o == NULL)
        return NULL;
    *o = (struct origin){
        .server_id = server_id,
        .worker = w,
        .magic = ORIGIN_MAGIC,
        .stats_slot = STATS_NO_SLOT,
        .up = true, /* a new server counts as active */
    };
    lanes_init(&o->lanes);
    eject_init(o);
    if (link_origin(w, o) < 0) {
        free(o);
        return NULL;
    }
    return o;
}

void origin_part(struct origin *o)
{
    MUST(o->in_flight == 0 && lanes_are_gone(&o->lanes));
    eject_end(o);
    if (o->place != ORIGIN_UNWANTED) /* the list is stale: nobody will pick it */
        balance_spoil(&o->pool->balance);
    o->place = ORIGIN_UNWANTED;
    pool_runtime_part(o);
}

static void free_origin(struct origin *o)
{
    origin_part(o);
    unlink_origin(o->worker, o);
    o->magic = 0;
    free(o->authority);
    free(o->tls_name);
    addr_set_free(o->addrs);
    free(o);
}

void origin_check_done(struct origin *o)
{
    MUST(o->magic == ORIGIN_MAGIC);
    if (o->state == ORIGIN_GONE && lanes_are_gone(&o->lanes) && o->in_flight == 0)
        free_origin(o);
}

void origin_free_all(struct worker *w)
{
    struct origin *o, *next;

    HASH_ITER (hh, w->origins, o, next) {
        MUST(lanes_are_gone(&o->lanes));
        free_origin(o);
    }
}
