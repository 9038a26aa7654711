#include "pool/pool_replica.h"

#include <endian.h>
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/fault.h"
#include "pool/pool_apply.h"
#include "pool/pool_code.h"
#include "pool/pool_snapshot.h"

/* A part, behind the head. */
struct part_head {
    uint64_t bytes;
    uint64_t checksum;
};
struct replica_head {
    char magic[4];
    uint32_t format;
    struct part_head requests; /* format 2: … and history */
};
_Static_assert(sizeof(struct replica_head) == 24, "no padding");

enum { FORMAT_BARE = 1, FORMAT_HISTORY = 2 };
static const char magic[4] = {'W', 'R', 'E', 'P'};

int pool_replica_init(struct pool_replica *r)
{
    r->state = pool_state_new();
    r->requests = pool_requests_new();
    r->history = pool_history_new();
    if (r->state != NULL && r->requests != NULL && r->history != NULL)
        return 0;
    pool_replica_fini(r);
    return WERR_NOMEM;
}

void pool_replica_fini(struct pool_replica *r)
{
    pool_state_free(r->state);
    pool_requests_free(r->requests);
    pool_history_free(r->history);
    *r = (struct pool_replica){NULL, NULL, NULL};
}

/* ---- as bytes ---- */

static struct part_head head_of(const char *bytes, size_t n)
{
    return (struct part_head){htole64(n), htole64(XXH3_64bits(bytes, n))};
}

/* Before the state: how much stands there. */
static size_t bytes_before(const struct pool_replica *r)
{
    const size_t history = pool_history_bytes(r->history);
    return sizeof(struct replica_head) + pool_requests_bytes(r->requests) +
           (history > 0 ? sizeof(struct part_head) + history : 0);
}

static void put_before(const struct pool_replica *r, char *buf)
{
    const size_t requests_n = pool_requests_bytes(r->requests);
    const size_t history_n = pool_history_bytes(r->history);
    struct replica_head head = {.format =
                                    htole32(history_n > 0 ? FORMAT_HISTORY : FORMAT_BARE)};
    char *at = buf + sizeof(head) + (history_n > 0 ? sizeof(struct part_head) : 0);
    memcpy(head.magic, magic, sizeof(magic));
    pool_requests_encode(r->requests, at);
    head.requests = head_of(at, requests_n);
    memcpy(buf, &head, sizeof(head));
    if (history_n == 0)
        return;
    pool_history_encode(r->history, at + requests_n);
    const struct part_head history = head_of(at + requests_n, history_n);
    memcpy(buf + sizeof(head), &history, sizeof(history));
}

int pool_replica_encode(const struct pool_replica *r, char **out, size_t *len)
{
    char *state = NULL;
    size_t state_bytes = 0;
    int rc = pool_snapshot_encode(r->state, &state, &state_bytes);
    if (rc != 0)
        return rc;
    const size_t before = bytes_before(r);
    char *bytes = fault_malloc(before + state_bytes);
    if (bytes == NULL) {
        free(state);
        return WERR_NOMEM;
    }
    put_before(r, bytes);
    memcpy(bytes + before, state, state_bytes);
    free(state);
    *out = bytes;
    *len = before + state_bytes;
    return 0;
}

static int cut_part(struct span *rest, const struct part_head *head, struct span *part)
{
    if (le64toh(head->bytes) > rest->len)
        return WERR_CORRUPT;
    *part = span_first(*rest, (size_t)le64toh(head->bytes));
    *rest = span_skip(*rest, part->len);
    return XXH3_64bits(part->ptr, part->len) == le64toh(head->checksum) ? 0 : WERR_CORRUPT;
}

/* Cuts all off that stands before the state. */
static int read_before(struct span *rest, struct span *requests, struct span *history)
{
    struct replica_head head;
    struct part_head more = {0};
    if (rest->len < sizeof(head))
        return WERR_CORRUPT;
    memcpy(&head, rest->ptr, sizeof(head));
    *rest = span_skip(*rest, sizeof(head));
    if (memcmp(head.magic, magic, sizeof(magic)) != 0)
        return WERR_CORRUPT;
    const uint32_t format = le32toh(head.format);
    if (format != FORMAT_BARE && format != FORMAT_HISTORY)
        return WERR_UNSUPPORTED;
    *history = SPAN_NONE;
    if (format == FORMAT_BARE)
        return cut_part(rest, &head.requests, requests);
    if (rest->len < sizeof(more))
        return WERR_CORRUPT;
    memcpy(&more, rest->ptr, sizeof(more));
    *rest = span_skip(*rest, sizeof(more));
    int rc = cut_part(rest, &head.requests, requests);
    if (rc == 0)
        rc = cut_part(rest, &more, history);
    return rc == 0 && history->len == 0 ? WERR_CORRUPT : rc;
}

int pool_replica_decode(struct span bytes, struct pool_replica *r)
{
    *r = (struct pool_replica){NULL, NULL, NULL};
    struct span requests = SPAN_NONE, history = SPAN_NONE;
    int rc = read_before(&bytes, &requests, &history);
    if (rc == 0)
        rc = pool_snapshot_decode(bytes, &r->state);
    if (rc != 0)
        return rc;
    r->requests = pool_requests_new();
    r->history = pool_history_new();
    rc = r->requests != NULL && r->history != NULL ? 0 : WERR_NOMEM;
    if (rc == 0)
        rc = pool_requests_decode(r->requests, requests);
    if (rc == 0)
        rc = pool_history_decode(r->history, history);
    if (rc != 0)
        pool_replica_fini(r);
    return rc;
}

/* ---- an entry ---- */

static void note(struct pool_replica *r, const struct pool_command *c, int result,
                 const struct pool_change *change)
{
    pool_requests_note(r->requests, c->request_id,
                       &(struct pool_outcome){result, change->type, change->kind, change->id});
}

static int go_back(struct pool_replica *r, const struct pool_command *c, uint64_t index)
{
    struct pool_change change = {.type = POOL_CHANGE_NONE, .kind = KIND_POOL};
    struct pool_history_back back;
    int rc = pool_history_restore(r->history, r->state, c, index, &back, NULL);
    if (rc == WERR_NOMEM)
        return rc;
    if (back.state == NULL) {
        pool_pass(r->state, index);
    } else {
        change.type = POOL_CHANGE_CHANGED;
        change.id = index;
        pool_state_free(r->state);
        r->state = back.state;
        pool_history_take(r->history, back.record);
    }
    note(r, c, rc, &change);
    return 0;
}

static int apply(struct pool_replica *r, const struct pool_command *c, uint64_t index)
{
    struct pool_history_record *record = NULL;
    if (pool_requests_find(r->requests, c->request_id) != NULL)
        return 0;
    if (c->type == POOL_RESTORE)
        return go_back(r, c, index);
    int rc = pool_history_look(r->state, c, index, &record);
    if (rc != 0)
        return rc;
    struct pool_change change;
    rc = pool_apply(r->state, c, index, &change);
    if (rc == 0 && change.type != POOL_CHANGE_NONE)
        pool_history_take(r->history, record);
    else
        pool_history_record_free(record);
    if (rc == WERR_NOMEM)
        return rc;
    pool_change_fini(&change);
    note(r, c, rc, &change);
    return 0;
}

int pool_replica_apply(struct pool_replica *r, uint64_t index, struct span entry)
{
    struct pool_command c;
    int rc = pool_code_decode(entry, &c);
    if (rc != 0)
        return rc;
    rc = apply(r, &c, index);
    pool_command_fini(&c);
    return rc;
}
