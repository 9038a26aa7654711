/*
 * Conditions and requests: four lines, conditions as JSON, host, path and query. Conditions
 * that are read must come back from their own JSON; a table of a rule with them, one with their
 * host and path only, and one without any must find what trying them in order finds.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "pool/rule_code.h"
#include "route/route_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span next_line(struct span *rest)
{
    size_t end = span_find(*rest, '\n');
    struct span line = span_first(*rest, end);

    *rest = end < rest->len ? span_skip(*rest, end + 1) : SPAN_NONE;
    return line;
}

static bool read_conditions(struct span text, struct rule_conditions *out)
{
    struct pool_error error;
    json_t *value = json_loadb(text.ptr, text.len, 0, NULL);
    int rc = value != NULL ? rule_conditions_from_json(value, "conditions", out, &error) : -1;

    json_decref(value);
    return rc == 0;
}

static void check_round_trip(const struct rule_conditions *conditions)
{
    struct rule_conditions again;
    json_t *value = rule_conditions_to_json(conditions);

    MUST(value != NULL);
    MUST(rule_conditions_from_json(value, "conditions", &again, NULL) == 0);
    MUST(rule_conditions_equal(conditions, &again));
    json_decref(value);
    rule_conditions_fini(&again);
}

static void check_match(struct rule_conditions *conditions, const struct route_request *r)
{
    static char path_buf[ROUTE_PATH_MAX];
    struct rule given = {.id = 1, .priority = 1, .conditions = *conditions};
    struct rule partly = {.id = 2, .priority = 2};
    struct rule all = {.id = 3, .priority = 3};
    struct rule *rules[] = {&given, &partly, &all};
    struct rule_action other = {.type = RULE_FIXED};
    const struct rule *wanted = NULL;
    struct route_view view;

    partly.conditions.hosts = conditions->hosts;
    partly.conditions.path_prefixes = conditions->path_prefixes;
    all.conditions.paths = conditions->paths;
    struct route_table *t = route_table_new(rules, 3, &other, 0, NULL);
    MUST(t != NULL);
    route_view_init(&view, r, path_buf);
    for (unsigned i = 0; i < 3 && wanted == NULL; i++)
        if (route_conditions_fail(&rules[i]->conditions, &view) == NULL)
            wanted = rules[i];
    const struct rule *found = route_match(t, r).rule;
    MUST((found != NULL ? found->id : 0) == (wanted != NULL ? wanted->id : 0));
    route_table_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = span_from(data, size);
    struct rule_conditions conditions;

    if (!read_conditions(next_line(&rest), &conditions))
        return 0;
    struct route_request r = {.method = SPAN("GET")};
    r.host = next_line(&rest);
    r.path = next_line(&rest);
    r.query = next_line(&rest);
    check_round_trip(&conditions);
    check_match(&conditions, &r);
    rule_conditions_fini(&conditions);
    return 0;
}
