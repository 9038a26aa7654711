#include "worker/channel.h"

#include <stddef.h>

#include "pool/pool.h"
#include "worker/worker.h"

enum { CHANNEL_OUT_MAX_BYTES = 16 * 1024 * 1024 };

static void broken(struct channel *ch, const char *why)
{
    ch->hooks.on_broken(ch->hooks.arg, why);
}

/* ACKs are small and the manager reads them always; a socket that takes none for long fills the
 * queue, up to its bound. */
static void put(struct channel *ch, struct span bytes)
{
    struct iovec iov = {(void *)bytes.ptr, bytes.len};
    int64_t taken = 0;

    if (!sock_is_open(&ch->sock))
        return;
    if (bufq_len(&ch->out) == 0)
        taken = sock_send(&ch->sock, &iov, 1);
    if (taken < 0)
        return; /* the end of the channel will be read */
    if (bufq_push(&ch->out, ch->store, span_skip(bytes, (size_t)taken), CHANNEL_OUT_MAX_BYTES) <
        0)
        broken(ch, "the manager does not read");
}

static void on_send(struct sock *s, int error)
{
    struct channel *ch = (struct channel *)((char *)s - offsetof(struct channel, sock));
    struct span left = bufq_peek(&ch->out);
    struct iovec iov = {(void *)left.ptr, left.len};
    int64_t taken;

    if (error < 0 || left.len == 0)
        return;
    taken = sock_send(s, &iov, 1);
    if (taken > 0)
        bufq_drop(&ch->out, ch->store, (size_t)taken);
}

static void acknowledge(struct channel *ch)
{
    char buf[FRAME_FIXED_MAX];
    const struct pool_state *state = ch->worker->pool_state;
    struct frame_ack ack = {
        .index = state ? state->index : 0,
        .digest = state ? state->digest : 0,
        .frames = ++ch->frames,
    };

    put(ch, span_from(buf, frame_put_ack(buf, &ack)));
}

static int take_hello(struct channel *ch, struct span payload)
{
    int rc = frame_get_hello(payload, &ch->hello);

    if (rc < 0 || ch->has_hello)
        return WERR_CORRUPT;
    ch->has_hello = true;
    rc = ch->hooks.on_hello(ch->hooks.arg, &ch->hello);
    ch->hello.trusted = SPAN_NONE; /* the frame goes */
    return rc;
}

static int take_snapshot(struct channel *ch, struct span payload)
{
    int rc = worker_snapshot(ch->worker, payload);

    if (rc < 0)
        return rc;
    if (!ch->is_ready) {
        ch->is_ready = true;
        ch->hooks.on_ready(ch->hooks.arg);
    }
    acknowledge(ch);
    return 0;
}

static int take_apply(struct channel *ch, struct span payload)
{
    uint64_t index;
    struct span entry;
    int rc = frame_get_apply(payload, &index, &entry);

    if (rc == 0)
        rc = worker_apply(ch->worker, index, entry);
    if (rc == 0)
        acknowledge(ch);
    return rc;
}

static int take_local(struct channel *ch, struct span payload)
{
    struct frame_local facts;
    int rc = frame_get_local(payload, &facts);

    if (rc == 0)
        rc = worker_local(ch->worker, &facts);
    if (rc == 0)
        acknowledge(ch);
    return rc;
}

static int take_addrs(struct channel *ch, struct span payload)
{
    struct frame_addrs found;
    int rc = frame_get_addrs(payload, &found);

    if (rc == 0)
        rc = worker_addrs(ch->worker, &found);
    if (rc == 0)
        acknowledge(ch);
    return rc;
}

static int take_drain(struct channel *ch, struct span payload)
{
    uint32_t limit_ms;
    int rc = frame_get_drain(payload, &limit_ms);

    if (rc == 0)
        ch->hooks.on_drain(ch->hooks.arg, limit_ms);
    return rc;
}

static int take(struct channel *ch, uint16_t type, struct span payload)
{
    if (!ch->has_hello && type != FRAME_HELLO)
        return WERR_CORRUPT;
    switch (type) {
    case FRAME_HELLO:
        return take_hello(ch, payload);
    case FRAME_SNAPSHOT:
        return take_snapshot(ch, payload);
    case FRAME_APPLY:
        return take_apply(ch, payload);
    case FRAME_LOCAL:
        return take_local(ch, payload);
    case FRAME_ADDRS:
        return take_addrs(ch, payload);
    case FRAME_DRAIN:
        return take_drain(ch, payload);
    default:
        return WERR_UNSUPPORTED;
    }
}

/* Takes all whole frames; returns the bytes used or WERR_*. */
static int64_t take_all(struct channel *ch, struct span in)
{
    size_t used = 0;

    while (sock_is_open(&ch->sock)) {
        uint16_t type;
        struct span payload;
        int64_t n = frame_parse(span_skip(in, used), &type, &payload);
        int rc;

        if (n < 0)
            return n;
        if (n == 0)
            break;
        rc = take(ch, type, payload);
        if (rc < 0)
            return rc;
        used += (size_t)n;
    }
    return (int64_t)used;
}

static void ended(struct channel *ch)
{
    sock_close(&ch->sock, false);
    ch->hooks.on_drain(ch->hooks.arg, ch->hello.drain_timeout_ms);
}

static void on_recv(struct sock *s, struct span bytes, int error)
{
    struct channel *ch = (struct channel *)((char *)s - offsetof(struct channel, sock));
    int64_t used;

    if (error < 0 || bytes.len == 0) {
        ended(ch);
        return;
    }
    if (bufq_push(&ch->in, ch->store, bytes, FRAME_MAX_BYTES + LOOP_SCRATCH_BYTES) < 0) {
        broken(ch, "no memory for a frame");
        return;
    }
    used = take_all(ch, bufq_peek(&ch->in));
    if (used < 0)
        broken(ch, werr_text((int)used));
    else
        bufq_drop(&ch->in, ch->store, (size_t)used);
}

static void on_closed(struct sock *s)
{
    struct channel *ch = (struct channel *)((char *)s - offsetof(struct channel, sock));

    bufq_fini(&ch->in, ch->store);
    bufq_fini(&ch->out, ch->store);
}

static const struct sock_ops channel_ops = {
    .on_recv = on_recv, .on_send = on_send, .on_closed = on_closed};

void channel_open(struct channel *ch, struct loop *loop, struct worker *worker,
                  struct bufq_store *store, const struct channel_hooks *hooks, int fd)
{
    memset(ch, 0, sizeof(*ch));
    ch->worker = worker;
    ch->store = store;
    ch->hooks = *hooks;
    bufq_init(&ch->in);
    bufq_init(&ch->out);
    sock_adopt(loop, &ch->sock, &channel_ops, fd);
    sock_recv_start(&ch->sock);
}

void channel_bye(struct channel *ch)
{
    char buf[FRAME_FIXED_MAX];

    put(ch, span_from(buf, frame_put_bye(buf)));
}

void channel_close(struct channel *ch)
{
    if (sock_is_open(&ch->sock))
        sock_close(&ch->sock, false);
}
