#include "manager/channel.h"

#include <stdlib.h>

#include "base/fault.h"
#include "base/outv.h"
#include "base/seal.h"
#include "log/log.h"

enum { CHANNEL_MAGIC = 0x6d63686e };

static struct manager_channel *channel_of(struct sock *s)
{
    struct manager_channel *ch = (struct manager_channel *)s; /* its first member */

    MUST(ch->magic == CHANNEL_MAGIC);
    return ch;
}

static void break_off(struct manager_channel *ch, int rc)
{
    if (ch->is_broken || !ch->is_open)
        return;
    ch->is_broken = true;
    ch->ops->on_broken(ch, rc);
}

static bool is_word(const struct manager_channel *ch, const struct channel_frame *f)
{
    return (const char *)f >= (const char *)ch->words &&
           (const char *)f < (const char *)(ch->words + CHANNEL_WORDS);
}

static void free_bytes(struct channel_frame *f)
{
    if (f->is_secret)
        seal_memory_free(f->bytes);
    else
        free(f->bytes);
    f->bytes = NULL;
}

static void free_frame(struct manager_channel *ch, struct channel_frame *f)
{
    if (is_word(ch, f)) {
        MUST(f->len > 0); /* it was queued */
        f->len = 0;
        return;
    }
    free_bytes(f);
    free(f);
}

static void drop_frames(struct manager_channel *ch, struct channel_frames *frames)
{
    struct channel_frame *f;

    while ((f = TAILQ_FIRST(frames)) != NULL) {
        TAILQ_REMOVE(frames, f, entry);
        free_frame(ch, f);
    }
}

/* ---- out ---- */

static bool has_fd(const struct channel_frame *f)
{
    return f->fd >= 0 && f->sent == 0;
}

/* A frame with a descriptor goes alone: the receiver takes the descriptor with its first byte.
 */
static unsigned fill_iovec(const struct manager_channel *ch, struct iovec *iov)
{
    const struct channel_frame *f;
    unsigned n = 0;

    TAILQ_FOREACH (f, &ch->unsent, entry) {
        if (n == OUTV_PIECES || (n > 0 && (has_fd(f) || has_fd(TAILQ_FIRST(&ch->unsent)))))
            break;
        iov[n].iov_base = f->bytes + f->sent;
        iov[n].iov_len = f->len - f->sent;
        n++;
    }
    return n;
}

/* The kernel took so many bytes of the unsent frames. The analyzer does not see that
 * TAILQ_REMOVE of a last frame empties the list. NOLINTBEGIN(clang-analyzer-unix.Malloc) */
static void note_sent(struct manager_channel *ch, size_t bytes)
{
    MUST(bytes <= ch->queued_bytes); /* the sum of what is left of the unsent */
    ch->queued_bytes -= bytes;
    if (ch->queued_bytes == 0)
        ch->queue_max = CHANNEL_QUEUE_MAX;
    while (bytes > 0) {
        struct channel_frame *f = TAILQ_FIRST(&ch->unsent);
        const size_t rest = f->len - f->sent;

        if (bytes < rest) {
            f->sent += bytes;
            return;
        }
        bytes -= rest;
        TAILQ_REMOVE(&ch->unsent, f, entry);
        if (f->counts) {
            free_bytes(f);
            TAILQ_INSERT_TAIL(&ch->unacked, f, entry);
        } else {
            free_frame(ch, f);
        }
    }
}

/* NOLINTEND(clang-analyzer-unix.Malloc) */

static size_t sum_bytes(const struct iovec *iov, unsigned n)
{
    size_t bytes = 0;

    for (unsigned i = 0; i < n; i++)
        bytes += iov[i].iov_len;
    return bytes;
}

/* The analyzer does not see that TAILQ_REMOVE unlinks what is freed then.
 * NOLINTBEGIN(clang-analyzer-unix.Malloc) */
static int64_t send_pieces(struct manager_channel *ch, const struct iovec *iov, unsigned n)
{
    struct channel_frame *first = TAILQ_FIRST(&ch->unsent);

    if (!has_fd(first))
        return sock_send(&ch->sock, iov, n);
    MUST(n == 1); /* else another frame's reader would get the descriptor */
    int64_t took = sock_send_right(&ch->sock, iov, n, first->fd);
    if (took == WERR_NO_FD) {
        loop_timer_in(ch->loop, &ch->pause, CHANNEL_PAUSE_MS);
        return 0;
    }
    if (took > 0)
        first->fd = -1;
    return took;
}
/* NOLINTEND(clang-analyzer-unix.Malloc) */

static bool may_send(const struct manager_channel *ch)
{
    return !ch->is_blocked && !ch->is_broken && !timer_is_set(&ch->pause) &&
           !TAILQ_EMPTY(&ch->unsent);
}

