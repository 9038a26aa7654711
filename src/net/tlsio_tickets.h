/* tlsio_tickets.h - the keys of session tickets (RFC 5077, RFC 8446 section 4.6.1), which all
 * contexts of a process share and all workers have the same of: a session is resumed by
 * whichever worker gets the connection.
 *
 * There are two rows of keys. Own ones are by chance, and of one node; shared ones are the same
 * in all nodes of a cluster, so that any of them resumes the session. Shared keys are derived
 * from one that is kept (manager/keyring.h), and who finds that has them all, of years ago too.
 * What that would cost decides what they are used for:
 * - TLS 1.3: nothing that was recorded opens. A ticket holds a secret that the keys of its
 *   session do not follow from, and a resumed session has an exchange of its own (psk_dhe_ke,
 *   the only mode that is taken). So these have shared keys.
 * - TLS 1.2: a ticket holds the secret of the session itself, which would open. Own keys, gone
 *   after three rotations.
 * - Where certificates of clients are asked for: a ticket vouches for one, and who has the key
 *   can make one up. Own keys, with any version.
 * Without shared keys the own ones serve all.
 *
 * The first key of a row makes tickets; the others open those that it made before, or (of
 * shared ones) that a node has made whose clock is ahead. A ticket of another key than the
 * first is renewed.
 */
#ifndef WELDR_NET_TLSIO_TICKETS_H
#define WELDR_NET_TLSIO_TICKETS_H

#include <stdbool.h>

#include "base/span.h"
#include "base/werr.h"

enum {
    TLSIO_TICKET_KEY_BYTES = 80,  /* name 16, cipher 32, MAC 32 */
    TLSIO_TICKET_KEYS = 3,        /* own ones, at most */
    TLSIO_TICKET_SHARED_KEYS = 4, /* or none */
    TLSIO_TICKETS_MAX_BYTES =
        (TLSIO_TICKET_KEYS + TLSIO_TICKET_SHARED_KEYS) * TLSIO_TICKET_KEY_BYTES
};

struct tlsio_tickets;

struct tlsio_tickets *tlsio_tickets_new(void);    /* without keys; NULL: no memory */
void tlsio_tickets_free(struct tlsio_tickets *t); /* NULL allowed; no context has it any more */
/* One to TLSIO_TICKET_KEYS own keys, the newest first, and behind them the
 * TLSIO_TICKET_SHARED_KEYS shared ones, or nothing. */
bool tlsio_tickets_are_keys(struct span keys);
/* They are copied. WERR_SYNTAX: they are none. */
int tlsio_tickets_set(struct tlsio_tickets *t, struct span keys) MUST_USE;

#endif
