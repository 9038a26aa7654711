#include <stdlib.h>

#include "pool/pool_code_int.h"

static const char *const admin_words[] = {
    [POOL_ADMIN_ENABLED] = "enabled",
    [POOL_ADMIN_DRAINING] = "draining",
    [POOL_ADMIN_MAINTENANCE] = "maintenance",
};

const char *pool_admin_word(enum pool_admin admin)
{
    return (unsigned)admin <= POOL_ADMIN_MAINTENANCE ? admin_words[admin] : "enabled";
}

void code_write_json(struct jtext *t, const char *key, json_t *value)
{
    char *text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;
    jtext_json(t, key, text);
    free(text);
    json_decref(value);
}

void code_write_health(struct jtext *t, const char *key, const struct pool_health *h,
                       uint32_t unset)
{
    char buf[POOL_EXPECT_TEXT_MAX];
    jtext_open(t, key, '{');
    for (unsigned i = 0; i < POOL_HEALTH_FIELD_N; i++) {
        const struct pool_health_field *f = &pool_health_fields[i];
        bool is_set = (h->set & f->bit) != 0;
        if (!is_set && (unset & f->bit) != 0)
            jtext_null(t, f->key);
        else if (is_set && (f->kind == POOL_KIND_U16 || f->kind == POOL_KIND_U32))
            jtext_number(t, f->key, pool_health_number(h, f));
        else if (is_set)
            jtext_str(t, f->key, pool_health_text(h, f, buf));
    }
    jtext_close(t, '}');
}

static void write_setting(struct jtext *t, const struct setting *f, uint64_t n)
{
    switch (f->type) {
    case SETTING_BOOL:
        jtext_bool(t, f->key, n != 0);
        break;
    case SETTING_LEVEL:
        jtext_str(t, f->key, setting_level_word(n) != NULL ? setting_level_word(n) : "info");
        break;
    default:
        jtext_number(t, f->key, n);
        break;
    }
}

void code_write_text(struct jtext *t, const char *key, const char *text)
{
    if (text != NULL)
        jtext_str(t, key, text);
    else
        jtext_null(t, key);
}

/* tls NULL: the group holds nothing but settings. */
static void write_group(struct jtext *t, enum settings_group group,
                        const struct settings_table *table, const void *settings,
                        uint64_t given, const struct code_tls *tls)
{
    bool is_open = tls != NULL && tls->set != 0;
    if (is_open) {
        jtext_open(t, settings_group_word(group), '{');
        tls->write(t, tls->of, tls->set);
    }
    for (unsigned i = 0; i < table->n; i++) {
        const struct setting *f = &table->fields[i];
        if (f->group != group || (given & setting_bit(table, f)) == 0)
            continue;
        if (!is_open && group != SETTINGS_TOP) {
            jtext_open(t, settings_group_word(group), '{');
            is_open = true;
        }
        write_setting(t, f, setting_get(settings, f));
    }
    if (is_open)
        jtext_close(t, '}');
}

void code_write_settings(struct jtext *t, const struct settings_table *table,
                         const void *settings, uint64_t given, const struct code_tls *tls)
{
    for (enum settings_group group = 0; group < SETTINGS_GROUP_N; group++)
        write_group(t, group, table, settings, given, group == SETTINGS_TLS ? tls : NULL);
}

char *pool_code_health_json(const struct pool_health *h)
{
    struct jtext t;
    jtext_init_compact(&t);
    code_write_health(&t, NULL, h, 0);
    return jtext_take(&t);
}

char *pool_code_node_json(const struct node_settings *settings)
{
    struct jtext t;
    jtext_init_compact(&t);
    jtext_open(&t, NULL, '{');
    code_write_settings(&t, &node_settings_table, settings, UINT64_MAX, NULL);
    jtext_close(&t, '}');
    return jtext_take(&t);
}