static void flush(struct manager_channel *ch)
{
    struct iovec iov[OUTV_PIECES];

    while (may_send(ch)) {
        const unsigned n = fill_iovec(ch, iov);
        const size_t asked = sum_bytes(iov, n);
        const int64_t took = send_pieces(ch, iov, n);

        if (took < 0) {
            break_off(ch, (int)took);
            return;
        }
        note_sent(ch, (size_t)took);
        ch->is_blocked = (size_t)took < asked && !timer_is_set(&ch->pause);
    }
    MUST(!TAILQ_EMPTY(&ch->unsent) || ch->queued_bytes == 0);
    if (ch->is_stale && TAILQ_EMPTY(&ch->unsent) && !ch->is_broken &&
        !manager_channel_is_starved(ch))
        ch->ops->on_stale(ch);
}

static void run_flush(struct loop_work *w)
{
    struct manager_channel *ch =
        (struct manager_channel *)((char *)w - offsetof(struct manager_channel, flush));

    if (ch->is_open)
        flush(ch);
}

/* A frame that was not begun. */
static void drop_unsent(struct manager_channel *ch, struct channel_frame *f)
{
    MUST(f->sent == 0 && f->len <= ch->queued_bytes);
    TAILQ_REMOVE(&ch->unsent, f, entry);
    ch->queued_bytes -= f->len;
    free_frame(ch, f);
}

/* Updates give way to the snapshot. The frame that was begun must go out whole, and what is no
 * update (HELLO at a start, DRAIN) is in no snapshot. The analyzer does not see that
 * TAILQ_REMOVE unlinks. NOLINTBEGIN(clang-analyzer-unix.Malloc) */
static void go_stale(struct manager_channel *ch)
{
    struct channel_frame *f, *next;

    for (f = TAILQ_FIRST(&ch->unsent); f != NULL; f = next) {
        next = TAILQ_NEXT(f, entry);
        if (f->counts && f->sent == 0)
            drop_unsent(ch, f);
    }
    ch->is_stale = true;
}

/* NOLINTEND(clang-analyzer-unix.Malloc) */

static struct channel_frame *make_frame(struct channel_note note, struct span head,
                                        struct span body)
{
    struct channel_frame *f = fault_malloc(sizeof(*f));

    if (f == NULL)
        return NULL;
    f->sent = 0;
    f->is_secret = note.is_secret;
    f->bytes =
        f->is_secret ? seal_memory_new(head.len + body.len) : fault_malloc(head.len + body.len);
    if (f->bytes == NULL) {
        free(f);
        return NULL;
    }
    memcpy(f->bytes, head.ptr, head.len);
    if (body.len > 0)
        memcpy(f->bytes + head.len, body.ptr, body.len);
    f->len = head.len + body.len;
    f->seq = note.seq;
    f->counts = note.counts;
    f->fd = -1;
    return f;
}

static void queue(struct manager_channel *ch, struct channel_frame *f)
{
    MUST(f->len > 0); /* note_sent takes frames off by their bytes */
    TAILQ_INSERT_TAIL(&ch->unsent, f, entry);
    ch->queued_bytes += f->len;
    loop_defer(ch->loop, &ch->flush);
}

/* Has the frame a place in the queue? An update of a stale channel has not. */
static bool is_wanted(struct manager_channel *ch, bool is_update)
{
    if (!ch->is_open || ch->is_broken)
        return false;
    if (is_update && !ch->is_stale && ch->queued_bytes > ch->queue_max)
        go_stale(ch);
    if (is_update && ch->is_stale) {
        loop_defer(ch->loop, &ch->flush); /* perhaps it waits for nothing but on_stale */
        return false;
    }
    return true;
}

static void send_frame(struct manager_channel *ch, struct channel_frame *f, bool is_update)
{
    if (f != NULL)
        queue(ch, f);
    else if (is_update)
        manager_channel_starve(ch);
    else
        break_off(ch, WERR_NOMEM);
}

void manager_channel_send(struct manager_channel *ch, struct channel_note note,
                          struct span head, struct span body)
{
    if (is_wanted(ch, note.counts))
        send_frame(ch, make_frame(note, head, body), note.counts);
}

void manager_channel_send_fd(struct manager_channel *ch, struct channel_note note,
                             struct span head, int fd)
{
    MUST(fd >= 0);
    if (!is_wanted(ch, note.counts))
        return;
    struct channel_frame *f = make_frame(note, head, SPAN_NONE);
    if (f != NULL)
        f->fd = fd;
    send_frame(ch, f, note.counts);
}

