#include "pool/server_settings.h"

#include <stdio.h>
#include <string.h>

#include "pool/pool_command.h"
#include "pool/pool_health.h"

const struct server_setting server_settings[SERVER_SETTINGS_N] = {
#define SERVER_SETTING(bit, member, key, type, initial, min, max, says) \
    {POOL_SET_##bit,                                                    \
     key,                                                               \
     offsetof(struct pool_server, member),                              \
     SERVER_SETTING_##type,                                             \
     initial,                                                           \
     min,                                                               \
     max},
#define SERVER_PART(bit, member, key, says)
#include "pool/server_settings.def"
#undef SERVER_SETTING
#undef SERVER_PART
};

uint32_t server_setting_get(const struct pool_server *server, const struct server_setting *f)
{
    const char *at = (const char *)server + f->at;
    uint32_t wide;
    uint16_t narrow;

    switch (f->type) {
    case SERVER_SETTING_U32:
        memcpy(&wide, at, sizeof(wide));
        return wide;
    case SERVER_SETTING_U16:
        memcpy(&narrow, at, sizeof(narrow));
        return narrow;
    default:
        return *(const uint8_t *)at;
    }
}

void server_setting_set(struct pool_server *server, const struct server_setting *f, uint32_t n)
{
    char *at = (char *)server + f->at;
    const uint16_t narrow = (uint16_t)n;

    if (f->type == SERVER_SETTING_U32)
        memcpy(at, &n, sizeof(n));
    else if (f->type == SERVER_SETTING_U16)
        memcpy(at, &narrow, sizeof(narrow));
    else
        *(uint8_t *)at = (uint8_t)n;
}

bool server_setting_takes(const struct server_setting *f, uint64_t n)
{
    return f->type == SERVER_SETTING_VERSION ? n == 0 || n == f->max
                                             : n >= f->min && n <= f->max;
}

void server_setting_print_wish(const struct server_setting *f, char *buf, size_t size)
{
    if (f->type == SERVER_SETTING_BOOL)
        snprintf(buf, size, "%s must be true or false", f->key);
    else if (f->type == SERVER_SETTING_VERSION)
        snprintf(buf, size, "%s must be 0 or %u", f->key, f->max);
    else
        snprintf(buf, size, "%s must be a whole number from %u to %u", f->key, f->min, f->max);
}

void server_settings_copy(struct pool_server *to, const struct pool_server *from, uint32_t set)
{
    for (unsigned i = 0; i < SERVER_SETTINGS_N; i++) {
        const struct server_setting *f = &server_settings[i];

        if ((set & f->bit) != 0)
            server_setting_set(to, f, server_setting_get(from, f));
    }
}

static bool is_equal_meta(const struct pool_server *a, const struct pool_server *b)
{
    bool is_equal = a->meta_n == b->meta_n;

    for (unsigned i = 0; is_equal && i < a->meta_n; i++) {
        is_equal = strcmp(a->meta[i].key, b->meta[i].key) == 0 &&
                   strcmp(a->meta[i].value, b->meta[i].value) == 0;
    }
    return is_equal;
}

static bool is_equal_health(const struct pool_server *a, const struct pool_server *b)
{
    return pool_health_is_equal(&a->health, &b->health);
}

uint32_t server_differs(const struct pool_server *a, const struct pool_server *b)
{
    uint32_t differs = 0;

#define SERVER_SETTING(bit, member, key, type, initial, min, max, says) \
    differs |= a->member != b->member ? POOL_SET_##bit : 0U;
#define SERVER_PART(bit, member, key, says) \
    differs |= is_equal_##member(a, b) ? 0U : POOL_SET_##bit;
#include "pool/server_settings.def"
#undef SERVER_SETTING
#undef SERVER_PART
    return differs;
}

const char *server_member(unsigned i, uint32_t *bit)
{
    static const struct {
        uint32_t bit;
        const char *key;
    } members[] = {
#define SERVER_SETTING(bit, member, key, type, initial, min, max, says) {POOL_SET_##bit, key},
#define SERVER_PART(bit, member, key, says)                             {POOL_SET_##bit, key},
#include "pool/server_settings.def"
#undef SERVER_SETTING
#undef SERVER_PART
    };

    if (i >= sizeof(members) / sizeof(members[0]))
        return NULL;
    *bit = members[i].bit;
    return members[i].key;
}
