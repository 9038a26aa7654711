#include <stdio.h>

#include "pool/pool_code_int.h"
#include "pool/rule_code.h"

/* ---- reading ---- */

static int read_name(struct reading *r, json_t *value)
{
    return code_read_name(r, value, r->c->listener);
}

/* Port 0 means any free port: for tests and flags, where nobody has to find it again. */
static bool read_address(struct reading *r, json_t *value, struct addr *a)
{
    return json_is_string(value) && addr_from_text(code_text(value), a) == 0 &&
           (a->port != 0 || r->is_stored);
}

static int read_addresses(struct reading *r, json_t *value)
{
    struct listener *wanted = &r->c->wanted;
    if (!json_is_array(value) || json_array_size(value) > LISTENER_ADDRESSES_MAX)
        return code_refuse_value(r, "addresses",
                                 "addresses must be a list of 1 to 16 addresses");
    wanted->address_n = (uint8_t)json_array_size(value);
    for (unsigned i = 0; i < wanted->address_n; i++) {
        char field[32];
        if (read_address(r, json_array_get(value, i), &wanted->addresses[i]))
            continue;
        snprintf(field, sizeof(field), "addresses[%u]", i);
        return code_refuse_value(r, field,
                                 "an address must be like \"127.0.0.1:8080\" or \"[::]:80\"");
    }
    r->c->set |= POOL_SET_ADDRESSES;
    return 0;
}

static int read_protocol(struct reading *r, json_t *value)
{
    uint8_t *protocol = &r->c->wanted.protocol;
    *protocol = LISTENER_HTTP;
    r->c->set |= POOL_SET_PROTOCOL;
    if (json_is_null(value) ||
        (json_is_string(value) && listener_protocol_from_word(code_text(value), protocol)))
        return 0;
    return code_refuse_value(r, "protocol", LISTENER_PROTOCOL_WISH);
}

static int read_proxy_protocol(struct reading *r, json_t *value)
{
    if (!json_is_boolean(value) && !json_is_null(value))
        return code_refuse_value(r, "proxy_protocol", "proxy_protocol must be true or false");
    r->c->wanted.proxy_protocol = json_is_true(value);
    r->c->set |= POOL_SET_PROXY_PROTOCOL;
    return 0;
}

/* null: nobody was named. An empty list: nobody is trusted. */
static int read_trusted(struct reading *r, json_t *value)
{
    struct listener *wanted = &r->c->wanted;
    size_t n = json_array_size(value);
    if ((!json_is_array(value) && !json_is_null(value)) || n > CIDR_LIST_MAX)
        return code_refuse_value(r, "trusted_proxies",
                                 "trusted_proxies must be null or a list of at most 64 ranges");
    for (unsigned i = 0; i < n; i++) {
        json_t *range = json_array_get(value, i);
        char field[32];
        if (json_is_string(range) &&
            cidr_from_text(code_text(range), &wanted->trusted.ranges[i]) == 0)
            continue;
        snprintf(field, sizeof(field), "trusted_proxies[%u]", i);
        return code_refuse_value(r, field,
                                 "a range must be like \"10.0.0.0/8\", \"2001:db8::/32\" or "
                                 "an address");
    }
    wanted->has_trusted = json_is_array(value);
    wanted->trusted.n = (unsigned)n;
    r->c->set |= POOL_SET_TRUSTED;
    return 0;
}

static int read_action(struct reading *r, json_t *value)
{
    json_t *standard = NULL;
    r->c->set |= POOL_SET_DEFAULT_ACTION;
    if (json_is_null(value)) {
        value = standard = json_pack("{s:[{s:s}]}", "forward", "pool", "default");
        if (standard == NULL)
            return WERR_NOMEM;
    }
    int rc =
        rule_action_from_json(value, "default_action", &r->c->wanted.default_action, r->error);
    json_decref(standard);
    return rc;
}

enum { SEEN_NAME = 1U << 0 };

#define SHARED_MEMBERS                                                                    \
    {"addresses", read_addresses, 0}, {"protocol", read_protocol, 0},                     \
        {"proxy_protocol", read_proxy_protocol, 0}, {"trusted_proxies", read_trusted, 0}, \
        {"default_action", read_action, 0},                                               \
    {                                                                                     \
        NULL, NULL, 0                                                                     \
    }

