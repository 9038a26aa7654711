#include "cluster/link_message.h"

#include <string.h>

#include "base/fault.h"
#include "base/seal.h"

enum { FIRST_BYTES = 256, KEEP_BYTES = 64 * 1024 };

void link_message_head(uint8_t type, size_t payload_bytes, char head[LINK_MESSAGE_HEAD_BYTES])
{
    const size_t length = payload_bytes + 1;

    for (unsigned i = 0; i < LINK_MESSAGE_LENGTH_BYTES; i++)
        head[i] = (char)(length >> (8 * i));
    head[LINK_MESSAGE_LENGTH_BYTES] = (char)type;
}

static size_t length_of(const char *bytes)
{
    size_t length = 0;

    for (unsigned i = 0; i < LINK_MESSAGE_LENGTH_BYTES; i++)
        length |= (size_t)(uint8_t)bytes[i] << (8 * i);
    return length;
}

static int judge(size_t length, size_t max)
{
    if (length == 0)
        return WERR_SYNTAX;
    return length > max ? WERR_TOO_BIG : 0;
}

static int make_room(struct link_message *m, size_t n)
{
    size_t cap = m->cap > 0 ? m->cap : FIRST_BYTES;

    if (n <= m->cap)
        return 0;
    while (cap < n)
        cap *= 2;
    char *bytes = fault_malloc(cap);

    if (bytes == NULL)
        return WERR_NOMEM;
    if (m->n > 0)
        memcpy(bytes, m->bytes, m->n);
    seal_clear_and_free(m->bytes);
    m->bytes = bytes;
    m->cap = cap;
    return 0;
}

/* Up to so many bytes of it in all. */
static int keep(struct link_message *m, struct span *in, size_t whole)
{
    const size_t n = in->len < whole - m->n ? in->len : whole - m->n;
    const int rc = make_room(m, m->n + n);

    if (rc < 0)
        return rc;
    if (n > 0)
        memcpy(m->bytes + m->n, in->ptr, n);
    m->n += n;
    *in = span_skip(*in, n);
    return m->n == whole;
}

static int hand_on(const char *bytes, size_t length, uint8_t *type, struct span *payload)
{
    *type = (uint8_t)bytes[LINK_MESSAGE_LENGTH_BYTES];
    *payload = span_from(bytes + LINK_MESSAGE_HEAD_BYTES, length - 1);
    return 1;
}

/* 0: it is not whole in there. */
static int take_whole(struct span *in, size_t max, uint8_t *type, struct span *payload)
{
    if (in->len < LINK_MESSAGE_HEAD_BYTES)
        return 0;
    const char *bytes = in->ptr;
    const size_t length = length_of(bytes);
    const int rc = judge(length, max);

    if (rc < 0 || in->len - LINK_MESSAGE_LENGTH_BYTES < length)
        return rc;
    *in = span_skip(*in, LINK_MESSAGE_LENGTH_BYTES + length);
    return hand_on(bytes, length, type, payload);
}

/* The one before was handed on; what held a large one is not kept. */
static void forget(struct link_message *m)
{
    explicit_bzero(m->bytes, m->n);
    m->n = 0;
    if (m->cap > KEEP_BYTES)
        link_message_fini(m);
}

static bool is_whole(const struct link_message *m)
{
    return m->n > LINK_MESSAGE_LENGTH_BYTES &&
           m->n == LINK_MESSAGE_LENGTH_BYTES + length_of(m->bytes);
}

int link_message_take(struct link_message *m, struct span *in, size_t max, uint8_t *type,
                      struct span *payload)
{
    if (is_whole(m))
        forget(m);
    int rc = m->n == 0 ? take_whole(in, max, type, payload) : 0;

    if (rc != 0)
        return rc;
    if (m->n < LINK_MESSAGE_LENGTH_BYTES) {
        rc = keep(m, in, LINK_MESSAGE_LENGTH_BYTES);
        if (rc <= 0)
            return rc;
    }
    const size_t length = length_of(m->bytes);

    rc = judge(length, max);
    if (rc == 0)
        rc = keep(m, in, LINK_MESSAGE_LENGTH_BYTES + length);
    return rc > 0 ? hand_on(m->bytes, length, type, payload) : rc;
}

/* Tokens and the cluster's key come in messages: nothing of them stays in memory. */
void link_message_fini(struct link_message *m)
{
    seal_clear_and_free(m->bytes);
    *m = (struct link_message){.n = 0};
}
