/* peer_messages.h - what nodes say to each other on weldr-ctl/1 and weldr-join/1, as bytes.
 *
 * A message is a type and a payload; link.h puts the length before it. Whoever reads looks at
 * nothing that was not checked to be there: the peer may be anybody (join), or broken (ctl).
 * Messages of a type that a member does not know are passed over, so a later Weldr may send
 * more. Integers are little-endian, texts have a length before them. Pure; views borrow.
 */
#ifndef WELDR_CLUSTER_PEER_MESSAGES_H
#define WELDR_CLUSTER_PEER_MESSAGES_H

#include "cluster/cluster.h"
#include "cluster/roster.h"
#include "cluster/token.h"

enum { PEER_REASON_MAX = 1024, PEER_CLUSTER_KEY_BYTES = 32 };

enum peer_message_type {
    /* weldr-join/1 */
    PEER_AUTHORITY_ASK = 1, /* joiner: nothing */
    PEER_AUTHORITY = 2,     /* text: the CA's certificate */
    PEER_ASK = 3,           /* joiner: struct peer_ask */
    PEER_GRANT = 4,         /* struct peer_grant */
    PEER_ELSEWHERE = 5,     /* struct peer_elsewhere: ask there */
    PEER_REFUSED = 6,       /* struct peer_refused */
    /* weldr-ctl/1 */
    PEER_REQUEST = 16,  /* struct peer_request: what only the leader can do */
    PEER_RESPONSE = 17, /* struct peer_response */
    PEER_TELL = 18, /* struct peer_tell: how the sender is; each second and when it changes */
    PEER_REMOVED = 19, /* nothing: you are no member any more */
    PEER_SHARE = 20,   /* struct peer_share: to the leader, who passes it on to the others */
    /* From LEVEL_VIPS on. */
    PEER_VIP_ASK = 21,   /* struct vip_ask (vip_messages.h): to the leader, who responds … */
    PEER_VIP_GRANT = 22, /* … with struct vip_grant */
    PEER_VIP_NUDGE = 23, /* nothing: the leader wants to be asked at once */
    /* From LEVEL_ORDERS on: to the leader, who passes them on. */
    PEER_ORDER = 32,  /* struct peer_order: what a member is to do */
    PEER_ORDERED = 33 /* struct peer_order: what it says to that, the other way */
};

struct peer_ask {
    uint8_t token_id[ROSTER_TOKEN_ID_BYTES];
    uint8_t secret[TOKEN_SECRET_BYTES];
    uint64_t id;
    struct addr address; /* at which the others find the joiner; an unspecified IP: the one that
                            it calls from */
    bool is_witness;
    uint8_t level;
    struct span version;
    struct span request; /* the certificate signing request, PEM */
};

struct peer_grant {
    uint8_t uuid[ROSTER_UUID_BYTES];
    uint32_t incarnation;
    uint8_t profile;
    uint8_t cluster_key[PEER_CLUSTER_KEY_BYTES];
    struct addr address;                /* of the joiner, as the others know it */
    struct span certificate, authority; /* PEM */
    unsigned address_n;                 /* of members, for the first contact */
    struct addr addresses[ROSTER_MEMBERS_MAX];
};

struct peer_elsewhere {
    struct addr address;
};

struct peer_refused {
    int error;          /* WERR_* */
    struct span reason; /* a sentence for people, without a line end */
};

enum peer_request_kind {
    PEER_PROPOSE,   /* an entry of the owner's */
    PEER_OF_NOBODY, /* refused: what the roster is told, the leader says itself */
    PEER_BARRIER,
    PEER_REMOVE,    /* member */
    PEER_TRANSFER,  /* member; 0: whoever is fit */
    PEER_PROMOTE,   /* member: becomes a voter */
    PEER_TOKEN_NEW, /* lifetime in s, in number */
    PEER_PLACE, /* member; entry: its address (bytes.h), none: where it tells. LEVEL_PLACES */
    PEER_MOVE_VIP, /* member, or 0; entry: the virtual IP's address (bytes.h). LEVEL_VIPS */
    PEER_REQUEST_KINDS
};

struct peer_request {
    uint64_t sequence; /* of the link: the response has it too */
    uint8_t kind;      /* enum peer_request_kind */
    uint8_t request_id[CLUSTER_ID_BYTES];
    uint64_t member;
    uint64_t number;
    struct span entry;
};

struct peer_response {
    uint64_t sequence;
    int error; /* 0 or WERR_* of cluster_done_fn */
    uint64_t index;
    struct span text; /* of a token */
};

struct peer_tell {
    uint64_t applied, term;
    uint8_t role; /* enum cluster_role */
    uint8_t level;
    struct span version;
};

/* Soft state of a member, which the engine does not look into. */
struct peer_share {
    uint64_t from;
    struct span bytes; /* at most CLUSTER_SHARE_MAX */
};

struct peer_order {
    uint64_t number;   /* of who gave it */
    uint64_t from, to; /* of this message */
    int error;         /* of an order 0 */
    struct span bytes; /* at most CLUSTER_ORDER_MAX */
};

/* Each: malloc'd bytes of the payload; those of ask and grant hold secrets, so whoever frees
 * them wipes them. The caller gives what decode takes (MUST). NULL: no memory. */
char *peer_ask_encode(const struct peer_ask *m, size_t *len);
char *peer_grant_encode(const struct peer_grant *m, size_t *len);
char *peer_elsewhere_encode(const struct peer_elsewhere *m, size_t *len);
char *peer_refused_encode(const struct peer_refused *m, size_t *len);
char *peer_request_encode(const struct peer_request *m, size_t *len);
char *peer_response_encode(const struct peer_response *m, size_t *len);
char *peer_tell_encode(const struct peer_tell *m, size_t *len);
char *peer_share_encode(const struct peer_share *m, size_t *len);
char *peer_order_encode(const struct peer_order *m, size_t *len);
/* Each: WERR_CORRUPT: not whole, too long, or a value that can't be. Whoever reads *m then
 * reads nothing of worth. */
int peer_ask_decode(struct span payload, struct peer_ask *m) MUST_USE;
int peer_grant_decode(struct span payload, struct peer_grant *m) MUST_USE;
int peer_elsewhere_decode(struct span payload, struct peer_elsewhere *m) MUST_USE;
int peer_refused_decode(struct span payload, struct peer_refused *m) MUST_USE;
int peer_request_decode(struct span payload, struct peer_request *m) MUST_USE;
int peer_response_decode(struct span payload, struct peer_response *m) MUST_USE;
int peer_tell_decode(struct span payload, struct peer_tell *m) MUST_USE;
int peer_share_decode(struct span payload, struct peer_share *m) MUST_USE;
int peer_order_decode(struct span payload, struct peer_order *m) MUST_USE;

#endif
