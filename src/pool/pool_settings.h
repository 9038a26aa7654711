/* pool_settings.h - the settings of a pool that are plain numbers or switches.
 *
 * Each is one line of settings.def: its place in JSON, its member here, type, default, limits
 * and a phrase for people. From that table come the defaults, the reader and the writer of
 * JSON, the checks with their field paths ("limits.head_bytes") and the merging of a SET_POOL
 * member by member; a new setting is a member below and a line there. Which settings a command
 * gives is a mask with one bit a line, pool_settings_bit().
 *
 * The members are spelled once, in POOL_SETTINGS_MEMBERS: struct pool has them both by name
 * (p->timeouts) and as a whole (p->settings). All values are handled as uint64_t, a switch as 0
 * or 1. Who reads: worker and manager, straight from the members. Owner: the embedding struct;
 * nothing is allocated. Pure.
 */
#ifndef WELDR_POOL_POOL_SETTINGS_H
#define WELDR_POOL_POOL_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest integer that every reader of JSON keeps exact (RFC 8259 section 6). */
#define POOL_BODY_BYTES_MAX ((UINT64_C(1) << 53) - 1)

/* What a worker can hold of a head: a larger wish is refused, not clipped. */
enum {
    POOL_FIELDS_MAX = 128,
    POOL_RESPONSE_FIELDS_MAX = 512,
    POOL_RESPONSE_HEAD_BYTES_MAX = 512 * 1024
};

struct pool_timeouts {
    uint32_t connect_ms;
    uint32_t response_head_ms;
    uint32_t idle_ms; /* between body bytes and for idle origin connections */
    uint32_t client_head_ms;
    uint32_t client_body_ms;
    uint32_t client_idle_ms;
    uint32_t client_write_ms;
    uint32_t tunnel_ms;
};

/* API key "limits". */
struct pool_bounds {
    uint64_t body_bytes;  /* 0: unlimited */
    uint64_t queue_bytes; /* of a worker, for what peers do not take at once */
    uint32_t request_line_bytes;
    uint32_t head_bytes;
    uint32_t fields;
    uint32_t chunk_extension_bytes; /* of a body in all */
    uint32_t trailer_bytes;
    uint32_t requests_per_connection; /* 0: unlimited */
    uint32_t connections;             /* of a worker; 0: unlimited */
    uint32_t connections_per_client;  /* in a worker; 0: unlimited */
    uint32_t response_head_bytes;
    uint32_t min_rate_bytes; /* per second; 0: off */
    uint32_t hops;           /* Weldrs that a request has come through */
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

#define POOL_SETTINGS_MEMBERS                   \
    struct pool_timeouts timeouts;              \
    struct pool_bounds bounds; /* "limits" */   \
    struct pool_retry retry;                    \
    struct pool_eject eject;                    \
    uint32_t min_active; /* 0: no guard rail */ \
    uint32_t drain_ms;                          \
    bool fail_open;                             \
    bool forwarded;                             \
    bool client_abort_on_fin;                   \
    bool request_id_to_client;

struct pool_settings {
    POOL_SETTINGS_MEMBERS
};

enum pool_settings_group {
    POOL_GROUP_TIMEOUTS,
    POOL_GROUP_LIMITS,
    POOL_GROUP_RETRY,
    POOL_GROUP_EJECT,
    POOL_GROUP_TOP, /* members of the pool's document itself */
    POOL_GROUP_N
};

enum pool_settings_type { POOL_SETTING_U32, POOL_SETTING_U64, POOL_SETTING_BOOL };

struct pool_setting {
    const char *path; /* "timeouts.connect_ms" */
    const char *key;  /* "connect_ms" */
    const char *help; /* "time to connect to a server" */
    enum pool_settings_group group;
    enum pool_settings_type type;
    size_t offset; /* in struct pool_settings */
    uint64_t initial, min, max;
};

#define SETTING(group, member, key, type, initial, min, max, help) 1,
enum {
    POOL_SETTING_N = sizeof((const char[]){
#include "pool/settings.def"
    })
};
#undef SETTING
/* In the order in which the API shows them. */
extern const struct pool_setting pool_settings_table[POOL_SETTING_N];

/* "timeouts"; "" for POOL_GROUP_TOP. */
const char *pool_settings_group_word(enum pool_settings_group group);
/* NULL: no such key in this group. */
const struct pool_setting *pool_settings_find(enum pool_settings_group group, const char *key);
static inline uint64_t pool_settings_bit(const struct pool_setting *f)
{
    return UINT64_C(1) << (unsigned)(f - pool_settings_table);
}

/* All members get their defaults. */
void pool_settings_init(struct pool_settings *s);
uint64_t pool_settings_get(const struct pool_settings *s, const struct pool_setting *f);
/* Stores what the member's type can hold of n; whether n is allowed, pool_settings_is_valid
 * tells. */
void pool_settings_set(struct pool_settings *s, const struct pool_setting *f, uint64_t n);
/* Takes over the members whose bits are in given. */
void pool_settings_merge(struct pool_settings *into, const struct pool_settings *from,
                         uint64_t given);
bool pool_settings_is_valid(const struct pool_setting *f, uint64_t n);
/* What a value must be, as a sentence, with the phrase that says what it is for. */
void pool_settings_print_wish(const struct pool_setting *f, char *buf, size_t size);

#endif
