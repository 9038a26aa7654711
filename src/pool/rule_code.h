/* rule_code.h - the parts of rules as JSON, for the other code files of pool/: rule_code.c
 * reads conditions, rule_code_action.c actions, rule_code_json.c writes both. They know
 * jansson.
 *
 * Reading checks everything that can be checked without the description: whether the pools are
 * there is pool_apply's business. error->field begins with the field given ("action",
 * "default_action") and leads to the member: "conditions.any[1].header[0].name".
 */
#ifndef WELDR_POOL_RULE_CODE_H
#define WELDR_POOL_RULE_CODE_H

#include "pool/pool_error.h"
#include "pool/rule.h"

struct json_t;

/* *out is initialised on success only. WERR_INVALID with *error (may be NULL), WERR_NOMEM. */
int rule_conditions_from_json(struct json_t *value, const char *field,
                              struct rule_conditions *out, struct pool_error *error) MUST_USE;
int rule_action_from_json(struct json_t *value, const char *field, struct rule_action *out,
                          struct pool_error *error) MUST_USE;
int rule_priority_from_json(struct json_t *value, const char *field, uint32_t *out,
                            struct pool_error *error) MUST_USE;
/* A new reference; what was read gives the same again. NULL: no memory. */
struct json_t *rule_conditions_to_json(const struct rule_conditions *conditions);
struct json_t *rule_action_to_json(const struct rule_action *action);

#endif
