#include "net/conn_int.h"

/* A body that goes out as it comes in need not be seen. For less than this the calls cost as
 * much as the copy that they save (even at 64 KiB); once begun, it pays for a smaller rest,
 * which is not in the cache. */
enum { SPLICE_MIN_BYTES = 128 * 1024, SPLICE_REST_MIN_BYTES = 16 * 1024 };

static uint64_t raw_in(const struct conn *c)
{
    uint64_t n = codec_raw_in(c->codec, NULL);
    uint64_t min = c->flags & CONN_SPLICED ? SPLICE_REST_MIN_BYTES : SPLICE_MIN_BYTES;

    return n >= min ? n : 0;
}

static bool is_ready(const struct conn *to)
{
    return conn_can_send(to) && to->tls == NULL && !conn_has_output(to) &&
           !conn_is_congested(to);
}

struct sock *conn_splice_target(struct sock *s, size_t *max)
{
    struct conn *c = conn_from_sock(s);
    uint64_t n = c->state == CONN_OPEN ? raw_in(c) : 0;

    /* Little is read at once when the queues are short of room: what the other side does not
     * take would be too much for them. */
    if (n == 0 || *max < SPLICE_REST_MIN_BYTES || c->ops->splice_target == NULL ||
        bufq_len(&c->in) > 0)
        return NULL;
    MUST(c->reading == READING_ON && c->feeding == FEEDING_IDLE);
    struct conn *to = c->ops->splice_target(c);
    if (to == NULL || !is_ready(to))
        return NULL;
    if (n > codec_raw_out(to->codec, NULL))
        return NULL; /* more than was announced: to be cut by who counts */
    if (n < *max)
        *max = (size_t)n;
    return &to->sock;
}

void conn_on_spliced(struct sock *s, struct sock *to_sock, size_t n, struct span left,
                     int error)
{
    struct conn *c = conn_from_sock(s);
    struct conn *to = conn_from_sock(to_sock);

    conn_note_moved(c->shared, n);
    MUST(left.len <= n && c->state == CONN_OPEN && to->state == CONN_OPEN);
    c->flags |= CONN_SPLICED;
    codec_skip_out(to->codec, NULL, n);
    if (left.len < n)
        to->flags |= CONN_SENT;
    if (error == 0 && left.len > 0) {
        error = conn_queue(to, left);
        if (error == 0)
            conn_set_congested(to);
    }
    if (error < 0)
        conn_break(to, error);
    codec_skip_in(c->codec, NULL, n);
}
