#include <inttypes.h>
#include <stdlib.h>

#include "base/search.h"
#include "base/strb.h"
#include "pool/pool_apply_int.h"
#include "pool/pool_code.h"
#include "pool/pool_history_int.h"
#include "pool/pool_mem.h"
#include "pool/pool_snapshot.h"
#include "pool/table.h"

/* The description as it was: that of now, but for each object that was touched since, of which
 * the first change after the revision tells how it was. It is made anew, object by object, as
 * from a snapshot, so that names, priorities and addresses may have changed hands meanwhile. */

/* An object that was touched since. */
struct was {
    uint64_t revision; /* of the change that tells */
    struct pool_history_item item;
    const void *now; /* NULL: it is not there */
    char *now_json;
};

struct way {
    const struct pool_history *h;
    const struct pool_state *s;
    const struct pool_command *c;
    struct pool_error *error;
    struct was *was; /* by kind and id; each object once, and only those that differ */
    uint32_t n;
    struct pool_state *next;
};

/* ---- is there a way? ---- */

static int judge(const struct way *w)
{
    const uint64_t to = w->c->restore;
    if (w->c->if_absent ||
        (w->c->if_digest != 0 && w->c->if_digest != pool_history_digest(w->h))) {
        pool_error_set(w->error, "precondition_failed", "",
                       "the last change is another than If-Match says");
        return WERR_STALE;
    }
    if (pool_history_find(w->h, to) == NULL) {
        pool_error_set(w->error, "not_found", "",
                       "no change of revision %" PRIu64 " is in the history", to);
        return WERR_NOT_FOUND;
    }
    if (to < pool_history_oldest_way(w->h)) {
        pool_error_set(w->error, "no_way_back", "",
                       "what changed since is not kept whole: revision %" PRIu64
                       " is the oldest that can be restored",
                       pool_history_oldest_way(w->h));
        return WERR_TOO_BIG;
    }
    return 0;
}

/* ---- what was touched ---- */

/* The first change after the revision comes first. */
static int compare(const void *left, const void *right)
{
    const struct was *a = left, *b = right;
    if (a->item.kind != b->item.kind)
        return a->item.kind < b->item.kind ? -1 : 1;
    if (a->item.id != b->item.id)
        return a->item.id < b->item.id ? -1 : 1;
    return (a->revision > b->revision) - (a->revision < b->revision);
}

static bool is_same(const struct pool_history_item *a, const struct pool_history_item *b)
{
    return a->kind == b->kind && a->id == b->id;
}

/* With was NULL: how many. */
static uint32_t collect(const struct way *w, struct was *was)
{
    uint32_t n = 0;
    const uint32_t end = pool_history_place(w->h, w->c->restore);
    for (uint32_t i = 0; i < end; i++) {
        const struct pool_history_record *r = pool_history_at(w->h, i);
        struct pool_history_item item;
        for (size_t at = 0; pool_history_next(r, &at, &item);) {
            if (item.kind == KIND_CERTIFICATE)
                continue;
            if (was != NULL)
                was[n] = (struct was){.revision = r->revision, .item = item};
            n++;
        }
    }
    return n;
}

static const void *find(const struct pool_state *s, enum kind kind, uint64_t id)
{
    if (id == 0 && kind == KIND_POOL)
        return pool_default(s);
    if (id == 0 && kind == KIND_LISTENER)
        return listener_default(s);
    const struct id_entry *entry = id_table_find(s->ids, id);
    return entry != NULL && entry->kind == kind ? entry->object : NULL;
}

/* *differs: it is another now. */
static int look_now(const struct way *w, struct was *was, bool *differs)
{
    const struct span json = was->item.json;
    was->now = find(w->s, was->item.kind, was->item.id);
    *differs = was->now != NULL || json.len > 0;
    if (was->now == NULL)
        return 0;
    was->now_json = kind_ops(was->item.kind)->json(was->now);
    if (was->now_json == NULL)
        return WERR_NOMEM;
    *differs = !span_is_equal(span_from_str(was->now_json), json);
    return 0;
}

