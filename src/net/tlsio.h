/* tlsio.h - TLS of one connection: records on one side, plain bytes on the other.
 *
 * Stands between conn and codec and knows neither sockets nor HTTP: bytes in, bytes out. Each
 * connection that speaks TLS owns one; what all of a process share (scratch for plain bytes,
 * the records to be sent) is in a struct tlsio_shared, certificates and settings in a struct
 * tlsio_context (tlsio_context.h).
 *
 * Receiving: tlsio_give lends what came, tlsio_handshake and tlsio_read use it up; what makes
 * no whole record is kept. Sending: tlsio_write makes records of plain bytes. Whatever TLS has
 * to say of its own account (handshake, tickets, alerts, KeyUpdate) may be made by each of the
 * calls, reading included. All records gather in the output, which is of one connection at a
 * time: whoever made them calls tlsio_output and tlsio_output_taken before another connection
 * has its turn (MUST), else its records would get to the wrong peer.
 *
 * States: HANDSHAKE → OPEN → ENDED (the peer's close_notify: no plain byte follows) and, from
 * any, FAILED, which tlsio_fault explains. Sending goes on in ENDED until tlsio_shut.
 *
 * A server makes none for a stranger who has not sent a whole ClientHello: tlsio_gate tells.
 */
#ifndef WELDR_NET_TLSIO_H
#define WELDR_NET_TLSIO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/addr.h"
#include "base/span.h"
#include "base/werr.h"

struct tlsio;
struct tlsio_context;

enum tlsio_state { TLSIO_HANDSHAKE, TLSIO_OPEN, TLSIO_ENDED, TLSIO_FAILED, TLSIO_STATES };

/* Plain bytes that one record carries, and what is added to them at the most. */
enum { TLSIO_RECORD_BYTES = 16384, TLSIO_RECORD_MORE_BYTES = 5 + 256 };

/* Of all connections of a process. plain_bytes: what one tlsio_read brings at the most. What is
 * plain in it may be a private key on its way: it lies in memory that is not dumped. */
struct tlsio_shared;
struct tlsio_shared *tlsio_shared_new(size_t plain_bytes); /* NULL: no memory */
void tlsio_shared_free(struct tlsio_shared *s);            /* NULL allowed */
/* Nothing of what was read or written last stays plain: it was secret. */
void tlsio_shared_wipe(struct tlsio_shared *s);

/* What a stranger sends first. > 0: a whole record that may be a ClientHello lies there, this
 * long; 0: more must come; WERR_SYNTAX: no TLS; WERR_TOO_BIG: longer than a record may be. */
int64_t tlsio_gate(struct span in);
/* The alert, a record in clear, for a stranger whom tlsio_gate refuses with this error. Empty:
 * what came is not TLS, and nothing of TLS would be understood. */
struct span tlsio_gate_alert(struct span in, int error);

/* NULL: no memory. Both keep the context alive. */
struct tlsio *tlsio_new_server(struct tlsio_shared *s, struct tlsio_context *context);
struct tlsio_peer_name {
    const char *name; /* of the server, for SNI and to be found in its certificate; NULL: none
                         is sent, and address is to be found there. One that is the text of an
                         address is taken for that address */
    const struct addr *address;
    struct tlsio_sessions *sessions; /* to resume from and to keep in; NULL: not resumed */
    const char *protocol; /* the one of the context's that is offered (ALPN); NULL: all */
};
struct tlsio *tlsio_new_client(struct tlsio_shared *s, struct tlsio_context *context,
                               const struct tlsio_peer_name *peer);
void tlsio_free(struct tlsio *t); /* NULL allowed */

/* Bytes of the peer, lent until they are used up or the next call of this. What came before
 * must be used up: by a tlsio_read that brought nothing, or a handshake that wants more. */
void tlsio_give(struct tlsio *t, struct span in);
/* One step. 0: OPEN; WERR_AGAIN: more must come; < 0: FAILED. */
int tlsio_handshake(struct tlsio *t) MUST_USE;
/* What the next step of a handshake takes of a processor, estimated, in µs. A server's is dear
 * until it has responded to a ClientHello, in however many pieces that comes and however often
 * it is asked for. */
uint32_t tlsio_step_cost_us(const struct tlsio *t);
/* OPEN: the next plain bytes, valid until the next call. Empty: more must come, or the state is
 * ENDED. < 0: FAILED. */
int tlsio_read(struct tlsio *t, struct span *plain) MUST_USE;
/* Has the peer begun to say what no read has brought yet: lent and not used up, or a record
 * that is not whole? */
bool tlsio_has_more(const struct tlsio *t);
/* OPEN or ENDED: all of the pieces. WERR_TOO_BIG: more than the output has room for (nothing
 * was done; see tlsio_can_write); WERR_NOMEM and others: FAILED. */
int tlsio_write(struct tlsio *t, const struct iovec *iov, unsigned n) MUST_USE;
/* Is there room for so many plain bytes? */
bool tlsio_can_write(const struct tlsio *t, size_t bytes);
/* Says that no more will come (close_notify); once. */
void tlsio_shut(struct tlsio *t);

/* What is to be sent now, of t alone. */
struct span tlsio_output(const struct tlsio *t);
void tlsio_output_taken(struct tlsio *t);

enum tlsio_state tlsio_state(const struct tlsio *t);
const char *tlsio_state_name(const struct tlsio *t);

/* Why it FAILED. */
struct tlsio_fault {
    int error;        /* WERR_* */
    const char *word; /* of the field's vocabulary: "unknown_ca", "no_shared_cipher" … */
};
struct tlsio_fault tlsio_fault(const struct tlsio *t);

/* Facts of an OPEN one, for logs; names are literals. */
struct tlsio_facts {
    const char *version;  /* "TLSv1.3" */
    const char *cipher;   /* "TLS_AES_128_GCM_SHA256" */
    const char *name;     /* what the client asked for by SNI; NULL: nothing */
    const char *protocol; /* what both agreed on (ALPN): one of the context's; NULL: nothing */
    bool is_resumed;
};
struct tlsio_facts tlsio_facts(const struct tlsio *t);

/* The certificate that the peer has shown; text in buf of size. What has no room there is left
 * out whole: the subject, and names from the first that has none on. All is printable ASCII:
 * other bytes, and a comma within a name, are escaped as RFC 2253 has it ("\2C"). False: none.
 */
struct tlsio_shown {
    struct span subject;     /* RFC 2253 */
    struct span names;       /* "DNS:a.example, IP:10.0.0.1", also "email:" and "URI:" */
    struct span fingerprint; /* SHA-256, small hexadecimal digits */
};
bool tlsio_shown(const struct tlsio *t, char *buf, size_t size, struct tlsio_shown *shown);

#endif
