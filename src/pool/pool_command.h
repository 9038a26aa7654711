/* pool_command.h - a command: one wish to change the description, as a struct.
 *
 * Made by the API from JSON (pool_code.h), checked (pool_check), encoded into a log entry,
 * decoded and applied in every process. commands.def says kind and verb of each. Whoever
 * initialised it frees it with pool_command_fini.
 *
 * Which object: a pool or a listener is named by `pool` or `listener`, a server by `pool` and
 * `server_id`, a rule by `listener` and `rule_id`, a certificate by `certificate_id`, a VIP by
 * the address in `vip`. ADD takes the whole new object, and with is_put (PUT, the upsert)
 * replaces what has the same name, URL or priority: members that are not given get their
 * defaults. SET_SERVERS does so with all servers of a pool, and removes those that are not in
 * its list; what people made of their states (admin) stays. SET takes over the members in `set`
 * and `given`.
 *
 * Guards are stamped in by the proposer and judged by pool_apply, so that nothing can happen
 * between check and act: has_guard, with the ids of the pool's servers that the proposer holds
 * unusable, refuses with WERR_GUARD what would leave fewer than min_active usable servers;
 * if_digest refuses with WERR_STALE when the object has another digest (pool_target_digest), or
 * is not there, if_there when it is not there and if_absent when it is; with if_list it is the
 * list that the object is in (pool_list_digest). RESTORE stands by itself: it takes a history
 * to judge and to apply it (pool_history_restore), its if_digest is that of the history. Pure.
 */
#ifndef WELDR_POOL_POOL_COMMAND_H
#define WELDR_POOL_POOL_COMMAND_H

#include "pool/certificate.h"
#include "pool/listener.h"
#include "pool/pool.h"
#include "pool/pool_error.h"
#include "pool/vip.h"

enum pool_command_type {
#define COMMAND(name, number, kind, verb, word) POOL_##name = (number),
#include "pool/commands.def"
#undef COMMAND
};

enum pool_verb {
    POOL_VERB_ADD,
    POOL_VERB_SET,
    POOL_VERB_REMOVE,
    POOL_VERB_SET_ADMIN,
    POOL_VERB_SET_LIST,
    POOL_VERB_RESTORE /* of the whole description: pool_history.h */
};

/* Which members a SET gives, beside the settings in `given`. */
enum pool_command_set {
    POOL_SET_WEIGHT = 1U << 0,
    POOL_SET_MAP_HOST = 1U << 1,
    POOL_SET_META = 1U << 2,
    POOL_SET_HEALTH = 1U << 3, /* merged member by member, by health.set; a member given as null
                                  is unset: health_unset */
    POOL_SET_POLICY = 1U << 4,
    POOL_SET_PROXY_PROTOCOL = 1U << 5, /* of a server or of a listener */
    POOL_SET_HASH_KEY = 1U << 6,
    POOL_SET_ADDRESSES = 1U << 7,
    POOL_SET_PROTOCOL = 1U << 8,
    POOL_SET_TRUSTED = 1U << 9, /* has_trusted false: given as null */
    POOL_SET_DEFAULT_ACTION = 1U << 10,
    POOL_SET_PRIORITY = 1U << 11,
    POOL_SET_CONDITIONS = 1U << 12,
    POOL_SET_ACTION = 1U << 13,
    POOL_SET_NAME = 1U << 14, /* of a rule; NULL: given as null */
    POOL_SET_MAX_REQUESTS = 1U << 15,
    POOL_SET_TLS_PROFILE = 1U << 16, /* in "tls" of a listener */
    POOL_SET_TLS_CERTIFICATES = 1U << 17,
    POOL_SET_TLS_DEFAULT_CERTIFICATE = 1U << 18,
    POOL_SET_TLS_CLIENT_CERTIFICATE = 1U << 19,
    POOL_SET_TLS_CLIENT_CA = 1U << 20,
    POOL_SET_LISTENER_TLS = 0x1fU << 16, /* all of them */
    POOL_SET_TLS_CA = 1U << 21,          /* in "tls" of a pool */
    POOL_SET_TLS_SERVER_NAME = 1U << 22,
    POOL_SET_TLS_MIN_VERSION = 1U << 23,
    POOL_SET_TLS_CERTIFICATE = 1U << 24,
    POOL_SET_POOL_TLS = 0xfU << 21, /* all of them */
    POOL_SET_INTERFACE = 1U << 25,  /* of a VIP */
    POOL_SET_PREFIX = 1U << 26,
    POOL_SET_NODES = 1U << 27,
    POOL_SET_CONFLICT = 1U << 28
};

