#include <stdlib.h>

#include "pool/pool_code_int.h"
#include "pool/pool_mem.h"
#include "pool/rule_code.h"

/* ---- reading ---- */

static int read_priority(struct reading *r, json_t *value)
{
    r->c->set |= POOL_SET_PRIORITY;
    return rule_priority_from_json(value, "priority", &r->c->rule.priority, r->error);
}

static bool is_text(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
            return false;
    }
    return text.len > 0 && text.len <= RULE_NAME_MAX;
}

static int read_name(struct reading *r, json_t *value)
{
    r->c->set |= POOL_SET_NAME;
    if (json_is_null(value))
        return 0;
    if (!json_is_string(value) || !is_text(code_text(value)))
        return code_refuse_value(r, "name",
                                 "name must be null or have 1 to 64 bytes, none of them a "
                                 "control character");
    r->c->rule.name = pool_strdup(json_string_value(value));
    return r->c->rule.name != NULL ? 0 : WERR_NOMEM;
}

static int read_conditions(struct reading *r, json_t *value)
{
    r->c->set |= POOL_SET_CONDITIONS;
    if (json_is_null(value))
        return 0; /* none: each request */
    return rule_conditions_from_json(value, "conditions", &r->c->rule.conditions, r->error);
}

static int read_action(struct reading *r, json_t *value)
{
    r->c->set |= POOL_SET_ACTION;
    return rule_action_from_json(value, "action", &r->c->rule.action, r->error);
}

static const struct member members[] = {
    {"priority", read_priority, 0}, {"name", read_name, 0}, {"conditions", read_conditions, 0},
    {"action", read_action, 0},     {NULL, NULL, 0},
};

static int read_rule(struct reading *r, json_t *object)
{
    int rc = code_read_members(r, object, members);
    if (rc != 0 || r->c->type != POOL_ADD_RULE)
        return rc;
    if ((r->c->set & POOL_SET_PRIORITY) == 0)
        return code_refuse_missing(r, "priority");
    if ((r->c->set & POOL_SET_ACTION) == 0)
        return code_refuse_missing(r, "action");
    r->c->set = 0; /* an ADD gives everything */
    return 0;
}

int pool_code_set_rule_from_json(struct span body, struct pool_command *c,
                                 struct pool_error *error)
{
    struct reading r = {.c = c, .error = error};
    pool_command_init(c, POOL_SET_RULE);
    return code_read_document(body, &r, read_rule);
}

int pool_code_add_rule_from_json(struct span body, struct pool_command *c,
                                 struct pool_error *error)
{
    struct reading r = {.c = c, .error = error};
    pool_command_init(c, POOL_ADD_RULE);
    return code_read_document(body, &r, read_rule);
}

/* ---- writing ---- */

static void write_members(struct jtext *t, const char *key, const struct rule *rule,
                          uint32_t set)
{
    jtext_open(t, key, '{');
    if ((set & POOL_SET_PRIORITY) != 0)
        jtext_number(t, "priority", rule->priority);
    if ((set & POOL_SET_NAME) != 0 && rule->name != NULL)
        jtext_str(t, "name", rule->name);
    else if ((set & POOL_SET_NAME) != 0)
        jtext_null(t, "name");
    if ((set & POOL_SET_CONDITIONS) != 0)
        code_write_json(t, "conditions", rule_conditions_to_json(&rule->conditions));
    if ((set & POOL_SET_ACTION) != 0)
        code_write_json(t, "action", rule_action_to_json(&rule->action));
    jtext_close(t, '}');
}

static void write_rule(struct jtext *t, const char *key, const struct pool_command *c)
{
    write_members(t, key, &c->rule, c->type == POOL_ADD_RULE ? UINT32_MAX : c->set);
}

char *pool_code_rule_json(const struct rule *rule)
{
    struct jtext t;
    jtext_init_compact(&t);
    write_members(&t, NULL, rule, UINT32_MAX);
    return jtext_take(&t);
}

const struct code_kind code_rule = {read_rule, write_rule};
