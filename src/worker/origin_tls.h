/* origin_tls.h - TLS to the servers of a pool: whom they have to be, and who Weldr is.
 *
 * A context is made of the pool's settings "tls", the certificate that they name and the
 * machine's authorities when the first connection needs it, and forgotten when one of these
 * changes: connections under way go on with what they began with, and carry no further request
 * then (version), since they trust by rules of yesterday. Knows neither connections nor
 * origins. Owner: the pool_runtime.
 */
#ifndef WELDR_WORKER_ORIGIN_TLS_H
#define WELDR_WORKER_ORIGIN_TLS_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"

struct pool;
struct tlsio_context;
struct tlsio_identity;

/* The machine's, PEM; len 0: none were found. */
struct authorities {
    char *pem;
    size_t len;
    uint32_t version;           /* goes up with each change */
    struct tlsio_context *read; /* that believes them, read once for all pools; NULL: not yet */
};
/* WERR_NOMEM: it has those of before. */
int authorities_set(struct authorities *a, struct span pem) MUST_USE;
void authorities_fini(struct authorities *a);

struct origin_tls {
    struct tlsio_context *context; /* NULL: to be made */
    char *server_name;             /* NULL: the server's host */
    uint64_t key;                  /* of what it is made of */
    uint32_t version;              /* goes up with each change; 0: it is new */
};

/* What it is made of. */
struct origin_tls_source {
    const struct pool *pool;
    struct authorities *authorities;
    uint64_t shown_digest; /* of the certificate that the pool names; 0: none */
};

/* 1: it is another one than before; 0: nothing has changed; WERR_NOMEM: likewise. */
int origin_tls_follow(struct origin_tls *t, const struct origin_tls_source *source) MUST_USE;
/* Makes the context. identity: to be shown; NULL: none. WERR_NOMEM; WERR_UNTRUSTED: nobody can
 * be believed, since there are no authorities. */
int origin_tls_make(struct origin_tls *t, const struct origin_tls_source *source,
                    struct tlsio_identity *identity) MUST_USE;
void origin_tls_fini(struct origin_tls *t);

#endif
