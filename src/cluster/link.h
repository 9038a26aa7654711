/* link.h - a connection between two nodes of a cluster: TLS 1.3 in which both have shown who
 * they are.
 *
 * On Weldr's own conn. What it is for is agreed on by ALPN: raft (libraft's bytes), ctl
 * (messages between members, link_message.h), join (messages with a node that is none yet,
 * which shows no certificate). On raft and ctl links nothing is handed on before the hello of
 * both sides (hello.h) was compared with the certificate, with the cluster's id and
 * incarnation, and with the roster: 2 s for all of that together, connecting included.
 *
 * The roster: a node that was removed is refused, and told so by the hello that it gets (it may
 * have been out of reach when that was agreed on). One that is not in it is refused on ctl, but
 * not on raft: a follower that is behind has to hear the entry that admits a member from that
 * very member when it leads, and the CA signs for nobody who was not admitted. While this node
 * itself is not in its roster (it has just joined) neither is.
 *
 * States: CONNECTING → HELLO → OPEN → CLOSING → CLOSED; join links skip HELLO. on_closed comes
 * last and once, the owner may free itself then; error tells why (0: we closed it). link_close
 * and link_abort may be called in any callback, any number of times. Sessions are not resumed.
 */
#ifndef WELDR_CLUSTER_LINK_H
#define WELDR_CLUSTER_LINK_H

#include <sys/queue.h>

#include "cluster/hello.h"
#include "cluster/link_message.h"
#include "cluster/roster.h"
#include "net/conn.h"

struct tlsio_context;
struct tlsio_identity;

enum link_use { LINK_RAFT, LINK_CTL, LINK_JOIN, LINK_USES };

enum {
    LINK_HELLO_MS = 2000,
    LINK_LOST_MS = 10000, /* OPEN: how long the peer's host may say nothing, or take nothing */
    LINK_FLUSH_MS = 5000, /* closing: how long the peer may take nothing of what is left */
    LINK_MESSAGE_MAX = 8 * 1024 * 1024, /* of ctl: type and payload */
    LINK_JOIN_MESSAGE_MAX = 64 * 1024,
    LINK_QUEUE_MAX = 2 * LINK_MESSAGE_MAX /* bytes that wait to be sent */
};

/* Where a member said last that others reach it (hello.h). It may know better than the roster,
 * which can only be changed with a quorum; it does not where an operator says that others reach
 * it elsewhere (moved.h). */
struct link_told {
    uint64_t id; /* 0: free */
    struct addr address;
};

/* Who this node is: what links need of it. Owner: the engine; it outlives all links that are
 * not open yet, and no open one looks at it. Zeroed, then filled in. */
struct link_self {
    struct loop *loop;
    struct conn_shared *conns;
    uint64_t id;
    uint8_t uuid[ROSTER_UUID_BYTES];
    uint32_t incarnation;
    struct addr address;         /* at which others reach this node; family 0: nobody does */
    const struct roster *roster; /* NULL: as one without members */
    bool was_removed; /* a member has said so of this node, which calls nobody then */
    struct tlsio_context *accepts, *connects; /* NULL until there is a certificate */
    struct tlsio_identity *identity;          /* of both */
    struct link_told told[ROSTER_MEMBERS_MAX];
};
/* Makes the contexts of a certificate, its key and the CA (PEM), in place of those that are
 * there; links that are open keep theirs. WERR_INVALID, WERR_NOMEM: those that were there stay.
 */
int link_self_set(struct link_self *s, struct span certificate, struct span key,
                  struct span authority) MUST_USE;
void link_self_fini(struct link_self *s); /* its contexts; they may be set again */
/* What that member told last; NULL: nothing, or no address that others can call. */
const struct addr *link_self_told(const struct link_self *s, uint64_t id);
/* Where to call that member: as an operator has said, for as long as it tells what it told
 * then; else as it told, else as the roster says. NULL: nobody knows. */
const struct addr *link_self_find(const struct link_self *s, uint64_t id);
/* What that member told is older than what the roster says of it now. */
void link_self_forget(struct link_self *s, uint64_t id);

