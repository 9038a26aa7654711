#include "pool/pool_code.h"

#include <endian.h>
#include <stdlib.h>

#include "base/num.h"
#include "pool/levels.h"
#include "pool/pool_code_int.h"
#include "pool/pool_mem.h"

const struct code_kind *code_kind(enum kind kind)
{
    static const struct code_kind *const kinds[KIND_N] = {
#define KIND(name, number, letter, word, list, family) [number] = &code_##family,
#include "pool/kinds.def"
#undef KIND
    };
    return kinds[kind];
}

int pool_code_read_stored(enum kind kind, struct span json, struct pool_command *c)
{
    struct reading r = {.c = c, .is_stored = true};
    for (unsigned type = 0; pool_command_is_known(type) || type == 0; type++) {
        if (pool_command_is_known(type) &&
            pool_command_kind((enum pool_command_type)type) == kind &&
            pool_command_verb((enum pool_command_type)type) == POOL_VERB_ADD) {
            pool_command_init(c, (enum pool_command_type)type);
            return code_read_document(json, &r, code_kind(kind)->read);
        }
    }
    return WERR_CORRUPT;
}

static int read_node(struct reading *r, json_t *object)
{
    static const struct member none[] = {{NULL, NULL, 0}};
    return code_read_settings(r, object, none);
}

int pool_code_set_node_from_json(struct span body, struct node_settings *settings,
                                 struct pool_error *error)
{
    struct node_settings wanted = *settings;
    uint64_t given = 0;
    json_t *object = NULL;
    struct reading r = {
        .error = error, .table = &node_settings_table, .settings = &wanted, .given = &given};
    int rc = code_parse(body, &object, error);
    if (rc != 0)
        return rc;
    rc = read_node(&r, object);
    json_decref(object);
    if (rc == 0)
        *settings = wanted;
    return rc;
}

/* ---- payloads: what a log entry says ---- */

enum {
    SEEN_TARGET = 1U << 0,
    SEEN_ID = 1U << 1,
    SEEN_SET = 1U << 2,
    SEEN_REVISION = 1U << 3,
    HEX_TEXT_MAX = 17,
};

static bool is_of_pool(enum kind kind)
{
    return kind == KIND_POOL || kind == KIND_SERVER;
}

static bool is_of_listener(enum kind kind)
{
    return kind == KIND_LISTENER || kind == KIND_RULE;
}

static int read_vip_address(struct reading *r, json_t *value)
{
    return pool_command_kind(r->c->type) == KIND_VIP && json_is_string(value)
               ? vip_set_address(&r->c->vip, code_text(value))
               : WERR_INVALID;
}

static int read_pool_name(struct reading *r, json_t *value)
{
    return is_of_pool(pool_command_kind(r->c->type)) ? code_read_name(r, value, r->c->pool)
                                                     : WERR_INVALID;
}

static int read_listener_name(struct reading *r, json_t *value)
{
    return is_of_listener(pool_command_kind(r->c->type))
               ? code_read_name(r, value, r->c->listener)
               : WERR_INVALID;
}

/* Where a command has the id of its object; 0: that is named. */
static const size_t id_offsets[KIND_N] = {
    [KIND_SERVER] = offsetof(struct pool_command, server_id),
    [KIND_RULE] = offsetof(struct pool_command, rule_id),
    [KIND_CERTIFICATE] = offsetof(struct pool_command, certificate_id),
};

static int read_id(struct reading *r, json_t *value)
{
    const enum kind kind = pool_command_kind(r->c->type);
    uint64_t id = 0;
    if (id_offsets[kind] == 0 || !json_is_string(value) ||
        kind_id_from_text(kind, code_text(value), &id) != 0)
        return WERR_INVALID;
    memcpy((char *)r->c + id_offsets[kind], &id, sizeof(id));
    return 0;
}

static int read_set(struct reading *r, json_t *value)
{
    if (!json_is_object(value))
        return WERR_INVALID;
    return code_kind(pool_command_kind(r->c->type))->read(r, value);
}

static int read_put(struct reading *r, json_t *value)
{
    r->c->is_put = json_is_true(value);
    return r->c->is_put && pool_command_verb(r->c->type) == POOL_VERB_ADD ? 0 : WERR_INVALID;
}

