/* origin_conn.h - a connection to an address of a server, and the lane on it.
 *
 * Knows which address it goes to, whether the server still has that, how long the server keeps
 * it, and for whom it speaks. What it hears goes to its lane's owner by the conn_ops that
 * lane.c brings. Owner: the worker's slab; it goes in conn's on_closed.
 */
#ifndef WELDR_WORKER_ORIGIN_CONN_H
#define WELDR_WORKER_ORIGIN_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "net/conn.h"
#include "worker/addr_set.h"
#include "worker/lanes.h"
#include "worker/origin_tls.h"

struct caller;
struct origin;
struct pool;
struct worker;

enum { ORIGIN_CONN_MAGIC = 0x6f63 };

struct origin_conn {
    struct conn conn; /* first */
    struct lane lane; /* right behind it */
    struct origin *origin;
    struct addr addr;
    uint32_t addr_version; /* in which its origin's addresses were last seen to have it */
    uint32_t exchanges;    /* carried so far */
    uint32_t keep_ms; /* how long it may be idle, if its server has said so; else UINT32_MAX */
    uint32_t tls_version; /* of its pool's origin_tls, when the handshake began */
    uint16_t magic;
    bool is_personal; /* its PROXY header has named a client: for one exchange only */
    int8_t tls_error; /* WERR_*: there was nothing to begin a handshake with */
    uint64_t idle_from_ms;
};

_Static_assert(offsetof(struct origin_conn, lane) == sizeof(struct conn), "STREAM_ONE");
_Static_assert(offsetof(struct lane, stream) == 0, "STREAM_ONE");

static inline struct origin_conn *origin_conn_of(const struct lane *lane)
{
    struct origin_conn *oc =
        (struct origin_conn *)(void *)((char *)lane - offsetof(struct origin_conn, lane));

    MUST(lane->magic == LANE_MAGIC && oc->magic == ORIGIN_CONN_MAGIC);
    return oc;
}

/* To the address that is to be tried next. NULL: see *error. Whether it is open already says
 * conn.state. */
struct origin_conn *origin_conn_open(struct origin *o, struct addr_tries *tries,
                                     const struct conn_ops *ops, int *error);
/* What TLS to the servers of this pool is made of. */
struct origin_tls_source origin_conn_tls_source(struct worker *w, const struct pool *p);
/* ---- https: of conn_ops, before and after the handshake ---- */
struct tlsio_context *origin_conn_tls_context(struct origin_conn *oc);
void origin_conn_tls_peer(const struct origin_conn *oc, struct tlsio_peer_name *peer);
/* It is open, or could not be: counts, and says what a failed handshake is to its lane. */
int origin_conn_note_tls(const struct origin_conn *oc, int error) MUST_USE;
/* See lane_tls_word. */
const char *origin_conn_tls_word(const struct origin_conn *oc);

/* In on_closed. */
void origin_conn_free(struct origin_conn *oc);
/* For the next exchange: little is read with its response's head where a large one is expected.
 */
void origin_conn_count(struct origin_conn *oc);
void origin_conn_note_head(struct origin_conn *oc, const struct msg *m);
void origin_conn_tell_caller(struct origin_conn *oc, const struct caller *caller,
                             const struct stream *from);
/* Does its server still have its address? */
bool origin_conn_has_place(struct origin_conn *oc);
/* How long it may be idle; 0: not at all. */
uint32_t origin_conn_idle_ms(const struct origin_conn *oc);
/* May another exchange follow? */
bool origin_conn_can_reuse(struct origin_conn *oc);
/* Its server closes connections that are idle, without a word. */
void origin_conn_distrust(const struct origin_conn *oc);

#endif
