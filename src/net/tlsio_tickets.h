/* tlsio_tickets.h - the keys of session tickets (RFC 5077, RFC 8446 section 4.6.1), which all
 * contexts of a process share and all workers have the same of: a session is resumed by
 * whichever worker gets the connection.
 *
 * The first key makes tickets; the others open those that it made before. A ticket of an old
 * key is renewed.
 */
#ifndef WELDR_NET_TLSIO_TICKETS_H
#define WELDR_NET_TLSIO_TICKETS_H

#include "base/span.h"
#include "base/werr.h"

enum {
    TLSIO_TICKET_KEY_BYTES = 80, /* name 16, cipher 32, MAC 32 */
    TLSIO_TICKET_KEYS = 3
};

struct tlsio_tickets;

struct tlsio_tickets *tlsio_tickets_new(void);    /* without keys; NULL: no memory */
void tlsio_tickets_free(struct tlsio_tickets *t); /* NULL allowed; no context has it any more */
/* One to TLSIO_TICKET_KEYS keys, the newest first; they are copied. WERR_SYNTAX. */
int tlsio_tickets_set(struct tlsio_tickets *t, struct span keys) MUST_USE;

#endif
