#include "pool/settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PREFIX_TIMEOUTS "timeouts."
#define PREFIX_LIMITS   "limits."
#define PREFIX_RETRY    "retry."
#define PREFIX_EJECT    "eject."
#define PREFIX_QUEUE    "queue."
#define PREFIX_TLS      "tls."
#define PREFIX_TOP      ""

#define ROW(group, key, type, offset, initial, min, max, help) \
    {PREFIX_##group key,  (key),           (help),             \
     SETTINGS_##group,    SETTING_##type,  (offset),           \
     (uint64_t)(initial), (uint64_t)(min), (uint64_t)(max)},

static const struct setting pool_fields[] = {
#define SETTING(group, member, key, type, initial, min, max, help) \
    ROW(group, key, type, offsetof(struct pool_settings, member), initial, min, max, help)
#include "pool/pool_settings.def"
#undef SETTING
};

static const struct setting listener_fields[] = {
#define SETTING(group, member, key, type, initial, min, max, help) \
    ROW(group, key, type, offsetof(struct listener_settings, member), initial, min, max, help)
#include "pool/listener_settings.def"
#undef SETTING
};

static const struct setting node_fields[] = {
#define SETTING(group, member, key, type, initial, min, max, help) \
    ROW(group, key, type, offsetof(struct node_settings, member), initial, min, max, help)
#include "pool/node_settings.def"
#undef SETTING
};

