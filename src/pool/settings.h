/* settings.h - settings that are plain numbers or switches, each said once in a table.
 *
 * A setting belongs where it acts: to a pool (pool_settings.def), to a listener
 * (listener_settings.def) or to a node (node_settings.def; of one machine, not replicated, in
 * no pool_state). One line of a table says its place in JSON, its member here, type, default,
 * limits and a phrase for people. From the tables come the defaults, the reader and the writer
 * of JSON, the checks with their field paths ("limits.head_bytes") and the merging of a change
 * member by member. Which settings a command gives is a mask with one bit a line,
 * setting_bit().
 *
 * The members are spelled once, in *_SETTINGS_MEMBERS: struct pool has them both by name
 * (p->timeouts) and as a whole (p->settings). All values are handled as uint64_t, a switch as 0
 * or 1. Owner: the embedding struct; nothing is allocated. Pure.
 */
#ifndef WELDR_POOL_SETTINGS_H
#define WELDR_POOL_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/werr.h"
#include "pool/pool_error.h"

/* The largest integer that every reader of JSON keeps exact (RFC 8259 section 6). */
#define POOL_BODY_BYTES_MAX ((UINT64_C(1) << 53) - 1)

/* What a worker can hold of a head: a larger wish is refused, not clipped. */
enum {
    POOL_FIELDS_MAX = 128,
    POOL_RESPONSE_FIELDS_MAX = 512,
    POOL_RESPONSE_HEAD_BYTES_MAX = 512 * 1024
};

/* ---- of a pool ---- */

struct pool_timeouts {
    uint32_t connect_ms;
    uint32_t response_head_ms;
    uint32_t idle_ms; /* between body bytes and for idle origin connections */
    uint32_t tunnel_ms;
};

/* API key "limits". */
struct pool_bounds {
    uint32_t response_head_bytes;
    uint32_t response_fields;
};

struct pool_retry {
    uint32_t attempts; /* sendings in all, the first included */
    uint32_t budget_percent;
    uint32_t replay_bytes;
};

struct pool_eject {
    uint32_t errors; /* 0: off */
    uint32_t base_ms, max_ms;
    uint32_t max_percent;
};

/* For requests that find every server at its max_requests. */
struct pool_queueing {
    uint32_t requests; /* of a worker, at the same time; 0: nobody waits */
    uint32_t wait_ms;
};

/* API key "tls": of connections to https servers. */
struct pool_tls_settings {
    bool verify;
};

#define POOL_SETTINGS_MEMBERS                          \
    struct pool_tls_settings tls_settings; /* "tls" */ \
    struct pool_timeouts timeouts;                     \
    struct pool_bounds bounds; /* "limits" */          \
    struct pool_retry retry;                           \
    struct pool_eject eject;                           \
    struct pool_queueing queue;                        \
    uint32_t min_active; /* 0: no guard rail */        \
    uint32_t drain_ms;                                 \
    bool fail_open;                                    \
    bool forwarded;

struct pool_settings {
    POOL_SETTINGS_MEMBERS
};

/* ---- of a listener ---- */

struct listener_timeouts {
    uint32_t client_head_ms;
    uint32_t client_body_ms;
    uint32_t client_idle_ms;
    uint32_t client_write_ms;
};

/* API key "limits". */
struct listener_bounds {
    uint64_t body_bytes; /* 0: unlimited */
    uint32_t request_line_bytes;
    uint32_t head_bytes;
    uint32_t fields;
    uint32_t chunk_extension_bytes; /* of a body in all */
    uint32_t trailer_bytes;
    uint32_t requests_per_connection; /* 0: unlimited */
    uint32_t connections;             /* of a worker; 0: unlimited */
    uint32_t connections_per_client;  /* in a worker; 0: unlimited */
    uint32_t min_rate_bytes;          /* per second; 0: off */
    uint32_t hops;                    /* Weldrs that a request has come through */
};

/* API key "tls". redirect is for listeners without TLS, the rest for those with it. */
struct listener_tls_settings {
    uint32_t handshake_ms;
    uint32_t hsts_max_age_s; /* Strict-Transport-Security (RFC 6797); 0: none is sent */
    bool hsts_include_subdomains;
    bool strict_sni; /* who asks for no name, or an unknown one, is refused */
    bool redirect;   /* 308 to https */
};

