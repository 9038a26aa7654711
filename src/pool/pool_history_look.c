#include <inttypes.h>
#include <stdio.h>

#include "pool/pool_apply_int.h"
#include "pool/pool_history_int.h"
#include "pool/server_settings.h"
#include "pool/table.h"

/* A command that is about to be applied: what it would touch, as it is now. Whether it changes
 * anything at all is known behind it. */

enum { PRIORITY_TEXT_MAX = 16, ID_TEXT_MAX = 24 };

struct looking {
    const struct pool_state *s;
    const struct pool_command *c;
    uint64_t index;
    struct history_pen pen;
};

/* ---- objects ---- */

static void note_server(struct looking *l, enum pool_change_type type, const struct pool *p,
                        const struct pool_server *server)
{
    const struct kind_object o = {KIND_SERVER, server->id, p->id, server};
    history_pen_object(&l->pen, type, &o, server->url, p->name);
}

static void note_new_server(struct looking *l, const struct pool *p, uint64_t id,
                            const char *url)
{
    const struct kind_object o = {KIND_SERVER, id, p->id, NULL};
    history_pen_object(&l->pen, POOL_CHANGE_ADDED, &o, url, p->name);
}

static void note_rule(struct looking *l, enum pool_change_type type, const struct listener *of,
                      const struct rule *rule)
{
    const struct kind_object o = {KIND_RULE, rule->id, of->id, rule};
    char priority[PRIORITY_TEXT_MAX];
    (void)snprintf(priority, sizeof(priority), "%" PRIu32, rule->priority);
    history_pen_object(&l->pen, type, &o, priority, of->name);
}

static void note_pool(struct looking *l, enum pool_change_type type, const struct pool *p)
{
    const struct kind_object o = {KIND_POOL, p->id, 0, p};
    history_pen_object(&l->pen, type, &o, p->name, "");
    for (uint32_t i = 0; type == POOL_CHANGE_REMOVED && i < p->server_n; i++)
        note_server(l, type, p, p->servers[i]);
}

static void note_listener(struct looking *l, enum pool_change_type type,
                          const struct listener *which)
{
    const struct kind_object o = {KIND_LISTENER, which->id, 0, which};
    history_pen_object(&l->pen, type, &o, which->name, "");
    for (uint32_t i = 0; type == POOL_CHANGE_REMOVED && i < which->rule_n; i++)
        note_rule(l, type, which, which->rules[i]);
}

static void note_new(struct looking *l, enum kind kind, const char *name)
{
    const struct kind_object o = {kind, l->index, 0, NULL};
    history_pen_object(&l->pen, POOL_CHANGE_ADDED, &o, name, "");
}

/* Of one that is there. */
static enum pool_change_type type_of(const struct pool_command *c)
{
    return pool_command_verb(c->type) == POOL_VERB_REMOVE ? POOL_CHANGE_REMOVED
                                                          : POOL_CHANGE_CHANGED;
}

/* ---- all servers of a pool ---- */

static void look_wanted(struct looking *l, const struct pool *p)
{
    const struct pool_command *c = l->c;
    uint32_t new_n = 0;
    for (uint32_t i = 0; i < c->list_n; i++) {
        const struct pool_server *wanted = &c->list[i];
        const struct pool_server *now = pool_find_url(p, span_from_str(wanted->url));
        if (now == NULL)
            note_new_server(l, p, pool_list_id(l->index, new_n++), wanted->url);
        else if (server_differs(now, wanted) != 0)
            note_server(l, POOL_CHANGE_CHANGED, p, now);
    }
}

static int look_list(struct looking *l, const struct pool *p)
{
    const struct pool_command *c = l->c;
    struct text_node *wanted = NULL;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < c->list_n; i++)
        if (text_table_find(wanted, span_from_str(c->list[i].url)) == NULL)
            rc = text_table_add(&wanted, c->list[i].url, &c->list[i]);
    for (uint32_t i = 0; rc == 0 && i < p->server_n; i++)
        if (text_table_find(wanted, span_from_str(p->servers[i]->url)) == NULL)
            note_server(l, POOL_CHANGE_REMOVED, p, p->servers[i]);
    text_table_clear(&wanted);
    if (rc == 0)
        look_wanted(l, p);
    return rc;
}

/* ---- by kind ---- */

static int look_server(struct looking *l)
{
    const struct pool_command *c = l->c;
    const struct pool *p = pool_find(l->s, span_from_str(c->pool));
    if (p == NULL)
        return 0;
    if (pool_command_verb(c->type) == POOL_VERB_SET_LIST)
        return look_list(l, p);
    const struct pool_server *server = pool_target_server(l->s, c, NULL);
    if (server != NULL)
        note_server(l, type_of(c), p, server);
    else if (c->type == POOL_ADD_SERVER)
        note_new_server(l, p, l->index, c->server.url);
    return 0;
}

static int look_pool(struct looking *l)
{
    const struct pool *p = pool_find(l->s, span_from_str(l->c->pool));
    if (p != NULL)
        note_pool(l, type_of(l->c), p);
    else
        note_new(l, KIND_POOL, l->c->pool);
    return 0;
}

static int look_listener(struct looking *l)
{
    const struct listener *which = listener_find(l->s, span_from_str(l->c->listener));
    if (which != NULL)
        note_listener(l, type_of(l->c), which);
    else
        note_new(l, KIND_LISTENER, l->c->listener);
    return 0;
}

