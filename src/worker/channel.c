#include "worker/channel.h"

#include <stddef.h>
#include <unistd.h>

#include "base/fault.h"
#include "log/log.h"
#include "pool/pool.h"
#include "worker/acceptor.h"
#include "worker/certificates.h"
#include "worker/departing.h"
#include "worker/departures.h"
#include "worker/origin_follow.h"
#include "worker/worker_life.h"

static void broken(struct channel *ch, const char *why)
{
    ch->hooks.on_broken(ch->hooks.arg, why);
}

/* ---- out ---- */

static size_t put_ack(const struct channel *ch, char *buf)
{
    const struct pool_state *state = ch->worker->pool_state;
    const struct frame_ack ack = {
        .index = state != NULL ? state->index : 0,
        .digest = state != NULL ? state->digest : 0,
        .frames = ch->frames,
    };

    return frame_put_ack(buf, &ack);
}

static bool take_due(bool *due)
{
    const bool was = *due;

    *due = false;
    return was;
}

/* LACKING takes back what was sent and not confirmed, so the ACK comes before it. */
static size_t put_next(struct channel *ch)
{
    if (take_due(&ch->is_ack_due))
        return put_ack(ch, ch->out);
    if (take_due(&ch->is_lacking_due))
        return frame_put_lacking(ch->out);
    if (take_due(&ch->is_pong_due))
        return frame_put_pong(ch->out, ch->ping);
    if (take_due(&ch->is_log_wanted_due))
        return frame_put_log_wanted(ch->out);
    if (ch->is_parted_due) {
        struct frame_parted said;

        if (departures_next_due(ch->worker, &said))
            return frame_put_parted(ch->out, &said);
        ch->is_parted_due = false;
    }
    return take_due(&ch->is_bye_due) ? frame_put_bye(ch->out) : 0;
}

static void send_due(struct channel *ch)
{
    while (sock_is_open(&ch->sock)) {
        if (ch->out_sent == ch->out_len) {
            ch->out_sent = 0;
            ch->out_len = put_next(ch);
        }
        struct iovec iov = {ch->out + ch->out_sent, ch->out_len - ch->out_sent};
        int64_t taken = iov.iov_len > 0 ? sock_send(&ch->sock, &iov, 1) : 0;
        if (taken < 0)
            return; /* the end of the channel will be read */
        ch->out_sent += (size_t)taken;
        if (ch->out_sent < ch->out_len || ch->out_len == 0)
            return; /* on_send goes on, or all is said */
    }
}

static void on_send(struct sock *s, int error)
{
    if (error == 0)
        send_due((struct channel *)((char *)s - offsetof(struct channel, sock)));
}

static void say(struct channel *ch, bool *due)
{
    *due = true;
    send_due(ch);
}

static void on_parted_due(void *arg)
{
    struct channel *ch = arg;

    say(ch, &ch->is_parted_due);
}

/* ---- in: what a frame says ---- */

static int take_hello(struct channel *ch, struct span payload)
{
    int rc = frame_get_hello(payload, &ch->hello);

    if (rc < 0 || ch->has_hello)
        return WERR_CORRUPT;
    ch->has_hello = true;
    rc = ch->hooks.on_hello(ch->hooks.arg, &ch->hello);
    ch->hello.trusted = SPAN_NONE; /* the frame goes */
    if (rc == 0) {
        ch->worker->departures.on_due = on_parted_due;
        ch->worker->departures.on_due_arg = ch;
    }
    return rc;
}

static int take_snapshot(struct channel *ch, struct span payload)
{
    int rc = worker_snapshot(ch->worker, payload);

    if (rc == 0) {
        acceptor_leave_untold(ch->worker);
        departing_stay_untold(ch->worker);
    }
    if (rc < 0 || ch->is_ready)
        return rc;
    rc = ch->hooks.on_ready(ch->hooks.arg);
    ch->is_ready = rc == 0;
    return rc;
}

static void drop_held(struct channel *ch)
{
    free(ch->held);
    ch->held = NULL;
}

/* While bulk takes a list, what came behind it waits, in room that is made before. */
static int take_long(struct channel *ch, uint64_t index, struct span entry)
{
    MUST(ch->held == NULL);
    ch->held = fault_malloc(ch->unread.len + 1);
    if (ch->held == NULL)
        return WERR_NOMEM;
    const int rc = bulk_apply(&ch->bulk, index, entry);
    if (rc != POOL_CODE_MORE)
        drop_held(ch);
    return rc;
}