static int read_if(struct reading *r, json_t *value)
{
    if (!json_is_string(value))
        return WERR_INVALID;
    int rc = num_from_hex(code_text(value), UINT64_MAX, &r->c->if_digest);
    return rc == 0 && r->c->if_digest != 0 ? 0 : WERR_INVALID;
}

static int read_true(bool *to, json_t *value)
{
    *to = json_is_true(value);
    return *to ? 0 : WERR_INVALID;
}

static int read_there(struct reading *r, json_t *value)
{
    return read_true(&r->c->if_there, value);
}

static int read_absent(struct reading *r, json_t *value)
{
    return read_true(&r->c->if_absent, value);
}

static int read_list(struct reading *r, json_t *value)
{
    return read_true(&r->c->if_list, value);
}

/* The ids are sorted, without one twice. */
static int read_guard(struct reading *r, json_t *value)
{
    struct pool_command *c = r->c;
    uint64_t last = 0;
    if (!json_is_array(value) || json_array_size(value) > POOL_SERVERS_MAX)
        return WERR_INVALID;
    c->has_guard = true;
    c->guard_unusable = pool_calloc(json_array_size(value) + 1, sizeof(uint64_t));
    if (c->guard_unusable == NULL)
        return WERR_NOMEM;
    for (; c->guard_n < json_array_size(value); c->guard_n++) {
        json_t *id = json_array_get(value, c->guard_n);
        uint64_t *to = &c->guard_unusable[c->guard_n];
        if (!json_is_string(id) || num_from_hex(code_text(id), UINT64_MAX, to) != 0 ||
            *to <= last)
            return WERR_INVALID;
        last = *to;
    }
    return 0;
}

static int read_revision(struct reading *r, json_t *value)
{
    return r->c->type == POOL_RESTORE &&
                   code_number(value, 1, POOL_ID_INDEX_MAX, &r->c->restore)
               ? 0
               : WERR_INVALID;
}

/* ---- who wished for it ---- */

static int read_by_text(json_t *value, char *to, size_t size)
{
    if (!json_is_string(value))
        return WERR_INVALID;
    pool_by_set(to, size, code_text(value));
    return strcmp(to, json_string_value(value)) == 0 ? 0 : WERR_INVALID;
}

static int read_by_at(struct reading *r, json_t *value)
{
    return code_number(value, 1, INT64_MAX, &r->c->by.at_us) ? 0 : WERR_INVALID;
}

static int read_by_node(struct reading *r, json_t *value)
{
    return json_is_string(value) &&
                   num_from_hex(code_text(value), UINT64_MAX, &r->c->by.node) == 0
               ? 0
               : WERR_INVALID;
}

static int read_by_address(struct reading *r, json_t *value)
{
    return read_by_text(value, r->c->by.address, sizeof(r->c->by.address));
}

static int read_by_token(struct reading *r, json_t *value)
{
    return read_by_text(value, r->c->by.token, sizeof(r->c->by.token));
}

static int read_by_request(struct reading *r, json_t *value)
{
    return read_by_text(value, r->c->by.request, sizeof(r->c->by.request));
}

static int read_by(struct reading *r, json_t *value)
{
    static const struct member members[] = {
        {"at_us", read_by_at, 0},        {"node", read_by_node, 0},
        {"address", read_by_address, 0}, {"token", read_by_token, 0},
        {"request", read_by_request, 0}, {NULL, NULL, 0},
    };
    if (!json_is_object(value))
        return WERR_INVALID;
    const int rc = code_read_members(r, value, members);
    return rc == 0 && !pool_by_is_there(&r->c->by) ? WERR_INVALID : rc;
}

static void write_by(struct jtext *t, const struct pool_by *by)
{
    char hex[HEX_TEXT_MAX];
    hex[num_to_hex(by->node, hex)] = '\0';
    jtext_open(t, "by", '{');
    jtext_number(t, "at_us", by->at_us);
    jtext_str(t, "node", hex);
    jtext_str(t, "address", by->address);
    jtext_str(t, "token", by->token);
    jtext_str(t, "request", by->request);
    jtext_close(t, '}');
}

/* ---- all of it ---- */

