/* api_auth.h - who may use the management API.
 *
 * Callers whose address is a loopback one need nothing, unless --admin-token-required says so.
 * Others, who can only come when the API listens on a non-loopback address, must present a
 * bearer token (RFC 6750 section 2.1): one that was configured (tokens.h), or one made at start
 * and shown once in the log. Whoever presents a token, needed or not, goes by its name and has
 * its role: the role read may GET and HEAD. A request of a browser page carries Origin (RFC
 * 6454) if it changes something; unless that is this API itself, it is refused. For what else
 * tells a browser's requests see api_host.h.
 */
#ifndef WELDR_MANAGER_API_AUTH_H
#define WELDR_MANAGER_API_AUTH_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/span.h"
#include "base/werr.h"
#include "config/config.h"
#include "manager/tokens.h"

struct api_auth {
    struct tokens tokens; /* none: only loopback callers are let in */
    bool is_required;     /* --admin-token-required: of everybody */
};

/* authorization: the field's value, ptr NULL when there is none. NULL: it shows no token that
 * is known. */
const struct token *api_auth_token(const struct api_auth *a, struct span authorization);
/* Peers over --admin-socket have no address (family 0): they need no token, for who may write
 * to that file is let in. */
bool api_auth_needs_token(const struct api_auth *a, const struct addr *peer);
bool api_auth_is_of_this_machine(const struct addr *peer);
/* May the bearer do that? token NULL: a caller who needs none. */
bool api_auth_may(const struct token *token, struct span method);
/* local: our end of the connection. */
bool api_auth_is_own_origin(const struct config *config, struct span origin,
                            const struct addr *local);

#endif