/* The type in the table is the type of the member. */
#define MEMBER_U32   uint32_t
#define MEMBER_U64   uint64_t
#define MEMBER_BOOL  bool
#define MEMBER_LEVEL uint32_t
#define CHECK_MEMBER(family, member, key, type)                                               \
    _Static_assert(_Generic(((struct family *)NULL)->member, MEMBER_##type : 1, default : 0), \
                   "type of " key);
#define SETTING(group, member, key, type, initial, min, max, help) \
    CHECK_MEMBER(pool_settings, member, key, type)
#include "pool/pool_settings.def"
#undef SETTING
#define SETTING(group, member, key, type, initial, min, max, help) \
    CHECK_MEMBER(listener_settings, member, key, type)
#include "pool/listener_settings.def"
#undef SETTING
#define SETTING(group, member, key, type, initial, min, max, help) \
    CHECK_MEMBER(node_settings, member, key, type)
#include "pool/node_settings.def"
#undef SETTING

#define FIELD_N(fields) ((unsigned)(sizeof(fields) / sizeof((fields)[0])))
_Static_assert(FIELD_N(pool_fields) < 64 && FIELD_N(listener_fields) < 64 &&
                   FIELD_N(node_fields) < 64,
               "a bit for each in a mask");

const struct settings_table pool_settings_table = {.owner = "pools",
                                                   .route = "/pools/default",
                                                   .fields = pool_fields,
                                                   .n = FIELD_N(pool_fields),
                                                   .bytes = sizeof(struct pool_settings)};
const struct settings_table listener_settings_table = {.owner = "listeners",
                                                       .route = "/listeners/default",
                                                       .fields = listener_fields,
                                                       .n = FIELD_N(listener_fields),
                                                       .bytes =
                                                           sizeof(struct listener_settings)};
const struct settings_table node_settings_table = {.owner = "the node",
                                                   .route = "/node",
                                                   .fields = node_fields,
                                                   .n = FIELD_N(node_fields),
                                                   .bytes = sizeof(struct node_settings)};

static const struct settings_table *const tables[] = {
    &pool_settings_table, &listener_settings_table, &node_settings_table};

const char *settings_group_word(enum settings_group group)
{
    static const char *const words[SETTINGS_GROUP_N] = {
        [SETTINGS_TIMEOUTS] = "timeouts",
        [SETTINGS_LIMITS] = "limits",
        [SETTINGS_RETRY] = "retry",
        [SETTINGS_EJECT] = "eject",
        [SETTINGS_QUEUE] = "queue",
        [SETTINGS_TLS] = "tls",
        [SETTINGS_TOP] = "",
    };
    return words[group];
}

const struct setting *settings_find(const struct settings_table *t, enum settings_group group,
                                    const char *key)
{
    for (unsigned i = 0; i < t->n; i++) {
        if (t->fields[i].group == group && strcmp(t->fields[i].key, key) == 0)
            return &t->fields[i];
    }
    return NULL;
}

const struct setting *settings_find_path(const struct settings_table *t, const char *path)
{
    for (unsigned i = 0; i < t->n; i++) {
        if (strcmp(t->fields[i].path, path) == 0)
            return &t->fields[i];
    }
    return NULL;
}

const struct settings_table *settings_find_other(const struct settings_table *t,
                                                 enum settings_group group, const char *key)
{
    for (unsigned i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        if (tables[i] != t && settings_find(tables[i], group, key) != NULL)
            return tables[i];
    }
    return NULL;
}

uint64_t settings_all(const struct settings_table *t)
{
    return (UINT64_C(1) << t->n) - 1;
}

void settings_init(const struct settings_table *t, void *settings)
{
    memset(settings, 0, t->bytes);
    for (unsigned i = 0; i < t->n; i++)
        setting_set(settings, &t->fields[i], t->fields[i].initial);
}

uint64_t setting_get(const void *settings, const struct setting *f)
{
    const void *member = (const char *)settings + f->offset;
    switch (f->type) {
    case SETTING_U32:
    case SETTING_LEVEL:
        return *(const uint32_t *)member;
    case SETTING_U64:
        return *(const uint64_t *)member;
    default:
        return *(const bool *)member;
    }
}

void setting_set(void *settings, const struct setting *f, uint64_t n)
{
    void *member = (char *)settings + f->offset;
    switch (f->type) {
    case SETTING_U32:
    case SETTING_LEVEL:
        *(uint32_t *)member = (uint32_t)n;
        break;
    case SETTING_U64:
        *(uint64_t *)member = n;
        break;
    default:
        *(bool *)member = n != 0;
        break;
    }
}

void settings_merge(const struct settings_table *t, void *into, const void *from,
                    uint64_t given)
{
    for (unsigned i = 0; i < t->n; i++) {
        const struct setting *f = &t->fields[i];
        if ((given & setting_bit(t, f)) != 0)
            setting_set(into, f, setting_get(from, f));
    }
}

bool setting_is_valid(const struct setting *f, uint64_t n)
{
    return n >= f->min && n <= f->max;
}

static const char *const level_words[SETTING_LEVEL_N] = {"error", "warn", "info", "debug",
                                                         "trace"};

const char *setting_level_word(uint64_t n)
{
    return n < SETTING_LEVEL_N ? level_words[n] : NULL;
}

bool setting_level_from_word(const char *word, uint64_t *n)
{
    for (unsigned i = 0; i < SETTING_LEVEL_N; i++) {
        if (strcmp(level_words[i], word) == 0) {
            *n = i;
            return true;
        }
    }
    return false;
}

void setting_print_wish(const struct setting *f, char *buf, size_t size)
{
    if (f->type == SETTING_BOOL)
        snprintf(buf, size, "%s must be true or false (%s)", f->key, f->help);
    else if (f->type == SETTING_LEVEL)
        snprintf(buf, size, "%s must be error, warn, info, debug or trace (%s)", f->key,
                 f->help);
    else
        snprintf(buf, size, "%s must be a whole number from %" PRIu64 " to %" PRIu64 " (%s)",
                 f->key, f->min, f->max, f->help);
}

int settings_check(const struct settings_table *t, const void *settings, uint64_t given,
                   struct pool_error *error)
{
    for (unsigned i = 0; i < t->n; i++) {
        const struct setting *f = &t->fields[i];
        if ((given & setting_bit(t, f)) == 0 || setting_is_valid(f, setting_get(settings, f)))
            continue;
        char wish[200];
        setting_print_wish(f, wish, sizeof(wish));
        pool_error_set(error, "invalid_value", f->path, "%s", wish);
        return WERR_INVALID;
    }
    return 0;
}
