/* check_tls.h - TLS of health checks: for each pool with https servers what they are to be
 * verified by, made of the pool's settings at the first check, and anew when these change.
 *
 * Owner: checks.c.
 */
#ifndef WELDR_MANAGER_CHECK_TLS_H
#define WELDR_MANAGER_CHECK_TLS_H

#include "base/werr.h"
#include "pool/pool.h"

struct ca_bundle;
struct tlsio_context;
struct check_tls_pool;

struct check_tls {
    struct ca_bundle *bundle;     /* set before the first check of an https server */
    struct check_tls_pool *pools; /* uthash by pool id */
};

/* Borrowed: whoever keeps it takes a reference. WERR_NOMEM; WERR_UNTRUSTED: there is nobody to
 * believe. */
int check_tls_get(struct check_tls *t, const struct pool_state *state, const struct pool *p,
                  struct tlsio_context **context) MUST_USE;
void check_tls_fini(struct check_tls *t);

#endif
