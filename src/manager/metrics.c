#include "base/search.h"
#include "manager/manager.h"
#include "manager/metrics_int.h"
#include "pool/certificate.h"
#include "pool/kinds.h"
#include "pool/listener.h"
#include "pool/vip.h"

/* A page under way. */
struct page {
    struct metrics_cursor *at;
    size_t bytes; /* enough */
    struct mtext text;
    struct metrics_put put;
};

static bool is_full(const struct page *pg)
{
    return pg->text.failed || mtext_bytes(&pg->text) >= pg->bytes;
}

static void name_object(struct metrics_put *p, const char *key, const char *name)
{
    strb_init(&p->labels, p->buf, sizeof(p->buf));
    mtext_label(&p->labels, key, name);
}

static void put_row(struct page *pg)
{
    MUST(!strb_is_full(&pg->put.labels));
    pg->put.row->put(&pg->put);
}

/* ---- a family: true when it has ended, false when the page is full ---- */

static bool put_node(struct page *pg)
{
    pg->put.slot = 0;
    strb_init(&pg->put.labels, pg->put.buf, sizeof(pg->put.buf));
    put_row(pg);
    return true;
}

static uint64_t listener_id_at(const void *listeners, uint32_t i)
{
    return ((struct listener *const *)listeners)[i]->id;
}

/* Place of the first listener that has this id or a greater one. */
static uint32_t find_listener_from(const struct pool_state *state, uint64_t id)
{
    return search_place(state->listeners, state->listener_n, listener_id_at, id);
}

static bool put_listeners(struct page *pg)
{
    const struct pool_state *state = pg->put.m->pool;

    for (uint32_t i = find_listener_from(state, pg->at->owner_id);
         i < state->listener_n && state->listeners[i]->id <= pg->at->upto_id; i++) {
        const struct listener *l = state->listeners[i];

        if (is_full(pg))
            return false;
        pg->put.listener = l;
        pg->put.slot = stats_slot_find(pg->put.m->stats, STATS_OF_LISTENER, l->id);
        name_object(&pg->put, "listener", l->name);
        put_row(pg);
        pg->at->owner_id = l->id + 1;
    }
    return true;
}

static void name_rule(struct metrics_put *p, const struct rule *rule)
{
    char id[24], priority[24];
    struct strb b;

    (void)kind_id_print(KIND_RULE, rule->id, id);
    strb_init(&b, priority, sizeof(priority));
    strb_add_u64(&b, rule->priority);
    mtext_label(&p->labels, "rule", id);
    mtext_label(&p->labels, "priority", priority);
}

/* In the order of their priorities. With it among the labels, a rule that is moved meanwhile is
 * not there twice under the same labels. */
static bool put_rules_of(struct page *pg, const struct listener *l)
{
    name_object(&pg->put, "listener", l->name);
    const size_t listener_len = pg->put.labels.len;
    for (uint32_t i = listener_rule_place(l, (uint32_t)pg->at->shown + 1); i < l->rule_n; i++) {
        const struct rule *rule = l->rules[i];

        if (is_full(pg))
            return false;
        pg->at->shown = rule->priority;
        if (rule->id > pg->at->upto_id)
            continue;
        pg->put.rule = rule;
        pg->put.labels.len = listener_len;
        name_rule(&pg->put, rule);
        put_row(pg);
    }
    return true;
}

static bool put_rules(struct page *pg)
{
    const struct pool_state *state = pg->put.m->pool;

    for (uint32_t i = find_listener_from(state, pg->at->owner_id);
         i < state->listener_n && state->listeners[i]->id <= pg->at->upto_id; i++) {
        const struct listener *l = state->listeners[i];

        if (l->id != pg->at->owner_id)
            pg->at->shown = 0;
        pg->at->owner_id = l->id;
        if (!put_rules_of(pg, l))
            return false;
    }
    return true;
}

static uint64_t pool_id_at(const void *pools, uint32_t i)
{
    return ((struct pool *const *)pools)[i]->id;
}

/* Place of the first pool that has this id or a greater one. */
static uint32_t find_pool_from(const struct pool_state *state, uint64_t id)
{
    return search_place(state->pools, state->pool_n, pool_id_at, id);
}

static bool put_pools(struct page *pg)
{
    const struct pool_state *state = pg->put.m->pool;

    for (uint32_t i = find_pool_from(state, pg->at->owner_id);
         i < state->pool_n && state->pools[i]->id <= pg->at->upto_id; i++) {
        const struct pool *p = state->pools[i];

        if (is_full(pg))
            return false;
        pg->put.pool = p;
        pg->put.slot = stats_slot_find(pg->put.m->stats, STATS_OF_POOL, p->id);
        name_object(&pg->put, "pool", p->name);
        put_row(pg);
        pg->at->owner_id = p->id + 1;
    }
    return true;
}

