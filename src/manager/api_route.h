/* api_route.h - from method and path to a handler, by a table (api_routes.def). Pure.
 *
 * api.c normalises the request target once (query off, absolute form to path, /v1 off, percent
 * escapes decoded) and then looks it up. A path that is known with other methods only is 405
 * and the table says which; a path that nobody knows is 404. Parameters are spans of the path.
 */
#ifndef WELDR_MANAGER_API_ROUTE_H
#define WELDR_MANAGER_API_ROUTE_H

#include "base/span.h"
#include "base/strb.h"
#include "base/werr.h"

enum { API_PARAMS_MAX = 3, API_PATH_MAX = 1024 };

struct api_conn;
typedef void (*api_handler_fn)(struct api_conn *ac);

struct api_route {
    struct span method;
    struct span pattern;
    api_handler_fn handler;
    const char *keys; /* that the query may have, as in api_query.h */
};

struct api_match {
    api_handler_fn handler;
    const char *keys;
    struct span names[API_PARAMS_MAX]; /* of the pattern: "id" */
    struct span params[API_PARAMS_MAX];
    unsigned param_n;
};

/* Writes the path, which is no longer than the target, to buf without a slash at its end; "" is
 * the root. WERR_SYNTAX; WERR_TOO_BIG: over API_PATH_MAX. */
int api_route_normalize(struct span target, char *buf, struct span *path) MUST_USE;
/* The value of a key in the target's query ("?a=1&b=2"), as it stands; ptr NULL: not there. */
struct span api_route_query(struct span target, struct span key);
/* The same of a key that stands there several times: n of 0 is the first. */
struct span api_route_query_nth(struct span target, struct span key, unsigned n);
/* WERR_NOT_FOUND: no such path; WERR_INVALID: not with this method. HEAD counts as GET. */
int api_route_find(const struct api_route *routes, unsigned n, struct span method,
                   struct span path, struct api_match *match) MUST_USE;
/* What stands in the path for ":name"; ptr NULL: the pattern has none. */
struct span api_match_param(const struct api_match *match, struct span name);
/* The methods that the path knows, for Allow: "GET, HEAD, POST, OPTIONS"; nothing when none. */
void api_route_allow(const struct api_route *routes, unsigned n, struct span path,
                     struct strb *out);
/* The methods that any path knows, for the Allow of a request that names none. */
void api_route_allow_any(const struct api_route *routes, unsigned n, struct strb *out);

#endif