/* "put" and the guards come before "set", since what that holds depends on them. */
static const struct member payload_members[] = {
    {"pool", read_pool_name, SEEN_TARGET},
    {"listener", read_listener_name, SEEN_TARGET},
    {"vip", read_vip_address, SEEN_TARGET},
    {"id", read_id, SEEN_ID},
    {"set", read_set, SEEN_SET},
    {"put", read_put, 0},
    {"if", read_if, 0},
    {"if_there", read_there, 0},
    {"if_absent", read_absent, 0},
    {"if_list", read_list, 0},
    {"guard", read_guard, 0},
    {"by", read_by, 0},
    {"revision", read_revision, SEEN_REVISION},
    {NULL, NULL, 0},
};

static bool has_target(enum pool_command_type type)
{
    const enum kind kind = pool_command_kind(type);
    return is_of_pool(kind) || is_of_listener(kind) || kind == KIND_VIP;
}

static bool has_id(enum pool_command_type type)
{
    const enum pool_verb verb = pool_command_verb(type);
    return id_offsets[pool_command_kind(type)] != 0 && verb != POOL_VERB_ADD &&
           verb != POOL_VERB_SET_LIST;
}

static bool has_set(enum pool_command_type type)
{
    return pool_command_verb(type) != POOL_VERB_REMOVE && type != POOL_RESTORE;
}

static int read_payload(struct reading *r, json_t *object)
{
    const enum pool_command_type type = r->c->type;
    const uint32_t needs = (has_target(type) ? SEEN_TARGET : 0U) |
                           (has_id(type) ? SEEN_ID : 0U) | (has_set(type) ? SEEN_SET : 0U) |
                           (type == POOL_RESTORE ? SEEN_REVISION : 0U);
    uint32_t seen = 0;
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(object, key, value)
    {
        const struct member *m = payload_members;
        while (m->key != NULL && strcmp(m->key, key) != 0)
            m++;
        int rc = m->key != NULL ? m->read(r, value) : WERR_INVALID;
        if (rc != 0)
            return rc;
        seen |= m->bit;
    }
    return seen == needs ? 0 : WERR_INVALID;
}

static void write_true(struct jtext *t, const char *key, bool value)
{
    if (value)
        jtext_bool(t, key, true);
}

static void write_guards(struct jtext *t, const struct pool_command *c)
{
    char hex[HEX_TEXT_MAX];
    if (c->if_digest != 0) {
        hex[num_to_hex(c->if_digest, hex)] = '\0';
        jtext_str(t, "if", hex);
    }
    write_true(t, "if_there", c->if_there);
    write_true(t, "if_absent", c->if_absent);
    write_true(t, "if_list", c->if_list);
    if (!c->has_guard)
        return;
    jtext_open(t, "guard", '[');
    for (uint32_t i = 0; i < c->guard_n; i++) {
        hex[num_to_hex(c->guard_unusable[i], hex)] = '\0';
        jtext_str(t, NULL, hex);
    }
    jtext_close(t, ']');
}

static void write_target(struct jtext *t, const struct pool_command *c)
{
    const enum kind kind = pool_command_kind(c->type);
    char text[24];
    if (is_of_pool(kind))
        jtext_str(t, "pool", c->pool);
    else if (is_of_listener(kind))
        jtext_str(t, "listener", c->listener);
    else if (kind == KIND_VIP)
        jtext_str(t, "vip", c->vip.address);
    if (!has_id(c->type))
        return;
    uint64_t id = 0;
    memcpy(&id, (const char *)c + id_offsets[kind], sizeof(id));
    kind_id_print(kind, id, text);
    jtext_str(t, "id", text);
}

char *pool_code_payload_json(const struct pool_command *c)
{
    const enum kind kind = pool_command_kind(c->type);
    struct jtext t;
    jtext_init_compact(&t);
    jtext_open(&t, NULL, '{');
    write_target(&t, c);
    if (c->is_put)
        jtext_bool(&t, "put", true);
    write_guards(&t, c);
    if (pool_by_is_there(&c->by))
        write_by(&t, &c->by);
    if (c->type == POOL_RESTORE)
        jtext_number(&t, "revision", c->restore);
    if (has_set(c->type))
        code_kind(kind)->write(&t, "set", c);
    jtext_close(&t, '}');
    return jtext_take(&t);
}

/* ---- entries ---- */

struct entry_head {
    uint8_t format, type, level, flags;
    uint32_t length;
    uint8_t request_id[16];
};
_Static_assert(sizeof(struct entry_head) == POOL_ENTRY_HEADER_BYTES, "no padding");

