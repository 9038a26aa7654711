#include "pool/pool_snapshot.h"

#include <endian.h>
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "pool/kind_ops.h"
#include "pool/pool_apply_int.h"
#include "pool/pool_code.h"
#include "pool/pool_mem.h"
#include "pool/table.h"

/* Head of a snapshot, 40 bytes, little-endian. */
struct snapshot_head {
    char magic[4];
    uint32_t format;
    uint64_t index;
    uint64_t digest;
    uint64_t length;
    uint64_t
        checksum; /* of the payload, seeded with the index, so that a damaged index shows too */
};
_Static_assert(sizeof(struct snapshot_head) == 40, "no padding");

enum { SNAPSHOT_FORMAT = 3, FIRST_BYTES = 1024 };
static const char magic[4] = {'W', 'S', 'N', 'P'};

/* ---- writing ---- */

struct writer {
    char *bytes;
    size_t len, cap;
};

static int write_bytes(struct writer *w, const void *bytes, size_t n)
{
    if (w->cap - w->len < n) {
        size_t cap = w->cap == 0 ? FIRST_BYTES : w->cap;
        while (cap - w->len < n)
            cap *= 2;
        char *grown = pool_grow(w->bytes, w->len, cap);
        if (grown == NULL)
            return WERR_NOMEM;
        w->bytes = grown;
        w->cap = cap;
    }
    memcpy(w->bytes + w->len, bytes, n);
    w->len += n;
    return 0;
}

static int write_u32(struct writer *w, uint32_t n)
{
    uint32_t little = htole32(n);
    return write_bytes(w, &little, sizeof(little));
}

static int write_u64(struct writer *w, uint64_t n)
{
    uint64_t little = htole64(n);
    return write_bytes(w, &little, sizeof(little));
}

/* Frees json. */
static int write_json(struct writer *w, char *json)
{
    if (json == NULL)
        return WERR_NOMEM;
    size_t len = strlen(json);
    int rc = write_u32(w, (uint32_t)len);
    if (rc == 0)
        rc = write_bytes(w, json, len);
    free(json);
    return rc;
}

static int write_object(void *arg, const struct kind_object *o)
{
    struct writer *w = arg;
    const uint8_t kind = (uint8_t)o->kind;
    int rc = write_bytes(w, &kind, sizeof(kind));
    if (rc == 0)
        rc = write_u64(w, o->id);
    if (rc == 0)
        rc = write_u64(w, o->owner);
    return rc == 0 ? write_json(w, kind_ops(o->kind)->json(o->object)) : rc;
}

/* By kinds.def: what is referred to comes before what refers to it. */
static int write_objects(struct writer *w, const struct pool_state *s)
{
    enum kind kind;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && (kind = kind_in_order(i)) != KIND_NONE; i++)
        rc = kind_ops(kind)->visit(s, write_object, w);
    return rc;
}

int pool_snapshot_encode(const struct pool_state *s, char **out, size_t *len)
{
    struct writer w = {0};
    struct snapshot_head head = {.format = htole32(SNAPSHOT_FORMAT),
                                 .index = htole64(s->index),
                                 .digest = htole64(s->digest)};
    memcpy(head.magic, magic, sizeof(magic));
    int rc = write_bytes(&w, &head, sizeof(head));
    if (rc == 0)
        rc = write_objects(&w, s);
    if (rc != 0) {
        free(w.bytes);
        return rc;
    }
    size_t payload_len = w.len - sizeof(head);
    head.length = htole64(payload_len);
    head.checksum =
        htole64(XXH3_64bits_withSeed(w.bytes + sizeof(head), payload_len, s->index));
    memcpy(w.bytes, &head, sizeof(head));
    *out = w.bytes;
    *len = w.len;
    return 0;
}

/* ---- reading ---- */

static int read_bytes(struct span *rest, void *to, size_t n)
{
    if (rest->len < n)
        return WERR_CORRUPT;
    memcpy(to, rest->ptr, n);
    *rest = span_skip(*rest, n);
    return 0;
}

static int read_u32(struct span *rest, uint32_t *n)
{
    uint32_t little = 0;
    int rc = read_bytes(rest, &little, sizeof(little));
    *n = le32toh(little);
    return rc;
}

static int read_u64(struct span *rest, uint64_t *n)
{
    uint64_t little = 0;
    int rc = read_bytes(rest, &little, sizeof(little));
    *n = le64toh(little);
    return rc;
}

static int read_json(struct span *rest, struct span *json)
{
    uint32_t len = 0;
    int rc = read_u32(rest, &len);
    if (rc != 0 || len > rest->len)
        return WERR_CORRUPT;
    *json = span_first(*rest, len);
    *rest = span_skip(*rest, len);
    return 0;
}

/* Everything but lack of memory means that the bytes are no good. */
static int damage(int rc)
{
    return rc == 0 || rc == WERR_NOMEM ? rc : WERR_CORRUPT;
}

