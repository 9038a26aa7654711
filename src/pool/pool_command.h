/* pool_command.h - a command: one wish to change the pool description, as a struct.
 *
 * Made by the API from JSON (pool_code.h), checked (pool_check), encoded into a log entry,
 * decoded and applied in every process. Whoever initialised it frees it with pool_command_fini.
 * Pure.
 */
#ifndef WELDR_POOL_POOL_COMMAND_H
#define WELDR_POOL_POOL_COMMAND_H

#include "pool/pool.h"

enum pool_command_type {
#define COMMAND(name, number, word) POOL_##name = (number),
#include "pool/commands.def"
#undef COMMAND
};

/* Which members a CHANGE_SERVER or SET_POOL gives. */
enum pool_command_set {
    POOL_SET_WEIGHT = 1U << 0,
    POOL_SET_MAP_HOST = 1U << 1,
    POOL_SET_META = 1U << 2,
    POOL_SET_HEALTH = 1U << 3, /* merged member by member, by health.set; a member given as null
                                  is unset: health_unset */
    POOL_SET_POLICY = 1U << 4,
    POOL_SET_PROXY_PROTOCOL = 1U << 5
};

struct pool_command {
    enum pool_command_type type;
    uint8_t request_id[16];       /* made by the proposer */
    char pool[POOL_NAME_MAX + 1]; /* "default" */
    uint64_t server_id;           /* CHANGE, REMOVE, SET_SERVER_ADMIN */
    uint32_t set;                 /* CHANGE, SET_POOL: enum pool_command_set */
    uint32_t health_unset;        /* CHANGE: overrides to take away, enum pool_health_set */
    /* ADD: all but id; CHANGE: the members in set; SET_SERVER_ADMIN: admin and drain_ms */
    struct pool_server server;
    uint8_t policy;                /* SET_POOL */
    uint64_t given;                /* SET_POOL: members of settings, by pool_settings_bit() */
    struct pool_settings settings; /* SET_POOL */
};

/* What is wrong with a wish, for the API's answer. */
struct pool_error {
    const char *code; /* invalid_json, missing_field, unknown_key, invalid_url, invalid_value,
                         read_only, not_found, too_many */
    char field[96];   /* "check.interval_ms"; empty when it concerns the whole */
    char detail[224]; /* a sentence: "interval_ms must be a whole number from 100 to 3600000" */
};

void pool_command_init(struct pool_command *c, enum pool_command_type type);
void pool_command_fini(struct pool_command *c);
const char *pool_command_word(enum pool_command_type type); /* "add server" */

/* pool_check.c: values within their limits and references there? 0, WERR_INVALID,
 * WERR_NOT_FOUND; *error filled. Adding what exists is no error here. */
int pool_check(const struct pool_state *s, const struct pool_command *c,
               struct pool_error *error) MUST_USE;
/* Splits and checks a URL into server->url, host, authority, addr (heap strings). WERR_INVALID
 * with error->field "url"; WERR_NOMEM. http://host[:port][/] only; the host is an IPv4 address,
 * a bracketed IPv6 address or a name, which leaves addr without a family (only its port is
 * set). */
int pool_check_url(struct span url, struct pool_server *server,
                   struct pool_error *error) MUST_USE;

#endif
