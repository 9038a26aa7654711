#include "pool/pool_replica.h"

#include <endian.h>
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/fault.h"
#include "pool/pool_apply.h"
#include "pool/pool_code.h"
#include "pool/pool_snapshot.h"

struct replica_head {
    char magic[4];
    uint32_t format;
    uint64_t requests_bytes;
    uint64_t checksum; /* of the requests */
};
_Static_assert(sizeof(struct replica_head) == 24, "no padding");

enum { REPLICA_FORMAT = 1 };
static const char magic[4] = {'W', 'R', 'E', 'P'};

int pool_replica_init(struct pool_replica *r)
{
    r->state = pool_state_new();
    r->requests = pool_requests_new();
    if (r->state != NULL && r->requests != NULL)
        return 0;
    pool_replica_fini(r);
    return WERR_NOMEM;
}

void pool_replica_fini(struct pool_replica *r)
{
    pool_state_free(r->state);
    pool_requests_free(r->requests);
    *r = (struct pool_replica){NULL, NULL};
}

/* ---- as bytes ---- */

/* Room for what stands before the state, filled in. */
static void put_requests(const struct pool_replica *r, size_t n, char *buf)
{
    struct replica_head head = {.format = htole32(REPLICA_FORMAT),
                                .requests_bytes = htole64(n)};
    memcpy(head.magic, magic, sizeof(magic));
    pool_requests_encode(r->requests, buf + sizeof(head));
    head.checksum = htole64(XXH3_64bits(buf + sizeof(head), n));
    memcpy(buf, &head, sizeof(head));
}

int pool_replica_encode(const struct pool_replica *r, char **out, size_t *len)
{
    char *state = NULL;
    size_t state_bytes = 0;
    int rc = pool_snapshot_encode(r->state, &state, &state_bytes);
    if (rc != 0)
        return rc;
    size_t n = pool_requests_bytes(r->requests);
    size_t before = sizeof(struct replica_head) + n;
    char *bytes = fault_malloc(before + state_bytes);
    if (bytes == NULL) {
        free(state);
        return WERR_NOMEM;
    }
    put_requests(r, n, bytes);
    memcpy(bytes + before, state, state_bytes);
    free(state);
    *out = bytes;
    *len = before + state_bytes;
    return 0;
}

/* Cuts head and requests off. */
static int read_head(struct span *rest, struct span *requests)
{
    struct replica_head head;
    if (rest->len < sizeof(head))
        return WERR_CORRUPT;
    memcpy(&head, rest->ptr, sizeof(head));
    *rest = span_skip(*rest, sizeof(head));
    if (memcmp(head.magic, magic, sizeof(magic)) != 0)
        return WERR_CORRUPT;
    if (le32toh(head.format) != REPLICA_FORMAT)
        return WERR_UNSUPPORTED;
    if (le64toh(head.requests_bytes) > rest->len)
        return WERR_CORRUPT;
    *requests = span_first(*rest, (size_t)le64toh(head.requests_bytes));
    *rest = span_skip(*rest, requests->len);
    return XXH3_64bits(requests->ptr, requests->len) == le64toh(head.checksum) ? 0
                                                                               : WERR_CORRUPT;
}

int pool_replica_decode(struct span bytes, struct pool_replica *r)
{
    *r = (struct pool_replica){NULL, NULL};
    struct span requests = SPAN_NONE;
    int rc = read_head(&bytes, &requests);
    if (rc == 0)
        rc = pool_snapshot_decode(bytes, &r->state);
    if (rc != 0)
        return rc;
    r->requests = pool_requests_new();
    rc = r->requests != NULL ? pool_requests_decode(r->requests, requests) : WERR_NOMEM;
    if (rc != 0)
        pool_replica_fini(r);
    return rc;
}

/* ---- an entry ---- */

static int apply(struct pool_replica *r, const struct pool_command *c, uint64_t index)
{
    if (pool_requests_find(r->requests, c->request_id) != NULL)
        return 0;
    struct pool_change change;
    int rc = pool_apply(r->state, c, index, &change);
    if (rc == WERR_NOMEM)
        return rc;
    pool_change_fini(&change);
    pool_requests_note(r->requests, c->request_id,
                       &(struct pool_outcome){rc, change.type, change.kind, change.id});
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
