#include "pool/pool_apply.h"

#include <stdlib.h>

#include "base/search.h"
#include "pool/kind_ops.h"
#include "pool/pool_apply_int.h"
#include "pool/server.h"

/* ---- guards ---- */

bool pool_takes_out(const struct pool_command *c)
{
    if (pool_command_kind(c->type) != KIND_SERVER)
        return false;
    bool has_weight = c->type == POOL_ADD_SERVER || (c->set & POOL_SET_WEIGHT) != 0;
    switch (pool_command_verb(c->type)) {
    case POOL_VERB_REMOVE:
    case POOL_VERB_SET_LIST:
        return true;
    case POOL_VERB_SET_ADMIN:
        return c->server.admin != POOL_ADMIN_ENABLED;
    default:
        return has_weight && c->server.weight == 0;
    }
}

static uint64_t id_at(const void *ids, uint32_t i)
{
    return ((const uint64_t *)ids)[i];
}

static bool has_unusable(const struct pool_command *c, uint64_t id)
{
    uint32_t place = search_place(c->guard_unusable, c->guard_n, id_at, id);
    return place < c->guard_n && c->guard_unusable[place] == id;
}

/* As far as the description and the proposer's word go. */
static bool is_usable(const struct pool_command *c, const struct pool_server *server)
{
    return server->admin == POOL_ADMIN_ENABLED && server->weight > 0 &&
           !has_unusable(c, server->id);
}

/* Whoever is new counts as usable (pool.h). */
static uint32_t count_list(const struct pool *p, const struct pool_command *c)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < c->list_n; i++) {
        const struct pool_server *now = pool_find_url(p, span_from_str(c->list[i].url));
        const uint8_t admin = now != NULL ? now->admin : c->list[i].admin;
        left += c->list[i].weight > 0 && admin == POOL_ADMIN_ENABLED &&
                (now == NULL || !has_unusable(c, now->id));
    }
    return left;
}

uint32_t pool_guard_left(const struct pool_state *s, const struct pool_command *c)
{
    struct pool *p = NULL;
    const struct pool_server *target = pool_target_server(s, c, &p);
    uint32_t left = 0;
    if (p != NULL && c->type == POOL_SET_SERVERS)
        return count_list(p, c);
    for (uint32_t i = 0; p != NULL && i < p->server_n; i++)
        left += p->servers[i] != target && is_usable(c, p->servers[i]);
    return left;
}

static uint32_t count_usable(const struct pool *p, const struct pool_command *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->server_n; i++)
        n += is_usable(c, p->servers[i]);
    return n;
}

/* It may always leave as many as there are. */
static int judge_list_guard(const struct pool_state *s, const struct pool_command *c,
                            const struct pool *p)
{
    const uint32_t left = pool_guard_left(s, c);
    return left >= p->min_active || left >= count_usable(p, c) ? 0 : WERR_GUARD;
}

/* A server that is of no use already may always go. */
static int judge_guard(const struct pool_state *s, const struct pool_command *c)
{
    struct pool *p = NULL;
    if (!c->has_guard || !pool_takes_out(c))
        return 0;
    const struct pool_server *target = pool_target_server(s, c, &p);
    if (p != NULL && c->type == POOL_SET_SERVERS)
        return judge_list_guard(s, c, p);
    if (target == NULL || p == NULL || p->min_active == 0 || !is_usable(c, target))
        return 0;
    return pool_guard_left(s, c) >= p->min_active ? 0 : WERR_GUARD;
}

int pool_judge(const struct pool_state *s, const struct pool_command *c)
{
    if (c->type == POOL_RESTORE)
        return WERR_UNSUPPORTED;
    int rc = kind_ops(pool_command_kind(c->type))->judge(s, c);
    if (rc == 0)
        rc = pool_judge_if(s, c);
    return rc != 0 ? rc : judge_guard(s, c);
}

/* ---- applying ---- */

int pool_apply_command(struct pool_state *s, const struct pool_command *c, uint64_t id,
                       struct pool_change *change)
{
    const enum kind kind = pool_command_kind(c->type);
    *change = (struct pool_change){.type = POOL_CHANGE_NONE, .kind = kind};
    int rc = pool_judge(s, c);
    return rc != 0 ? rc : kind_ops(kind)->apply(s, c, id, change);
}

int pool_apply_judged(struct pool_state *s, const struct pool_command *c, uint64_t index,
                      int verdict, struct pool_change *change)
{
    const enum kind kind = pool_command_kind(c->type);
    MUST(index > s->index);
    *change = (struct pool_change){.type = POOL_CHANGE_NONE, .kind = kind};
    int rc = verdict != 0 ? verdict : kind_ops(kind)->apply(s, c, index, change);
    if (rc != WERR_NOMEM)
        s->index = index;
    return rc;
}

int pool_apply(struct pool_state *s, const struct pool_command *c, uint64_t index,
               struct pool_change *change)
{
    return pool_apply_judged(s, c, index, pool_judge(s, c), change);
}

void pool_pass(struct pool_state *s, uint64_t index)
{
    MUST(index > s->index);
    s->index = index;
}

void pool_change_fini(struct pool_change *change)
{
    for (uint32_t i = 0; i < change->list_n; i++)
        pool_server_free(change->list[i].removed);
    free(change->list);
    change->list = NULL;
    change->list_n = 0;
    pool_server_free(change->removed);
    pool_free(change->removed_pool);
    listener_free(change->removed_listener);
    rule_free(change->removed_rule);
    certificate_free(change->removed_certificate);
    free(change->removed_vip);
    change->removed = NULL;
    change->removed_pool = NULL;
    change->removed_listener = NULL;
    change->removed_rule = NULL;
    change->removed_certificate = NULL;
    change->removed_vip = NULL;
}
