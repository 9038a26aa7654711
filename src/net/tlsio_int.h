/* tlsio_int.h - what the files of tlsio share. Includes OpenSSL: for tlsio*.c alone. */
#ifndef WELDR_NET_TLSIO_INT_H
#define WELDR_NET_TLSIO_INT_H

#include <openssl/ssl.h>

#include "net/tlsio.h"
#include "net/tlsio_context_int.h"

struct tlsio_shared {
    BIO_METHOD *method;
    struct tlsio *writer; /* whose records the output holds; NULL: it is empty */
    size_t plain_bytes;
    size_t wire_bytes, wire_cap;
    char *plain;
    char *wire;
    char record[TLSIO_RECORD_BYTES]; /* where small pieces are put together */
};

enum { TLSIO_MAGIC = 0x744c };

struct tlsio {
    uint16_t magic;
    uint8_t state; /* enum tlsio_state */
    bool is_shut;  /* close_notify was made */
    bool owes_ticket;
    int error;
    uint32_t hello_bytes; /* given before there was a ServerHello */
    const char *word;
    struct tlsio_shared *shared;
    struct tlsio_context *context;
    struct tlsio_sessions *sessions; /* NULL: none are kept */
    SSL *ssl;
    struct span in; /* lent */
};

void tlsio_move(struct tlsio *t, enum tlsio_state next, const char *why);
/* tlsio_bio.c: reads what was lent, writes to the shared output. NULL: no memory. */
BIO_METHOD *tlsio_bio_method(void);

/* tlsio_fault.c: what the library says of the last failing call, as one of the field's words;
 * empties its queue of errors. */
struct tlsio_fault tlsio_fault_take(const SSL *ssl, int result);

#endif
