#include "pool/kind_ops.h"
#include "pool/pool_apply_int.h"
#include "pool/pool_code.h"
#include "pool/pool_mem.h"
#include "pool/table.h"

/* A PUT means the rule of its priority, all else the one of its id. */
static struct rule *find_target(const struct pool_state *s, const struct pool_command *c,
                                struct listener **listener)
{
    *listener = listener_find(s, span_from_str(c->listener));
    if (*listener == NULL)
        return NULL;
    return c->type == POOL_ADD_RULE ? listener_find_priority(*listener, c->rule.priority)
                                    : listener_find_rule(s, *listener, c->rule_id);
}

/* ---- actions ---- */

int listener_judge_action(const struct pool_state *s, const struct rule_action *action)
{
    for (uint32_t i = 0; i < listener_target_n(action); i++) {
        if (pool_find(s, span_from_str(action->targets[i].pool)) == NULL)
            return WERR_NO_TARGET;
    }
    return 0;
}

void listener_count_action(struct pool_state *s, const struct rule_action *action, int by)
{
    for (uint32_t i = 0; i < listener_target_n(action); i++) {
        struct pool *p = pool_find(s, span_from_str(action->targets[i].pool));
        MUST(p != NULL && (by > 0 || p->ref_n > 0));
        p->ref_n += (uint32_t)by;
    }
}

/* ---- the vector ---- */

static int hash_rule(const struct listener *l, const struct rule *rule, uint64_t *hash)
{
    return kind_hash(KIND_RULE, rule->id, l->id, pool_code_rule_json(rule), hash);
}

/* There is room. */
static void insert(struct listener *l, struct rule *rule)
{
    uint32_t place = listener_rule_place(l, rule->priority);
    memmove(&l->rules[place + 1], &l->rules[place],
            (l->rule_n - place) * sizeof(struct rule *));
    l->rules[place] = rule;
    l->rule_n++;
}

static void take_out(struct listener *l, const struct rule *rule)
{
    uint32_t place = listener_rule_place(l, rule->priority);
    MUST(place < l->rule_n && l->rules[place] == rule);
    l->rule_n--;
    memmove(&l->rules[place], &l->rules[place + 1],
            (l->rule_n - place) * sizeof(struct rule *));
}

void listener_free_rules(struct listener *l)
{
    for (uint32_t i = 0; i < l->rule_n; i++)
        rule_free(l->rules[i]);
    free(l->rules);
}

void listener_take_out_rules(struct pool_state *s, struct listener *l)
{
    for (uint32_t i = 0; i < l->rule_n; i++) {
        listener_count_action(s, &l->rules[i]->action, -1);
        id_table_remove(&s->ids, l->rules[i]->id);
        s->digest -= l->rules[i]->digest;
    }
}

/* ---- applying ---- */

static int enter(struct pool_state *s, struct listener *l, struct rule *rule)
{
    const struct id_entry entry = {KIND_RULE, rule, l};
    struct rule **rules = pool_reserve(l->rules, l->rule_n, &l->rule_cap);
    if (rules == NULL)
        return WERR_NOMEM;
    l->rules = rules;
    int rc = hash_rule(l, rule, &rule->digest);
    if (rc == 0)
        rc = id_table_add(&s->ids, rule->id, &entry);
    if (rc != 0)
        return rc;
    insert(l, rule);
    s->digest += rule->digest;
    listener_count_action(s, &rule->action, 1);
    return 0;
}

/* A copy of its own on the heap. NULL: no memory. */
static struct rule *clone(const struct rule *from)
{
    struct rule *rule = pool_calloc(1, sizeof(*rule));
    if (rule != NULL && rule_copy(rule, from) == 0)
        return rule;
    free(rule);
    return NULL;
}

static int apply_add(struct pool_state *s, const struct pool_command *c, uint64_t id,
                     struct pool_change *change)
{
    struct rule *rule = clone(&c->rule);
    if (rule == NULL)
        return WERR_NOMEM;
    rule->id = id;
    int rc = enter(s, change->listener, rule);
    if (rc != 0) {
        rule_free(rule);
        return rc;
    }
    change->type = POOL_CHANGE_ADDED;
    change->id = id;
    return 0;
}

static int take_name(struct rule *next, const struct rule *wanted)
{
    char *name = wanted->name != NULL ? pool_strdup(wanted->name) : NULL;
    if (wanted->name != NULL && name == NULL)
        return WERR_NOMEM;
    free(next->name);
    next->name = name;
    return 0;
}

static int take_conditions(struct rule *next, const struct rule *wanted)
{
    struct rule_conditions copy;
    int rc = rule_conditions_copy(&copy, &wanted->conditions);
    if (rc != 0)
        return rc;
    rule_conditions_fini(&next->conditions);
    next->conditions = copy;
    return 0;
}

static int take_action(struct rule *next, const struct rule *wanted)
{
    struct rule_action copy;
    int rc = rule_action_copy(&copy, &wanted->action);
    if (rc != 0)
        return rc;
    rule_action_fini(&next->action);
    next->action = copy;
    return 0;
}

