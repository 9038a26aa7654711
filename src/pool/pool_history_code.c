#include <endian.h>

#include "pool/pool_history_int.h"
#include "pool/pool_mem.h"

/* A record as bytes; behind it the texts and what is kept. Little-endian. */
struct record_head {
    uint64_t revision, at_us, node, restored;
    uint32_t added, changed, removed, before_len;
    uint8_t is_kept, address_len, token_len, request_len, summary_len;
    uint8_t none[3];
};
_Static_assert(sizeof(struct record_head) == 56, "no padding");
_Static_assert(POOL_HISTORY_SUMMARY_MAX <= UINT8_MAX && POOL_BY_ADDRESS_MAX <= UINT8_MAX &&
                   POOL_BY_TOKEN_MAX <= UINT8_MAX && POOL_BY_REQUEST_MAX <= UINT8_MAX,
               "a length is one byte");

/* ---- writing ---- */

size_t pool_history_bytes(const struct pool_history *h)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < pool_history_n(h); i++) {
        const struct pool_history_record *r = pool_history_at(h, i);
        bytes += sizeof(struct record_head) + strlen(r->by.address) + strlen(r->by.token) +
                 strlen(r->by.request) + strlen(r->summary) + r->before_len;
    }
    return bytes;
}

static char *put(char *at, const void *bytes, size_t n)
{
    if (n > 0)
        memcpy(at, bytes, n);
    return at + n;
}

static char *put_record(char *at, const struct pool_history_record *r)
{
    const struct record_head head = {
        .revision = htole64(r->revision),
        .at_us = htole64(r->by.at_us),
        .node = htole64(r->by.node),
        .restored = htole64(r->restored),
        .added = htole32(r->added),
        .changed = htole32(r->changed),
        .removed = htole32(r->removed),
        .before_len = htole32((uint32_t)r->before_len),
        .is_kept = r->is_kept,
        .address_len = (uint8_t)strlen(r->by.address),
        .token_len = (uint8_t)strlen(r->by.token),
        .request_len = (uint8_t)strlen(r->by.request),
        .summary_len = (uint8_t)strlen(r->summary),
    };
    at = put(at, &head, sizeof(head));
    at = put(at, r->by.address, head.address_len);
    at = put(at, r->by.token, head.token_len);
    at = put(at, r->by.request, head.request_len);
    at = put(at, r->summary, head.summary_len);
    return put(at, r->before, r->before_len);
}

void pool_history_encode(const struct pool_history *h, char *buf)
{
    for (uint32_t i = pool_history_n(h); i > 0; i--)
        buf = put_record(buf, pool_history_at(h, i - 1));
}

/* ---- reading ---- */

/* Plain ASCII, as it is written. */
static bool read_text(struct span *rest, size_t len, char *to, size_t most)
{
    if (len > most || len > rest->len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (rest->ptr[i] < ' ' || rest->ptr[i] > '~')
            return false;
    memcpy(to, rest->ptr, len);
    to[len] = '\0';
    *rest = span_skip(*rest, len);
    return true;
}

static bool read_texts(struct span *rest, const struct record_head *head,
                       struct pool_history_record *r)
{
    return read_text(rest, head->address_len, r->by.address, POOL_BY_ADDRESS_MAX) &&
           read_text(rest, head->token_len, r->by.token, POOL_BY_TOKEN_MAX) &&
           read_text(rest, head->request_len, r->by.request, POOL_BY_REQUEST_MAX) &&
           read_text(rest, head->summary_len, r->summary, POOL_HISTORY_SUMMARY_MAX);
}

static int read_before(struct span *rest, size_t len, struct pool_history_record *r)
{
    if (len > rest->len || len > POOL_HISTORY_CHANGE_BYTES || (len > 0 && !r->is_kept))
        return WERR_CORRUPT;
    if (len == 0)
        return 0;
    r->before = fault_malloc(len);
    if (r->before == NULL)
        return WERR_NOMEM;
    memcpy(r->before, rest->ptr, len);
    r->before_len = len;
    *rest = span_skip(*rest, len);
    return history_items_are_good(r) ? 0 : WERR_CORRUPT;
}

static int read_record(struct span *rest, struct pool_history_record *r)
{
    struct record_head head;
    if (rest->len < sizeof(head))
        return WERR_CORRUPT;
    memcpy(&head, rest->ptr, sizeof(head));
    *rest = span_skip(*rest, sizeof(head));
    r->revision = le64toh(head.revision);
    r->by.at_us = le64toh(head.at_us);
    r->by.node = le64toh(head.node);
    r->restored = le64toh(head.restored);
    r->added = le32toh(head.added);
    r->changed = le32toh(head.changed);
    r->removed = le32toh(head.removed);
    r->is_kept = head.is_kept == 1;
    const bool is_good = head.is_kept <= 1 && r->by.at_us != 0 && r->revision != 0 &&
                         head.none[0] == 0 && head.none[1] == 0 && head.none[2] == 0;
    return is_good && read_texts(rest, &head, r)
               ? read_before(rest, le32toh(head.before_len), r)
               : WERR_CORRUPT;
}

/* In the order of the revisions, within the bounds, and what is kept is kept to the end: as
 * pool_history_take leaves it. */
static bool may_follow(const struct pool_history *h, const struct pool_history_record *r,
                       size_t bytes)
{
    const struct pool_history_record *last =
        pool_history_n(h) > 0 ? pool_history_at(h, 0) : NULL;
    return pool_history_n(h) < POOL_HISTORY_N &&
           (last == NULL || (last->revision < r->revision && (r->is_kept || !last->is_kept))) &&
           bytes + r->before_len <= POOL_HISTORY_BYTES;
}

static int take_next(struct pool_history *h, struct span *rest, size_t *bytes)
{
    struct pool_history_record *r = pool_calloc(1, sizeof(*r));
    if (r == NULL)
        return WERR_NOMEM;
    int rc = read_record(rest, r);
    if (rc == 0 && !may_follow(h, r, *bytes))
        rc = WERR_CORRUPT;
    if (rc != 0) {
        pool_history_record_free(r);
        return rc;
    }
    *bytes += r->before_len;
    pool_history_take(h, r);
    return 0;
}

int pool_history_decode(struct pool_history *h, struct span bytes)
{
    size_t kept = 0;
    int rc = 0;
    pool_history_take(h, NULL);
    while (rc == 0 && bytes.len > 0)
        rc = take_next(h, &bytes, &kept);
    if (rc != 0)
        pool_history_take(h, NULL);
    return rc;
}
