#include "pool/kind_ops.h"
#include "pool/pool_apply_int.h"
#include "pool/vip.h"

/* What a command is said to be good for: If-Match and If-None-Match of the API. */

int pool_target_digest(const struct pool_state *s, const struct pool_command *c,
                       uint64_t *digest)
{
    return kind_ops(pool_command_kind(c->type))->target(s, c, digest);
}

static uint64_t sum_pools(const struct pool_state *s)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->pool_n; i++)
        sum += s->pools[i]->digest;
    return sum;
}

static uint64_t sum_listeners(const struct pool_state *s)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->listener_n; i++)
        sum += s->listeners[i]->digest;
    return sum;
}

static uint64_t sum_certificates(const struct pool_state *s)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->certificate_n; i++)
        sum += s->certificates[i]->digest;
    return sum;
}

static uint64_t sum_vips(const struct pool_state *s)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->vip_n; i++)
        sum += s->vips[i]->digest;
    return sum;
}

static uint64_t sum_servers(const struct pool *p)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; p != NULL && i < p->server_n; i++)
        sum += p->servers[i]->digest;
    return sum;
}

static uint64_t sum_rules(const struct listener *l)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; l != NULL && i < l->rule_n; i++)
        sum += l->rules[i]->digest;
    return sum;
}

/* 0 means that there is none, and an empty list is one. */
uint64_t pool_list_digest(const struct pool_state *s, enum kind kind, struct span owner)
{
    uint64_t sum = 0;
    switch (kind) {
    case KIND_POOL:
        sum = sum_pools(s);
        break;
    case KIND_SERVER:
        sum = sum_servers(pool_find(s, owner));
        break;
    case KIND_LISTENER:
        sum = sum_listeners(s);
        break;
    case KIND_CERTIFICATE:
        sum = sum_certificates(s);
        break;
    case KIND_VIP:
        sum = sum_vips(s);
        break;
    default:
        sum = sum_rules(listener_find(s, owner));
        break;
    }
    return sum != 0 ? sum : UINT64_MAX;
}

int pool_if_digest(const struct pool_state *s, const struct pool_command *c, uint64_t *digest)
{
    const enum kind kind = pool_command_kind(c->type);
    const char *owner = kind == KIND_SERVER ? c->pool : c->listener;
    if (!c->if_list)
        return pool_target_digest(s, c, digest);
    *digest = pool_list_digest(s, kind, span_from_str(owner));
    return 0;
}

int pool_judge_if(const struct pool_state *s, const struct pool_command *c)
{
    uint64_t digest = 0;
    if (c->if_digest == 0 && !c->if_there && !c->if_absent)
        return 0;
    int rc = pool_if_digest(s, c, &digest);
    if (rc != 0)
        return rc;
    bool is_stale = (c->if_digest != 0 && digest != c->if_digest) ||
                    (c->if_there && digest == 0) || (c->if_absent && digest != 0);
    return is_stale ? WERR_STALE : 0;
}