static int look_rule(struct looking *l)
{
    const struct pool_command *c = l->c;
    const struct listener *of = listener_find(l->s, span_from_str(c->listener));
    if (of == NULL)
        return 0;
    const struct rule *rule = c->type == POOL_ADD_RULE
                                  ? listener_find_priority(of, c->rule.priority)
                                  : listener_find_rule(l->s, of, c->rule_id);
    if (rule != NULL) {
        note_rule(l, type_of(c), of, rule);
    } else if (c->type == POOL_ADD_RULE) {
        const struct kind_object o = {KIND_RULE, l->index, of->id, NULL};
        char priority[PRIORITY_TEXT_MAX];
        (void)snprintf(priority, sizeof(priority), "%" PRIu32, c->rule.priority);
        history_pen_object(&l->pen, POOL_CHANGE_ADDED, &o, priority, of->name);
    }
    return 0;
}

static bool is_named(const struct looking *l, const char *name, const struct certificate *which)
{
    return name != NULL && certificate_find(l->s, span_from_str(name)) == which;
}

/* Those that lose it with its removal. */
static void look_users(struct looking *l, const struct certificate *which)
{
    for (uint32_t i = 0; i < l->s->listener_n; i++) {
        const struct listener *user = l->s->listeners[i];
        bool names_it = is_named(l, user->tls.default_certificate, which);
        for (uint32_t k = 0; !names_it && k < user->tls.certificate_n; k++)
            names_it = is_named(l, user->tls.certificates[k], which);
        if (names_it)
            note_listener(l, POOL_CHANGE_CHANGED, user);
    }
}

/* Nothing of what it holds. */
static void note_certificate(struct looking *l, enum pool_change_type type, uint64_t id,
                             const char *name)
{
    const struct kind_object o = {KIND_CERTIFICATE, id, 0, NULL};
    history_pen_object(&l->pen, type, &o, name, "");
}

static int look_certificate(struct looking *l)
{
    const struct pool_command *c = l->c;
    const char *name = c->certificate.name;
    const struct certificate *now = NULL;
    char id[ID_TEXT_MAX];
    if (c->type != POOL_ADD_CERTIFICATE)
        now = certificate_find_id(l->s, c->certificate_id);
    else if (name != NULL)
        now = certificate_find(l->s, span_from_str(name));
    if (now != NULL) {
        note_certificate(l, type_of(c), now->id, now->name);
        if (c->type == POOL_REMOVE_CERTIFICATE)
            look_users(l, now);
    } else if (c->type == POOL_ADD_CERTIFICATE) {
        kind_id_print(KIND_CERTIFICATE, l->index, id);
        note_certificate(l, POOL_CHANGE_ADDED, l->index, name != NULL ? name : id);
    }
    return 0;
}

static int look_vip(struct looking *l)
{
    const struct vip *vip = vip_find(l->s, &l->c->vip.addr);
    if (vip != NULL) {
        const struct kind_object o = {KIND_VIP, vip->id, 0, vip};
        history_pen_object(&l->pen, type_of(l->c), &o, vip->address, "");
    } else {
        note_new(l, KIND_VIP, l->c->vip.address);
    }
    return 0;
}

/* ---- in words ---- */

static void summarize(struct looking *l)
{
    struct pool_history_record *r = l->pen.r;
    const struct pool_command *c = l->c;
    const char *word = pool_command_word(c->type);
    struct pool_history_item first = {.name = SPAN_NONE};
    size_t at = 0;
    if (r->is_kept)
        (void)pool_history_next(r, &at, &first);
    const int name_len = (int)first.name.len;
    if (pool_command_verb(c->type) == POOL_VERB_SET_LIST)
        history_summarize(r, "%s of pool %s: %u added, %u changed, %u removed", word, c->pool,
                          r->added, r->changed, r->removed);
    else if (pool_command_kind(c->type) == KIND_SERVER)
        history_summarize(r, "%s %.*s in pool %s", word, name_len, first.name.ptr, c->pool);
    else if (pool_command_kind(c->type) == KIND_RULE)
        history_summarize(r, "%s %.*s of listener %s", word, name_len, first.name.ptr,
                          c->listener);
    else
        history_summarize(r, "%s %.*s", word, name_len, first.name.ptr);
}

int pool_history_look(const struct pool_state *s, const struct pool_command *c, uint64_t index,
                      struct pool_history_record **out)
{
    static int (*const looks[KIND_N])(struct looking *) = {
        [KIND_SERVER] = look_server,           [KIND_POOL] = look_pool,
        [KIND_LISTENER] = look_listener,       [KIND_RULE] = look_rule,
        [KIND_CERTIFICATE] = look_certificate, [KIND_VIP] = look_vip,
    };
    struct looking l = {.s = s, .c = c, .index = index};
    *out = NULL;
    if (!pool_by_is_there(&c->by))
        return 0;
    if (history_pen_begin(&l.pen, index, &c->by) != 0)
        return WERR_NOMEM;
    const int rc = looks[pool_command_kind(c->type)](&l);
    if (rc == 0 && l.pen.rc == 0)
        summarize(&l);
    else
        l.pen.rc = WERR_NOMEM;
    *out = history_pen_end(&l.pen);
    return *out != NULL ? 0 : WERR_NOMEM;
}
