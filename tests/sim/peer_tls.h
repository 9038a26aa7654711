/* peer_tls.h - a peer that speaks TLS: what it says becomes records, and of what comes it keeps
 * the plain bytes; whoever tells it what to say sees no difference.
 *
 * All peers of a program do, or none. An end of the other side without close_notify counts as
 * a reset. Owner: peer.c.
 */
#ifndef WELDR_TESTS_SIM_PEER_TLS_H
#define WELDR_TESTS_SIM_PEER_TLS_H

#include "peer.h"

struct tlsio_shared;
struct tlsio_context;

struct peer_tls {
    struct tlsio_shared *shared;
    struct tlsio_context *client, *server;
};
extern const struct peer_tls *peer_tls; /* NULL: all speak in clear */

void peer_tls_begin(struct peer *p, bool asks);
/* p->tls: plain bytes go to p->in, what TLS replies to p->records. */
void peer_tls_hear(struct peer *p, struct span bytes);
/* Makes records of the next piece of what is to be said, if none wait and TLS is open. */
void peer_tls_make(struct peer *p);
/* close_notify, once; false: there was none to say. */
bool peer_tls_bye(struct peer *p);
/* The other side has ended: without a close_notify? */
bool peer_tls_is_cut(const struct peer *p);

#endif