/* NOLINTBEGIN(clang-analyzer-unix.Malloc): as above. */
void manager_channel_forget(struct manager_channel *ch, int fd)
{
    struct channel_frame *f, *next;

    for (f = ch->is_open ? TAILQ_FIRST(&ch->unsent) : NULL; f != NULL; f = next) {
        next = TAILQ_NEXT(f, entry);
        if (f->fd == fd && f->sent == 0)
            drop_unsent(ch, f);
    }
}

/* NOLINTEND(clang-analyzer-unix.Malloc) */

void manager_channel_say(struct manager_channel *ch, enum channel_word word, struct span frame)
{
    struct channel_ready_frame *ready = &ch->words[word];

    if (!ch->is_open || ch->is_broken || ready->frame.len > 0)
        return;
    MUST(frame.len <= sizeof(ready->bytes));
    memcpy(ready->bytes, frame.ptr, frame.len);
    ready->frame = (struct channel_frame){.bytes = ready->bytes, .len = frame.len, .fd = -1};
    queue(ch, &ready->frame);
}

static void on_retry(struct timer *t)
{
    struct manager_channel *ch =
        (struct manager_channel *)((char *)t - offsetof(struct manager_channel, retry));

    loop_defer(ch->loop, &ch->flush);
}

static void on_pause_end(struct timer *t)
{
    struct manager_channel *ch =
        (struct manager_channel *)((char *)t - offsetof(struct manager_channel, pause));

    loop_defer(ch->loop, &ch->flush);
}

void manager_channel_starve(struct manager_channel *ch)
{
    go_stale(ch);
    if (manager_channel_is_starved(ch))
        return;
    if (ch->retry_ms == 0)
        ch->retry_ms = CHANNEL_RETRY_MIN_MS;
    else if (ch->retry_ms < CHANNEL_RETRY_MAX_MS)
        ch->retry_ms *= 2;
    loop_timer_in(ch->loop, &ch->retry, ch->retry_ms);
}

bool manager_channel_is_starved(const struct manager_channel *ch)
{
    return timer_is_set(&ch->retry);
}

static size_t sum_owed(const struct channel_frames *frames)
{
    const struct channel_frame *f;
    size_t bytes = 0;

    TAILQ_FOREACH (f, frames, entry)
        bytes += f->counts ? f->len : 0;
    return bytes;
}

size_t manager_channel_owed_bytes(const struct manager_channel *ch)
{
    return sum_owed(&ch->unsent) + sum_owed(&ch->unacked);
}

void manager_channel_refresh(struct manager_channel *ch)
{
    ch->is_stale = false;
    ch->queue_max = SIZE_MAX;
}

void manager_channel_attached(struct manager_channel *ch)
{
    ch->queue_max = ch->queued_bytes + CHANNEL_QUEUE_MAX;
}

/* ---- in ---- */

/* Pops what the worker has confirmed; false when it claims frames that were never sent. */
static bool take_ack(struct manager_channel *ch, const struct frame_ack *ack)
{
    while (ch->last_ack.frames < ack->frames) {
        struct channel_frame *f = TAILQ_FIRST(&ch->unacked);

        if (f == NULL)
            return false;
        MUST(f->counts && f->bytes == NULL); /* note_sent put it there */
        TAILQ_REMOVE(&ch->unacked, f, entry);
        if (f->seq > ch->acked_seq)
            ch->acked_seq = f->seq;
        if (f->seq > 0)
            ch->retry_ms = 0;
        free_frame(ch, f);
        ch->last_ack.frames++;
    }
    ch->last_ack = *ack;
    return true;
}

/* The worker has taken all that it has acknowledged, and nothing that comes before RESUME. */
static void take_lacking(struct manager_channel *ch)
{
    struct channel_frame *begun = TAILQ_FIRST(&ch->unsent);
    char buf[FRAME_FIXED_MAX];

    drop_frames(ch, &ch->unacked);
    if (begun != NULL)
        begun->counts = begun->counts && begun->sent == 0;
    manager_channel_starve(ch);
    manager_channel_say(ch, CHANNEL_RESUME, span_from(buf, frame_put_resume(buf)));
    log_warn("a worker is out of memory for an update", LOG_U("again_in_ms", ch->retry_ms));
}

static int take_acknowledgement(struct manager_channel *ch, struct span payload)
{
    struct frame_ack ack;

    if (frame_get_ack(payload, &ack) < 0 || !take_ack(ch, &ack))
        return WERR_CORRUPT;
    ch->ops->on_ack(ch, &ack);
    return 0;
}

static int take_parted(struct manager_channel *ch, struct span payload)
{
    struct frame_parted said;
    const int rc = frame_get_parted(payload, &said);

    if (rc == 0)
        ch->ops->on_parted(ch, &said);
    return rc;
}

