/* server_settings.h - the settings of a server that people decide, as server_settings.def names
 * them: what reads, writes, compares, copies and checks them goes by this table. */
#ifndef WELDR_POOL_SERVER_SETTINGS_H
#define WELDR_POOL_SERVER_SETTINGS_H

#include <stddef.h>

#include "pool/pool.h"

enum server_setting_type {
    SERVER_SETTING_BOOL,
    SERVER_SETTING_U16,
    SERVER_SETTING_U32,
    SERVER_SETTING_VERSION /* a byte: 0 or max */
};

/* A number or a switch. */
struct server_setting {
    uint32_t bit; /* enum pool_command_set */
    const char *key;
    size_t at; /* in struct pool_server */
    uint8_t type;
    uint32_t initial, min, max;
};

enum {
#define SERVER_SETTING(bit, member, key, type, initial, min, max, says) SERVER_SETTING_##bit,
#define SERVER_PART(bit, member, key, says)
#include "pool/server_settings.def"
#undef SERVER_SETTING
#undef SERVER_PART
    SERVER_SETTINGS_N
};
extern const struct server_setting server_settings[SERVER_SETTINGS_N];

uint32_t server_setting_get(const struct pool_server *server, const struct server_setting *f);
void server_setting_set(struct pool_server *server, const struct server_setting *f, uint32_t n);
bool server_setting_takes(const struct server_setting *f, uint64_t n);
/* "weight must be a whole number from 0 to 256" */
void server_setting_print_wish(const struct server_setting *f, char *buf, size_t size);
/* Those in set get the values that from has. */
void server_settings_copy(struct pool_server *to, const struct pool_server *from, uint32_t set);

/* What two servers with the same URL do not say alike: enum pool_command_set. What people made
 * of the state (admin) plays no part. */
uint32_t server_differs(const struct pool_server *a, const struct pool_server *b);
/* The key of the i-th member, objects included, and its bit; NULL: that was all. */
const char *server_member(unsigned i, uint32_t *bit);

#endif