#define LISTENER_SETTINGS_MEMBERS                             \
    struct listener_timeouts timeouts;                        \
    struct listener_bounds bounds;             /* "limits" */ \
    struct listener_tls_settings tls_settings; /* "tls" */    \
    bool client_abort_on_fin;                                 \
    bool request_id_to_client;

struct listener_settings {
    LISTENER_SETTINGS_MEMBERS
};

/* ---- of a node ---- */

enum { NODE_WORKERS_MAX = 256 };

struct node_settings {
    uint64_t queue_bytes; /* of a worker, for what peers do not take at once; "limits" */
    uint32_t workers;     /* 0: one a core */
    uint32_t log_level;   /* place of its word among error, warn, info, debug, trace */
};

/* ---- the tables ---- */

enum settings_group {
    SETTINGS_TIMEOUTS,
    SETTINGS_LIMITS,
    SETTINGS_RETRY,
    SETTINGS_EJECT,
    SETTINGS_QUEUE,
    SETTINGS_TLS,
    SETTINGS_TOP, /* members of the document itself */
    SETTINGS_GROUP_N
};

/* A level is a number of 32 bits here and a word in JSON. */
enum setting_type { SETTING_U32, SETTING_U64, SETTING_BOOL, SETTING_LEVEL };
enum { SETTING_LEVEL_N = 5 };

struct setting {
    const char *path; /* "timeouts.connect_ms" */
    const char *key;  /* "connect_ms" */
    const char *help; /* "time to connect to a server" */
    enum settings_group group;
    enum setting_type type;
    size_t offset; /* in the struct of the table */
    uint64_t initial, min, max;
};

/* In the order in which the API shows them; at most 64. */
struct settings_table {
    const char *owner; /* "pools": who has these settings, for people */
    const char *route; /* "/pools/default": where the first of them is changed */
    const struct setting *fields;
    unsigned n;
    size_t bytes; /* of the struct */
};

extern const struct settings_table pool_settings_table;     /* struct pool_settings */
extern const struct settings_table listener_settings_table; /* struct listener_settings */
extern const struct settings_table node_settings_table;     /* struct node_settings */

/* "timeouts"; "" for SETTINGS_TOP. */
const char *settings_group_word(enum settings_group group);
/* NULL: no such key in this group. */
const struct setting *settings_find(const struct settings_table *t, enum settings_group group,
                                    const char *key);
/* By "timeouts.connect_ms"; NULL: none. */
const struct setting *settings_find_path(const struct settings_table *t, const char *path);
/* The table other than this one that has the setting: where it has moved. NULL: none. */
const struct settings_table *settings_find_other(const struct settings_table *t,
                                                 enum settings_group group, const char *key);
static inline uint64_t setting_bit(const struct settings_table *t, const struct setting *f)
{
    return UINT64_C(1) << (unsigned)(f - t->fields);
}
/* A bit for each field. */
uint64_t settings_all(const struct settings_table *t);

/* All members get their defaults; padding is zero, so that two can be compared as bytes. */
void settings_init(const struct settings_table *t, void *settings);
uint64_t setting_get(const void *settings, const struct setting *f);
/* Stores what the member's type can hold of n; whether n is allowed, setting_is_valid tells. */
void setting_set(void *settings, const struct setting *f, uint64_t n);
/* Takes over the members whose bits are in given. */
void settings_merge(const struct settings_table *t, void *into, const void *from,
                    uint64_t given);
bool setting_is_valid(const struct setting *f, uint64_t n);
/* Both ways of a SETTING_LEVEL: "info"; NULL and false: no such level. */
const char *setting_level_word(uint64_t n);
bool setting_level_from_word(const char *word, uint64_t *n);
/* What a value must be, as a sentence, with the phrase that says what it is for. */
void setting_print_wish(const struct setting *f, char *buf, size_t size);
/* Are the members in given within their limits? WERR_INVALID: *error says which is not. */
int settings_check(const struct settings_table *t, const void *settings, uint64_t given,
                   struct pool_error *error) MUST_USE;

#endif