static int take_apply(struct channel *ch, struct span payload)
{
    uint64_t index;
    struct span entry;
    const int rc = frame_get_apply(payload, &index, &entry);

    if (rc < 0)
        return rc;
    return bulk_is_long(entry) ? take_long(ch, index, entry)
                               : worker_apply(ch->worker, index, entry);
}

static int take_local(struct channel *ch, struct span payload)
{
    struct frame_local facts;
    int rc = frame_get_local(payload, &facts);

    return rc == 0 ? worker_local(ch->worker, &facts) : rc;
}

static int take_addrs(struct channel *ch, struct span payload)
{
    struct frame_addrs found;
    int rc = frame_get_addrs(payload, &found);

    return rc == 0 ? worker_addrs(ch->worker, &found) : rc;
}

static int next_right(struct channel *ch)
{
    const int fd = ch->right_n > 0 ? ch->rights[0] : -1;

    if (ch->right_n > 0) {
        ch->right_n--;
        memmove(ch->rights, ch->rights + 1, ch->right_n * sizeof(ch->rights[0]));
    }
    return fd;
}

/* No descriptor was to spare for it: as with memory, a snapshot makes it good. With a snapshot
 * all come again. */
static int take_listen(struct channel *ch, struct span payload)
{
    struct frame_listen listen;
    int rc = frame_get_listen(payload, &listen);
    const int fd = rc == 0 ? next_right(ch) : -1;

    if (rc < 0)
        return rc;
    rc = fd < 0 ? WERR_NOMEM : acceptor_take(ch->worker, &listen, fd);
    if (rc < 0 && fd >= 0)
        (void)close(fd);
    return rc == WERR_EXISTS ? 0 : rc;
}

static int take_log(struct channel *ch, struct span payload)
{
    uint64_t way;
    const int rc = frame_get_number(payload, &way);
    const int fd = rc == 0 ? next_right(ch) : -1;

    if (rc < 0)
        return rc;
    if (fd < 0)
        return WERR_NOMEM;
    ch->hooks.on_log(ch->hooks.arg, fd, (uint8_t)way);
    return 0;
}

static int take_unlisten(struct channel *ch, struct span payload)
{
    struct frame_unlisten unlisten;
    const int rc = frame_get_unlisten(payload, &unlisten);

    if (rc == 0)
        acceptor_leave(ch->worker, unlisten.socket_no);
    return rc;
}

static int take_node(struct channel *ch, struct span payload)
{
    struct frame_node node;
    int rc = frame_get_node(payload, &node);

    if (rc < 0 || node.log_level > LOG_TRACE)
        return WERR_CORRUPT;
    log_set_level((enum log_level)node.log_level);
    worker_node(ch->worker, &node);
    acceptor_forget_told(ch->worker); /* it comes first when all is told anew */
    departing_forget_told(ch->worker);
    return 0;
}

static int take_part(struct channel *ch, struct span payload)
{
    struct frame_part part;
    const int rc = frame_get_part(payload, &part);

    return rc == 0 ? departing_take(ch->worker, &part) : rc;
}

static int take_secrets(struct channel *ch, struct span payload)
{
    return secrets_from_bytes(&ch->worker->secrets, payload) < 0 ? WERR_CORRUPT : 0;
}

static int take_authorities(struct channel *ch, struct span payload)
{
    const int rc = authorities_set(&ch->worker->authorities, payload);

    return rc == 0 ? origin_follow_tls_all(ch->worker) : rc;
}

static int apply_update(struct channel *ch, uint16_t type, struct span payload)
{
    switch (type) {
    case FRAME_SNAPSHOT:
        return take_snapshot(ch, payload);
    case FRAME_APPLY:
        return take_apply(ch, payload);
    case FRAME_LOCAL:
        return take_local(ch, payload);
    case FRAME_LISTEN:
        return take_listen(ch, payload);
    case FRAME_UNLISTEN:
        return take_unlisten(ch, payload);
    case FRAME_NODE:
        return take_node(ch, payload);
    case FRAME_PART:
        return take_part(ch, payload);
    case FRAME_LOG:
        return take_log(ch, payload);
    case FRAME_SECRETS:
        return take_secrets(ch, payload);
    case FRAME_AUTHORITIES:
        return take_authorities(ch, payload);
    case FRAME_SEAL:
        return certificates_set_seal(ch->worker, payload);
    case FRAME_TICKETS:
        return certificates_set_tickets(ch->worker, payload);
    default:
        return take_addrs(ch, payload);
    }
}

