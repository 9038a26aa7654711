#include <stdio.h>

#include "manager/api.h"
#include "manager/api_object.h"
#include "manager/api_pages.h"
#include "manager/listeners_health.h"
#include "manager/manager.h"
#include "pool/pool_apply.h"
#include "pool/pool_code.h"

static struct span name_in_path(const struct api_conn *ac)
{
    return api_match_param(&ac->match, SPAN("listener"));
}

static const void *find(const struct api_conn *ac)
{
    return listener_find(ac->m->pool, name_in_path(ac));
}

static const void *find_id(const struct api_conn *ac, uint64_t id)
{
    return listener_find_id(ac->m->pool, id);
}

/* ---- documents ---- */

/* Where this node listens for it. */
static char *show_listener(const struct manager *m, const struct listener *l, const char *base)
{
    struct api_json_bound bound[LISTENER_ADDRESSES_MAX];
    struct api_json_listener_view view = {
        .listener = l, .bound = bound, .revision = m->revision};
    const struct listening *at;

    TAILQ_FOREACH (at, &m->supervisor.listenings.list, entry) {
        if (view.bound_n == LISTENER_ADDRESSES_MAX ||
            !span_is_equal(span_from_str(at->listener), span_from_str(l->name)))
            continue;
        bound[view.bound_n++] =
            (struct api_json_bound){&at->bound, listening_word(at), listening_reason(at)};
    }
    return api_json_listener(&view, base);
}

static char *show(const struct api_conn *ac, const void *object)
{
    return show_listener(ac->m, object, api_base(ac));
}

/* ---- wishes ---- */

static uint64_t digest(const void *object)
{
    return ((const struct listener *)object)->digest;
}

static void name(const struct api_conn *ac, const void *object, struct pool_command *c)
{
    const struct listener *l = object;

    (void)ac;
    MUST(span_to_str(span_from_str(l->name), c->listener, sizeof(c->listener)) == 0);
}

static int read_add(const struct api_conn *ac, bool is_put, struct span body,
                    struct pool_command *c, struct pool_error *error)
{
    return pool_code_add_listener_from_json(body, is_put ? name_in_path(ac) : SPAN_NONE, c,
                                            error);
}

static void locate(const struct api_conn *ac, const void *object, char *buf, size_t size)
{
    (void)ac;
    (void)snprintf(buf, size, "/listeners/%s", ((const struct listener *)object)->name);
}

/* The first names the resource. */
static const struct api_json_fixed fixed[] = {
    {"name", "a listener keeps its name"},
    {"id", "it was given when the listener was added"},
    {"rules", NULL},
    {"revision", NULL},
    {"links", NULL},
    {"bound", NULL},
};

static const struct api_object_kind kind = {
    .kind = KIND_LISTENER,
    .remove = POOL_REMOVE_LISTENER,
    .find = find,
    .find_id = find_id,
    .show = show,
    .digest = digest,
    .name = name,
    .read_add = read_add,
    .read_change = pool_code_set_listener_from_json,
    .fixed = {fixed, sizeof(fixed) / sizeof(fixed[0]), false},
    .locate = locate,
};

void api_listeners_add(struct api_conn *ac)
{
    api_object_add(ac, &kind);
}

void api_listener_get(struct api_conn *ac)
{
    api_object_get(ac, &kind);
}

void api_listener_change(struct api_conn *ac)
{
    api_object_change(ac, &kind);
}

void api_listener_put(struct api_conn *ac)
{
    api_object_put(ac, &kind);
}

void api_listener_remove(struct api_conn *ac)
{
    api_object_remove(ac, &kind);
}

/* ---- all of them ---- */

static void begin(struct api_json_list *l, const struct api_cursor *at)
{
    api_json_objects_begin(l, at->base, "listeners", "/listeners");
}

static bool next(const struct manager *m, struct api_cursor *at, struct api_json_list *l)
{
    for (uint32_t i = 0; i < m->pool->listener_n; i++) {
        const struct listener *listener = m->pool->listeners[i];

        if (listener->id < at->next)
            continue;
        api_json_objects_add(l, show_listener(m, listener, l->base));
        at->next = listener->id + 1;
        return true;
    }
    return false;
}

void api_listeners_list(struct api_conn *ac)
{
    static const struct api_pages_kind pages = {.begin = begin, .next = next};

    ac->tag = pool_list_digest(ac->m->pool, KIND_LISTENER, SPAN_NONE);
    api_respond_pages(ac, 200, &pages, &(struct api_cursor){0});
}
