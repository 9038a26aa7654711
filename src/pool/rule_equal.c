/* Whether two wishes are the same wish: what a change to the same leaves alone. */
#include "pool/rule.h"

static bool is_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool texts_equal(const struct rule_texts *a, const struct rule_texts *b)
{
    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (!is_same(a->at[i], b->at[i]))
            return false;
    return true;
}

static bool pairs_equal(const struct rule_pairs *a, const struct rule_pairs *b)
{
    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (a->at[i].test != b->at[i].test || !is_same(a->at[i].name, b->at[i].name) ||
            !is_same(a->at[i].value, b->at[i].value))
            return false;
    return true;
}

static bool range_is_same(const struct cidr *a, const struct cidr *b)
{
    return a->family == b->family && a->bits == b->bits &&
           memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static bool ranges_equal(const struct rule_ranges *a, const struct rule_ranges *b)
{
    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (!range_is_same(&a->at[i], &b->at[i]))
            return false;
    return true;
}

/* No deeper than RULE_DEPTH_MAX. NOLINTNEXTLINE(misc-no-recursion) */
static bool nested_equal(const struct rule_conditions *a, const struct rule_conditions *b,
                         uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!rule_conditions_equal(&a[i], &b[i]))
            return false;
    return true;
}

/* As deep as rules nest. NOLINTNEXTLINE(misc-no-recursion) */
bool rule_conditions_equal(const struct rule_conditions *a, const struct rule_conditions *b)
{
    return texts_equal(&a->hosts, &b->hosts) && texts_equal(&a->paths, &b->paths) &&
           texts_equal(&a->path_prefixes, &b->path_prefixes) &&
           texts_equal(&a->methods, &b->methods) && pairs_equal(&a->headers, &b->headers) &&
           pairs_equal(&a->queries, &b->queries) && ranges_equal(&a->sources, &b->sources) &&
           a->all_n == b->all_n && a->any_n == b->any_n &&
           nested_equal(a->all, b->all, a->all_n) && nested_equal(a->any, b->any, a->any_n);
}

static bool targets_equal(const struct rule_action *a, const struct rule_action *b)
{
    if (a->target_n != b->target_n)
        return false;
    for (uint32_t i = 0; i < a->target_n; i++)
        if (a->targets[i].weight != b->targets[i].weight ||
            !is_same(a->targets[i].pool, b->targets[i].pool))
            return false;
    return true;
}

static bool redirect_equal(const struct rule_redirect *a, const struct rule_redirect *b)
{
    return a->status == b->status && is_same(a->scheme, b->scheme) &&
           is_same(a->host, b->host) && is_same(a->port, b->port) &&
           is_same(a->path, b->path) && is_same(a->query, b->query);
}

bool rule_action_equal(const struct rule_action *a, const struct rule_action *b)
{
    return a->type == b->type && targets_equal(a, b) &&
           redirect_equal(&a->redirect, &b->redirect) && a->fixed.status == b->fixed.status &&
           is_same(a->fixed.type, b->fixed.type) && is_same(a->fixed.body, b->fixed.body);
}
