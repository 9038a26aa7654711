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

static void print_rule(struct jtext *out, const char *key, const struct rule *rule,
                       const char *fails)
{
    char id[24];
    struct strb b;

    strb_init(&b, id, sizeof(id));
    strb_add(&b, SPAN("r-"));
    strb_add_hex(&b, rule->id);
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
