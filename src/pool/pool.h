/* pool.h - the description: what people decided, replicated, the same in every manager and
 * worker.
 *
 * A pool_state holds objects: certificates (certificate.h), pools with their servers, listeners
 * (listener.h) with their rules (rule.h), VIPs (vip.h). kinds.def has a row for each kind.
 * Every object has an id, the index of the entry that made it, unique over all kinds; pools and
 * listeners have a name that is unique among their kind. The pool "default" and the listener
 * "default" are there from the start, have id 0 and can't be removed. Look-ups by name and by
 * id cost the same however many objects there are; pointers to objects stay valid until the
 * object is removed.
 *
 * The state changes only by commands through pool_apply() (pool_apply.h). What a node observes
 * (health, counters, in-flight, resolved addresses) is not here, nor are settings of a node
 * (settings.h). Owner: whoever called pool_state_new; all strings belong to the state. Pure.
 *
 * The digest is the sum (mod 2^64) of xxh3 hashes of each object's encoding (pool_code.h),
 * seeded with its kind, id and owner. pool_apply keeps it up to date, so that it costs nothing
 * to compare; pool_state_digest_recompute() is its proof in tests.
 */
#ifndef WELDR_POOL_POOL_H
#define WELDR_POOL_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/span.h"
#include "base/werr.h"
#include "pool/kinds.h"
#include "pool/pool_health.h"
#include "pool/settings.h"

enum pool_limits {
    POOL_NAME_MAX = 64,
    POOL_META_N = 32,
    POOL_META_KEY_MAX = 64,
    POOL_META_VALUE_MAX = 256,
    POOL_WEIGHT_MAX = 256,
    POOL_DRAIN_MS_MAX = 86400000,
    POOL_MAX_REQUESTS_MAX = 1000000,
    POOL_SERVERS_MAX = 16384, /* of all pools */
    POOL_POOLS_MAX = 4096,
    POOL_URL_MAX = 300
};

/* The index of the entry that added an object is its id; where an entry adds several, the bits
 * above those of the index count them. */
enum { POOL_ID_INDEX_BITS = 40 };
#define POOL_ID_INDEX_MAX ((UINT64_C(1) << POOL_ID_INDEX_BITS) - 1)

struct pool_meta {
    char *key, *value;
};

/* What people want of a server, beside its health. */
enum pool_admin {
    POOL_ADMIN_ENABLED,
    POOL_ADMIN_DRAINING,    /* gets nothing new and finishes what it has */
    POOL_ADMIN_MAINTENANCE, /* as draining, and stays in the pool when it is done */
};

struct pool_server {
    uint64_t id;      /* index of the entry that added it; shown as "s-<hex>" */
    char *url;        /* canonical: "http://127.0.0.1:80" with port always; identity */
    char *host;       /* "127.0.0.1", "::1" (no brackets) */
    char *authority;  /* Host when map_host: "127.0.0.1:12345", without ":80" for http */
    struct addr addr; /* family 0: the host is a name, looked up by each node for itself */
    uint16_t weight;  /* 0–256; 0 = gets no requests */
    bool is_tls;      /* its url is https */
    bool map_host;
    uint8_t proxy_protocol; /* of the connections to it: 0 none, 2 version 2 */
    uint8_t admin;          /* enum pool_admin */
    uint32_t max_requests;  /* in flight on it at once, of a whole node; 0: no limit */
    uint32_t drain_ms;      /* how long it may finish its work; 0 when enabled */
    uint16_t meta_n;
    struct pool_meta *meta;    /* sorted by key */
    struct pool_health health; /* overrides only */
    uint64_t digest;           /* hash of its encoding: its share of the state's digest */
};

enum pool_policy {
    POOL_POLICY_ROUND_ROBIN,
    POOL_POLICY_LEAST_OUTSTANDING,
    POOL_POLICY_P2C,
    POOL_POLICY_HASH, /* by the pool's hash_key */
    POOL_POLICY_N
};

enum pool_hash_by {
    POOL_HASH_ADDRESS,
    POOL_HASH_HEADER, /* name: of the field */
    POOL_HASH_COOKIE, /* name: of the cookie */
    POOL_HASH_PATH
};

/* What requests are spread by: "address", "header:NAME", "cookie:NAME", "path". */
struct pool_hash_key {
    uint8_t by; /* enum pool_hash_by */
    char name[POOL_NAME_MAX + 1];
};

