/* client.h - a connection from a client: who it is, how far it is trusted, what it carries.
 *
 * On HTTP/1 a connection carries one exchange at a time. Idle, it holds no exchange and no buffer. It hears the conn's events and passes them to its
 * exchange; the exchange tells with client_finish what becomes of the connection.
 */
#ifndef WELDR_WORKER_CLIENT_H
#define WELDR_WORKER_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "net/conn.h"

struct admission_host;
struct worker;
struct exchange;

enum client_flag {
    CLIENT_ASKED = 1U << 0, /* has sent a request before */
    CLIENT_WAITS_DRAIN =
        1U << 1, /* answered, but the answer is not taken yet: the next request waits */
    CLIENT_IN_HEAD = 1U << 2, /* a part of a head is there */
    CLIENT_TRUSTED = 1U << 3, /* what it says of whom it speaks for is passed on */
    CLIENT_READS_ON = 1U << 4 /* answered before its request has ended: the rest is nobody's */
};

/* There may be very many that idle: each byte counts. */
struct client {
    struct conn conn;          /* first */
    struct exchange *exchange; /* NULL: idle */
    LIST_ENTRY(client) entry;
    struct admission_host *host; /* counted there; NULL: not bounded */
    struct addr *local;          /* where it connected to, as its PROXY header says, its own;
                                    NULL: ask conn */
    struct addr peer;      /* the client: of the connection, or as its PROXY header says */
    uint8_t flags;         /* enum client_flag */
    uint32_t requests;     /* begun so far */
    uint32_t head_from_ms; /* IN_HEAD: when it began, of the loop's time the lower half */
};

/* Of which it is a client: the one whose conns it shares. */
struct worker *client_worker(const struct client *c);
/* Takes an accepted connection, or leaves it to be closed at the cap or for lack of memory.
 * has_header: the first that comes is a PROXY header, which not everybody may send (trust.h).
 */
void client_accept(struct worker *w, struct accepted *a, bool has_header);
/* The exchange is over and forgotten. broken: the answer was cut off, the connection must not
 * look well. */
void client_finish(struct client *c, bool broken);
/* The exchange is over, the answer whole, and a little of the request is still to come: it is
 * thrown away, then the connection goes on. */
void client_read_on(struct client *c);
/* While draining: closes when idle, within the worker's drain_jitter_ms. */
void client_drain(struct client *c);

#endif
