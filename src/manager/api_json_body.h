/* api_json_body.h - small bodies of requests that are no wishes about the description: an
 * object with a few numbers and texts, each of which may be missing. Pure.
 */
#ifndef WELDR_MANAGER_API_JSON_BODY_H
#define WELDR_MANAGER_API_JSON_BODY_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"
#include "pool/pool_error.h"

/* A member that may be there, and where it goes; what is missing is left as it is. */
struct api_json_want {
    const char *key;
    uint64_t *number; /* NULL: a text, or null */
    uint64_t min, max;
    char *text;
    size_t size;
    const char *must; /* "must be …": what the text has to be */
};

/* An empty body is an object without members. WERR_INVALID, WERR_SYNTAX: error says why;
 * WERR_NOMEM. */
int api_json_read_body(struct span body, const struct api_json_want *wants, unsigned n,
                       struct pool_error *error) MUST_USE;

#endif
