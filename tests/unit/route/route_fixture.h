/* route_fixture.h - what the tests of route/ share: rules from JSON, requests from texts. */
#ifndef WELDR_TESTS_ROUTE_FIXTURE_H
#define WELDR_TESTS_ROUTE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/fault.h"
#include "pool/rule_code.h"
#include "route/route_int.h"

#define UNUSED __attribute__((unused))

static UNUSED struct rule *make_rule(uint32_t priority, const char *conditions,
                                     const char *action)
{
    struct rule *rule = calloc(1, sizeof(*rule));
    struct pool_error error = {.code = ""};
    json_t *value = json_loads(conditions, 0, NULL);
    assert_non_null(value);
    if (rule_conditions_from_json(value, "conditions", &rule->conditions, &error) != 0)
        fail_msg("%s: %s %s", conditions, error.field, error.detail);
    json_decref(value);
    value = json_loads(action, 0, NULL);
    assert_non_null(value);
    if (rule_action_from_json(value, "action", &rule->action, &error) != 0)
        fail_msg("%s: %s %s", action, error.field, error.detail);
    json_decref(value);
    rule->priority = priority;
    rule->id = priority + 1000;
    return rule;
}

static UNUSED struct route_request make_request(const char *host, const char *path,
                                                const char *query)
{
    return (struct route_request){.host = span_from_str(host),
                                  .path = span_from_str(path),
                                  .query = span_from_str(query),
                                  .method = SPAN("GET")};
}

#endif