static int take_frame(struct manager_channel *ch, uint16_t type, struct span payload)
{
    ch->heard_n++;
    switch (type) {
    case FRAME_ACK:
        return take_acknowledgement(ch, payload);
    case FRAME_PONG:
        ch->ops->on_pong(ch);
        return 0;
    case FRAME_LACKING:
        take_lacking(ch);
        return 0;
    case FRAME_LOG_WANTED:
        ch->ops->on_log_wanted(ch);
        return 0;
    case FRAME_PARTED:
        return take_parted(ch, payload);
    case FRAME_BYE:
        ch->ops->on_bye(ch);
        return 0;
    default:
        return WERR_CORRUPT;
    }
}

/* Takes the whole frames off the bytes; returns the bytes used or WERR_CORRUPT. */
static int64_t take_frames(struct manager_channel *ch, struct span in)
{
    size_t used = 0;

    while (ch->is_open && !ch->is_broken) {
        struct span payload;
        uint16_t type;
        const int64_t n = frame_parse(span_skip(in, used), &type, &payload);

        if (n <= 0)
            return n < 0 ? n : (int64_t)used;
        int rc = take_frame(ch, type, payload);
        if (rc < 0)
            return rc;
        used += (size_t)n;
    }
    return (int64_t)in.len;
}

static void on_recv(struct sock *s, struct span bytes, int rc)
{
    struct manager_channel *ch = channel_of(s);

    if (rc < 0 || bytes.len == 0) {
        break_off(ch, rc < 0 ? rc : WERR_EOF);
        return;
    }
    /* The worker's frames are small: what is left over of one fits the buffer, or it is none.
     */
    while (bytes.len > 0 && ch->is_open && !ch->is_broken) {
        const struct span piece = span_first(bytes, sizeof(ch->in) - ch->in_len);

        MUST(piece.len > 0); /* else nothing more would ever fit */
        memcpy(ch->in + ch->in_len, piece.ptr, piece.len);
        ch->in_len += piece.len;
        bytes = span_skip(bytes, piece.len);
        int64_t used = take_frames(ch, span_from(ch->in, ch->in_len));
        if (used < 0 || (used == 0 && ch->in_len == sizeof(ch->in))) {
            break_off(ch, WERR_CORRUPT);
            return;
        }
        ch->in_len -= (size_t)used;
        memmove(ch->in, ch->in + used, ch->in_len);
    }
}

static void on_send(struct sock *s, int rc)
{
    struct manager_channel *ch = channel_of(s);

    if (rc < 0) {
        break_off(ch, rc);
        return;
    }
    ch->is_blocked = false;
    flush(ch);
}

static void on_hangup(struct sock *s, int rc)
{
    break_off(channel_of(s), rc < 0 ? rc : WERR_EOF);
}

static void on_closed(struct sock *s)
{
    struct manager_channel *ch = channel_of(s);

    MUST(TAILQ_EMPTY(&ch->unsent) && TAILQ_EMPTY(&ch->unacked)); /* for the next process */
    ch->is_open = false;
}

static const struct sock_ops channel_sock_ops = {
    .on_recv = on_recv,
    .on_send = on_send,
    .on_hangup = on_hangup,
    .on_closed = on_closed,
};

/* ---- life ---- */

void manager_channel_init(struct manager_channel *ch, struct loop *loop,
                          const struct manager_channel_ops *ops)
{
    memset(ch, 0, sizeof(*ch));
    ch->magic = CHANNEL_MAGIC;
    ch->loop = loop;
    ch->ops = ops;
    ch->flush.run = run_flush;
    timer_init(&ch->retry, on_retry);
    timer_init(&ch->pause, on_pause_end);
    TAILQ_INIT(&ch->unsent);
    TAILQ_INIT(&ch->unacked);
}

void manager_channel_open(struct manager_channel *ch, int fd)
{
    MUST(!ch->is_open);
    ch->is_open = true;
    ch->is_blocked = ch->is_broken = ch->is_stale = false;
    ch->queued_bytes = 0;
    ch->queue_max = CHANNEL_QUEUE_MAX;
    ch->retry_ms = 0;
    ch->acked_seq = ch->heard_n = 0;
    ch->in_len = 0;
    memset(&ch->last_ack, 0, sizeof(ch->last_ack));
    memset(&ch->sock, 0, sizeof(ch->sock));
    sock_adopt(ch->loop, &ch->sock, &channel_sock_ops, fd);
    sock_recv_start(&ch->sock);
}

void manager_channel_close(struct manager_channel *ch)
{
    if (!ch->is_open || !sock_is_open(&ch->sock))
        return;
    ch->is_broken = true; /* nothing more is told */
    loop_undefer(ch->loop, &ch->flush);
    timer_stop(loop_timers(ch->loop), &ch->retry);
    timer_stop(loop_timers(ch->loop), &ch->pause);
    drop_frames(ch, &ch->unsent);
    drop_frames(ch, &ch->unacked);
    sock_close(&ch->sock, false);
}
