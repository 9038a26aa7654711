#include "manager/counted.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/search.h"
#include "manager/manager.h"
#include "pool/listener.h"
#include "stats/carried.h"

enum { PHASE_NODE, PHASE_LISTENERS, PHASE_POOLS, PHASE_END };

/* ---- names and slots ---- */

static uint64_t hash(const char *name)
{
    return XXH3_64bits(name, strlen(name));
}

static uint64_t hash_of_server(const struct pool *p, const struct pool_server *server)
{
    return XXH3_64bits_withSeed(server->url, strlen(server->url), hash(p->name));
}

static uint32_t slot_of_server(const struct manager *m, uint64_t id)
{
    const struct server_facts *f = facts_find(&m->facts, id);

    return f != NULL ? f->stats_slot : STATS_NO_SLOT;
}

/* ---- all ---- */

static void get(const struct manager *m, enum stats_total_kind kind, uint64_t id, uint64_t name,
                struct stats_total *out)
{
    uint32_t slot = 0;

    if (kind == STATS_TOTAL_LISTENER)
        slot = stats_slot_find(m->stats, STATS_OF_LISTENER, id);
    else if (kind == STATS_TOTAL_POOL)
        slot = stats_slot_find(m->stats, STATS_OF_POOL, id);
    else if (kind == STATS_TOTAL_SERVER)
        slot = slot_of_server(m, id);
    out->kind = (uint8_t)kind;
    out->id = id;
    out->name = name;
    stats_total_get(m->stats, slot, out);
}

static uint64_t listener_id_at(const void *listeners, uint32_t i)
{
    return ((struct listener *const *)listeners)[i]->id;
}

static uint64_t pool_id_at(const void *pools, uint32_t i)
{
    return ((struct pool *const *)pools)[i]->id;
}

/* The owner that the walk is at, of id: one that has gone leaves its turn to the next. */
static void come_to(struct counted_walk *w, uint64_t id)
{
    if (w->owner_id != id)
        w->next = 0;
    w->owner_id = id;
}

static void go_past(struct counted_walk *w)
{
    w->owner_id++;
    w->next = 0;
}

/* A listener, then its rules by priority. False: all were told. */
static bool next_of_listener(const struct manager *m, struct counted_walk *w,
                             const struct listener *l, struct stats_total *out)
{
    const uint32_t i = listener_rule_place(l, (uint32_t)w->next);

    if (w->next == 0) {
        get(m, STATS_TOTAL_LISTENER, l->id, hash(l->name), out);
        w->next = 1;
        return true;
    }
    if (i == l->rule_n)
        return false;
    get(m, STATS_TOTAL_RULE, l->rules[i]->id, hash(l->name), out);
    w->next = (uint64_t)l->rules[i]->priority + 1;
    return true;
}

/* A pool, then its servers by id, none of which is 0. */
static bool next_of_pool(const struct manager *m, struct counted_walk *w, const struct pool *p,
                         struct stats_total *out)
{
    if (w->next == 0) {
        get(m, STATS_TOTAL_POOL, p->id, hash(p->name), out);
        w->next = 1;
        return true;
    }
    const uint32_t i = pool_server_place(p, w->next);
    if (i == p->server_n)
        return false;
    const struct pool_server *server = p->servers[i];
    get(m, STATS_TOTAL_SERVER, server->id, hash_of_server(p, server), out);
    w->next = server->id + 1;
    return true;
}

static bool next_listener(const struct manager *m, struct counted_walk *w,
                          struct stats_total *out)
{
    const struct pool_state *s = m->pool;

    for (uint32_t i = search_place(s->listeners, s->listener_n, listener_id_at, w->owner_id);
         i < s->listener_n; i++) {
        come_to(w, s->listeners[i]->id);
        if (next_of_listener(m, w, s->listeners[i], out))
            return true;
        go_past(w);
    }
    return false;
}

static bool next_pool(const struct manager *m, struct counted_walk *w, struct stats_total *out)
{
    const struct pool_state *s = m->pool;

    for (uint32_t i = search_place(s->pools, s->pool_n, pool_id_at, w->owner_id); i < s->pool_n;
         i++) {
        come_to(w, s->pools[i]->id);
        if (next_of_pool(m, w, s->pools[i], out))
            return true;
        go_past(w);
    }
    return false;
}

static bool next_node(const struct manager *m, struct counted_walk *w, struct stats_total *out)
{
    if (w->next > 0)
        return false;
    get(m, STATS_TOTAL_NODE, 0, 0, out);
    w->next = 1;
    return true;
}

bool counted_next(const struct manager *m, struct counted_walk *w, struct stats_total *out)
{
    static bool (*const phases[PHASE_END])(const struct manager *, struct counted_walk *,
                                           struct stats_total *) = {
        [PHASE_NODE] = next_node,
        [PHASE_LISTENERS] = next_listener,
        [PHASE_POOLS] = next_pool,
    };

    while (w->phase < PHASE_END) {
        if (phases[w->phase](m, w, out))
            return true;
        *w = (struct counted_walk){.phase = w->phase + 1};
    }
    return false;
}

/* ---- one of an earlier life ---- */

static bool find_listener(const struct manager *m, const struct stats_total *one,
                          uint32_t *slot)
{
    const struct listener *l = listener_find_id(m->pool, one->id);

    *slot = stats_slot_find(m->stats, STATS_OF_LISTENER, one->id);
    return l != NULL && hash(l->name) == one->name;
}

static bool find_rule(const struct manager *m, const struct stats_total *one, uint32_t *slot)
{
    struct listener *l = NULL;

    *slot = STATS_NO_SLOT;
    return listener_find_any_rule(m->pool, one->id, &l) != NULL && hash(l->name) == one->name;
}

static bool find_pool(const struct manager *m, const struct stats_total *one, uint32_t *slot)
{
    const struct pool *p = pool_find_id(m->pool, one->id);

    *slot = stats_slot_find(m->stats, STATS_OF_POOL, one->id);
    return p != NULL && hash(p->name) == one->name;
}

static bool find_server(const struct manager *m, const struct stats_total *one, uint32_t *slot)
{
    struct pool *p = NULL;
    const struct pool_server *server = pool_find_any_server(m->pool, one->id, &p);

    *slot = slot_of_server(m, one->id);
    return server != NULL && hash_of_server(p, server) == one->name;
}

static bool find_node(const struct manager *m, const struct stats_total *one, uint32_t *slot)
{
    (void)m;
    *slot = 0;
    return one->id == 0 && one->name == 0;
}

bool counted_find(const struct manager *m, const struct stats_total *one, uint32_t *slot)
{
    static bool (*const finds[STATS_TOTAL_KINDS])(const struct manager *,
                                                  const struct stats_total *, uint32_t *) = {
        [STATS_TOTAL_NODE] = find_node,     [STATS_TOTAL_LISTENER] = find_listener,
        [STATS_TOTAL_RULE] = find_rule,     [STATS_TOTAL_POOL] = find_pool,
        [STATS_TOTAL_SERVER] = find_server,
    };

    MUST(one->kind < STATS_TOTAL_KINDS);
    return finds[one->kind](m, one, slot);
}
