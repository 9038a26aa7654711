/* ca_bundle.h - the authorities of this machine, whose signatures are believed on certificates
 * of https servers: one file in PEM form, found at run time, since it lies elsewhere on each
 * distribution and a static binary knows none.
 *
 * SSL_CERT_FILE names it, if it is set; else it is the first of the usual paths that is there.
 * Looked for at the first https server that needs it, and again as long as none was found, so
 * that installing one is enough. Pools with authorities of their own (tls.ca), or that verify
 * nothing, need none. The workers get it before the entry that brings the first https server
 * (servers.c, restore.c). Owner: the manager.
 */
#ifndef WELDR_MANAGER_CA_BUNDLE_H
#define WELDR_MANAGER_CA_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "base/werr.h"
#include "pool/pool_command.h"

enum { CA_BUNDLE_BYTES_MAX = 8 * 1024 * 1024 };

struct ca_bundle {
    char *pem; /* NULL: none was found yet */
    size_t len;
    unsigned version;  /* goes up when one is found */
    bool is_published; /* the workers have what there is */
};

/* Looks for it, unless it is there. Tells the log what it has found. */
void ca_bundle_look(struct ca_bundle *b);
void ca_bundle_fini(struct ca_bundle *b);
static inline struct span ca_bundle_pem(const struct ca_bundle *b)
{
    return span_from(b->pem, b->len);
}
/* Can the servers be verified that this command brings, or those of the pool that it makes
 * believe the machine? WERR_INVALID: *error says what to do. */
int ca_bundle_check(struct ca_bundle *b, const struct pool_state *state,
                    const struct pool_command *c, struct pool_error *error) MUST_USE;
/* Do its servers need the machine's authorities? */
bool ca_bundle_is_needed(const struct pool *p);

#endif
