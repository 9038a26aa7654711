/* roster.h - who belongs to the cluster: the replicated state that the engine keeps for itself.
 *
 * Members, those that were removed, tokens, the cluster's CA, its settings and the level of
 * features that all members understand. It changes by entries of the log of a type of their own
 * (raft_entry.h), in every member alike, and is a part of each snapshot. What libraft keeps of
 * membership (who votes) stays in libraft; an id that is here and not there is on its way in or
 * out. Pure: time and chance are in the entries. Owner: the engine.
 */
#ifndef WELDR_CLUSTER_ROSTER_H
#define WELDR_CLUSTER_ROSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/span.h"
#include "base/werr.h"

enum {
    ROSTER_MEMBERS_MAX = 16,  /* more are refused: WERR_TOO_BIG */
    ROSTER_REMOVED_MAX = 256, /* the oldest is forgotten */
    ROSTER_TOKENS_MAX = 64,   /* those that are over make room first, then WERR_TOO_BIG */
    ROSTER_TOKEN_ID_BYTES = 16,
    ROSTER_DIGEST_BYTES = 32,
    ROSTER_UUID_BYTES = 16,
    ROSTER_VERSION_MAX = 24, /* "0.9.0" and a zero */
    ROSTER_PEM_MAX = 4096,
    ROSTER_VIPS_MAX = 64 /* more are refused: WERR_TOO_BIG */
};

/* Times of the elections, in ms; the same in all members. */
enum roster_profile { ROSTER_LAN, ROSTER_FAST, ROSTER_WAN, ROSTER_PROFILES };

struct roster_member {
    uint64_t id;         /* not 0 */
    struct addr address; /* that the others can call: an IP of one host, with a port */
    bool is_placed;      /* an operator has said so, and the member tells another one … */
    struct addr told;    /* … this one; family 0: it was not heard since. Else zeroed */
    bool is_witness;     /* votes, and serves nobody */
    char version[ROSTER_VERSION_MAX]; /* of Weldr, when it was told last; empty: it has not come
                                       */
    uint8_t level;                    /* of features, that it understands */
    uint64_t joined_us;               /* wall clock of who admitted it */
};

struct roster_token {
    uint8_t id[ROSTER_TOKEN_ID_BYTES];
    uint8_t digest[ROSTER_DIGEST_BYTES]; /* of its secret */
    uint64_t expiry_us;                  /* wall clock */
    uint64_t used_by;                    /* 0: nobody yet */
};

/* Which member a virtual IP is assigned to. It may hold the address while the leader lets it,
 * which is not kept here (grantor.h). */
struct roster_vip {
    struct addr address; /* port 0 */
    uint8_t cause;       /* enum cluster_vip_cause */
    uint64_t holder;     /* a member when it was assigned, and maybe none any more */
    uint64_t epoch;      /* of the address: one higher with each assignment, from 1 */
    uint64_t since_us;   /* wall clock of who assigned it */
};

struct roster; /* zero members, no cluster: roster_new */

struct roster *roster_new(void);    /* NULL: no memory */
void roster_free(struct roster *r); /* NULL allowed */
void roster_copy(struct roster *to, const struct roster *from);

/* ---- what it holds; borrowed, until the next change ---- */

/* False: nobody has made the cluster yet (a node that was never several). */
bool roster_is_made(const struct roster *r);
const uint8_t *roster_uuid(const struct roster *r);  /* ROSTER_UUID_BYTES */
uint32_t roster_incarnation(const struct roster *r); /* from 1 */
enum roster_profile roster_profile(const struct roster *r);
uint8_t roster_level(const struct roster *r);
struct span roster_authority(const struct roster *r);     /* the CA's certificate, PEM */
struct span roster_authority_key(const struct roster *r); /* closed with the cluster key */
unsigned roster_member_n(const struct roster *r);
const struct roster_member *roster_member_at(const struct roster *r, unsigned i); /* by id */
const struct roster_member *roster_find(const struct roster *r, uint64_t id);     /* NULL */
/* It is called where an operator has said: it tells what it told then (told; NULL: nothing), or
 * what it told then is not known yet. */
bool roster_place_holds(const struct roster_member *m, const struct addr *told);
bool roster_was_removed(const struct roster *r, uint64_t id);
unsigned roster_token_n(const struct roster *r); /* the oldest first */
const struct roster_token *roster_token_at(const struct roster *r, unsigned i);
/* ROSTER_TOKEN_ID_BYTES; NULL. */
const struct roster_token *roster_find_token(const struct roster *r, const uint8_t *id);
unsigned roster_vip_n(const struct roster *r);
const struct roster_vip *roster_vip_at(const struct roster *r, unsigned i);
const struct roster_vip *roster_find_vip(const struct roster *r,
                                         const struct addr *address); /* NULL */
/* Of the next assignment of that address. It never was before, also of one that was forgotten.
 */
uint64_t roster_next_epoch(const struct roster *r, const struct addr *address);

/* ---- commands ---- */

