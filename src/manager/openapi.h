/* openapi.h - GET /openapi.json: the management API as an OpenAPI 3.1 document, made of the
 * tables that the API itself is made of.
 *
 *   api_routes.def     paths, methods, keys, bodies, statuses      openapi_paths.c
 *   api_keys.def       what keys and parts of a path say           openapi_paths.c
 *   api_problems.def   codes of problems                           openapi_problems.c
 *   api_objects.def    objects, with the tables of settings        openapi_objects.c
 *
 * It is long (350 KB), so it is made page by page. The same binary makes the same text always,
 * but for the base of its paths. Pure.
 */
#ifndef WELDR_MANAGER_OPENAPI_H
#define WELDR_MANAGER_OPENAPI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/jtext.h"

/* Where the text has got to: all zero at the beginning. Between two pages it owns nothing. */
struct openapi_at {
    struct jtext text;
    unsigned path, object; /* rows of the tables */
};

/* About so many bytes more, malloc'd; *is_last: there are no more. NULL: no memory, and nothing
 * more is to be asked for. base: what stands before each path: "", "/v1". */
char *openapi_page(struct openapi_at *at, const char *base, const char *version, size_t bytes,
                   bool *is_last);

#endif
