#include "pool/pool_requests.h"

#include <endian.h>

#include "pool/pool_mem.h"

struct request {
    uint64_t id_rest; /* the second half of the id */
    struct pool_outcome outcome;
};

/* A ring. The first halves of the ids stand by themselves: looking through all of them touches
 * little memory. */
struct pool_requests {
    uint32_t n;    /* remembered */
    uint32_t next; /* place of the next one; the oldest is there when all places are taken */
    uint64_t ids[POOL_REQUESTS_N];
    struct request requests[POOL_REQUESTS_N];
};

/* Little-endian. */
struct request_record {
    uint8_t request_id[POOL_REQUEST_ID_BYTES];
    uint64_t id;
    int32_t result;
    uint16_t change, kind;
};
_Static_assert(sizeof(struct request_record) == 32, "no padding");

struct pool_requests *pool_requests_new(void)
{
    return pool_calloc(1, sizeof(struct pool_requests));
}

void pool_requests_free(struct pool_requests *r)
{
    free(r);
}

static void split(const uint8_t *request_id, uint64_t halves[2])
{
    memcpy(halves, request_id, POOL_REQUEST_ID_BYTES);
}

const struct pool_outcome *pool_requests_find(const struct pool_requests *r,
                                              const uint8_t *request_id)
{
    uint64_t halves[2];

    split(request_id, halves);
    for (uint32_t i = 0; i < r->n; i++)
        if (r->ids[i] == halves[0] && r->requests[i].id_rest == halves[1])
            return &r->requests[i].outcome;
    return NULL;
}

void pool_requests_note(struct pool_requests *r, const uint8_t *request_id,
                        const struct pool_outcome *outcome)
{
    uint64_t halves[2];

    MUST(pool_requests_find(r, request_id) == NULL);
    split(request_id, halves);
    r->ids[r->next] = halves[0];
    r->requests[r->next] = (struct request){halves[1], *outcome};
    r->next = (r->next + 1) % POOL_REQUESTS_N;
    if (r->n < POOL_REQUESTS_N)
        r->n++;
}

size_t pool_requests_bytes(const struct pool_requests *r)
{
    return r->n * sizeof(struct request_record);
}

void pool_requests_encode(const struct pool_requests *r, char *buf)
{
    const uint32_t oldest = r->n < POOL_REQUESTS_N ? 0 : r->next;

    for (uint32_t i = 0; i < r->n; i++) {
        const uint32_t at = (oldest + i) % POOL_REQUESTS_N;
        const struct request *q = &r->requests[at];
        struct request_record record = {
            .id = htole64(q->outcome.id),
            .result = (int32_t)htole32((uint32_t)q->outcome.result),
            .change = htole16((uint16_t)q->outcome.change),
            .kind = htole16((uint16_t)q->outcome.kind),
        };
        const uint64_t halves[2] = {r->ids[at], q->id_rest};

        memcpy(record.request_id, halves, sizeof(record.request_id));
        memcpy(buf + i * sizeof(record), &record, sizeof(record));
    }
}

int pool_requests_decode(struct pool_requests *r, struct span bytes)
{
    r->n = r->next = 0;
    if (bytes.len % sizeof(struct request_record) != 0 ||
        bytes.len / sizeof(struct request_record) > POOL_REQUESTS_N)
        return WERR_CORRUPT;
    for (; bytes.len > 0; bytes = span_skip(bytes, sizeof(struct request_record))) {
        struct request_record record;

        memcpy(&record, bytes.ptr, sizeof(record));
        struct pool_outcome outcome = {
            .result = (int32_t)le32toh((uint32_t)record.result),
            .change = le16toh(record.change),
            .kind = le16toh(record.kind),
            .id = le64toh(record.id),
        };
        if (outcome.change > POOL_CHANGE_LIST || outcome.kind >= KIND_N || outcome.result > 0 ||
            pool_requests_find(r, record.request_id) != NULL)
            return WERR_CORRUPT;
        pool_requests_note(r, record.request_id, &outcome);
    }
    return 0;
}
