/* openapi_type.h - types of the tables of the API (api_objects.def, api_keys.def, the responses
 * of api_routes.def), as JSON Schema.
 *
 *   text, count, number, bool      count: a whole number from 0
 *   object                         with any members
 *   time                           "2026-01-31T12:00:00.000Z"
 *   duration, flag                 as in queries: 500ms, 30s, 2m; true
 *   1..65535                       a whole number within bounds
 *   =a|b                           one of these words (whole numbers and true as such)
 *   @event                         one of the words of a table
 *   Server                         an object of api_objects.def
 *   Server~                        some members of it
 *   [T] {T} [[T]]                  a list; an object with any keys; a list of lists
 *   T+                             one, or a list
 *   T?                             or null (=a|b? too)
 *
 * Pure.
 */
#ifndef WELDR_MANAGER_OPENAPI_TYPE_H
#define WELDR_MANAGER_OPENAPI_TYPE_H

#include <stdbool.h>

#include "base/jtext.h"
#include "base/span.h"

/* What a value is for. */
struct openapi_type {
    struct span text;
    bool is_nullable; /* whatever the text says */
    const char *says; /* NULL or empty: nothing */
    /* Of a request: has the object another schema there? NULL: a response. */
    bool (*has_request)(struct span object);
};

/* A schema as the member `key` (NULL: in an array). */
void openapi_type_put(struct jtext *t, const char *key, const struct openapi_type *type);
/* Members of a schema that is open already. */
void openapi_type_put_members(struct jtext *t, const struct openapi_type *type);
/* What the schema of an object in requests has behind its name. */
#define OPENAPI_REQUEST "Request"
#define OPENAPI_PART    "Part" /* … and of one that is told in part */
/* {"$ref": "#/components/KIND/NAME"}; key NULL: as a member of what is open. */
void openapi_put_ref(struct jtext *t, const char *key, const char *kind, struct span name);

#endif
