/* rewrite.h - what an intermediary must change in a head (RFC 9110 section 7.6), and what Weldr
 * adds.
 *
 * Pure: everything that time, chance or sockets know comes in struct rewrite_facts. Marks
 * fields of the msg as dropped and adds new ones; all text it makes lives in the arena.
 *
 * Request: hop-by-hop fields go (the fixed list and those that Connection names, all lines of
 * them; Connection may not name Host, Expect, Content-Length, Transfer-Encoding or other
 * framing: those names are ignored); Via gets "<version> weldr" appended in one line;
 * X-Forwarded-For gets the client appended in one line; X-Forwarded-Proto, X-Forwarded-Host are
 * made, unless a trusted client sent them; X-Request-Id becomes the one of the exchange, which
 * is the client's if it sent one (rewrite_request_id); Forwarded (RFC 7239) gets an element
 * appended when that is switched on. From a client that is not trusted, Forwarded and every
 * X-Forwarded-* field go first, so that what stands in them is what we saw; X-Forwarded-For
 * goes with them if it is known who may be trusted, else it stays, since the server reads it
 * from the right. X-Client-Cert-* fields go whoever sent them (worker/ex_shown.c adds them
 * anew). Host replaced with map_host; Host made from authority if absent, else of the
 * server's own; Expect from HTTP/1.0 goes. TE is dropped; who relays trailers says so anew
 * (worker/ex_hop.c). Response: hop-by-hop fields go, Via appended. Date is added when the
 * origin sent none (RFC 9110 section 6.6.1). X-Request-Id is the one of the exchange, whatever
 * the server says.
 */
#ifndef WELDR_HTTP_REWRITE_H
#define WELDR_HTTP_REWRITE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/werr.h"
#include "http/msg.h"

enum rewrite_trust {
    REWRITE_STRANGER, /* not among those who are trusted */
    REWRITE_UNKNOWN,  /* nobody has said who is */
    REWRITE_TRUSTED
};

struct rewrite_facts {
    struct span client_ip;    /* without brackets and port */
    struct span scheme;       /* "http", "https" */
    struct span map_host;     /* empty: the client's Host passes */
    struct span server_host;  /* of a request that has none */
    struct span request_id;   /* of the exchange, which outlives the message; response: empty,
                                 the server's own stays */
    struct span date;         /* response: IMF-fixdate; empty: none is needed */
    enum rewrite_trust trust; /* in what the client says of whom it speaks for */
    bool forwarded;           /* Forwarded is sent */
};

/* May this request go on? False for an OPTIONS or TRACE with Max-Forwards: 0, of which Weldr is
 * the last recipient (RFC 9110 section 7.6.2). rewrite_request counts the field down. */
bool rewrite_may_forward(const struct msg *m);
/* The client's own X-Request-Id: the first that is not empty, unless Connection names it.
 * Empty: it has none. */
struct span rewrite_request_id(const struct msg *m);
/* WERR_NOMEM (arena), WERR_TOO_BIG (too many added fields). */
int rewrite_request(struct msg *m, const struct rewrite_facts *facts,
                    struct arena *arena) MUST_USE;
int rewrite_response(struct msg *m, const struct rewrite_facts *facts,
                     struct arena *arena) MUST_USE;
/* Only the hop-by-hop part (used for trailers and 1xx heads too). */
void rewrite_drop_hop_by_hop(struct msg *m);

#endif
