/* Rules as JSON. Each function gives a new reference, or NULL for want of memory; what it was
 * given is used up in any case. */
#include <jansson.h>

#include "pool/rule_code.h"

static json_t *put(json_t *object, const char *key, json_t *value)
{
    if (object == NULL || value == NULL) {
        json_decref(object);
        json_decref(value);
        return NULL;
    }
    if (json_object_set_new(object, key, value) == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *put_text(json_t *object, const char *key, const char *text)
{
    return text != NULL ? put(object, key, json_string(text)) : object;
}

static json_t *append(json_t *array, json_t *value)
{
    if (array == NULL || value == NULL) {
        json_decref(array);
        json_decref(value);
        return NULL;
    }
    if (json_array_append_new(array, value) == 0)
        return array;
    json_decref(array);
    return NULL;
}

/* One entry stands for itself, several are a list. */
static json_t *text_list(const struct rule_texts *texts)
{
    if (texts->n == 1)
        return json_string(texts->at[0]);
    json_t *list = json_array();
    for (uint32_t i = 0; i < texts->n && list != NULL; i++)
        list = append(list, json_string(texts->at[i]));
    return list;
}

static json_t *pair_object(const struct rule_pair *pair, const char *name_key)
{
    json_t *object = put_text(json_object(), name_key, pair->name);

    if (pair->test == RULE_PAIR_PRESENT)
        return put(object, "present", json_true());
    return put_text(object, pair->test == RULE_PAIR_PREFIX ? "value_prefix" : "value",
                    pair->value);
}

static json_t *pair_list(const struct rule_pairs *pairs, const char *name_key)
{
    if (pairs->n == 1)
        return pair_object(&pairs->at[0], name_key);
    json_t *list = json_array();
    for (uint32_t i = 0; i < pairs->n && list != NULL; i++)
        list = append(list, pair_object(&pairs->at[i], name_key));
    return list;
}

static json_t *range_text(const struct cidr *range)
{
    char text[CIDR_TEXT_MAX];

    cidr_print(range, text);
    return json_string(text);
}

static json_t *range_list(const struct rule_ranges *ranges)
{
    if (ranges->n == 1)
        return range_text(&ranges->at[0]);
    json_t *list = json_array();
    for (uint32_t i = 0; i < ranges->n && list != NULL; i++)
        list = append(list, range_text(&ranges->at[i]));
    return list;
}

/* No deeper than RULE_DEPTH_MAX. NOLINTNEXTLINE(misc-no-recursion) */
static json_t *nested_list(const struct rule_conditions *at, uint32_t n)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < n && list != NULL; i++)
        list = append(list, rule_conditions_to_json(&at[i]));
    return list;
}

static json_t *put_texts(json_t *object, const char *key, const struct rule_texts *texts)
{
    return texts->n > 0 ? put(object, key, text_list(texts)) : object;
}

static json_t *put_pairs(json_t *object, const char *key, const struct rule_pairs *pairs,
                         const char *name_key)
{
    return pairs->n > 0 ? put(object, key, pair_list(pairs, name_key)) : object;
}

/* As deep as rules nest. NOLINTNEXTLINE(misc-no-recursion) */
struct json_t *rule_conditions_to_json(const struct rule_conditions *conditions)
{
    json_t *object = put_texts(json_object(), "host", &conditions->hosts);

    object = put_texts(object, "path", &conditions->paths);
    object = put_texts(object, "path_prefix", &conditions->path_prefixes);
    object = put_texts(object, "method", &conditions->methods);
    object = put_pairs(object, "header", &conditions->headers, "name");
    object = put_pairs(object, "query", &conditions->queries, "key");
    if (conditions->sources.n > 0)
        object = put(object, "source", range_list(&conditions->sources));
    if (conditions->all_n > 0)
        object = put(object, "all", nested_list(conditions->all, conditions->all_n));
    if (conditions->any_n > 0)
        object = put(object, "any", nested_list(conditions->any, conditions->any_n));
    return object;
}

static json_t *forward_list(const struct rule_action *action)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < action->target_n && list != NULL; i++)
        list = append(list, put(put_text(json_object(), "pool", action->targets[i].pool),
                                "weight", json_integer(action->targets[i].weight)));
    return list;
}

static json_t *redirect_object(const struct rule_redirect *redirect)
{
    json_t *object = put(json_object(), "status", json_integer(redirect->status));

    object = put_text(object, "scheme", redirect->scheme);
    object = put_text(object, "host", redirect->host);
    object = put_text(object, "port", redirect->port);
    object = put_text(object, "path", redirect->path);
    return put_text(object, "query", redirect->query);
}

static json_t *fixed_object(const struct rule_fixed *fixed)
{
    json_t *object = put(json_object(), "status", json_integer(fixed->status));

    object = put_text(object, "type", fixed->type);
    return put_text(object, "body", fixed->body);
}

struct json_t *rule_action_to_json(const struct rule_action *action)
{
    json_t *value = NULL;

    switch ((enum rule_action_type)action->type) {
    case RULE_FORWARD:
        value = forward_list(action);
        break;
    case RULE_REDIRECT:
        value = redirect_object(&action->redirect);
        break;
    case RULE_FIXED:
        value = fixed_object(&action->fixed);
        break;
    }
    return put(json_object(), rule_action_word(action->type), value);
}
