/* client.h - a connection from a client: who it is, how far it is trusted, what it carries.
 *
 * It hears the conn's events and passes them to its stream, which has an exchange or none; the
 * exchange tells by exchange_owner what becomes of the connection. On HTTP/1 there is one
 * stream, a part of the client. Idle, it holds no exchange and no buffer. A connection with
 * many streams (client_many.c) has objects for them, each with an exchange of its own.
 *
 * States: IDLE → IN_HEAD (a part of a head is there) → BUSY (its stream has an exchange) →
 * IDLE, or, before that, READS_ON (answered before its request has ended: the rest is nobody's)
 * or UNTAKEN (answered, but the response is not taken yet: the next request waits); any →
 * CLOSING. With many streams only IDLE, IN_HEAD (while there is no stream), BUSY and CLOSING.
 */
#ifndef WELDR_WORKER_CLIENT_H
#define WELDR_WORKER_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "net/conn.h"
#include "worker/caller.h"
#include "worker/stream_many.h"

struct worker;

enum { CLIENT_MAGIC = 0x636c };

enum client_state {
    CLIENT_IDLE,
    CLIENT_IN_HEAD,
    CLIENT_BUSY,
    CLIENT_READS_ON,
    CLIENT_UNTAKEN,
    CLIENT_CLOSING,
    CLIENT_STATES
};

/* There may be very many that idle: each byte counts. */
struct client {
    struct conn conn; /* first */
    union {
        struct stream stream; /* right behind it */
        struct streams many;  /* client_is_many */
    };
    LIST_ENTRY(client) entry;
    struct caller caller;
    uint32_t head_from_ms; /* IN_HEAD: when it began, of the loop's time the lower half */
    uint16_t magic;
    uint8_t state;     /* enum client_state */
    uint8_t departure; /* departures.h: its address leaves this node; 0: it does not */
};

_Static_assert(sizeof(struct client) <= 224, "with a codec of HTTP/1 no more than 300 bytes");
_Static_assert(offsetof(struct client, stream) == sizeof(struct conn), "STREAM_ONE");
_Static_assert(sizeof(struct streams) <= sizeof(struct stream), "many cost HTTP/1 nothing");

/* Of which it is a client: the one whose conns it shares. */
struct worker *client_worker(const struct client *c);
/* Takes an accepted connection, or leaves it to be closed at the cap or for lack of memory.
 * has_header: the first that comes is a PROXY header, which not everybody may send (trust.h).
 */
void client_accept(struct listener_runtime *l, struct accepted *a, bool has_header);
/* No further request is to come on it: the worker drains, its listener has left the description
 * or its address leaves this node. Closes when idle, after a while (client_idle_drain_ms). */
void client_drain(struct client *c);
/* Its address stays after all: one that has not heard anything yet goes on. */
void client_stay(struct client *c);
/* Closes now, unless an exchange will see to that. */
void client_stop(struct client *c);
static inline bool client_is_many(const struct client *c)
{
    return conn_has_many(&c->conn);
}
const char *client_state_name(const struct client *c);

#endif