enum pool_tls_version { POOL_TLS_1_2, POOL_TLS_1_3, POOL_TLS_VERSION_N };

enum { POOL_TLS_CA_BYTES_MAX = 256 * 1024, POOL_TLS_NAME_MAX = 253 };

/* Members of JSON's "tls" that are no switches (pool_settings.def has those). */
struct pool_tls {
    char *ca; /* PEM: who signs certificates of servers; NULL: the system's authorities */
    char *server_name;   /* asked for and looked for; NULL: the server's host */
    char *certificate;   /* name or id of the one that is shown to servers; NULL: none */
    uint8_t min_version; /* enum pool_tls_version */
};

struct pool {
    uint64_t id; /* 0: "default" */
    char *name;
    uint8_t policy; /* enum pool_policy */
    struct pool_hash_key hash_key;
    union { /* p->settings.timeouts is p->timeouts */
        struct pool_settings settings;
        struct {
            POOL_SETTINGS_MEMBERS
        };
    };
    struct pool_tls tls;
    struct pool_health health; /* defaults, all set */
    /* Ordered by id; pointers stay valid until the server is removed. */
    struct pool_server **servers;
    uint32_t server_n, server_cap;
    struct text_node *by_url; /* table.h: server by its url */
    uint32_t ref_n;           /* how often listeners and rules forward to it */
    uint64_t digest;          /* hash of its encoding without the servers */
};

struct certificate;
struct listener;
struct rule;
struct vip;
struct id_node; /* tables of table.h */
struct text_node;

struct pool_state {
    uint64_t index; /* last applied */
    uint64_t digest;
    /* Both ordered by id; [0] is "default". */
    struct pool **pools;
    uint32_t pool_n, pool_cap;
    struct listener **listeners;
    uint32_t listener_n, listener_cap;
    struct certificate **certificates; /* ordered by id */
    uint32_t certificate_n, certificate_cap;
    struct vip **vips; /* ordered by id */
    uint32_t vip_n, vip_cap;
    uint32_t server_n; /* of all pools */
    /* table.h: pools, listeners and certificates by name; any object but those of id 0 by id.
     */
    struct text_node *pool_names, *listener_names, *certificate_names;
    struct id_node *ids;
};

const char *pool_tls_version_word(enum pool_tls_version version); /* "1.2" */
bool pool_tls_version_from_word(struct span word, uint8_t *version);
/* May servers be asked for it? The name of a host, or an address. */
bool pool_tls_name_is_valid(struct span name);
/* A copy of now, with those members of wanted that are in set (enum pool_command_set, of
 * pool_command.h). *to is untouched when memory is short: WERR_NOMEM. */
int pool_tls_merge(struct pool_tls *to, const struct pool_tls *now,
                   const struct pool_tls *wanted, uint32_t set) MUST_USE;
/* What it owns, not itself; zeroed is allowed. */
void pool_tls_fini(struct pool_tls *tls);

/* The pool "default", which is always there. */
struct pool *pool_default(const struct pool_state *s);
struct pool *pool_find(const struct pool_state *s, struct span name); /* NULL: none */
struct pool *pool_find_id(const struct pool_state *s, uint64_t id);   /* NULL: none */
/* 1–64 of [A-Za-z0-9._-], for pools, listeners and certificates. */
#define POOL_NAME_WISH "name must be 1 to %d of the characters A-Z a-z 0-9 . _ -"
bool pool_name_is_valid(struct span name);
struct pool_server *pool_find_server(const struct pool *p,
                                     uint64_t id); /* binary search; NULL: none */
/* Whichever pool it is in; *pool (may be NULL) is set when there is one. NULL: none. */
struct pool_server *pool_find_any_server(const struct pool_state *s, uint64_t id,
                                         struct pool **pool);
/* Place of the first server whose id is not below this one; server_n: there is none. */
uint32_t pool_server_place(const struct pool *p, uint64_t id);
/* Place of the first server with a greater id; server_n: there is none. */
uint32_t pool_next_server(const struct pool *p, uint64_t id);
/* By identity: the canonical URL. */
struct pool_server *pool_find_url(const struct pool *p, struct span url);
/* Server's settings over the pool's defaults; strings are borrowed from both. */
void pool_health_effective(const struct pool *p, const struct pool_server *server,
                           struct pool_health *out);

#endif
