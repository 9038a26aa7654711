/* peer_tls.h - a peer that speaks TLS: what it says becomes records, and of what comes it keeps
 * the plain bytes; whoever tells it what to say sees no difference.
 *
 * With has_header, TLS begins behind the PROXY header; a client that says anything else first
 * goes on in clear. All peers of a program speak TLS, or only those that were connected to. An
 * end of the other side without close_notify counts as a reset. Owner: peer.c.
 */
#ifndef WELDR_TESTS_SIM_PEER_TLS_H
#define WELDR_TESTS_SIM_PEER_TLS_H

#include "peer.h"

struct tlsio_shared;
struct tlsio_context;

struct peer_tls {
    struct tlsio_shared *shared;
    struct tlsio_context *client; /* NULL: who asks speaks in clear */
    struct tlsio_context *server;
};
extern const struct peer_tls *peer_tls; /* NULL: all speak in clear */

void peer_tls_begin(struct peer *p, bool asks);
/* p->tls: plain bytes (and the header before them) go to p->in, what TLS replies to
 * p->records. */
void peer_tls_hear(struct peer *p, struct span bytes);
/* Makes records of the next piece of what is to be said, if none wait and TLS is open. */
void peer_tls_make(struct peer *p);
/* close_notify, once; false: there was none to say. */
bool peer_tls_bye(struct peer *p);
/* The other side has ended, with this error or 0: in good order? With TLS, behind close_notify
 * nothing is missing, even if a reset is all that became of what TLS here still had to say. */
bool peer_tls_is_good_end(const struct peer *p, int error);

#endif
