#include "pool/pool_settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PREFIX_TIMEOUTS "timeouts."
#define PREFIX_LIMITS   "limits."
#define PREFIX_RETRY    "retry."
#define PREFIX_EJECT    "eject."
#define PREFIX_TOP      ""

const struct pool_setting pool_settings_table[POOL_SETTING_N] = {
#define SETTING(group, member, key, type, initial, min, max, help) \
    {PREFIX_##group key,                                           \
     (key),                                                        \
     (help),                                                       \
     POOL_GROUP_##group,                                           \
     POOL_SETTING_##type,                                          \
     offsetof(struct pool_settings, member),                       \
     (uint64_t)(initial),                                          \
     (uint64_t)(min),                                              \
     (uint64_t)(max)},
#include "pool/settings.def"
#undef SETTING
};
_Static_assert(POOL_SETTING_N <= 64, "a bit for each in a mask");

/* The type in the table is the type of the member. */
#define MEMBER_U32  uint32_t
#define MEMBER_U64  uint64_t
#define MEMBER_BOOL bool
#define SETTING(group, member, key, type, initial, min, max, help)                        \
    _Static_assert(                                                                       \
        _Generic(((struct pool_settings *)NULL)->member, MEMBER_##type : 1, default : 0), \
        "type of " key);
#include "pool/settings.def"
#undef SETTING

const char *pool_settings_group_word(enum pool_settings_group group)
{
    static const char *const words[POOL_GROUP_N] = {
        [POOL_GROUP_TIMEOUTS] = "timeouts",
        [POOL_GROUP_LIMITS] = "limits",
        [POOL_GROUP_RETRY] = "retry",
        [POOL_GROUP_EJECT] = "eject",
        [POOL_GROUP_TOP] = "",
    };
    return words[group];
}

const struct pool_setting *pool_settings_find(enum pool_settings_group group, const char *key)
{
    for (unsigned i = 0; i < POOL_SETTING_N; i++) {
        const struct pool_setting *f = &pool_settings_table[i];
        if (f->group == group && strcmp(f->key, key) == 0)
            return f;
    }
    return NULL;
}

/* Padding too, so that two of them can be compared as bytes. */
void pool_settings_init(struct pool_settings *s)
{
    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < POOL_SETTING_N; i++)
        pool_settings_set(s, &pool_settings_table[i], pool_settings_table[i].initial);
}

uint64_t pool_settings_get(const struct pool_settings *s, const struct pool_setting *f)
{
    const void *member = (const char *)s + f->offset;
    switch (f->type) {
    case POOL_SETTING_U32:
        return *(const uint32_t *)member;
    case POOL_SETTING_U64:
        return *(const uint64_t *)member;
    default:
        return *(const bool *)member;
    }
}

void pool_settings_set(struct pool_settings *s, const struct pool_setting *f, uint64_t n)
{
    void *member = (char *)s + f->offset;
    switch (f->type) {
    case POOL_SETTING_U32:
        *(uint32_t *)member = (uint32_t)n;
        break;
    case POOL_SETTING_U64:
        *(uint64_t *)member = n;
        break;
    default:
        *(bool *)member = n != 0;
        break;
    }
}

void pool_settings_merge(struct pool_settings *into, const struct pool_settings *from,
                         uint64_t given)
{
    for (unsigned i = 0; i < POOL_SETTING_N; i++) {
        const struct pool_setting *f = &pool_settings_table[i];
        if ((given & pool_settings_bit(f)) != 0)
            pool_settings_set(into, f, pool_settings_get(from, f));
    }
}

bool pool_settings_is_valid(const struct pool_setting *f, uint64_t n)
{
    return n >= f->min && n <= f->max;
}

void pool_settings_print_wish(const struct pool_setting *f, char *buf, size_t size)
{
    if (f->type == POOL_SETTING_BOOL)
        snprintf(buf, size, "%s must be true or false (%s)", f->key, f->help);
    else
        snprintf(buf, size, "%s must be a whole number from %" PRIu64 " to %" PRIu64 " (%s)",
                 f->key, f->min, f->max, f->help);
}
