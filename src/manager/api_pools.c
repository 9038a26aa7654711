#include <stdio.h>

#include "base/search.h"
#include "manager/api.h"
#include "manager/api_object.h"
#include "manager/api_pages.h"
#include "manager/manager.h"
#include "pool/pool_apply.h"
#include "pool/pool_code.h"

static const void *find(const struct api_conn *ac)
{
    return pool_find(ac->m->pool, api_match_param(&ac->match, SPAN("pool")));
}

static const void *find_id(const struct api_conn *ac, uint64_t id)
{
    return pool_find_id(ac->m->pool, id);
}

static char *show(const struct api_conn *ac, const void *object)
{
    return api_json_pool(object, ac->m->revision, api_base(ac));
}

static uint64_t digest(const void *object)
{
    return ((const struct pool *)object)->digest;
}

static void name(const struct api_conn *ac, const void *object, struct pool_command *c)
{
    const struct pool *p = object;

    (void)ac;
    MUST(span_to_str(span_from_str(p->name), c->pool, sizeof(c->pool)) == 0);
}

static int read_add(const struct api_conn *ac, bool is_put, struct span body,
                    struct pool_command *c, struct pool_error *error)
{
    const struct span named = is_put ? api_match_param(&ac->match, SPAN("pool")) : SPAN_NONE;

    return pool_code_add_pool_from_json(body, named, c, error);
}

static void locate(const struct api_conn *ac, const void *object, char *buf, size_t size)
{
    (void)ac;
    (void)snprintf(buf, size, "/pools/%s", ((const struct pool *)object)->name);
}

/* The first names the resource. */
static const struct api_json_fixed fixed[] = {
    {"name", "a pool keeps its name"},
    {"id", "it was given when the pool was added"},
    {"servers", NULL},
    {"revision", NULL},
    {"links", NULL},
};

static const struct api_object_kind kind = {
    .kind = KIND_POOL,
    .remove = POOL_REMOVE_POOL,
    .find = find,
    .find_id = find_id,
    .show = show,
    .digest = digest,
    .name = name,
    .read_add = read_add,
    .read_change = pool_code_set_pool_from_json,
    .fixed = {fixed, sizeof(fixed) / sizeof(fixed[0]), false},
    .locate = locate,
};

void api_pools_add(struct api_conn *ac)
{
    api_object_add(ac, &kind);
}

void api_pool_get(struct api_conn *ac)
{
    api_object_get(ac, &kind);
}

void api_pool_change(struct api_conn *ac)
{
    api_object_change(ac, &kind);
}

void api_pool_put(struct api_conn *ac)
{
    api_object_put(ac, &kind);
}

void api_pool_remove(struct api_conn *ac)
{
    api_object_remove(ac, &kind);
}

/* ---- all of them ---- */

static void begin(struct api_json_list *l, const struct api_cursor *at)
{
    api_json_objects_begin(l, at->base, "pools", "/pools");
}

static uint64_t id_at(const void *pools, uint32_t i)
{
    return ((struct pool *const *)pools)[i]->id;
}

/* The first with this id or a greater one. */
static const struct pool *find_from(const struct pool_state *s, uint64_t id)
{
    const uint32_t place = search_place(s->pools, s->pool_n, id_at, id);

    return place < s->pool_n ? s->pools[place] : NULL;
}

static bool next(const struct manager *m, struct api_cursor *at, struct api_json_list *l)
{
    const struct pool *p = find_from(m->pool, at->next);

    if (p == NULL)
        return false;
    api_json_objects_add(l, api_json_pool(p, m->revision, l->base));
    at->next = p->id + 1;
    return true;
}

void api_pools_list(struct api_conn *ac)
{
    static const struct api_pages_kind pages = {.begin = begin, .next = next};

    ac->tag = pool_list_digest(ac->m->pool, KIND_POOL, SPAN_NONE);
    api_respond_pages(ac, 200, &pages, &(struct api_cursor){0});
}
