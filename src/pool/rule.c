#include "pool/rule.h"

#include "pool/pool_mem.h"

const char *rule_action_word(enum rule_action_type type)
{
    static const char *const words[] = {"forward", "redirect", "fixed"};

    MUST(type <= RULE_FIXED);
    return words[type];
}

/* ---- the end of each part ---- */

static void fini_texts(struct rule_texts *texts)
{
    for (uint32_t i = 0; i < texts->n; i++)
        free(texts->at[i]);
    free(texts->at);
    *texts = (struct rule_texts){0};
}

static void fini_pairs(struct rule_pairs *pairs)
{
    for (uint32_t i = 0; i < pairs->n; i++) {
        free(pairs->at[i].name);
        free(pairs->at[i].value);
    }
    free(pairs->at);
    *pairs = (struct rule_pairs){0};
}

static void fini_nested(struct rule_conditions *at, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        rule_conditions_fini(&at[i]);
    free(at);
}

void rule_conditions_fini(struct rule_conditions *conditions)
{
    fini_texts(&conditions->hosts);
    fini_texts(&conditions->paths);
    fini_texts(&conditions->path_prefixes);
    fini_texts(&conditions->methods);
    fini_pairs(&conditions->headers);
    fini_pairs(&conditions->queries);
    free(conditions->sources.at);
    fini_nested(conditions->all, conditions->all_n);
    fini_nested(conditions->any, conditions->any_n);
    *conditions = (struct rule_conditions){0};
}

void rule_action_fini(struct rule_action *action)
{
    for (uint32_t i = 0; i < action->target_n; i++)
        free(action->targets[i].pool);
    free(action->targets);
    free(action->redirect.scheme);
    free(action->redirect.host);
    free(action->redirect.port);
    free(action->redirect.path);
    free(action->redirect.query);
    free(action->fixed.type);
    free(action->fixed.body);
    *action = (struct rule_action){0};
}

void rule_init(struct rule *rule)
{
    *rule = (struct rule){0};
}

void rule_fini(struct rule *rule)
{
    rule_conditions_fini(&rule->conditions);
    rule_action_fini(&rule->action);
    free(rule->name);
    *rule = (struct rule){0};
}

void rule_free(struct rule *rule)
{
    if (rule == NULL)
        return;
    rule_fini(rule);
    free(rule);
}

int rule_action_init_forward(struct rule_action *action, struct span pool)
{
    struct rule_target *target = pool_calloc(1, sizeof(*target));
    char *name = fault_malloc(pool.len + 1);

    if (target == NULL || name == NULL) {
        free(target);
        free(name);
        return WERR_NOMEM;
    }
    memcpy(name, pool.ptr, pool.len);
    name[pool.len] = '\0';
    *target = (struct rule_target){.pool = name, .weight = 1};
    *action = (struct rule_action){.type = RULE_FORWARD, .targets = target, .target_n = 1};
    return 0;
}

/* ---- copies: what was made before a failure is the caller's to end ---- */

static int copy_text(char **to, const char *from)
{
    *to = from != NULL ? pool_strdup(from) : NULL;
    return *to != NULL || from == NULL ? 0 : WERR_NOMEM;
}

static int copy_texts(struct rule_texts *to, const struct rule_texts *from)
{
    int rc = 0;

    if (from->n == 0)
        return 0;
    to->at = pool_calloc(from->n, sizeof(*to->at));
    if (to->at == NULL)
        return WERR_NOMEM;
    to->n = from->n;
    for (uint32_t i = 0; i < from->n && rc == 0; i++)
        rc = copy_text(&to->at[i], from->at[i]);
    return rc;
}

static int copy_pairs(struct rule_pairs *to, const struct rule_pairs *from)
{
    int rc = 0;

    if (from->n == 0)
        return 0;
    to->at = pool_calloc(from->n, sizeof(*to->at));
    if (to->at == NULL)
        return WERR_NOMEM;
    to->n = from->n;
    for (uint32_t i = 0; i < from->n && rc == 0; i++) {
        to->at[i].test = from->at[i].test;
        rc = copy_text(&to->at[i].name, from->at[i].name);
        if (rc == 0)
            rc = copy_text(&to->at[i].value, from->at[i].value);
    }
    return rc;
}

static int copy_ranges(struct rule_ranges *to, const struct rule_ranges *from)
{
    if (from->n == 0)
        return 0;
    to->at = pool_calloc(from->n, sizeof(*to->at));
    if (to->at == NULL)
        return WERR_NOMEM;
    to->n = from->n;
    memcpy(to->at, from->at, from->n * sizeof(*to->at));
    return 0;
}

