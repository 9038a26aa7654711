/* api_tls.h - the management API over TLS: --admin-certificate, and callers that show
 * certificates of their own (--admin-client-ca).
 *
 * The files are read at the start, and again when they change or at SIGHUP; what is not right
 * leaves it as it was. Open connections go on with what they began with. Owner: struct api.
 */
#ifndef WELDR_MANAGER_API_TLS_H
#define WELDR_MANAGER_API_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/werr.h"

struct config;
struct file_watch;
struct tlsio_context;
struct tlsio_identity;

struct api_tls {
    struct tlsio_context *context; /* NULL: the API is in clear */
    struct tlsio_identity *identity;
    bool asks_callers; /* for a certificate */
    uint64_t hash;     /* of what was read last, right or not */
};

/* At the start: 0 or the exit code, told to the caller. Without --admin-certificate nothing is
 * done. */
int api_tls_start(struct api_tls *t, const struct config *config);
/* Again, if the files say something else than the last time. */
void api_tls_look(struct api_tls *t, const struct config *config);
void api_tls_watch(const struct config *config, struct file_watch *w);
void api_tls_fini(struct api_tls *t); /* zeroed is allowed */

#endif
