#include "pool/pool_snapshot.h"

#include <endian.h>
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "pool/pool_code.h"
#include "pool/pool_int.h"

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

enum { SNAPSHOT_FORMAT = 2, SNAPSHOT_FORMAT_OLD = 1, FIRST_BYTES = 1024 };
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

static int write_pool(struct writer *w, const struct pool *p)
{
    int rc = write_json(w, pool_code_pool_json(p));
    if (rc == 0)
        rc = write_u32(w, p->server_n);
    for (uint32_t i = 0; rc == 0 && i < p->server_n; i++) {
        rc = write_u64(w, p->servers[i]->id);
        if (rc == 0)
            rc = write_json(w, pool_code_server_json(p->servers[i]));
    }
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
        rc = write_u32(&w, s->pool_n);
    for (uint32_t i = 0; rc == 0 && i < s->pool_n; i++)
        rc = write_pool(&w, &s->pools[i]);
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

static int read_server(struct span *rest, struct pool_state *s, uint64_t *last_id)
{
    uint64_t id = 0;
    struct span json = SPAN_NONE;
    if (read_u64(rest, &id) != 0 || read_json(rest, &json) != 0 || id <= *last_id ||
        id > s->index)
        return WERR_CORRUPT;
    *last_id = id;
    struct pool_command c;
    int rc = pool_code_read_server(json, &c);
    if (rc != 0)
        return damage(rc);
    struct pool_change change;
    rc = pool_apply_command(s, &c, id, &change);
    pool_command_fini(&c);
    if (rc == 0 && change.type != POOL_CHANGE_SERVER_ADDED)
        rc = WERR_CORRUPT;
    return damage(rc);
}

static bool has_all_settings(const struct pool_command *c)
{
    for (unsigned i = 0; i < POOL_SETTING_N; i++) {
        if ((c->given & pool_settings_bit(&pool_settings_table[i])) == 0)
            return false;
    }
    return true;
}

static int read_pool(struct span *rest, struct pool_state *s, bool *is_whole)
{
    struct span json = SPAN_NONE;
    int rc = read_json(rest, &json);
    if (rc != 0)
        return rc;
    struct pool_command c;
    rc = pool_code_read_pool(json, &c);
    if (rc != 0)
        return damage(rc);
    *is_whole = has_all_settings(&c);
    struct pool_change change;
    rc = pool_apply_command(s, &c, 0, &change);
    pool_command_fini(&c);
    uint32_t server_n = 0;
    if (rc == 0)
        rc = read_u32(rest, &server_n);
    uint64_t last_id = 0;
    for (uint32_t i = 0; rc == 0 && i < server_n; i++)
        rc = read_server(rest, s, &last_id);
    return damage(rc);
}

/* One pool for now: "default", which a new state has. */
static int read_payload(struct span rest, struct pool_state *s, bool *is_whole)
{
    uint32_t pool_n = 0;
    int rc = read_u32(&rest, &pool_n);
    if (rc == 0)
        rc = pool_n == 1 ? read_pool(&rest, s, is_whole) : WERR_CORRUPT;
    if (rc == 0 && rest.len > 0)
        rc = WERR_CORRUPT;
    return rc;
}

static int read_head(struct span *rest, struct snapshot_head *head)
{
    int rc = read_bytes(rest, head, sizeof(*head));
    if (rc != 0 || memcmp(head->magic, magic, sizeof(magic)) != 0)
        return WERR_CORRUPT;
    uint32_t format = le32toh(head->format);
    if (format != SNAPSHOT_FORMAT && format != SNAPSHOT_FORMAT_OLD)
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
    bool is_whole = false;
    rc = read_payload(bytes, s, &is_whole);
    bool has_digest = le32toh(head.format) == SNAPSHOT_FORMAT && is_whole;
    if (rc == 0 && has_digest && s->digest != le64toh(head.digest))
        rc = WERR_CORRUPT;
    if (rc != 0) {
        pool_state_free(s);
        return rc;
    }
    *out = s;
    return 0;
}
