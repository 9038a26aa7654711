/* openapi.h - GET /openapi.json: the management API as an OpenAPI 3.1 document, made of the
 * tables that the API itself is made of.
 *
 *   api_routes.def     paths, methods, keys, bodies, statuses      openapi_paths.c
 *   api_keys.def       what keys and parts of a path say           openapi_paths.c
 *   api_problems.def   codes of problems                           openapi_problems.c
 *   api_objects.def    objects, with the tables of settings        openapi_objects.c
 *
 * It is long (300 KB), so it is made piece by piece: begin, next until it says false, which
 * ends it. The same binary makes the same text always, but for the base of its paths. Pure.
 */
#ifndef WELDR_MANAGER_OPENAPI_H
#define WELDR_MANAGER_OPENAPI_H

#include <stdbool.h>

#include "base/jtext.h"

/* Where the text has got to: rows of the tables. */
struct openapi_at {
    unsigned path, object;
};

/* base: what stands before each path: "/" or "/v1". */
void openapi_begin(struct jtext *t, const char *base, const char *version);
bool openapi_next(struct jtext *t, struct openapi_at *at);

#endif
