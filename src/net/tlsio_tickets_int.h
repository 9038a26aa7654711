/* tlsio_tickets_int.h - for tlsio*.c alone: includes OpenSSL. */
#ifndef WELDR_NET_TLSIO_TICKETS_INT_H
#define WELDR_NET_TLSIO_TICKETS_INT_H

#include <openssl/evp.h>
#include <stdbool.h>

#include "net/tlsio_tickets.h"

/* NULL allowed: it has none. Once there are keys there always are. */
bool tlsio_tickets_has_keys(const struct tlsio_tickets *t);

enum { TICKET_NAME_BYTES = 16 };

/* The keys for a session that may be resumed by other nodes, or may not. */
struct tlsio_ticket_row;
const struct tlsio_ticket_row *tlsio_tickets_row(const struct tlsio_tickets *t,
                                                 bool may_be_shared);

/* What a ticket is made with: writes its key's name and the iv. False: it failed. */
bool tlsio_tickets_make(const struct tlsio_ticket_row *r, unsigned char *name,
                        unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac);
/* What one is opened with, by its name. WERR_NOT_FOUND: no key of it is there any more;
 * WERR_NOMEM; else the key's place, 0 is the one that makes tickets. */
int tlsio_tickets_open(const struct tlsio_ticket_row *r, const unsigned char *name,
                       const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac);

#endif
