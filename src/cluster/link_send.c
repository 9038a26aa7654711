/* What a link sends: while the peer takes it, straight to the conn; else it waits here, since
 * a conn holds less than one large message. */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/seal.h"
#include "cluster/link_int.h"

enum { SEND_BYTES = 64 * 1024 };

struct link_piece {
    STAILQ_ENTRY(link_piece) entry;
    size_t n, at;
    char bytes[];
};

/* A message may have a token or the cluster's key. */
static void drop_first(struct link *l)
{
    struct link_piece *p = STAILQ_FIRST(&l->pieces);

    STAILQ_REMOVE_HEAD(&l->pieces, entry);
    seal_clear_and_free(p);
}

void link_drop_pieces(struct link *l)
{
    while (!STAILQ_EMPTY(&l->pieces))
        drop_first(l);
    l->queued_bytes = 0;
}

static bool takes(const struct link *l)
{
    return conn_is_open(&l->conn) && !conn_is_broken(&l->conn) && !conn_is_congested(&l->conn);
}

static void send_now(struct link *l, struct span bytes)
{
    conn_send_body(&l->conn, bytes, 0);
    conn_flush(&l->conn);
}

void link_send_pieces(struct link *l)
{
    struct link_piece *p;

    while ((p = STAILQ_FIRST(&l->pieces)) != NULL && takes(l)) {
        const struct span part =
            span_first(span_from(p->bytes + p->at, p->n - p->at), SEND_BYTES);

        send_now(l, part);
        p->at += part.len;
        l->queued_bytes -= part.len;
        if (p->at < p->n)
            continue;
        drop_first(l);
    }
    if (conn_is_broken(&l->conn))
        link_drop_pieces(l);
}

static int queue(struct link *l, struct span head, struct span body)
{
    const size_t n = head.len + body.len;
    struct link_piece *p =
        l->queued_bytes + n <= LINK_QUEUE_MAX ? fault_malloc(sizeof(*p) + n) : NULL;

    if (p == NULL)
        return WERR_NOMEM;
    p->n = n;
    p->at = 0;
    if (head.len > 0)
        memcpy(p->bytes, head.ptr, head.len);
    if (body.len > 0)
        memcpy(p->bytes + head.len, body.ptr, body.len);
    l->queued_bytes += n;
    STAILQ_INSERT_TAIL(&l->pieces, p, entry);
    return 0;
}

int link_put(struct link *l, struct span head, struct span body)
{
    if (conn_is_broken(&l->conn))
        return 0; /* on_closed follows */
    if (!takes(l) || !STAILQ_EMPTY(&l->pieces) || body.len > SEND_BYTES) {
        const int rc = queue(l, head, body);

        if (rc == 0 && takes(l))
            link_send_pieces(l);
        return rc;
    }
    if (head.len > 0)
        conn_send_body(&l->conn, head, 0);
    send_now(l, body);
    return 0;
}

int link_send(struct link *l, uint8_t type, struct span payload)
{
    const size_t max = l->use == LINK_JOIN ? LINK_JOIN_MESSAGE_MAX : LINK_MESSAGE_MAX;
    char head[LINK_MESSAGE_HEAD_BYTES];

    MUST(l->use != LINK_RAFT);
    if (payload.len >= max)
        return WERR_TOO_BIG;
    if (l->state != LINK_OPEN)
        return 0;
    link_message_head(type, payload.len, head);
    return link_put(l, span_from(head, sizeof(head)), payload);
}

/* In parts that the conn takes without a copy. */
void link_send_bytes(struct link *l, struct span bytes)
{
    MUST(l->use == LINK_RAFT);
    while (bytes.len > 0 && l->state == LINK_OPEN) {
        const struct span part = span_first(bytes, SEND_BYTES);
        const int rc = link_put(l, SPAN_NONE, part);

        if (rc < 0) {
            link_abort(l);
            l->error = rc;
        }
        bytes = span_skip(bytes, part.len);
    }
}