/* Each once, and of those that are as they were none. */
static int keep_those_that_differ(struct way *w, uint32_t n)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        struct was one = w->was[i];
        bool differs = false;
        if (i > 0 && is_same(&one.item, &w->was[i - 1].item))
            continue;
        rc = look_now(w, &one, &differs);
        if (differs)
            w->was[w->n++] = one;
        else
            free(one.now_json);
    }
    return rc;
}

/* The place that is written is never behind the one that is read, and the one before that is
 * compared with is not written to before it was read. */
static int find_touched(struct way *w)
{
    const uint32_t n = collect(w, NULL);
    if (n == 0)
        return 0;
    w->was = pool_calloc(n, sizeof(struct was));
    if (w->was == NULL)
        return WERR_NOMEM;
    (void)collect(w, w->was);
    qsort(w->was, n, sizeof(struct was), compare);
    return keep_those_that_differ(w, n);
}

static bool is_touched(const struct way *w, enum kind kind, uint64_t id)
{
    uint32_t low = 0, high = w->n;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const struct pool_history_item *item = &w->was[middle].item;
        if (item->kind < kind || (item->kind == kind && item->id < id))
            low = middle + 1;
        else
            high = middle;
    }
    return low < w->n && w->was[low].item.kind == kind && w->was[low].item.id == id;
}

/* ---- certificates that have gone ---- */

static void miss(const struct way *w, const char *name, struct strb *missing)
{
    if (name != NULL && certificate_find(w->s, span_from_str(name)) == NULL)
        strb_addf(missing, "%s%s", missing->len > 0 ? ", " : "", name);
}

static int find_missing(const struct way *w, const struct pool_history_item *item,
                        struct strb *missing)
{
    struct pool_command c;
    const int rc = pool_code_read_stored(item->kind, item->json, &c);
    if (rc != 0)
        return rc;
    const struct listener_tls *tls = &c.wanted.tls;
    for (uint32_t i = 0; i < tls->certificate_n; i++)
        miss(w, tls->certificates[i], missing);
    if (tls->certificate_n == 0)
        miss(w, tls->default_certificate, missing);
    miss(w, c.tls.certificate, missing);
    const bool is_bare = item->kind == KIND_LISTENER && c.wanted.protocol == LISTENER_HTTPS &&
                         w->s->certificate_n == 0;
    pool_command_fini(&c);
    return is_bare ? WERR_NO_CERTIFICATE : 0;
}

static int judge_certificates(const struct way *w)
{
    char names[160];
    struct strb missing;
    int rc = 0;
    strb_init(&missing, names, sizeof(names));
    for (uint32_t i = 0; rc == 0 && i < w->n; i++) {
        const struct pool_history_item *item = &w->was[i].item;
        if ((item->kind == KIND_POOL || item->kind == KIND_LISTENER) && item->json.len > 0)
            rc = find_missing(w, item, &missing);
    }
    if (missing.len > 0) {
        pool_error_set(w->error, "certificate_gone", "",
                       "certificates that are needed have been removed: %s", missing.buf);
        return WERR_NO_TARGET;
    }
    if (rc == WERR_NO_CERTIFICATE)
        pool_error_set(w->error, "no_certificate", "",
                       "a listener would speak TLS, and there is no certificate any more");
    return rc;
}

/* ---- making it ---- */

static int put_untouched(void *arg, const struct kind_object *o)
{
    const struct way *w = arg;
    if (is_touched(w, o->kind, o->id))
        return 0;
    char *json = kind_ops(o->kind)->json(o->object);
    if (json == NULL)
        return WERR_NOMEM;
    const int rc = pool_snapshot_put(w->next, o->kind, o->id, o->owner, span_from_str(json));
    free(json);
    return rc;
}

static int put_touched(const struct way *w, enum kind kind)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < w->n; i++) {
        const struct pool_history_item *item = &w->was[i].item;
        if (item->kind == kind && item->json.len > 0)
            rc = pool_snapshot_put(w->next, kind, item->id, item->owner, item->json);
    }
    return rc;
}