static const struct member set_members[] = {SHARED_MEMBERS};
static const struct member add_members[] = {{"name", read_name, SEEN_NAME}, SHARED_MEMBERS};

static int read_listener(struct reading *r, json_t *object)
{
    bool is_add = r->c->type == POOL_ADD_LISTENER;
    r->table = &listener_settings_table;
    r->settings = &r->c->wanted.settings;
    r->given = &r->c->given;
    r->tls = code_listener_tls;
    int rc = code_read_settings(r, object, is_add ? add_members : set_members);
    bool needs_name = is_add && !r->is_stored && r->name.len == 0;
    return rc == 0 && needs_name && (r->seen & SEEN_NAME) == 0 ? code_refuse_missing(r, "name")
                                                               : rc;
}

int pool_code_set_listener_from_json(struct span body, struct pool_command *c,
                                     struct pool_error *error)
{
    struct reading r = {.c = c, .error = error};
    pool_command_init(c, POOL_SET_LISTENER);
    return code_read_document(body, &r, read_listener);
}

int pool_code_add_listener_from_json(struct span body, struct span name, struct pool_command *c,
                                     struct pool_error *error)
{
    struct reading r = {.c = c, .error = error, .name = name};
    pool_command_init(c, POOL_ADD_LISTENER);
    c->is_put = name.len > 0;
    int rc = code_take_name(&r, c->listener);
    return rc == 0 ? code_read_document(body, &r, read_listener) : rc;
}

/* ---- writing ---- */

static void write_addresses(struct jtext *t, const struct listener *l)
{
    jtext_open(t, "addresses", '[');
    for (unsigned i = 0; i < l->address_n; i++) {
        char text[ADDR_TEXT_MAX];
        addr_print(&l->addresses[i], text);
        jtext_str(t, NULL, text);
    }
    jtext_close(t, ']');
}

static void write_trusted(struct jtext *t, const struct listener *l)
{
    if (!l->has_trusted) {
        jtext_null(t, "trusted_proxies");
        return;
    }
    jtext_open(t, "trusted_proxies", '[');
    for (unsigned i = 0; i < l->trusted.n; i++) {
        char text[CIDR_TEXT_MAX];
        cidr_print(&l->trusted.ranges[i], text);
        jtext_str(t, NULL, text);
    }
    jtext_close(t, ']');
}

static void write_members(struct jtext *t, const struct listener *l, uint32_t set,
                          uint64_t given)
{
    if ((set & POOL_SET_ADDRESSES) != 0)
        write_addresses(t, l);
    if ((set & POOL_SET_PROTOCOL) != 0)
        jtext_str(t, "protocol", listener_protocol_word((enum listener_protocol)l->protocol));
    if ((set & POOL_SET_PROXY_PROTOCOL) != 0)
        jtext_bool(t, "proxy_protocol", l->proxy_protocol);
    if ((set & POOL_SET_TRUSTED) != 0)
        write_trusted(t, l);
    const struct code_tls tls = {code_write_listener_tls, &l->tls, set & POOL_SET_LISTENER_TLS};
    code_write_settings(t, &listener_settings_table, &l->settings, given, &tls);
    if ((set & POOL_SET_DEFAULT_ACTION) != 0)
        code_write_json(t, "default_action", rule_action_to_json(&l->default_action));
}

static void write_listener(struct jtext *t, const char *key, const struct pool_command *c)
{
    jtext_open(t, key, '{');
    write_members(t, &c->wanted, c->set, c->given);
    jtext_close(t, '}');
}

char *pool_code_listener_json(const struct listener *l)
{
    struct jtext t;
    jtext_init_compact(&t);
    jtext_open(&t, NULL, '{');
    jtext_str(&t, "name", l->name);
    write_members(&t, l, UINT32_MAX, UINT64_MAX);
    jtext_close(&t, '}');
    return jtext_take(&t);
}

const struct code_kind code_listener = {read_listener, write_listener};