/* What clients see goes on with the pool as it is; a snapshot makes it good. */
static int lack(struct channel *ch)
{
    log_warn("out of memory for an update: the manager is asked for a snapshot");
    worker_note(ch->worker, FLIGHT_LACKING, ch->frames, 1);
    ch->is_lacking = true;
    say(ch, &ch->is_lacking_due);
    return 0;
}

/* The ACK says so of all that came together. */
static int note_update(struct channel *ch, int rc)
{
    if (rc == WERR_NOMEM)
        return lack(ch);
    if (rc == 0) {
        ch->frames++;
        ch->is_ack_due = true;
    }
    return rc;
}

static int take_update(struct channel *ch, uint16_t type, struct span payload)
{
    if (ch->is_lacking) {
        const bool has_right = type == FRAME_LISTEN || type == FRAME_LOG;
        const int fd = has_right ? next_right(ch) : -1;

        if (fd >= 0)
            (void)close(fd);
        return 0;
    }
    const int rc = apply_update(ch, type, payload);
    return rc == POOL_CODE_MORE ? 0 : note_update(ch, rc);
}

static int take_drain(struct channel *ch, struct span payload)
{
    uint32_t limit_ms;
    int rc = frame_get_drain(payload, &limit_ms);

    if (rc == 0)
        ch->hooks.on_drain(ch->hooks.arg, limit_ms);
    return rc;
}

static int take_ping(struct channel *ch, struct span payload)
{
    int rc = frame_get_number(payload, &ch->ping);

    if (rc < 0)
        return rc;
    ch->hooks.on_ping(ch->hooks.arg);
    say(ch, &ch->is_pong_due);
    return 0;
}

static bool is_secret(uint16_t type)
{
    return type == FRAME_SEAL || type == FRAME_TICKETS;
}

/* Of keys nothing stays in buffers that a core file shows. */
static void wipe(struct span bytes)
{
    explicit_bzero((char *)bytes.ptr, bytes.len);
}

static int take(struct channel *ch, uint16_t type, struct span payload)
{
    if (!ch->has_hello && type != FRAME_HELLO)
        return WERR_CORRUPT;
    if (ch->has_hello && type != FRAME_PING)
        worker_note(ch->worker, FLIGHT_FRAME, type, payload.len);
    if (frame_is_update(type)) {
        const int rc = take_update(ch, type, payload);

        if (is_secret(type))
            wipe(payload);
        return rc;
    }
    switch (type) {
    case FRAME_HELLO:
        return take_hello(ch, payload);
    case FRAME_DRAIN:
        return take_drain(ch, payload);
    case FRAME_PING:
        return take_ping(ch, payload);
    case FRAME_RESUME:
        ch->is_lacking = false;
        return 0;
    default:
        return WERR_UNSUPPORTED;
    }
}

/* ---- in: frames out of bytes ---- */

static char *piece_bytes(struct channel_piece *p)
{
    return p->block != NULL ? p->block : p->small;
}

static void drop_piece(struct channel_piece *p)
{
    free(p->block);
    *p = (struct channel_piece){0};
}

/* Its head is whole: how much is to come, and where it goes. */
static int begin_piece(struct channel_piece *p)
{
    const int64_t want = frame_measure(span_from(p->small, p->got), &p->type);

    if (want <= 0)
        return (int)want;
    p->want = (size_t)want;
    if (p->want <= sizeof(p->small))
        return 0;
    p->block = fault_malloc(p->want);
    p->is_lost = p->block == NULL;
    if (!p->is_lost)
        memcpy(p->block, p->small, p->got);
    return 0;
}

static void add_to_piece(struct channel_piece *p, struct span *bytes)
{
    const size_t until = p->want > 0 ? p->want : FRAME_HEADER_BYTES;
    const struct span more = span_first(*bytes, until - p->got);

    if (!p->is_lost)
        memcpy(piece_bytes(p) + p->got, more.ptr, more.len);
    if (p->want > 0 && is_secret(p->type))
        wipe(more);
    p->got += more.len;
    *bytes = span_skip(*bytes, more.len);
}

static int take_piece(struct channel *ch)
{
    struct channel_piece *p = &ch->in;
    const struct span frame = span_from(piece_bytes(p), p->want);
    int rc;

    if (!p->is_lost)
        rc = take(ch, p->type, span_skip(frame, FRAME_HEADER_BYTES));
    else if (!frame_is_update(p->type))
        rc = WERR_NOMEM;
    else
        rc = ch->is_lacking ? 0 : lack(ch);
    drop_piece(p);
    return rc;
}