enum roster_command_type {
    ROSTER_MAKE = 1,     /* the cluster: uuid, incarnation, profile, authority and its key */
    ROSTER_ADMIT = 2,    /* a member; of a token, which is used up by it; of none: the first */
    ROSTER_REMOVE = 3,   /* id */
    ROSTER_TOKEN = 4,    /* a new one */
    ROSTER_REVOKE = 5,   /* a token */
    ROSTER_MOVE = 6,     /* a member has another address, as it tells itself */
    ROSTER_TELL = 7,     /* a member has another version or level of features */
    ROSTER_LEVEL = 8,    /* of features, that all understand: from 0, and may only go up */
    ROSTER_PROFILE = 9,  /* other times */
    ROSTER_RECOVER = 10, /* incarnation + 1: all members but one are removed */
    ROSTER_PLACE = 11,   /* a member has another address, as an operator says; LEVEL_PLACES */
    ROSTER_VIP = 12      /* a virtual IP is assigned, or forgotten (holder 0); LEVEL_VIPS */
};

struct roster_command {
    uint8_t type;                /* enum roster_command_type */
    struct roster_member member; /* ADMIT whole, not placed; REMOVE, RECOVER id; MOVE id,
                                    address; PLACE id, address, told; TELL id, version, level;
                                    LEVEL level */
    struct roster_token token;   /* TOKEN whole; REVOKE id; ADMIT: id of the one that is used,
                                    with the digest   that was shown; all zero: none */
    struct roster_vip vip;       /* VIP, without since */
    uint64_t now_us; /* ADMIT, TOKEN: wall clock of the proposer, which expiry is judged by;
                        VIP: since when */
    uint8_t uuid[ROSTER_UUID_BYTES];      /* MAKE */
    uint32_t incarnation;                 /* MAKE */
    uint8_t profile;                      /* MAKE, PROFILE */
    struct span authority, authority_key; /* MAKE; borrowed */
};

/* Bytes of the command, malloc'd: what stands in an entry. WERR_NOMEM; WERR_INVALID: not what
 * the type wants. */
int roster_command_encode(const struct roster_command *c, char **out, size_t *len) MUST_USE;
/* Borrows from bytes. WERR_CORRUPT; WERR_UNSUPPORTED: a type or format of a later Weldr. */
int roster_command_decode(struct span bytes, struct roster_command *c) MUST_USE;
/* Of features (pool/levels.h), that whoever applies these bytes of a command has to know. */
uint8_t roster_command_level(struct span bytes);

/* The same result in every member. 0; refused, and nothing has changed:
 * WERR_INVALID      the command is not what its type wants; LEVEL: would go down
 * WERR_NOT_FOUND    member, token, or the cluster: nobody has made it
 * WERR_EXISTS       the cluster, the member or the token is there; the address is another
 *                   member's
 * WERR_DENIED       the token's digest is another; ADMIT without a token and not of the first
 *                   member; ADMIT of an id that was removed
 * WERR_STALE        the token is used up or over; VIP: its epoch is not the next one
 * WERR_UNSUPPORTED  a member would not understand the level of features of the cluster; PLACE:
 *                   not all members know it
 * WERR_GUARD        REMOVE: it is the last member; VIP: a witness holds none
 * WERR_TOO_BIG      over ROSTER_MEMBERS_MAX, ROSTER_TOKENS_MAX or ROSTER_VIPS_MAX; no
 *                   incarnation is left
 * WERR_NOMEM
 * Done already, so 0 and no change: ADMIT of a member with the token that it has used; LEVEL,
 * MOVE, PLACE, TELL, PROFILE to what is so. RECOVER ends all tokens too; MOVE what an operator
 * has said. */
int roster_apply(struct roster *r, const struct roster_command *c) MUST_USE;

/* What roster_apply would say of this ADMIT now, without WERR_INVALID; changes nothing. */
int roster_judge_admit(const struct roster *r, const struct roster_command *c) MUST_USE;

/* ---- snapshots ---- */

/* Malloc'd bytes. WERR_NOMEM. */
int roster_encode(const struct roster *r, char **out, size_t *len) MUST_USE;
/* In place of what is there; on failure nothing has changed. WERR_CORRUPT, WERR_UNSUPPORTED,
 * WERR_NOMEM. */
int roster_decode(struct roster *r, struct span bytes) MUST_USE;
/* XXH3 of all of it: equal in equal ones. */
uint64_t roster_digest(const struct roster *r);

const char *roster_profile_name(enum roster_profile p); /* "lan" */
/* WERR_NOT_FOUND. */
int roster_profile_from_text(struct span text, enum roster_profile *p) MUST_USE;
/* lan 500/100, fast 300/50, wan 2000/250. */
unsigned roster_election_ms(enum roster_profile p);
unsigned roster_heartbeat_ms(enum roster_profile p);
/* How long a node may hold a virtual IP after the last word of its leader: at least four
 * heartbeats, less than an election takes. */
unsigned roster_lease_ms(enum roster_profile p);
/* … and a new leader gives nothing of others away: a lease and a margin. */
unsigned roster_holdoff_ms(enum roster_profile p);

#endif
