/* listener_secure.h - TLS of one listener in one worker: with what its clients shake hands.
 *
 * A part of its listener_runtime. The context (net/tlsio_context.h) is made anew when what it
 * was made of changes: connections keep the one that they began with. Which certificates it
 * shows is asked in each handshake (certificates.h), so they need none of that.
 */
#ifndef WELDR_WORKER_LISTENER_SECURE_H
#define WELDR_WORKER_LISTENER_SECURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"
#include "worker/certificates.h"

struct listener;
struct tlsio_context;
struct worker;

enum { LISTENER_HSTS_MAX = 64 };

struct listener_secure {
    struct worker *worker; /* NULL: its clients have never spoken TLS */
    bool is_on;            /* its clients speak TLS */
    bool is_strict;        /* whoever asks for no known name is refused */
    uint64_t made_of;      /* hash of what the context was made of; 0: nothing yet */
    uint64_t initial;      /* certificate of those who are not refused then; 0: the oldest */
    struct tlsio_context *context; /* NULL: nobody can be accepted */
    struct certificate_set set;    /* what it may show */
    uint8_t hsts_len;              /* 0: none is sent */
    char hsts[LISTENER_HSTS_MAX];  /* value of Strict-Transport-Security */
};

/* Of the listener of the description, as it is now. WERR_NOMEM: as it was. */
int listener_secure_follow(struct listener_secure *s, struct worker *w,
                           const struct listener *described) MUST_USE;
void listener_secure_fini(struct listener_secure *s);

#endif
