#include "worker/lane_tls.h"

#include <stdlib.h>

#include "base/fault.h"
#include "log/log.h"
#include "net/tlsio_context.h"
#include "pool/tls_key.h"
#include "worker/lane.h"
#include "worker/origin.h"
#include "worker/pool_runtime.h"
#include "worker/worker.h"

/* ---- of what it is made ---- */

/* The system's authorities count where the pool has none of its own. */
static uint64_t key_of(const struct worker *w, const struct pool *p)
{
    return pool_tls_key(p) + (p->tls.ca == NULL ? w->authorities_version : 0);
}

static int copy_text(const char *text, char **copy)
{
    const size_t bytes = text != NULL ? strlen(text) + 1 : 0;

    *copy = text != NULL ? fault_malloc(bytes) : NULL;
    if (*copy != NULL)
        memcpy(*copy, text, bytes);
    return text == NULL || *copy != NULL ? 0 : WERR_NOMEM;
}

static void close_old_lanes(struct pool_runtime *pool)
{
    struct origin *o;

    LIST_FOREACH (o, &pool->origins, in_pool_entry) {
        if (!o->is_tls)
            continue;
        lanes_close_idle(o);
    }
}

int lane_tls_follow(struct pool_runtime *pool, const struct pool *p)
{
    struct lane_tls *t = &pool->tls;
    const uint64_t key = key_of(pool->worker, p);
    char *server_name;

    if (t->version != 0 && t->key == key)
        return 0;
    if (copy_text(p->tls.server_name, &server_name) < 0)
        return WERR_NOMEM;
    free(t->server_name);
    t->server_name = server_name;
    t->key = key;
    t->version++;
    tlsio_context_put(t->context);
    t->context = NULL;
    close_old_lanes(pool);
    return 0;
}

int lane_tls_follow_all(struct worker *w)
{
    int rc = 0;

    for (uint32_t i = 0; w->pool_state != NULL && rc == 0 && i < w->pool_state->pool_n; i++) {
        const struct pool *p = w->pool_state->pools[i];
        struct pool_runtime *pool = pool_runtime_find(w, p->id);

        rc = pool != NULL ? lane_tls_follow(pool, p) : 0;
    }
    return rc;
}

void lane_tls_fini(struct lane_tls *t)
{
    tlsio_context_put(t->context);
    free(t->server_name);
}

/* ---- what is made ---- */

static int make(struct pool_runtime *pool, const struct pool *p)
{
    const struct worker *w = pool->worker;
    const struct tlsio_client_settings settings = {
        .is_unverified = !p->tls_settings.verify,
        .authorities = p->tls.ca != NULL ? span_from_str(p->tls.ca)
                                         : span_from(w->authorities.pem, w->authorities.len),
        .least_version = p->tls.min_version == POOL_TLS_1_3 ? TLSIO_1_3 : TLSIO_1_2,
    };

    if (!settings.is_unverified && settings.authorities.len == 0)
        return WERR_UNTRUSTED;
    const int rc = tlsio_context_new_client(&settings, &pool->tls.context);
    return rc == WERR_INVALID ? WERR_UNTRUSTED : rc;
}

/* Of a pool that is described no more requests may be under way: they go on with the last
 * settings, if they have got them. */
int lane_tls_prepare(struct pool_runtime *pool)
{
    const struct pool *p = NULL;

    if (pool->tls.context != NULL)
        return 0;
    if (tlsio_start() < 0 || conn_use_tls(&pool->worker->shared) < 0)
        return WERR_NOMEM;
    p = pool_find_id(pool->worker->pool_state, pool->id);
    const int rc = p != NULL ? make(pool, p) : WERR_UNTRUSTED;

    if (rc < 0)
        log_warn("TLS to servers can't be set up", LOG_S("pool", pool->name),
                 LOG_S("reason", rc == WERR_UNTRUSTED ? "there are no authorities to believe"
                                                      : werr_text(rc)));
    return rc;
}

int lane_tls_set_authorities(struct worker *w, struct span pem)
{
    char *copy = fault_malloc(pem.len + 1);

    if (copy == NULL)
        return WERR_NOMEM;
    if (pem.len > 0)
        memcpy(copy, pem.ptr, pem.len);
    free(w->authorities.pem);
    w->authorities = (struct authorities){copy, pem.len};
    w->authorities_version++;
    return lane_tls_follow_all(w);
}
