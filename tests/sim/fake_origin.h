/* fake_origin.h - a scripted origin in the simulated network, which the request itself tells
 * what to do.
 *
 * The target is /kind/number/id: the kind names a behaviour of the table in fake_origin.c
 * ("len": a whole response of `number` bytes, "stall": none at all, "cut": half of one and then
 * the end …), the id comes back in X-Id and, over and over, in the body: bytes of one exchange
 * in another show. What came is recorded byte for byte per connection. Reads requests with a
 * parser of its own, which believes everything. Owner: world.h.
 */
#ifndef WELDR_TESTS_SIM_FAKE_ORIGIN_H
#define WELDR_TESTS_SIM_FAKE_ORIGIN_H

#include "peer.h"

struct fake_origin;

struct fake_request {
    char method[16], kind[16];
    unsigned long number, id;
    uint64_t length;
    bool is_chunked, has_expect, has_upgrade;
    char forwarded_for[48]; /* X-Forwarded-For, if it is no longer */
};

struct fake_conn {
    struct peer peer; /* first */
    LIST_ENTRY(fake_conn) entry;
    struct fake_origin *origin;
    size_t at;   /* in peer.in: begin of the present request */
    size_t scan; /* … of what was not looked at yet of its body */
    uint64_t chunk_left;
    bool has_head;
    bool is_tunnel; /* from `at` on peer.in is no HTTP any more, and comes back as it is */
    struct fake_request request;
    char header_ip[48]; /* the client that the PROXY header names; "": not come yet */
    struct text body;   /* of the present request */
    struct timer late;
    unsigned served;
};

struct fake_origin {
    struct sock sock;
    struct loop *loop;
    struct addr at;
    LIST_HEAD(, fake_conn) conns; /* newest first */
    unsigned accepted_n, requests_n;
    uint32_t send_piece, send_gap_ms, read_piece, read_gap_ms; /* for connections to come */
    unsigned close_after_n; /* requests a connection serves before it is closed; 0: no limit */
    unsigned *asked;        /* counts requests by id; NULL: nobody asks */
    unsigned asked_n;
    bool resets_late;  /* as a peer does */
    bool is_deaf;      /* accepts, reads nothing */
    bool has_header;   /* each connection begins with a PROXY header of version 2 */
    bool names_client; /* X-For in its answers: who it was told is the client */
};

void fake_origin_open(struct fake_origin *o, struct loop *l, const struct addr *at);
/* Stops listening and closes its connections. */
void fake_origin_close(struct fake_origin *o);
/* After the loop has closed all sockets. */
void fake_origin_fini(struct fake_origin *o);
/* The n-th connection accepted, 0 first. */
struct fake_conn *fake_origin_conn(struct fake_origin *o, unsigned n);
/* n bytes "id.id.id.…", the text that a response of this id carries. */
void fake_body(struct text *t, unsigned long id, size_t n);

#endif