struct link;
struct link_ops {
    /* The peer is who it has to be; messages or bytes may go. */
    void (*on_open)(struct link *l);
    /* ctl, join. payload is borrowed for the call. */
    void (*on_message)(struct link *l, uint8_t type, struct span payload);
    /* raft: bytes, borrowed. */
    void (*on_bytes)(struct link *l, struct span bytes);
    /* The peer takes less than it is sent: pause the source; and go on. They may come within
     * link_send and link_send_bytes. May be NULL. */
    void (*on_congested)(struct link *l);
    void (*on_drained)(struct link *l);
    void (*on_closed)(struct link *l, int error);
};

enum link_state {
    LINK_CONNECTING,
    LINK_HELLO,
    LINK_OPEN,
    LINK_CLOSING,
    LINK_CLOSED,
    LINK_STATES
};

struct link_piece; /* what waits to be sent */
STAILQ_HEAD(link_pieces, link_piece);

/* Owners embed it, or hold one that gate.h has made; what is in it is the link's own. */
struct link {
    struct conn conn; /* first */
    uint16_t magic;
    uint8_t state; /* enum link_state */
    uint8_t use;   /* enum link_use, once it is known */
    bool is_paused;
    bool is_full;       /* on_congested was called */
    bool owes_farewell; /* who calls has shown who it is, and was removed */
    int error;
    uint64_t peer;
    struct addr at, told;
    struct link_self *self; /* NULL: of a node that is no member yet */
    struct conn_shared *conns;
    const struct link_ops *ops;
    void *user;
    struct tlsio_context *joins; /* of such a node; NULL */
    struct bufq rest;            /* was received; the owner has paused. Or half a hello */
    struct link_message message;
    struct link_pieces pieces;
    size_t queued_bytes;
    struct loop_work work;           /* hands the rest on */
    void (*release)(struct link *l); /* of who made it (gate.c): after on_closed */
};

/* 0: on_open or on_closed follows, never within this call. < 0: nothing to close. id: whom we
 * call. WERR_NO_CERTIFICATE: there is none yet; WERR_DENIED: the roster says no, or
 * this node was removed. */
int link_connect(struct link *l, struct link_self *self, const struct link_ops *ops,
                 enum link_use use, const struct addr *to, uint64_t id) MUST_USE;
/* Of a caller, in the listener's on_accept: what the link is for is known when it is open.
 * WERR_NOMEM, WERR_NO_CERTIFICATE: the connection is left to be closed. */
int link_accept(struct link *l, struct link_self *self, const struct link_ops *ops,
                struct accepted *a) MUST_USE;
/* weldr-join/1 as one who is no member yet. */
struct link_join {
    struct loop *loop;
    struct conn_shared *conns;
    struct addr to;
    struct span authority; /* PEM of the CA: the name member.weldr.internal is verified; empty:
                              whoever responds is believed (only to be asked for the CA's
                              certificate, which the caller compares with what it knows) */
};
int link_connect_join(struct link *l, const struct link_join *join,
                      const struct link_ops *ops) MUST_USE;
/* ctl, join. Ignored when it closes. WERR_TOO_BIG: over the limit of a message; WERR_NOMEM: or
 * over LINK_QUEUE_MAX would wait; not sent. */
int link_send(struct link *l, uint8_t type, struct span payload) MUST_USE;
/* raft. Who goes on sending when it is congested until LINK_QUEUE_MAX wait loses the link. */
void link_send_bytes(struct link *l, struct span bytes);
void link_pause(struct link *l); /* hands nothing on, reads no more; and on again */
void link_resume(struct link *l);
void link_close(struct link *l); /* what was sent still goes out */
void link_abort(struct link *l); /* at once */
enum link_use link_use(const struct link *l);
uint64_t link_peer(const struct link *l); /* its id; 0: join */
/* At which it is, of the connection (a caller's has a port of chance). */
const struct addr *link_address(const struct link *l);
/* At which it is reached, as its hello says; family 0: it does not say. */
const struct addr *link_told_address(const struct link *l);
bool link_is_open(const struct link *l);
/* The peer takes less than it was sent. */
bool link_is_congested(const struct link *l);
void link_set_user(struct link *l, void *user);
void *link_user(const struct link *l);
/* "raft", "ctl", "join" */
const char *link_use_name(enum link_use use);

#endif
