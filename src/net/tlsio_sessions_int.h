/* tlsio_sessions_int.h - for tlsio*.c alone: includes OpenSSL. */
#ifndef WELDR_NET_TLSIO_SESSIONS_INT_H
#define WELDR_NET_TLSIO_SESSIONS_INT_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "net/tlsio_sessions.h"

/* Of a connection that asks, before its handshake: it resumes from s if it can, and what it is
 * given goes there. It keeps no reference: its struct tlsio does. false: no memory. */
bool tlsio_sessions_use(struct tlsio_sessions *s, SSL *ssl);
/* The library's callback: a session, or a ticket of one, has come. */
int tlsio_sessions_on_new(SSL *ssl, SSL_SESSION *session);

#endif
