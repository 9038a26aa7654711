#include "manager/api_json_changes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/jtext.h"
#include "manager/api_links.h"
#include "manager/events.h"
#include "manager/members.h"

enum { HREF_MAX = 64, NAME_MAX_BYTES = POOL_URL_MAX + 1 };

/* ---- one object ---- */

static void put_span(struct jtext *t, const char *key, struct span text)
{
    char buf[NAME_MAX_BYTES];

    (void)snprintf(buf, sizeof(buf), "%.*s", (int)text.len, text.ptr != NULL ? text.ptr : "");
    jtext_str(t, key, buf);
}

static void put_before(struct jtext *t, struct span json)
{
    char *text = json.len > 0 ? fault_malloc(json.len + 1) : NULL;

    if (json.len == 0) {
        jtext_null(t, "before");
        return;
    }
    if (text != NULL)
        (void)snprintf(text, json.len + 1, "%.*s", (int)json.len, json.ptr);
    jtext_json(t, "before", text);
    free(text);
}

static const char *word_of(enum pool_change_type type)
{
    switch (type) {
    case POOL_CHANGE_ADDED:
        return "added";
    case POOL_CHANGE_REMOVED:
        return "removed";
    default:
        return "changed";
    }
}

static void put_object(struct jtext *t, const struct pool_history_item *item)
{
    char id[24];

    MUST(item->name.len < NAME_MAX_BYTES && item->owner_name.len < NAME_MAX_BYTES);
    (void)kind_id_print(item->kind, item->id, id);
    jtext_open(t, NULL, '{');
    jtext_str(t, "kind", kind_word(item->kind));
    jtext_str(t, "id", id);
    put_span(t, "name", item->name);
    if (item->kind == KIND_SERVER)
        put_span(t, "pool", item->owner_name);
    if (item->kind == KIND_RULE)
        put_span(t, "listener", item->owner_name);
    jtext_str(t, "change", word_of(item->type));
    put_before(t, item->json);
    jtext_close(t, '}');
}

static void put_objects(struct jtext *t, const struct pool_history_record *r)
{
    struct pool_history_item item;
    unsigned n = 0;

    if (!r->is_kept) {
        jtext_null(t, "objects");
        return;
    }
    jtext_open(t, "objects", '[');
    for (size_t at = 0; n < CHANGES_SHOWN_OBJECTS && pool_history_next(r, &at, &item); n++)
        put_object(t, &item);
    jtext_close(t, ']');
}

/* ---- one change ---- */

static void put_node(struct jtext *t, uint64_t node)
{
    char id[MEMBERS_ID_TEXT];

    members_print_id(node, id);
    if (node != 0)
        jtext_str(t, "node", id);
    else
        jtext_null(t, "node");
}

static void put_links(struct jtext *t, const struct pool_history_record *r, bool has_way,
                      const char *base)
{
    char self[HREF_MAX], restore[HREF_MAX + 16];
    const struct api_link links[] = {
        {"self", self, "GET"},
        {has_way ? "restore" : NULL, restore, "POST"},
        {"history", "/history", "GET"},
    };

    (void)snprintf(self, sizeof(self), "/history/%" PRIu64, r->revision);
    (void)snprintf(restore, sizeof(restore), "%s/restore", self);
    api_links_put(t, base, links, sizeof(links) / sizeof(links[0]));
}

static void put_facts(struct jtext *t, const struct pool_history_record *r)
{
    char at[32];

    (void)clock_print_wall(r->by.at_us, at);
    jtext_number(t, "revision", r->revision);
    jtext_str(t, "at", at);
    put_node(t, r->by.node);
    events_put_by(t, r->by.address, r->by.token);
    jtext_str(t, "request", r->by.request);
    jtext_str(t, "summary", r->summary);
    jtext_number(t, "added", r->added);
    jtext_number(t, "changed", r->changed);
    jtext_number(t, "removed", r->removed);
    if (r->restored != 0)
        jtext_number(t, "restored", r->restored);
    else
        jtext_null(t, "restored");
}

static void put_change(struct jtext *t, const struct pool_history *h,
                       const struct pool_history_record *r, bool is_whole, const char *base)
{
    const bool has_way = r->revision >= pool_history_oldest_way(h);

    jtext_open(t, NULL, '{');
    put_facts(t, r);
    jtext_bool(t, "can_restore", has_way);
    if (is_whole)
        put_objects(t, r);
    put_links(t, r, has_way, base);
    jtext_close(t, '}');
}

char *api_json_change(const struct pool_history *h, const struct pool_history_record *r,
                      const char *base)
{
    struct jtext t;

    jtext_init(&t);
    put_change(&t, h, r, true, base);
    return jtext_take(&t);
}

char *api_json_change_dry_run(const struct pool_history_record *r)
{
    struct jtext t;

    jtext_init(&t);
    jtext_open(&t, NULL, '{');
    jtext_bool(&t, "dry_run", true);
    jtext_str(&t, "change", r != NULL ? r->summary : "nothing");
    if (r != NULL)
        put_objects(&t, r);
    jtext_close(&t, '}');
    return jtext_take(&t);
}

/* ---- all of them ---- */

char *api_json_changes(const struct pool_history *h, uint32_t from, uint32_t limit,
                       const char *base)
{
    const uint32_t n = pool_history_n(h);
    MUST(from <= n && limit > 0);
    const uint32_t end = n - from > limit ? from + limit : n;
    char older[HREF_MAX];
    const struct api_link links[] = {
        {"self", "/history", "GET"},
        {end < n ? "next" : NULL, older, "GET"},
    };
    struct jtext t;

    jtext_init(&t);
    jtext_open(&t, NULL, '{');
    jtext_open(&t, "history", '[');
    for (uint32_t i = from; i < end; i++)
        put_change(&t, h, pool_history_at(h, i), false, base);
    jtext_close(&t, ']');
    jtext_number(&t, "total", n);
    older[0] = '\0';
    if (end < n)
        (void)snprintf(older, sizeof(older), "/history?limit=%" PRIu32 "&before=%" PRIu64,
                       limit, pool_history_at(h, end - 1)->revision);
    api_links_put(&t, base, links, sizeof(links) / sizeof(links[0]));
    jtext_close(&t, '}');
    return jtext_take(&t);
}