/* What the rule is to become. NULL: no memory. */
static struct rule *make_next(const struct rule *now, const struct pool_command *c)
{
    const uint32_t set = c->type == POOL_ADD_RULE ? UINT32_MAX : c->set;
    struct rule *next = clone(now);
    if (next == NULL)
        return NULL;
    if ((set & POOL_SET_PRIORITY) != 0)
        next->priority = c->rule.priority;
    int rc = (set & POOL_SET_NAME) != 0 ? take_name(next, &c->rule) : 0;
    if (rc == 0 && (set & POOL_SET_CONDITIONS) != 0)
        rc = take_conditions(next, &c->rule);
    if (rc == 0 && (set & POOL_SET_ACTION) != 0)
        rc = take_action(next, &c->rule);
    if (rc == 0)
        return next;
    rule_free(next);
    return NULL;
}

static int apply_set(struct pool_state *s, const struct pool_command *c, struct rule *now,
                     struct pool_change *change)
{
    struct listener *l = change->listener;
    struct rule *next = make_next(now, c);
    if (next == NULL)
        return WERR_NOMEM;
    int rc = hash_rule(l, next, &next->digest);
    if (rc != 0 || next->digest == now->digest) {
        rule_free(next);
        return rc;
    }
    take_out(l, now);
    insert(l, next);
    id_table_find(s->ids, now->id)->object = next;
    listener_count_action(s, &next->action, 1);
    listener_count_action(s, &now->action, -1);
    s->digest += next->digest - now->digest;
    change->type = POOL_CHANGE_CHANGED;
    change->removed_rule = now;
    return 0;
}

static void apply_remove(struct pool_state *s, struct rule *rule, struct pool_change *change)
{
    take_out(change->listener, rule);
    id_table_remove(&s->ids, rule->id);
    listener_count_action(s, &rule->action, -1);
    s->digest -= rule->digest;
    change->type = POOL_CHANGE_REMOVED;
    change->removed_rule = rule;
}

static int apply_rule(struct pool_state *s, const struct pool_command *c, uint64_t id,
                      struct pool_change *change)
{
    struct rule *rule = find_target(s, c, &change->listener);
    if (rule == NULL)
        return apply_add(s, c, id, change);
    change->id = rule->id;
    if (c->type != POOL_REMOVE_RULE)
        return apply_set(s, c, rule, change);
    apply_remove(s, rule, change);
    return 0;
}

/* Of a rule that is there. */
static int judge_set(const struct pool_state *s, const struct pool_command *c,
                     const struct listener *l, const struct rule *rule)
{
    if (c->type == POOL_REMOVE_RULE)
        return 0;
    if (c->type == POOL_SET_RULE && (c->set & POOL_SET_PRIORITY) != 0) {
        const struct rule *other = listener_find_priority(l, c->rule.priority);
        if (other != NULL && other != rule)
            return WERR_EXISTS;
    }
    bool has_action = c->type == POOL_ADD_RULE || (c->set & POOL_SET_ACTION) != 0;
    return has_action ? listener_judge_action(s, &c->rule.action) : 0;
}

static int judge_rule(const struct pool_state *s, const struct pool_command *c)
{
    struct listener *l = NULL;
    const struct rule *rule = find_target(s, c, &l);
    if (l == NULL || (rule == NULL && c->type != POOL_ADD_RULE))
        return WERR_NOT_FOUND;
    if (c->type == POOL_ADD_RULE && rule != NULL && !c->is_put)
        return WERR_EXISTS;
    if (rule == NULL && l->rule_n >= LISTENER_RULES_MAX)
        return WERR_TOO_BIG;
    return judge_set(s, c, l, rule);
}

static int target_rule(const struct pool_state *s, const struct pool_command *c,
                       uint64_t *digest)
{
    struct listener *l = NULL;
    const struct rule *rule = find_target(s, c, &l);
    *digest = rule != NULL ? rule->digest : 0;
    return 0;
}

static int visit_rules(const struct pool_state *s, kind_visit_fn fn, void *arg)
{
    int rc = 0;
    for (uint32_t i = 0; i < s->listener_n; i++) {
        const struct listener *l = s->listeners[i];
        for (uint32_t k = 0; rc == 0 && k < l->rule_n; k++) {
            const struct kind_object o = {KIND_RULE, l->rules[k]->id, l->id, l->rules[k]};
            rc = fn(arg, &o);
        }
    }
    return rc;
}

static int check_rule(const struct pool_command *c, struct pool_error *error)
{
    const uint32_t set = c->type == POOL_ADD_RULE ? UINT32_MAX : c->set;
    if (c->type == POOL_REMOVE_RULE)
        return 0;
    if ((set & POOL_SET_PRIORITY) != 0 &&
        (c->rule.priority == 0 || c->rule.priority > RULE_PRIORITY_MAX)) {
        pool_error_set(error, "invalid_value", "priority",
                       "priority must be a whole number from 1 to %d", RULE_PRIORITY_MAX);
        return WERR_INVALID;
    }
    if ((set & POOL_SET_ACTION) != 0 && c->rule.action.type == RULE_FORWARD &&
        c->rule.action.target_n == 0) {
        pool_error_set(error, "missing_field", "action", "action is missing");
        return WERR_INVALID;
    }
    return 0;
}

static char *rule_json(const void *object)
{
    return pool_code_rule_json(object);
}

const struct kind_ops kind_ops_rule = {
    .check = check_rule,
    .judge = judge_rule,
    .apply = apply_rule,
    .target = target_rule,
    .visit = visit_rules,
    .json = rule_json,
};