/* Who wished for it, for the history (pool_history.h): stamped in by the proposer, so that all
 * who apply it know the same. Texts are plain ASCII. */
enum { POOL_BY_ADDRESS_MAX = 63, POOL_BY_TOKEN_MAX = 64, POOL_BY_REQUEST_MAX = 160 };
struct pool_by {
    uint64_t at_us;                        /* its wall clock; 0: nothing is said */
    uint64_t node;                         /* id of the node; 0: it had none */
    char address[POOL_BY_ADDRESS_MAX + 1]; /* "socket"; empty: the node itself */
    char token[POOL_BY_TOKEN_MAX + 1];     /* its name; empty: none was shown */
    char request[POOL_BY_REQUEST_MAX + 1]; /* "POST /servers" */
};

struct pool_command {
    enum pool_command_type type;
    uint8_t request_id[16]; /* made by the proposer */
    uint8_t level;          /* of features, that it needs (levels.h); 0: any */
    struct pool_by by;
    uint64_t restore;                 /* RESTORE: the revision */
    bool is_put;                      /* ADD: replaces what is there */
    char pool[POOL_NAME_MAX + 1];     /* of pools and servers; "default" */
    char listener[POOL_NAME_MAX + 1]; /* of listeners and rules; "default" */
    uint64_t server_id;               /* CHANGE_, REMOVE_SERVER, SET_SERVER_ADMIN */
    uint64_t rule_id;                 /* SET_, REMOVE_RULE */
    uint32_t set;                     /* SET: enum pool_command_set */
    uint32_t health_unset;            /* CHANGE_SERVER: overrides to take away */
    /* A server: ADD: all but id; CHANGE: the members in set; SET_SERVER_ADMIN: admin and
     * drain_ms. A pool's check is in server.health too. */
    struct pool_server server;
    /* SET_SERVERS: all that the pool shall have, without id; owned. */
    struct pool_server *list;
    uint32_t list_n;
    /* A pool: ADD and SET. */
    uint8_t policy;
    struct pool_hash_key hash_key;
    uint64_t given; /* members of settings or of listener.settings, by setting_bit() */
    struct pool_settings settings;
    struct pool_tls tls; /* owned */
    /* A listener: ADD and SET; its name and its rules play no part. */
    struct listener wanted;
    /* A rule: ADD: all but id; SET: the members in set. */
    struct rule rule;
    uint64_t certificate_id; /* SET_, REMOVE_CERTIFICATE */
    /* ADD: all but id, the name NULL unless people gave one; SET: all but id and name, which
     * stay. */
    struct certificate certificate;
    struct vip vip; /* ADD: all but id; SET: the members in set; prefix 0: the default */
    bool has_guard;
    uint32_t guard_n;
    uint64_t *guard_unusable; /* sorted; owned */
    uint64_t if_digest;       /* 0: none */
    bool if_there, if_absent, if_list;
};

void pool_command_init(struct pool_command *c, enum pool_command_type type);
void pool_command_fini(struct pool_command *c);
static inline bool pool_by_is_there(const struct pool_by *by)
{
    return by->at_us != 0;
}
/* Cut to fit; what is not plain ASCII becomes "?". */
void pool_by_set(char *to, size_t size, struct span text);
bool pool_command_is_known(unsigned type);
const char *pool_command_word(enum pool_command_type type); /* "add server" */
enum kind pool_command_kind(enum pool_command_type type);
enum pool_verb pool_command_verb(enum pool_command_type type);

/* Splits and checks a URL into server->url, host, authority, addr (heap strings). WERR_INVALID
 * with error->field "url"; WERR_NOMEM. http://host[:port][/] or the same with https; the host
 * is an IPv4 address, a bracketed IPv6 address or a name, which leaves addr without a family
 * (only its port is set). */
int pool_check_url(struct span url, struct pool_server *server,
                   struct pool_error *error) MUST_USE;

#endif
