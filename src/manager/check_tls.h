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
    /* Set before the first check of an https server: … */
    struct ca_bundle *bundle;
    const unsigned char *seal;     /* … what private keys are closed with; NULL: not known */
    struct tlsio_context *machine; /* that believes the machine's authorities … */
    unsigned machine_version;      /* … of this version; NULL: not read yet */
    uint32_t made_n;               /* contexts so far */
    struct check_tls_pool *pools;  /* uthash by pool id */
};

/* Borrowed: whoever keeps the context takes a reference. made: another number when it is
 * another context; sessions are of one. WERR_NOMEM; WERR_UNTRUSTED: there is nobody to believe;
 * WERR_NO_CERTIFICATE: the one that is to be shown can't be opened. */
struct check_tls_found {
    struct tlsio_context *context;
    uint32_t made;
};
int check_tls_get(struct check_tls *t, const struct pool_state *state, const struct pool *p,
                  struct check_tls_found *found) MUST_USE;
/* Of all that the description says about it: when it is another one, a check may end otherwise.
 */
uint64_t check_tls_key(const struct pool_state *state, const struct pool *p);
void check_tls_fini(struct check_tls *t);

#endif
