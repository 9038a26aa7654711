#include <stdlib.h>

#include "pool/certificate.h"
#include "pool/kind_ops.h"
#include "pool/pool_apply_int.h"
#include "pool/pool_mem.h"
#include "pool/table.h"

/* Takes the pool over. */
static int enter_default_pool(struct pool_state *s)
{
    struct pool *p = pool_new(SPAN("default"));
    int rc = p != NULL ? pool_enter(s, p) : WERR_NOMEM;
    if (rc != 0)
        pool_free(p);
    return rc;
}

static int enter_default_listener(struct pool_state *s)
{
    struct listener *l = listener_new(SPAN("default"));
    int rc = l != NULL ? listener_enter(s, l) : WERR_NOMEM;
    if (rc != 0)
        listener_free(l);
    return rc;
}

struct pool_state *pool_state_new(void)
{
    struct pool_state *s = pool_calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    if (enter_default_pool(s) == 0 && enter_default_listener(s) == 0)
        return s;
    pool_state_free(s);
    return NULL;
}

void pool_state_free(struct pool_state *s)
{
    if (s == NULL)
        return;
    text_table_clear(&s->pool_names);
    text_table_clear(&s->listener_names);
    text_table_clear(&s->certificate_names);
    id_table_clear(&s->ids);
    for (uint32_t i = 0; i < s->listener_n; i++)
        listener_free(s->listeners[i]);
    for (uint32_t i = 0; i < s->pool_n; i++)
        pool_free(s->pools[i]);
    for (uint32_t i = 0; i < s->certificate_n; i++)
        certificate_free(s->certificates[i]);
    for (uint32_t i = 0; i < s->vip_n; i++)
        free(s->vips[i]);
    free(s->vips);
    free(s->listeners);
    free(s->pools);
    free(s->certificates);
    free(s);
}

static int add_digest(void *arg, const struct kind_object *o)
{
    uint64_t hash = 0;
    int rc = kind_hash(o->kind, o->id, o->owner, kind_ops(o->kind)->json(o->object), &hash);
    *(uint64_t *)arg += hash;
    return rc;
}

uint64_t pool_state_digest_recompute(const struct pool_state *s)
{
    uint64_t sum = 0;
    enum kind kind;
    for (unsigned i = 0; (kind = kind_in_order(i)) != KIND_NONE; i++) {
        if (kind_ops(kind)->visit(s, add_digest, &sum) != 0)
            return 0;
    }
    return sum;
}