struct record {
    uint8_t kind;
    uint64_t id, owner;
    struct span json;
};

static int read_record(struct span *rest, struct record *r)
{
    int rc = read_bytes(rest, &r->kind, sizeof(r->kind));
    if (rc == 0)
        rc = read_u64(rest, &r->id);
    if (rc == 0)
        rc = read_u64(rest, &r->owner);
    return rc == 0 ? read_json(rest, &r->json) : rc;
}

static int take_text(const char *text, char *to)
{
    return span_to_str(span_from_str(text), to, POOL_NAME_MAX + 1);
}

/* Whose object it is, as a command says it. */
static int set_owner(const struct pool_state *s, const struct record *r, struct pool_command *c)
{
    const struct pool *p = pool_find_id(s, r->owner);
    const struct listener *l = listener_find_id(s, r->owner);
    switch (r->kind) {
    case KIND_SERVER:
        return p != NULL ? take_text(p->name, c->pool) : WERR_CORRUPT;
    case KIND_RULE:
        return l != NULL ? take_text(l->name, c->listener) : WERR_CORRUPT;
    default:
        return r->owner == 0 ? 0 : WERR_CORRUPT;
    }
}

/* The pool and the listener "default" are there already: what the record says replaces them.
 * All others are new. */
static int restore(struct pool_state *s, const struct record *r, struct pool_command *c)
{
    struct pool_change change;
    int rc = set_owner(s, r, c);
    c->is_put = r->id == 0;
    if (rc == 0)
        rc = pool_apply_command(s, c, r->id, &change);
    if (rc != 0)
        return rc;
    bool is_new = change.type == POOL_CHANGE_ADDED;
    bool is_same = change.type != POOL_CHANGE_REMOVED && change.id == 0;
    pool_change_fini(&change);
    return (r->id == 0 ? !is_new && is_same : is_new) ? 0 : WERR_CORRUPT;
}

static bool is_taken(const struct pool_state *s, const struct record *r)
{
    return (r->id & POOL_ID_INDEX_MAX) > s->index || id_table_find(s->ids, r->id) != NULL;
}

static int put_record(struct pool_state *s, const struct record *r)
{
    struct pool_command c;
    bool may_be_first = r->kind == KIND_POOL || r->kind == KIND_LISTENER;
    if (kind_ops(r->kind) == NULL || is_taken(s, r) || (r->id == 0 && !may_be_first))
        return WERR_CORRUPT;
    int rc = pool_code_read_stored((enum kind)r->kind, r->json, &c);
    if (rc != 0)
        return rc;
    rc = restore(s, r, &c);
    pool_command_fini(&c);
    return rc;
}

int pool_snapshot_put(struct pool_state *s, enum kind kind, uint64_t id, uint64_t owner,
                      struct span json)
{
    const struct record r = {.kind = (uint8_t)kind, .id = id, .owner = owner, .json = json};
    return put_record(s, &r);
}

static int read_object(struct span *rest, struct pool_state *s)
{
    struct record r;
    int rc = read_record(rest, &r);
    return rc == 0 ? put_record(s, &r) : rc;
}

static int read_payload(struct span rest, struct pool_state *s)
{
    int rc = 0;
    while (rc == 0 && rest.len > 0)
        rc = read_object(&rest, s);
    return rc;
}

static int read_head(struct span *rest, struct snapshot_head *head)
{
    int rc = read_bytes(rest, head, sizeof(*head));
    if (rc != 0 || memcmp(head->magic, magic, sizeof(magic)) != 0)
        return WERR_CORRUPT;
    uint32_t format = le32toh(head->format);
    if (format != SNAPSHOT_FORMAT)
        return WERR_UNSUPPORTED;
    if (le64toh(head->length) != rest->len)
        return WERR_CORRUPT;
    uint64_t checksum = XXH3_64bits_withSeed(rest->ptr, rest->len, le64toh(head->index));
    return checksum == le64toh(head->checksum) ? 0 : WERR_CORRUPT;
}

int pool_snapshot_decode(struct span bytes, struct pool_state **out)
{
    struct snapshot_head head;
    int rc = read_head(&bytes, &head);
    if (rc != 0)
        return rc;
    struct pool_state *s = pool_state_new();
    if (s == NULL)
        return WERR_NOMEM;
    s->index = le64toh(head.index);
    rc = damage(read_payload(bytes, s));
    if (rc == 0 && s->digest != le64toh(head.digest))
        rc = WERR_CORRUPT;
    if (rc != 0) {
        pool_state_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

int pool_state_copy(const struct pool_state *s, struct pool_state **copy)
{
    char *bytes = NULL;
    size_t len = 0;
    int rc = pool_snapshot_encode(s, &bytes, &len);
    if (rc == 0)
        rc = pool_snapshot_decode(span_from(bytes, len), copy);
    free(bytes);
    return rc;
}
