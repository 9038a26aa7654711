/* lane_tls.h - TLS of the lanes of a pool: whom its https servers have to be.
 *
 * Made of the pool's settings "tls", the certificate that they name and the system's
 * authorities when the first lane needs it, and forgotten when one of these changes: lanes
 * under way go on with what they began with, and carry no further request then
 * (lane_tls.version), since they trust by rules of yesterday. Sessions to be resumed are of an
 * address (addr_set.h). Owner: the pool_runtime.
 */
#ifndef WELDR_WORKER_LANE_TLS_H
#define WELDR_WORKER_LANE_TLS_H

#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"

struct origin;
struct pool;
struct pool_runtime;
struct tlsio_context;
struct tlsio_peer_name;
struct worker;

struct lane_tls {
    struct tlsio_context *context; /* NULL: to be made */
    char *server_name;             /* NULL: the server's host */
    uint64_t key;                  /* of what it is made of */
    uint32_t version;              /* goes up with each change */
};

/* The pool is new or has changed, or something that its settings name. WERR_NOMEM: nothing has
 * changed. */
int lane_tls_follow(struct pool_runtime *pool, const struct pool *p) MUST_USE;
int lane_tls_follow_all(struct worker *w) MUST_USE;
void lane_tls_fini(struct lane_tls *t);
/* Before a connection: is there all that TLS needs? WERR_NOMEM; WERR_UNTRUSTED: nobody can be
 * believed, since there are no authorities. */
int lane_tls_prepare(struct pool_runtime *pool) MUST_USE;

/* The system's authorities, PEM; empty: none were found. WERR_NOMEM. */
struct authorities {
    char *pem;
    size_t len;
};
int lane_tls_set_authorities(struct worker *w, struct span pem) MUST_USE;

#endif
