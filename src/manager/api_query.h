/* api_query.h - the wishes in the query of a request to the management API.
 *
 * Read once, when the head arrives, by the keys that the route knows (api_routes.def): a key
 * that it does not know, one that is there twice and a value that can't be read are all errors
 * (422), so that no typing error makes another request of it. Pure.
 *
 *   drain=TIME      DELETE, drain, maintenance: how long requests in flight may take; 0: none
 *   wait=drained    … response when the server has drained
 *   timeout=TIME    … or after this (60s)
 *   force=true      … even when the pool's min_active is not kept
 *   dry_run=true    every change: only checks
 *   role=active     /ready: only of a node that holds a VIP
 *   consistent=true GET of what is agreed on: with all that was committed before
 *
 * And what the field Prefer asks for: return=minimal, a response without the list of all
 * servers; wait=applied, a response when the workers of all nodes in reach have the change.
 *
 * TIME is 500ms, 30s, 2m, 1h or plain seconds, at most an hour.
 */
#ifndef WELDR_MANAGER_API_QUERY_H
#define WELDR_MANAGER_API_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"
#include "pool/pool_error.h"

enum { API_QUERY_TEXT_MAX = 1024 };

struct api_query {
    bool has_drain, waits, is_forced, is_dry_run, is_consistent, asks_active;
    uint32_t drain_ms, timeout_ms;
    struct pool_error error; /* code NULL: all is well */
    /* For keys that a handler reads itself, "?host=…": as it came. */
    char text[API_QUERY_TEXT_MAX];
};

/* keys: what the route knows, separated by a space; "meta.*": each that begins so, "header+":
 * as often as it likes, "*": whatever it is. */
void api_query_read(struct span target, const char *keys, struct api_query *q);
/* A value with its escapes undone ("+" stays). WERR_SYNTAX; WERR_TOO_BIG. */
int api_query_decode(struct span value, char *buf, size_t size, struct span *out) MUST_USE;
/* May a body of this Content-Type be read as JSON? None, what curl -d and HTML forms say of
 * anything, and text are passed over; a type that means something else
 * (application/json-patch+json, application/xml) is not. */
bool api_type_is_taken(struct span type) MUST_USE;
/* One value of the field Prefer (RFC 7240): false when it says nothing of name, whose first
 * mention counts. *is_it: it asks for name=wanted. */
bool api_query_prefer(struct span value, struct span name, struct span wanted,
                      bool *is_it) MUST_USE;

#endif