static bool put_servers_of(struct page *pg, const struct pool *p)
{
    size_t pool_len;

    name_object(&pg->put, "pool", p->name);
    pool_len = pg->put.labels.len;
    pg->put.pool = p;
    for (uint32_t i = pool_next_server(p, pg->at->shown); i < p->server_n; i++) {
        const struct pool_server *server = p->servers[i];

        if (server->id > pg->at->upto_id)
            return true;
        if (is_full(pg))
            return false;
        pg->put.server = facts_find(&pg->put.m->facts, server->id);
        MUST(pg->put.server != NULL);
        pg->put.slot = pg->put.server->stats_slot;
        pg->put.labels.len = pool_len;
        mtext_label(&pg->put.labels, "server", server->url);
        put_row(pg);
        pg->at->shown = server->id;
    }
    return true;
}

static bool put_servers(struct page *pg)
{
    const struct pool_state *state = pg->put.m->pool;

    for (uint32_t i = find_pool_from(state, pg->at->owner_id);
         i < state->pool_n && state->pools[i]->id <= pg->at->upto_id; i++) {
        const struct pool *p = state->pools[i];

        if (p->id != pg->at->owner_id)
            pg->at->shown = 0;
        pg->at->owner_id = p->id;
        if (!put_servers_of(pg, p))
            return false;
    }
    return true;
}

static uint64_t certificate_id_at(const void *certificates, uint32_t i)
{
    return ((struct certificate *const *)certificates)[i]->id;
}

static bool put_certificates(struct page *pg)
{
    const struct pool_state *state = pg->put.m->pool;

    for (uint32_t i = search_place(state->certificates, state->certificate_n, certificate_id_at,
                                   pg->at->owner_id);
         i < state->certificate_n && state->certificates[i]->id <= pg->at->upto_id; i++) {
        const struct certificate *c = state->certificates[i];

        if (is_full(pg))
            return false;
        pg->put.certificate = c;
        name_object(&pg->put, "certificate", c->name);
        put_row(pg);
        pg->at->owner_id = c->id + 1;
    }
    return true;
}

static bool put_vips(struct page *pg)
{
    const struct pool_state *state = pg->put.m->pool;

    for (uint32_t i = 0; i < state->vip_n && state->vips[i]->id <= pg->at->upto_id; i++) {
        const struct vip *vip = state->vips[i];

        if (vip->id < pg->at->owner_id)
            continue;
        if (is_full(pg))
            return false;
        pg->put.vip = vip;
        name_object(&pg->put, "vip", vip->address);
        put_row(pg);
        pg->at->owner_id = vip->id + 1;
    }
    return true;
}

static bool put_family(struct page *pg)
{
    static bool (*const puts[METRICS_OF_N])(struct page *) = {
        [METRICS_OF_NODE] = put_node,      [METRICS_OF_LISTENER] = put_listeners,
        [METRICS_OF_RULE] = put_rules,     [METRICS_OF_POOL] = put_pools,
        [METRICS_OF_SERVER] = put_servers, [METRICS_OF_CERTIFICATE] = put_certificates,
        [METRICS_OF_VIP] = put_vips,
    };
    const struct metrics_row *row = pg->put.row;

    if (!pg->at->is_begun)
        mtext_family(&pg->text, &row->family);
    pg->at->is_begun = true;
    return puts[row->of](pg);
}

/* ---- pages ---- */

void metrics_begin(const struct manager *m, bool is_openmetrics, struct metrics_cursor *at)
{
    *at = (struct metrics_cursor){.is_openmetrics = is_openmetrics, .upto_id = m->pool->index};
}

char *metrics_page(const struct manager *m, struct metrics_cursor *at, size_t bytes,
                   bool *is_last)
{
    struct page pg;

    pg.at = at;
    pg.bytes = bytes;
    pg.put.m = m;
    pg.put.text = &pg.text;
    mtext_init(&pg.text, at->is_openmetrics);
    for (; at->row < metrics_row_n && !is_full(&pg); at->row++) {
        pg.put.row = &metrics_rows[at->row];
        if (!put_family(&pg))
            break;
        at->is_begun = false;
        at->owner_id = at->shown = 0;
    }
    *is_last = at->row == metrics_row_n;
    if (*is_last)
        mtext_end(&pg.text);
    return mtext_take(&pg.text);
}
