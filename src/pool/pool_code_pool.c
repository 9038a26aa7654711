#include "pool/pool_code_int.h"
#include "pool/pool_policy.h"

/* ---- reading ---- */

static int read_policy(struct reading *r, json_t *value)
{
    const char *word = json_is_null(value) ? pool_policy_word(POOL_POLICY_ROUND_ROBIN)
                                           : json_string_value(value);
    if (word == NULL || !pool_policy_from_word(word, &r->c->policy))
        return code_refuse_value(r, "policy", POOL_POLICY_WISH);
    r->c->set |= POOL_SET_POLICY;
    return 0;
}

static int read_hash_key(struct reading *r, json_t *value)
{
    if (json_is_null(value))
        r->c->hash_key = (struct pool_hash_key){.by = POOL_HASH_ADDRESS};
    else if (!json_is_string(value) ||
             pool_hash_key_from_text(code_text(value), &r->c->hash_key) != 0)
        return code_refuse_value(r, "hash_key", POOL_HASH_KEY_WISH);
    r->c->set |= POOL_SET_HASH_KEY;
    return 0;
}

static int read_name(struct reading *r, json_t *value)
{
    return code_read_name(r, value, r->c->pool);
}

enum { SEEN_NAME = 1U << 0 };

#define SHARED_MEMBERS                                                                         \
    {"policy", read_policy, 0}, {"hash_key", read_hash_key, 0}, {"check", code_read_check, 0}, \
    {                                                                                          \
        NULL, NULL, 0                                                                          \
    }

static const struct member set_members[] = {SHARED_MEMBERS};
static const struct member add_members[] = {{"name", read_name, SEEN_NAME}, SHARED_MEMBERS};

static int read_pool(struct reading *r, json_t *object)
{
    bool is_add = r->c->type == POOL_ADD_POOL;
    r->table = &pool_settings_table;
    r->settings = &r->c->settings;
    r->given = &r->c->given;
    r->tls = code_pool_tls;
    int rc = code_read_settings(r, object, is_add ? add_members : set_members);
    bool needs_name = is_add && !r->is_stored && r->name.len == 0;
    return rc == 0 && needs_name && (r->seen & SEEN_NAME) == 0 ? code_refuse_missing(r, "name")
                                                               : rc;
}

int pool_code_set_pool_from_json(struct span body, struct pool_command *c,
                                 struct pool_error *error)
{
    struct reading r = {.c = c, .error = error};
    pool_command_init(c, POOL_SET_POOL);
    return code_read_document(body, &r, read_pool);
}

int pool_code_add_pool_from_json(struct span body, struct span name, struct pool_command *c,
                                 struct pool_error *error)
{
    struct reading r = {.c = c, .error = error, .name = name};
    pool_command_init(c, POOL_ADD_POOL);
    c->is_put = name.len > 0;
    int rc = code_take_name(&r, c->pool);
    return rc == 0 ? code_read_document(body, &r, read_pool) : rc;
}

/* ---- writing ---- */

static void write_members(struct jtext *t, const struct pool *p, uint32_t set, uint64_t given)
{
    char text[POOL_HASH_KEY_TEXT_MAX];
    if ((set & POOL_SET_POLICY) != 0)
        jtext_str(t, "policy", pool_policy_word((enum pool_policy)p->policy));
    if ((set & POOL_SET_HASH_KEY) != 0)
        jtext_str(t, "hash_key", pool_hash_key_print(&p->hash_key, text));
    const struct code_tls tls = {code_write_pool_tls, &p->tls, set & POOL_SET_POOL_TLS};
    code_write_settings(t, &pool_settings_table, &p->settings, given, &tls);
    if ((set & POOL_SET_HEALTH) != 0)
        code_write_health(t, "check", &p->health, 0);
}

static void write_pool(struct jtext *t, const char *key, const struct pool_command *c)
{
    const struct pool wanted = {.policy = c->policy,
                                .hash_key = c->hash_key,
                                .settings = c->settings,
                                .tls = c->tls,
                                .health = c->server.health};
    jtext_open(t, key, '{');
    write_members(t, &wanted, c->set, c->given);
    jtext_close(t, '}');
}

char *pool_code_pool_json(const struct pool *p)
{
    struct jtext t;
    jtext_init_compact(&t);
    jtext_open(&t, NULL, '{');
    jtext_str(&t, "name", p->name);
    write_members(&t, p, UINT32_MAX, UINT64_MAX);
    jtext_close(&t, '}');
    return jtext_take(&t);
}

const struct code_kind code_pool = {read_pool, write_pool};