static int copy_members(struct rule_conditions *to, const struct rule_conditions *from);

/* No deeper than RULE_DEPTH_MAX. NOLINTNEXTLINE(misc-no-recursion) */
static int copy_nested(struct rule_conditions **to, uint32_t *to_n,
                       const struct rule_conditions *from, uint32_t n)
{
    int rc = 0;

    if (n == 0)
        return 0;
    *to = pool_calloc(n, sizeof(**to));
    if (*to == NULL)
        return WERR_NOMEM;
    *to_n = n;
    for (uint32_t i = 0; i < n && rc == 0; i++)
        rc = copy_members(&(*to)[i], &from[i]);
    return rc;
}

static int copy_lists(struct rule_conditions *to, const struct rule_conditions *from)
{
    int rc = copy_texts(&to->hosts, &from->hosts);

    if (rc == 0)
        rc = copy_texts(&to->paths, &from->paths);
    if (rc == 0)
        rc = copy_texts(&to->path_prefixes, &from->path_prefixes);
    if (rc == 0)
        rc = copy_texts(&to->methods, &from->methods);
    if (rc == 0)
        rc = copy_pairs(&to->headers, &from->headers);
    if (rc == 0)
        rc = copy_pairs(&to->queries, &from->queries);
    return rc == 0 ? copy_ranges(&to->sources, &from->sources) : rc;
}

/* As deep as rules nest. NOLINTNEXTLINE(misc-no-recursion) */
static int copy_members(struct rule_conditions *to, const struct rule_conditions *from)
{
    int rc = copy_lists(to, from);

    if (rc == 0)
        rc = copy_nested(&to->all, &to->all_n, from->all, from->all_n);
    if (rc == 0)
        rc = copy_nested(&to->any, &to->any_n, from->any, from->any_n);
    return rc;
}

int rule_conditions_copy(struct rule_conditions *to, const struct rule_conditions *from)
{
    struct rule_conditions copy = {0};
    int rc = copy_members(&copy, from);

    if (rc != 0) {
        rule_conditions_fini(&copy);
        return rc;
    }
    *to = copy;
    return 0;
}

static int copy_targets(struct rule_action *to, const struct rule_action *from)
{
    int rc = 0;

    if (from->target_n == 0)
        return 0;
    to->targets = pool_calloc(from->target_n, sizeof(*to->targets));
    if (to->targets == NULL)
        return WERR_NOMEM;
    to->target_n = from->target_n;
    for (uint32_t i = 0; i < from->target_n && rc == 0; i++) {
        to->targets[i].weight = from->targets[i].weight;
        rc = copy_text(&to->targets[i].pool, from->targets[i].pool);
    }
    return rc;
}

static int copy_redirect(struct rule_redirect *to, const struct rule_redirect *from)
{
    int rc = copy_text(&to->scheme, from->scheme);

    to->status = from->status;
    if (rc == 0)
        rc = copy_text(&to->host, from->host);
    if (rc == 0)
        rc = copy_text(&to->port, from->port);
    if (rc == 0)
        rc = copy_text(&to->path, from->path);
    return rc == 0 ? copy_text(&to->query, from->query) : rc;
}

int rule_action_copy(struct rule_action *to, const struct rule_action *from)
{
    struct rule_action copy = {.type = from->type};
    int rc = copy_targets(&copy, from);

    copy.fixed.status = from->fixed.status;
    if (rc == 0)
        rc = copy_redirect(&copy.redirect, &from->redirect);
    if (rc == 0)
        rc = copy_text(&copy.fixed.type, from->fixed.type);
    if (rc == 0)
        rc = copy_text(&copy.fixed.body, from->fixed.body);
    if (rc != 0) {
        rule_action_fini(&copy);
        return rc;
    }
    *to = copy;
    return 0;
}

int rule_copy(struct rule *to, const struct rule *from)
{
    struct rule copy = {.id = from->id, .priority = from->priority, .digest = from->digest};
    int rc = copy_text(&copy.name, from->name);

    if (rc == 0)
        rc = rule_conditions_copy(&copy.conditions, &from->conditions);
    if (rc == 0)
        rc = rule_action_copy(&copy.action, &from->action);
    if (rc != 0) {
        rule_fini(&copy);
        return rc;
    }
    *to = copy;
    return 0;
}
