/* api_auth.h - who may use the management API.
 *
 * Callers whose address is a loopback one need nothing. Others, who can only come when the API
 * listens on a non-loopback address, must present the bearer token (RFC 6750 section 2.1): the
 * one that was configured, or one made at start and shown once in the log. A request of a
 * browser page carries Origin (RFC 6454) if it changes something; unless that is this API
 * itself, it is refused. For what else tells a browser's requests see api_host.h.
 */
#ifndef WELDR_MANAGER_API_AUTH_H
#define WELDR_MANAGER_API_AUTH_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/secret.h"
#include "base/span.h"
#include "base/werr.h"
#include "config/config.h"

enum { API_TOKEN_RANDOM_BYTES = 32 };

struct api_auth {
    struct secret token; /* none: only loopback callers are let in */
};

/* Takes the token of the settings; reads its file. WERR_INVALID: unreadable or empty; error
 * gets a sentence. */
int api_auth_load(struct api_auth *a, const struct config *config, char *error,
                  size_t error_size) MUST_USE;
/* Makes a random token; for a non-loopback address without a configured one. WERR_IO. */
int api_auth_generate(struct api_auth *a) MUST_USE;
/* authorization: the field's value, ptr NULL when there is none. */
bool api_auth_is_allowed(const struct api_auth *a, const struct addr *peer,
                         struct span authorization);
/* local: our end of the connection. */
bool api_auth_is_own_origin(const struct config *config, struct span origin,
                            const struct addr *local);

#endif
