#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "manager/api.h"
#include "manager/api_object.h"
#include "manager/api_pages.h"
#include "manager/api_problem.h"
#include "manager/manager.h"
#include "pool/pool_apply.h"
#include "pool/pool_code.h"

static const struct listener *find_listener(const struct api_conn *ac)
{
    return listener_find(ac->m->pool, api_match_param(&ac->match, SPAN("listener")));
}

/* "10" is a priority, "r-1f" an id. */
static const struct rule *find_rule(const struct api_conn *ac, const struct listener *l)
{
    const struct span text = api_match_param(&ac->match, SPAN("rule"));
    uint64_t n;

    if (num_from_dec(text, RULE_PRIORITY_MAX, &n) == 0)
        return listener_find_priority(l, (uint32_t)n);
    if (kind_id_from_text(KIND_RULE, text, &n) == 0)
        return listener_find_rule(ac->m->pool, l, n);
    return NULL;
}

static const void *find(const struct api_conn *ac)
{
    const struct listener *l = find_listener(ac);

    return l != NULL ? find_rule(ac, l) : NULL;
}

static const void *find_id(const struct api_conn *ac, uint64_t id)
{
    return listener_find_any_rule(ac->m->pool, id, NULL);
}

static char *show(const struct api_conn *ac, const void *object)
{
    const struct rule *rule = object;
    struct listener *l = NULL;

    if (listener_find_any_rule(ac->m->pool, rule->id, &l) == NULL)
        return NULL;
    return api_json_rule(l, rule, ac->m->revision, api_base(ac));
}

static uint64_t digest(const void *object)
{
    return ((const struct rule *)object)->digest;
}

static void name(const struct api_conn *ac, const void *object, struct pool_command *c)
{
    MUST(span_to_str(api_match_param(&ac->match, SPAN("listener")), c->listener,
                     sizeof(c->listener)) == 0);
    c->rule_id = ((const struct rule *)object)->id;
}

/* The priority of a PUT is that of the path, or of the rule that the path names. */
static int read_put(const struct api_conn *ac, struct span body, struct pool_command *c,
                    struct pool_error *error)
{
    const struct span text = api_match_param(&ac->match, SPAN("rule"));
    const struct rule *rule = find(ac);
    uint64_t priority;
    char *whole;

    if (num_from_dec(text, UINT32_MAX, &priority) < 0) {
        if (rule == NULL) {
            *error =
                (struct pool_error){.code = "not_found", .detail = "there is no such rule"};
            return WERR_INVALID;
        }
        priority = rule->priority;
    }
    int rc = api_json_give_number(body, "priority", priority, error, &whole);
    if (rc == 0)
        rc =
            pool_code_add_rule_from_json(whole != NULL ? span_from_str(whole) : body, c, error);
    free(whole);
    return rc;
}

static int read_add(const struct api_conn *ac, bool is_put, struct span body,
                    struct pool_command *c, struct pool_error *error)
{
    const int rc =
        is_put ? read_put(ac, body, c, error) : pool_code_add_rule_from_json(body, c, error);

    if (rc < 0)
        return rc;
    if (span_to_str(api_match_param(&ac->match, SPAN("listener")), c->listener,
                    sizeof(c->listener)) == 0)
        return 0;
    pool_command_fini(c);
    *error = (struct pool_error){.code = "not_found", .detail = "there is no such listener"};
    return WERR_INVALID;
}

static void locate(const struct api_conn *ac, const void *object, char *buf, size_t size)
{
    const struct span listener = api_match_param(&ac->match, SPAN("listener"));

    (void)snprintf(buf, size, "/listeners/%.*s/rules/%u", (int)listener.len, listener.ptr,
                   ((const struct rule *)object)->priority);
}

/* The first names the resource. */
static const struct api_json_fixed fixed[] = {
    {"id", "it was given when the rule was added"},
    {"listener", "a rule stays with its listener"},
    {"revision", NULL},
    {"links", NULL},
};

static const struct api_object_kind kind = {
    .kind = KIND_RULE,
    .remove = POOL_REMOVE_RULE,
    .find = find,
    .find_id = find_id,
    .show = show,
    .digest = digest,
    .name = name,
    .read_add = read_add,
    .read_change = pool_code_set_rule_from_json,
    .fixed = {fixed, sizeof(fixed) / sizeof(fixed[0]), false},
    .locate = locate,
};

void api_rules_add(struct api_conn *ac)
{
    api_object_add(ac, &kind);
}

void api_rule_get(struct api_conn *ac)
{
    api_object_get(ac, &kind);
}

void api_rule_change(struct api_conn *ac)
{
    api_object_change(ac, &kind);
}

void api_rule_put(struct api_conn *ac)
{
    api_object_put(ac, &kind);
}

void api_rule_remove(struct api_conn *ac)
{
    api_object_remove(ac, &kind);
}

/* ---- all of a listener ---- */

static void begin(struct api_json_list *l, const struct api_cursor *at)
{
    api_json_objects_begin(l, at->base, "rules", at->href);
}

/* In the order of their priorities, which the cursor counts. */
static bool next(const struct manager *m, struct api_cursor *at, struct api_json_list *l)
{
    const struct listener *listener = listener_find_id(m->pool, at->owner_id);

    for (uint32_t i = 0; listener != NULL && i < listener->rule_n; i++) {
        const struct rule *rule = listener->rules[i];

        if (rule->priority < at->next)
            continue;
        api_json_objects_add(l, api_json_rule(listener, rule, m->revision, l->base));
        at->next = (uint64_t)rule->priority + 1;
        return true;
    }
    return false;
}

void api_rules_list(struct api_conn *ac)
{
    static const struct api_pages_kind pages = {.begin = begin, .next = next};
    const struct listener *l = find_listener(ac);
    struct api_cursor at = {0};

    if (l == NULL) {
        api_problem(ac, 404, "not_found", "there is no such listener");
        return;
    }
    at.owner_id = l->id;
    (void)snprintf(at.href, sizeof(at.href), "/listeners/%s/rules", l->name);
    ac->tag = pool_list_digest(ac->m->pool, KIND_RULE, span_from_str(l->name));
    api_respond_pages(ac, 200, &pages, &at);
}
