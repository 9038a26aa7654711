/* To send is for a large part to wake whoever waits for the bytes; a process that is awake
 * already need not be woken. So small output does not go out as it is written, between one read
 * and the next, but at the end of the turn, one send right after the other. What a turn's last
 * callback writes goes out directly if nothing is held. */
#include <stdlib.h>

#include "base/fault.h"
#include "net/conn_int.h"

/* The more is held, and the more is moved meanwhile, the longer the first waits: for 64 reads
 * of little or for a few of much, some 200 us, when there is so much to do. Copying
 * HOLD_MAX_BYTES costs far less than it saves. */
enum { HOLD_N = 64, HOLD_MAX_BYTES = 4096, HOLD_MOVED_BYTES = 256 * 1024 };

struct entry {
    struct conn *conn; /* NULL: sent already */
    uint32_t at, len;  /* where in bytes */
    bool sent_before;  /* the kernel had taken something of the message */
};

struct conn_hold {
    struct loop *loop;
    struct loop_work work;
    unsigned n;
    uint32_t used_bytes;
    size_t moved_bytes; /* since the first of them waits */
    struct entry entries[HOLD_N];
    char bytes[HOLD_N * HOLD_MAX_BYTES];
};

/* Counts no longer as sent; it may be so by what follows. */
static void let_go(struct entry *e)
{
    struct conn *c = e->conn;

    MUST(c->magic == CONN_MAGIC && c->held > 0);
    e->conn = NULL;
    c->held = 0;
    if (!e->sent_before)
        c->flags &= (uint8_t)~CONN_SENT;
}

static void send_entry(struct conn_hold *h, struct entry *e)
{
    struct conn *c = e->conn;
    struct iovec iov = {h->bytes + e->at, e->len};

    let_go(e);
    conn_send_out(c, &iov, 1, e->len);
}

static void send_those(struct conn_hold *h, uint8_t flag)
{
    for (unsigned i = 0; i < h->n; i++) {
        struct entry *e = &h->entries[i];

        if (e->conn != NULL && (e->conn->flags & CONN_ASKS) == flag)
            send_entry(h, e);
    }
}

/* First the requests: whom they wake has work to do while the responses go out. */
static void send_all(struct conn_hold *h)
{
    send_those(h, CONN_ASKS);
    send_those(h, 0);
    h->n = 0;
    h->used_bytes = 0;
    h->moved_bytes = 0;
}

static void end_turn(struct loop_work *work)
{
    send_all((struct conn_hold *)((char *)work - offsetof(struct conn_hold, work)));
}

struct conn_hold *conn_hold_new(struct loop *l)
{
    struct conn_hold *h = fault_malloc(sizeof(*h));

    if (h == NULL)
        return NULL;
    h->loop = l;
    h->work = (struct loop_work){.run = end_turn};
    h->n = 0;
    h->used_bytes = 0;
    h->moved_bytes = 0;
    return h;
}

void conn_hold_free(struct conn_hold *h)
{
    if (h != NULL)
        loop_undefer(h->loop, &h->work);
    free(h);
}

static uint32_t copy_out(char *to, const struct outv *o)
{
    for (unsigned i = 0; i < o->n; i++) {
        memcpy(to, o->iov[i].iov_base, o->iov[i].iov_len);
        to += o->iov[i].iov_len;
    }
    return (uint32_t)o->bytes;
}

bool conn_hold(struct conn *c)
{
    struct conn_hold *h = c->shared->hold;
    struct outv *o = &c->shared->outv;
    struct entry *e = &h->entries[h->n];

    MUST(c->shared->outv_owner == c && !c->held && h->n < HOLD_N);
    if (o->bytes == 0 || o->bytes > HOLD_MAX_BYTES || bufq_len(&c->out) > 0 ||
        conn_is_broken(c))
        return false;
    if (h->n == 0 && !loop_has_ready(h->loop))
        return false; /* the turn is over */
    *e = (struct entry){c, h->used_bytes, copy_out(h->bytes + h->used_bytes, o),
                        conn_has_sent(c)};
    outv_clear(o);
    c->shared->outv_owner = NULL;
    h->used_bytes += e->len;
    c->held = (uint8_t)++h->n;
    c->flags |= CONN_SENT;
    if (h->n == HOLD_N)
        send_all(h);
    else
        loop_defer(h->loop, &h->work);
    return true;
}

void conn_note_moved(struct conn_shared *s, size_t bytes)
{
    struct conn_hold *h = s->hold;

    if (h->n > 0 && (h->moved_bytes += bytes) > HOLD_MOVED_BYTES)
        send_all(h);
}

void conn_send_held_now(struct conn *c)
{
    struct conn_hold *h = c->shared->hold;
    struct entry *e = &h->entries[c->held - 1];

    MUST(c->held > 0 && e->conn == c);
    send_entry(h, e);
}

void conn_drop_held(struct conn *c)
{
    if (c->held)
        let_go(&c->shared->hold->entries[c->held - 1]);
}
