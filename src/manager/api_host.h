/* api_host.h - by which name the management API may be asked, and from which pages.
 *
 * A name that anybody owns may resolve to our address (DNS rebinding): to a browser, a page of
 * that name and this API are then one site, and the page may read and change the pool. What
 * gives it away is the name itself, which the browser sends as Host. So Host must be an
 * address, "localhost", or a name that the operator has given with --admin-host. Browsers also
 * say how the page and the API relate (Sec-Fetch-Site, Fetch Metadata): only same-origin and
 * none, which is a person who typed the address, may pass. Neither field proves anything about
 * other programs; they can send what they like, and need no browser to attack.
 *
 * Pure. Called by api_request.c and api_auth.c.
 */
#ifndef WELDR_MANAGER_API_HOST_H
#define WELDR_MANAGER_API_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"
#include "config/config.h"
#include "http/msg.h"

/* "host", "host:port", "[address]:port" → host with its brackets, and port, which stays as it
 * is where none is named. WERR_SYNTAX: the port is no number. */
int api_host_split(struct span text, struct span *host, uint64_t *port) MUST_USE;
/* Did --admin-host name it? No letter case, no dot at the end counts; no port. */
bool api_host_is_named(const struct config *config, struct span host);
/* Does the request ask for an address, localhost or a name of --admin-host? Both Host and the
 * authority of an absolute target are looked at. A request without either is one of HTTP/1.0,
 * which no browser sends. */
bool api_host_is_known(const struct config *config, const struct msg *m);
/* Was it sent by a page of another site, as its browser says? */
bool api_host_is_foreign_page(const struct msg *m);

#endif
