/* probe.h - one health check of one server: a connection of its own, one request, one result.
 *
 * checks.c starts a probe and hears once how it went; the probe then closes and frees itself.
 * Of type tcp the connect is all, with the handshake of an https server; of type http a GET
 * with Host, and the final status decides. The time limit covers everything from connect to
 * head. A cancelled probe says nothing more.
 */
#ifndef WELDR_MANAGER_PROBE_H
#define WELDR_MANAGER_PROBE_H

#include "manager/facts.h"
#include "net/conn.h"
#include "pool/pool.h"

struct probe;
/* The probe is about to close: result is borrowed. shortage < 0: there is none, since we lacked
 * something ourselves (WERR_NOMEM, WERR_NO_FD, or WERR_ADDR_UNAVAILABLE for a local port). */
typedef void (*probe_fn)(void *arg, const struct check_result *result, int shortage);

struct probe_wish {
    struct conn_shared *shared;
    const struct pool_server *server;
    const struct addr *to;            /* an address of it */
    const struct pool_health *health; /* effective settings */
    /* https: how it is verified, and the name that it is to have (NULL: its host); or why there
     * is no context: WERR_NOMEM, WERR_UNTRUSTED, WERR_NO_CERTIFICATE. After conn_use_tls. */
    struct tlsio_context *tls;
    const char *tls_name;
    struct tlsio_sessions *tls_sessions; /* of this address; NULL: none are kept */
    int tls_error;
    probe_fn done;
    void *arg;
    unsigned *open_n; /* counts probes that are not freed yet */
};

/* done comes later, never before this returns, also when the connect fails at once. NULL: no
 * memory. Strings of the wish are copied. */
struct probe *probe_start(const struct probe_wish *wish);
void probe_cancel(struct probe *p);

#endif