static int collect(struct channel *ch, struct span *bytes)
{
    struct channel_piece *p = &ch->in;
    int rc = 0;

    add_to_piece(p, bytes);
    if (p->want == 0)
        rc = begin_piece(p);
    if (rc == 0 && p->want > 0 && p->got == p->want)
        rc = take_piece(ch);
    return rc;
}

/* The next whole frame where it lies, or what there is of a cut one. */
static int take_next(struct channel *ch)
{
    struct span *bytes = &ch->unread;
    uint16_t type;
    struct span payload;
    int64_t n = ch->in.got == 0 ? frame_parse(*bytes, &type, &payload) : 0;

    if (n < 0)
        return (int)n;
    if (n == 0)
        return collect(ch, bytes);
    *bytes = span_skip(*bytes, (size_t)n);
    return take(ch, type, payload);
}

static void ended(struct channel *ch)
{
    sock_close(&ch->sock, false);
    ch->hooks.on_drain(ch->hooks.arg, ch->hello.drain_timeout_ms);
}

/* bulk takes a list: nothing more is read until it is done. */
static void hold(struct channel *ch)
{
    MUST(ch->held != NULL);
    ch->held_len = ch->unread.len;
    if (ch->held_len > 0) {
        memcpy(ch->held, ch->unread.ptr, ch->held_len);
        wipe(ch->unread); /* there may be keys among it */
    }
    sock_recv_stop(&ch->sock);
}

static void take_all(struct channel *ch, struct span bytes)
{
    int rc = 0;

    ch->unread = bytes;
    while (rc == 0 && ch->unread.len > 0 && sock_is_open(&ch->sock) && !bulk_is_busy(&ch->bulk))
        rc = take_next(ch);
    if (bulk_is_busy(&ch->bulk))
        hold(ch);
    if (ch->is_ack_due)
        send_due(ch);
    if (rc < 0)
        broken(ch, werr_text(rc));
}

static void on_bulk(struct bulk *b, int rc)
{
    struct channel *ch = (struct channel *)((char *)b - offsetof(struct channel, bulk));
    char *held = ch->held;

    ch->held = NULL;
    rc = note_update(ch, rc);
    if (rc < 0)
        broken(ch, werr_text(rc));
    else
        take_all(ch, span_from(held, ch->held_len));
    free(held);
    if (rc == 0 && sock_is_open(&ch->sock) && !bulk_is_busy(&ch->bulk))
        sock_recv_start(&ch->sock);
}

static void on_recv(struct sock *s, struct span bytes, int error)
{
    struct channel *ch = (struct channel *)((char *)s - offsetof(struct channel, sock));

    if (error < 0 || bytes.len == 0) {
        ended(ch);
        return;
    }
    take_all(ch, bytes);
}

/* ---- life ---- */

static void on_closed(struct sock *s)
{
    drop_piece(&((struct channel *)((char *)s - offsetof(struct channel, sock)))->in);
}

static void on_right(struct sock *s, int fd)
{
    struct channel *ch = (struct channel *)((char *)s - offsetof(struct channel, sock));

    if (ch->right_n == CHANNEL_RIGHTS_MAX) {
        (void)close(fd);
        broken(ch, "more descriptors than frames for them");
        return;
    }
    ch->rights[ch->right_n++] = fd;
}

static const struct sock_ops channel_ops = {
    .on_right = on_right, .on_recv = on_recv, .on_send = on_send, .on_closed = on_closed};

void channel_open(struct channel *ch, struct loop *loop, struct worker *worker,
                  const struct channel_hooks *hooks, int fd)
{
    memset(ch, 0, sizeof(*ch));
    ch->worker = worker;
    ch->hooks = *hooks;
    bulk_init(&ch->bulk, worker, on_bulk);
    sock_adopt(loop, &ch->sock, &channel_ops, fd);
    ch->sock.recv_max = CHANNEL_READ_BYTES;
    sock_take_rights(&ch->sock);
    sock_recv_start(&ch->sock);
}

void channel_want_log(struct channel *ch)
{
    say(ch, &ch->is_log_wanted_due);
}

void channel_bye(struct channel *ch)
{
    say(ch, &ch->is_bye_due);
}

void channel_close(struct channel *ch)
{
    bulk_drop(&ch->bulk);
    drop_held(ch);
    if (sock_is_open(&ch->sock))
        sock_close(&ch->sock, false);
}
