/* certificates.h - the certificates of the description as handshakes need them: found by the
 * name that a client asks for, and opened.
 *
 * Each certificate has an entry, and each name that it is for leads to it: as it is, or
 * "*.example.com" for what has one label more. Their chain and key stay in the description; an
 * identity (net/tlsio_identity.h) is made of them when a handshake needs it for the first time
 * and kept until the certificate changes or goes: the next handshake has the new one, those
 * under way keep what they began with. One that can't be opened (closed with another seal key,
 * say) is told of once, counted, and passed over.
 *
 * Here too: the key that private keys are closed with, and the keys of session tickets, which
 * the manager sends. A part of the worker (worker.h).
 */
#ifndef WELDR_WORKER_CERTIFICATES_H
#define WELDR_WORKER_CERTIFICATES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"

struct worker;
struct certificate;
struct certificates;
struct tlsio_identity;

/* Which of them may be chosen. */
struct certificate_set {
    bool has_all;
    uint32_t n;
    uint64_t *ids; /* in rising order */
};

/* When nothing uses them any more. */
void certificates_fini(struct certificates *all);
/* Frames SEAL and TICKETS. WERR_CORRUPT: not so long; WERR_NOMEM. */
int certificates_set_seal(struct worker *w, struct span key) MUST_USE;
int certificates_set_tickets(struct worker *w, struct span keys) MUST_USE;
/* Of all contexts (conn_use_tls comes first); without keys until they come. NULL: no memory. */
struct tlsio_tickets *certificates_tickets(struct worker *w);

/* It is new or has changed. WERR_NOMEM: it is known as it was. */
int certificates_follow(struct worker *w, const struct certificate *described) MUST_USE;
void certificates_forget(struct worker *w, uint64_t id);
/* All that are not in the description any more. */
void certificates_forget_absent(struct worker *w);

/* NULL: there is none, it can't be opened, or there is no memory. Kept here: whoever keeps it
 * longer than this turn takes a reference. */
struct tlsio_identity *certificates_identity(struct worker *w, uint64_t id);
/* Has it been found that this one can't be opened? */
bool certificates_is_bad(const struct worker *w, uint64_t id);
/* Those for this name: the best with a key of RSA and the best with another, at most
 * TLSIO_CHOSEN_MAX. One whose time is not now is shown only if all are so. How many; 0: none;
 * WERR_NOMEM: there are, but none could be opened. */
int certificates_choose(struct worker *w, const struct certificate_set *set, struct span name,
                        struct tlsio_identity **chosen);
/* This one, and of those for its first name one with a key of the other kind; likewise. */
int certificates_choose_beside(struct worker *w, const struct certificate_set *set, uint64_t id,
                               struct tlsio_identity **chosen);

#endif
