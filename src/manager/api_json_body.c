#include "manager/api_json_body.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

static const struct api_json_want *find(const struct api_json_want *wants, unsigned n,
                                        const char *key)
{
    for (unsigned i = 0; i < n; i++)
        if (strcmp(wants[i].key, key) == 0)
            return &wants[i];
    return NULL;
}

static int refuse_value(const struct api_json_want *w, struct pool_error *error)
{
    if (w->number != NULL)
        pool_error_set(error, "invalid_value", w->key,
                       "%s must be a whole number from %" PRIu64 " to %" PRIu64, w->key, w->min,
                       w->max);
    else
        pool_error_set(error, "invalid_value", w->key, "%s %s", w->key, w->must);
    return WERR_INVALID;
}

static int read_number(const struct api_json_want *w, const json_t *value,
                       struct pool_error *error)
{
    const json_int_t n = json_integer_value(value);

    if (!json_is_integer(value) || n < 0 || (uint64_t)n < w->min || (uint64_t)n > w->max)
        return refuse_value(w, error);
    *w->number = (uint64_t)n;
    return 0;
}

static int read_text(const struct api_json_want *w, const json_t *value,
                     struct pool_error *error)
{
    if (json_is_null(value))
        return 0;
    if (!json_is_string(value) ||
        span_to_str(span_from(json_string_value(value), json_string_length(value)), w->text,
                    w->size) < 0)
        return refuse_value(w, error);
    return 0;
}

static int read_member(const struct api_json_want *wants, unsigned n, const char *key,
                       const json_t *value, struct pool_error *error)
{
    const struct api_json_want *w = find(wants, n, key);

    if (w != NULL)
        return w->number != NULL ? read_number(w, value, error) : read_text(w, value, error);
    pool_error_set(error, "unknown_key", key, "the key \"%s\" is not known here: there is %s",
                   key, n > 0 ? wants[0].key : "none");
    return WERR_INVALID;
}

int api_json_read_body(struct span body, const struct api_json_want *wants, unsigned n,
                       struct pool_error *error)
{
    json_error_t at;
    const char *key;
    json_t *root, *value;
    int rc = 0;

    if (body.len == 0)
        return 0;
    root = json_loadb(body.ptr, body.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &at);
    if (root == NULL && json_error_code(&at) == json_error_out_of_memory)
        return WERR_NOMEM;
    if (root == NULL) {
        pool_error_set(error, "invalid_json", "", "invalid JSON: %s (line %d, column %d)",
                       at.text, at.line, at.column);
        return WERR_SYNTAX;
    }
    if (!json_is_object(root)) {
        pool_error_set(error, "invalid_value", "", "the body must be a JSON object");
        rc = WERR_INVALID;
    }
    json_object_foreach(root, key, value)
    {
        rc = read_member(wants, n, key, value, error);
        if (rc < 0)
            break;
    }
    json_decref(root);
    return rc;
}
