/* pool.h - the description: what people decided, replicated, the same in every manager and
 * worker.
 *
 * A pool_state holds objects: pools with their servers, listeners (listener.h) with their rules
 * (rule.h). kinds.def has a row for each kind. Every object has an id, the index of the entry
 * that made it, unique over all kinds; pools and listeners have a name that is unique among
 * their kind. The pool "default" and the listener "default" are there from the start, have id 0
 * and can't be removed. Look-ups by name and by id cost the same however many objects there
 * are; pointers to objects stay valid until the object is removed.
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
#include "pool/settings.h"

enum pool_limits {
    POOL_NAME_MAX = 64,
    POOL_HOST_MAX = 255,
    POOL_PATH_MAX = 1024,
    POOL_META_N = 32,
    POOL_META_KEY_MAX = 64,
    POOL_META_VALUE_MAX = 256,
    POOL_WEIGHT_MAX = 256,
    POOL_DRAIN_MS_MAX = 86400000,
    POOL_SERVERS_MAX = 16384, /* of all pools */
    POOL_POOLS_MAX = 4096,
    POOL_EXPECT_N = 8,
    POOL_URL_MAX = 300
};

enum pool_health_type { POOL_HEALTH_HTTP, POOL_HEALTH_TCP, POOL_HEALTH_NONE };

/* What a server counts as until its first check. */
enum pool_health_initial { POOL_INITIAL_UP, POOL_INITIAL_DOWN };

/* Which members of a struct pool_health are given (a server overrides its pool). */
enum pool_health_set {
    POOL_HEALTH_SET_TYPE = 1U << 0,
    POOL_HEALTH_SET_INTERVAL = 1U << 1,
    POOL_HEALTH_SET_FAST_INTERVAL = 1U << 2,
    POOL_HEALTH_SET_TIMEOUT = 1U << 3,
    POOL_HEALTH_SET_PATH = 1U << 4,
    POOL_HEALTH_SET_HOST = 1U << 5,
    POOL_HEALTH_SET_EXPECT = 1U << 6,
    POOL_HEALTH_SET_FAILURES = 1U << 7,
    POOL_HEALTH_SET_PASSES = 1U << 8,
    POOL_HEALTH_SET_INITIAL = 1U << 9,
    POOL_HEALTH_SET_ALL = (1U << 10) - 1
};

struct pool_status_range {
    uint16_t from, to;
};

/* The settings of health checks: API key "check". */
struct pool_health {
    uint32_t set; /* enum pool_health_set; all in a pool's defaults and in effective settings */
    uint8_t type; /* enum pool_health_type */
    uint8_t initial; /* enum pool_health_initial */
    uint8_t expect_n;
    uint16_t failures;         /* consecutive failures that mark down (3), 1–100 */
    uint16_t passes;           /* consecutive passes that mark active (2), 1–100 */
    uint32_t interval_ms;      /* 30000; 100–3600000 */
    uint32_t fast_interval_ms; /* 2000, between states; 100–3600000 */
    uint32_t timeout_ms;       /* 5000; 10–600000 */
    char *path;                /* "/" */
    char *host;                /* Host of the probe; NULL or "": the server's host:port */
    struct pool_status_range expect[POOL_EXPECT_N]; /* "200-299", "200,204,300-301" */
};

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
    bool map_host;
    uint8_t proxy_protocol; /* of the connections to it: 0 none, 2 version 2 */
    uint8_t admin;          /* enum pool_admin */
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
const char *pool_policy_word(enum pool_policy policy); /* "round_robin" */

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
    struct pool_health health; /* defaults, all set */
    /* Ordered by id; pointers stay valid until the server is removed. */
    struct pool_server **servers;
    uint32_t server_n, server_cap;
    struct text_node *by_url; /* table.h: server by its url */
    uint32_t ref_n;           /* how often listeners and rules forward to it */
    uint64_t digest;          /* hash of its encoding without the servers */
};

struct listener;
struct rule;
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
    uint32_t server_n; /* of all pools */
    /* table.h: pools and listeners by name; any object but those of id 0 by id. */
    struct text_node *pool_names, *listener_names;
    struct id_node *ids;
};

/* Index 0, a pool and a listener "default" with the defaults of their settings, no server, no
 * address. NULL: no memory. */
struct pool_state *pool_state_new(void);
void pool_state_free(struct pool_state *s); /* NULL allowed */
/* The pool "default", which is always there. */
struct pool *pool_default(const struct pool_state *s);
struct pool *pool_find(const struct pool_state *s, struct span name); /* NULL: none */
struct pool *pool_find_id(const struct pool_state *s, uint64_t id);   /* NULL: none */
/* 1–64 of [A-Za-z0-9._-], for pools and listeners. */
bool pool_name_is_valid(struct span name);
struct pool_server *pool_find_server(const struct pool *p,
                                     uint64_t id); /* binary search; NULL: none */
/* Whichever pool it is in; *pool (may be NULL) is set when there is one. NULL: none. */
struct pool_server *pool_find_any_server(const struct pool_state *s, uint64_t id,
                                         struct pool **pool);
/* Place of the first server with a greater id; server_n: there is none. */
uint32_t pool_next_server(const struct pool *p, uint64_t id);
/* By identity: the canonical URL. */
struct pool_server *pool_find_url(const struct pool *p, struct span url);
/* Server's settings over the pool's defaults; strings are borrowed from both. */
void pool_health_effective(const struct pool *p, const struct pool_server *server,
                           struct pool_health *out);
/* From scratch; 0 when memory is short. */
uint64_t pool_state_digest_recompute(const struct pool_state *s);
/* Ids of objects as text: the letter of the kind, "-" and hexadecimal digits ("s-1f" a server,
 * "r-2a" a rule). buf of 24. WERR_SYNTAX. */
size_t kind_id_print(enum kind kind, uint64_t id, char *buf);
int kind_id_from_text(enum kind kind, struct span text, uint64_t *id) MUST_USE;
/* Of servers. */
size_t pool_id_print(uint64_t id, char *buf);
int pool_id_from_text(struct span text, uint64_t *id) MUST_USE;

#endif