static int make(struct way *w, uint64_t index)
{
    enum kind kind;
    int rc = 0;
    w->next = pool_state_new();
    if (w->next == NULL)
        return WERR_NOMEM;
    w->next->index = index;
    for (unsigned i = 0; rc == 0 && (kind = kind_in_order(i)) != KIND_NONE; i++) {
        rc = kind_ops(kind)->visit(w->s, put_untouched, w);
        if (rc == 0)
            rc = put_touched(w, kind);
    }
    if (rc != 0 && rc != WERR_NOMEM)
        pool_error_set(w->error, "no_way_back", "", "what was does not go with what is now: %s",
                       werr_text(rc));
    return rc;
}

/* ---- min_active ---- */

static uint64_t id_at(const void *ids, uint32_t i)
{
    return ((const uint64_t *)ids)[i];
}

/* As the proposer knows; who is new counts as usable. */
static uint32_t count_usable(const struct pool_command *c, const struct pool *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->server_n; i++) {
        const struct pool_server *server = p->servers[i];
        const uint32_t place = search_place(c->guard_unusable, c->guard_n, id_at, server->id);
        const bool is_unusable = place < c->guard_n && c->guard_unusable[place] == server->id;
        n += server->admin == POOL_ADMIN_ENABLED && server->weight > 0 && !is_unusable;
    }
    return n;
}

static int judge_guard(const struct way *w)
{
    for (uint32_t i = 0; w->c->has_guard && i < w->next->pool_n; i++) {
        const struct pool *p = w->next->pools[i];
        const struct pool *now = pool_find_id(w->s, p->id);
        const uint32_t left = count_usable(w->c, p);
        if (now == NULL || left >= p->min_active || left >= count_usable(w->c, now))
            continue;
        pool_error_set(w->error, "would_empty_pool", "",
                       "%u usable servers would be left in pool %s and its min_active is %u; "
                       "?force=true does it all the same",
                       left, p->name, p->min_active);
        return WERR_GUARD;
    }
    return 0;
}

/* ---- the change ---- */

static enum pool_change_type type_of(const struct was *was)
{
    if (was->now == NULL)
        return POOL_CHANGE_ADDED;
    return was->item.json.len > 0 ? POOL_CHANGE_CHANGED : POOL_CHANGE_REMOVED;
}

static struct pool_history_record *write_down(const struct way *w, uint64_t index)
{
    struct history_pen pen;
    if (history_pen_begin(&pen, index, &w->c->by) != 0)
        return NULL;
    for (uint32_t i = 0; i < w->n; i++) {
        struct pool_history_item item = w->was[i].item;
        item.type = type_of(&w->was[i]);
        item.json = w->was[i].now_json != NULL ? span_from_str(w->was[i].now_json) : SPAN_NONE;
        history_pen_put(&pen, &item);
    }
    if (pen.rc == 0) {
        pen.r->restored = w->c->restore;
        history_summarize(pen.r,
                          "restore revision %" PRIu64 ": %u added, %u changed, %u removed",
                          w->c->restore, pen.r->added, pen.r->changed, pen.r->removed);
    }
    return history_pen_end(&pen);
}

static int go(struct way *w, uint64_t index, struct pool_history_back *back)
{
    int rc = judge_certificates(w);
    if (rc == 0)
        rc = make(w, index);
    if (rc == 0)
        rc = judge_guard(w);
    if (rc != 0)
        return rc;
    back->record = write_down(w, index);
    if (back->record == NULL)
        return WERR_NOMEM;
    back->state = w->next;
    w->next = NULL;
    return 0;
}

int pool_history_restore(const struct pool_history *h, const struct pool_state *s,
                         const struct pool_command *c, uint64_t index,
                         struct pool_history_back *back, struct pool_error *error)
{
    struct way w = {.h = h, .s = s, .c = c, .error = error};
    *back = (struct pool_history_back){NULL, NULL};
    MUST(c->type == POOL_RESTORE && index > s->index);
    int rc = judge(&w);
    if (rc == 0)
        rc = find_touched(&w);
    if (rc == 0 && w.n > 0)
        rc = go(&w, index, back);
    for (uint32_t i = 0; i < w.n; i++)
        free(w.was[i].now_json);
    free(w.was);
    pool_state_free(w.next);
    return rc;
}

void pool_history_back_fini(struct pool_history_back *back)
{
    pool_state_free(back->state);
    pool_history_record_free(back->record);
    *back = (struct pool_history_back){NULL, NULL};
}
