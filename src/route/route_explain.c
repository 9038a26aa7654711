#include "http/sfield.h"
#include "route/route_int.h"

static void print_span(struct jtext *out, const char *key, struct span text)
{
    char buf[1024];
    struct strb b;

    strb_init(&b, buf, sizeof(buf));
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x20 && c < 0x7f)
            strb_add_char(&b, (char)c);
        else
            strb_addf(&b, "%%%02X", c);
    }
    jtext_str(out, key, buf);
}

enum { RULE_ID_TEXT = 24 };

static void print_id(const struct rule *rule, char *id)
{
    struct strb b;

    strb_init(&b, id, RULE_ID_TEXT);
    strb_add(&b, SPAN("r-"));
    strb_add_hex(&b, rule->id);
}

static void print_rule(struct jtext *out, const char *key, const struct rule *rule,
                       const char *fails)
{
    char id[RULE_ID_TEXT];

    print_id(rule, id);
    jtext_open(out, key, '{');
    jtext_str(out, "id", id);
    jtext_number(out, "priority", rule->priority);
    if (rule->name != NULL)
        jtext_str(out, "name", rule->name);
    if (fails != NULL)
        jtext_str(out, "does_not_hold", fails);
    jtext_close(out, '}');
}

static void print_action(struct jtext *out, const struct rule_action *action)
{
    jtext_str(out, "action", rule_action_word(action->type));
    if (action->type != RULE_FORWARD)
        return;
    jtext_open(out, "pools", '[');
    for (uint32_t i = 0; i < action->target_n; i++) {
        jtext_open(out, NULL, '{');
        jtext_str(out, "pool", action->targets[i].pool);
        jtext_number(out, "weight", action->targets[i].weight);
        jtext_close(out, '}');
    }
    jtext_close(out, ']');
}

void route_explain(struct route_table *t, const struct route_request *r, struct jtext *out)
{
    struct route_hit hit = route_match(t, r);
    uint32_t end = hit.rule != NULL ? hit.turn : route_table_rule_n(t);
    uint32_t from = end > ROUTE_EXPLAIN_MAX ? end - ROUTE_EXPLAIN_MAX : 0;
    struct route_view view;

    route_view_init(&view, r, route_table_path_buf(t));
    print_span(out, "host", view.host);
    print_span(out, "path", view.path);
    if (hit.rule != NULL)
        print_rule(out, "rule", hit.rule, NULL);
    else
        jtext_null(out, "rule");
    jtext_open(out, "passed_over", '[');
    for (uint32_t i = from; i < end; i++) {
        const struct rule *rule = route_table_rule(t, i);
        print_rule(out, NULL, rule, route_conditions_fail(&rule->conditions, &view));
    }
    jtext_close(out, ']');
    print_action(out, hit.action);
}

/* ---- in short, as a structured field ---- */

static void put_text(struct strb *out, const char *key, const char *text)
{
    sfield_parameter(out, key);
    sfield_string(out, span_from_str(text));
}

static void put_rule(struct strb *out, const struct rule *rule)
{
    char id[RULE_ID_TEXT];

    sfield_key(out, "rule");
    if (rule == NULL) {
        strb_add(out, SPAN("default"));
        return;
    }
    print_id(rule, id);
    strb_add_u64(out, rule->priority);
    put_text(out, "id", id);
    if (rule->name != NULL)
        put_text(out, "name", rule->name);
}

static void put_passed_over(const struct route_table *t, uint32_t end,
                            const struct route_view *view, struct strb *out)
{
    const uint32_t n = end < ROUTE_EXPLAIN_BRIEF_MAX ? end : ROUTE_EXPLAIN_BRIEF_MAX;

    if (n == 0)
        return;
    sfield_key(out, "passed-over");
    for (uint32_t i = end - n; i < end; i++) {
        const struct rule *rule = route_table_rule(t, i);
        const char *fails = route_conditions_fail(&rule->conditions, view);

        strb_add_char(out, i == end - n ? '(' : ' ');
        strb_add_u64(out, rule->priority);
        sfield_parameter(out, "fails");
        sfield_token(out, span_from_str(fails != NULL ? fails : "nothing"));
    }
    strb_add_char(out, ')');
}

static void put_pools(const struct rule_action *action, struct strb *out)
{
    if (action->type != RULE_FORWARD || action->target_n < 2)
        return;
    sfield_key(out, "pools");
    for (uint32_t i = 0; i < action->target_n && i < ROUTE_EXPLAIN_BRIEF_MAX; i++) {
        strb_add_char(out, i == 0 ? '(' : ' ');
        sfield_string(out, span_from_str(action->targets[i].pool));
        sfield_parameter(out, "weight");
        strb_add_u64(out, action->targets[i].weight);
    }
    strb_add_char(out, ')');
}

void route_explain_brief(struct route_table *t, const struct route_request *r, struct strb *out)
{
    const struct route_hit hit = route_match(t, r);
    struct route_view view;

    route_view_init(&view, r, route_table_path_buf(t));
    put_rule(out, hit.rule);
    put_passed_over(t, hit.rule != NULL ? hit.turn : route_table_rule_n(t), &view, out);
    sfield_key(out, "action");
    sfield_token(out, span_from_str(rule_action_word(hit.action->type)));
    put_pools(hit.action, out);
}