/* What a Weldr without a history can read is written as it always was. */
enum { ENTRY_FORMAT = 2, ENTRY_FORMAT_BY = 3 };

static uint8_t format_of(const struct pool_command *c)
{
    return pool_by_is_there(&c->by) || c->type == POOL_RESTORE ? ENTRY_FORMAT_BY : ENTRY_FORMAT;
}

static int wrap(const struct pool_command *c, const char *json, char **out, size_t *len)
{
    size_t json_len = strlen(json);
    if (json_len > POOL_ENTRY_MAX_BYTES - POOL_ENTRY_HEADER_BYTES)
        return WERR_TOO_BIG;
    *len = POOL_ENTRY_HEADER_BYTES + json_len;
    *out = fault_malloc(*len);
    if (*out == NULL)
        return WERR_NOMEM;
    struct entry_head head = {.format = format_of(c),
                              .type = (uint8_t)c->type,
                              .level = c->level,
                              .length = htole32((uint32_t)json_len)};
    memcpy(head.request_id, c->request_id, sizeof(head.request_id));
    memcpy(*out, &head, sizeof(head));
    memcpy(*out + sizeof(head), json, json_len);
    return 0;
}

int pool_code_encode(const struct pool_command *c, char **out, size_t *len)
{
    char *json = pool_code_payload_json(c);
    if (json == NULL)
        return WERR_NOMEM;
    int rc = wrap(c, json, out, len);
    free(json);
    return rc;
}

static int read_whole(struct span payload, struct reading *r)
{
    const int rc = code_read_document(payload, r, read_payload);
    return rc == 0 || rc == WERR_NOMEM ? rc : WERR_CORRUPT;
}

/* All but the servers. */
static int read_list_head(struct span payload, struct reading *r, struct pool_code_parts *parts)
{
    struct span *rest = &parts->rest;
    char *head = code_cut_list(payload, rest);
    if (head == NULL)
        return rest->ptr == NULL ? WERR_CORRUPT : WERR_NOMEM;
    int rc = read_whole(span_from_str(head), r);
    free(head);
    if (rc != 0)
        return rc;
    rc = code_make_list(parts);
    if (rc != 0)
        pool_command_fini(r->c);
    return rc != 0 ? rc : POOL_CODE_MORE;
}

int pool_code_decode(struct span entry, struct pool_command *c)
{
    struct pool_code_parts parts;
    int rc = pool_code_begin(entry, c, &parts);
    return rc == POOL_CODE_MORE ? pool_code_go_on(&parts, UINT32_MAX) : rc;
}

static bool is_known_format(uint8_t format)
{
    return format == ENTRY_FORMAT || format == ENTRY_FORMAT_BY;
}

int pool_code_begin(struct span entry, struct pool_command *c, struct pool_code_parts *parts)
{
    struct entry_head head;
    if (entry.len < sizeof(head) || entry.len > POOL_ENTRY_MAX_BYTES)
        return WERR_CORRUPT;
    memcpy(&head, entry.ptr, sizeof(head));
    struct span payload = span_skip(entry, sizeof(head));
    if (le32toh(head.length) != payload.len)
        return WERR_CORRUPT;
    if (!is_known_format(head.format) || head.flags != 0 || head.level > LEVEL_NEWEST ||
        !pool_command_is_known(head.type))
        return WERR_UNSUPPORTED;
    struct reading r = {.c = c, .is_stored = true};
    pool_command_init(c, (enum pool_command_type)head.type);
    memcpy(c->request_id, head.request_id, sizeof(c->request_id));
    c->level = head.level;
    *parts = (struct pool_code_parts){.c = c};
    const int rc = pool_command_verb(c->type) == POOL_VERB_SET_LIST
                       ? read_list_head(payload, &r, parts)
                       : read_whole(payload, &r);
    const bool is_known_by_somebody = c->type != POOL_RESTORE || pool_by_is_there(&c->by);
    if (rc < 0 || (head.format == format_of(c) && is_known_by_somebody))
        return rc;
    pool_command_fini(c);
    return WERR_CORRUPT;
}

uint8_t pool_code_level(struct span entry)
{
    struct entry_head head;
    if (entry.len < sizeof(head))
        return 0;
    memcpy(&head, entry.ptr, sizeof(head));
    return head.level;
}
