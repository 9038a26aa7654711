#include "fake_origin.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake_kinds.h"
#include "net/loop_sim.h"

/* ---- requests ---- */

static const char *find(const char *from, size_t len, const char *what)
{
    return memmem(from, len, what, strlen(what));
}

static void read_head(struct fake_conn *c, const char *head, size_t len)
{
    struct fake_request *r = &c->request;
    char *copy = strndup(head, len);
    const char *at;

    MUST(copy);
    memset(r, 0, sizeof(*r));
    (void)sscanf(copy, "%15[A-Z] /%15[^/]/%lu/%lu", r->method, r->kind, &r->number, &r->id);
    at = strcasestr(copy, "\r\ncontent-length:");
    if (at)
        r->length = strtoull(at + 17, NULL, 10);
    at = strcasestr(copy, "\r\nx-forwarded-for: ");
    if (at)
        (void)sscanf(at + 19, "%47[^\r]", r->forwarded_for);
    r->is_chunked = strcasestr(copy, "\r\ntransfer-encoding: chunked") != NULL;
    r->has_expect = strcasestr(copy, "\r\nexpect: 100-continue") != NULL;
    free(copy);
}

static bool take_length(struct fake_conn *c)
{
    size_t want = (size_t)c->request.length - c->body.len;
    size_t there = c->peer.in.len - c->scan;
    size_t n = want < there ? want : there;

    text_add(&c->body, span_from(c->peer.in.ptr + c->scan, n));
    c->scan += n;
    return n == want;
}

/* One chunk (or the part that is there); 1: all is read, 0: go on, -1: more must come. */
static int take_chunk(struct fake_conn *c)
{
    const char *at = c->peer.in.ptr + c->scan;
    size_t there = c->peer.in.len - c->scan;
    const char *line_end = find(at, there, "\r\n");
    size_t size, line;

    if (!line_end)
        return -1;
    size = strtoul(at, NULL, 16);
    line = (size_t)(line_end + 2 - at);
    if (size == 0) { /* trailers, up to the empty line */
        const char *last = find(at, there, "\r\n\r\n");

        if (last)
            c->scan += (size_t)(last + 4 - at);
        return last ? 1 : -1;
    }
    if (there < line + size + 2)
        return -1;
    text_add(&c->body, span_from(at + line, size));
    c->scan += line + size + 2;
    return 0;
}

static bool take_body(struct fake_conn *c)
{
    int rc = 0;

    if (!c->request.is_chunked)
        return take_length(c);
    while (rc == 0)
        rc = take_chunk(c);
    return rc > 0;
}

/* Moves on by one step; false: more must come. */
static bool take_step(struct fake_conn *c)
{
    struct peer *p = &c->peer;

    if (!c->has_head) {
        const char *end_of_head =
            p->in.len > c->at ? find(p->in.ptr + c->at, p->in.len - c->at, "\r\n\r\n") : NULL;

        if (!end_of_head)
            return false;
        c->scan = (size_t)(end_of_head + 4 - p->in.ptr);
        c->has_head = true;
        read_head(c, p->in.ptr + c->at, c->scan - c->at);
        c->origin->requests_n++;
        if (c->origin->asked && c->request.id < c->origin->asked_n)
            c->origin->asked[c->request.id]++;
        fake_behave(c, true);
        return true;
    }
    if (!take_body(c))
        return false;
    c->at = c->scan;
    c->has_head = false;
    c->served++;
    fake_behave(c, false);
    text_free(&c->body);
    if (c->served == c->origin->close_after_n)
        peer_say_end(&c->peer, PEER_CLOSES);
    return true;
}

/* False: more must come. */
static bool take_header(struct fake_conn *c)
{
    enum { FIXED_BYTES = 16, IP4 = 0x11 };
    const unsigned char *at = (const unsigned char *)c->peer.in.ptr;
    size_t n = c->peer.in.len;

    if (n < FIXED_BYTES || n < FIXED_BYTES + (size_t)(at[14] * 256 + at[15]))
        return false;
    MUST(memcmp(at, "\r\n\r\n\0\r\nQUIT\n\x21", 13) == 0);
    c->at = c->scan = FIXED_BYTES + (size_t)(at[14] * 256 + at[15]);
    MUST(inet_ntop(at[13] == IP4 ? AF_INET : AF_INET6, at + FIXED_BYTES, c->header_ip,
                   sizeof(c->header_ip)));
    return true;
}

static void on_bytes(struct peer *p)
{
    struct fake_conn *c = (struct fake_conn *)p;

    if (c->origin->has_header && !c->header_ip[0] && !take_header(c))
        return;
    while (!c->is_tunnel && sock_is_open(&p->sock) && take_step(c)) {
    }
    if (c->is_tunnel && strcmp(c->request.kind, "tunnel") == 0 && p->in.len > c->at) {
        size_t from = c->at;

        c->at = p->in.len;
        peer_say(p, span_from(p->in.ptr + from, p->in.len - from));
    }
}

static void on_end(struct peer *p)
{
    struct fake_conn *c = (struct fake_conn *)p;

    if (c->is_tunnel && p->has_fin)
        peer_say_end(p, PEER_CLOSES);
    else
        peer_close(p, false);
}

static void on_accept(struct sock *s, struct accepted *a)
{
    struct fake_origin *o =
        (struct fake_origin *)((char *)s - offsetof(struct fake_origin, sock));
    struct fake_conn *c = calloc(1, sizeof(*c));

    MUST(c);
    o->accepted_n++;
    c->origin = o;
    c->peer.on_bytes = on_bytes;
    c->peer.on_end = on_end;
    c->peer.has_header = o->has_header;
    c->peer.send_piece = o->send_piece;
    c->peer.resets_late = o->resets_late;
    c->peer.send_gap_ms = o->send_gap_ms;
    c->peer.read_piece = o->read_piece;
    c->peer.read_gap_ms = o->read_gap_ms;
    timer_init(&c->late, fake_on_late);
    LIST_INSERT_HEAD(&o->conns, c, entry);
    c->peer.is_deaf = o->is_deaf;
    peer_accept(&c->peer, o->loop, a);
}

static void on_closed(struct sock *s)
{
    (void)s;
}

static const struct sock_ops origin_ops = {.on_accept = on_accept, .on_closed = on_closed};

void fake_origin_open(struct fake_origin *o, struct loop *l, const struct addr *at)
{
    o->loop = l;
    o->at = *at;
    sock_accept_start(l, &o->sock, &origin_ops, loop_sim_listen(l, at));
}

void fake_origin_close(struct fake_origin *o)
{
    struct fake_conn *c;

    if (sock_is_open(&o->sock))
        sock_close(&o->sock, false);
    LIST_FOREACH (c, &o->conns, entry) {
        timer_stop(loop_timers(o->loop), &c->late);
        /* As a process that is killed: an end must not make half a response look whole. */
        peer_close(&c->peer, !peer_has_said_all(&c->peer));
    }
}

void fake_origin_fini(struct fake_origin *o)
{
    struct fake_conn *c;

    while ((c = LIST_FIRST(&o->conns))) {
        MUST(c->peer.is_closed);
        LIST_REMOVE(c, entry);
        peer_free_texts(&c->peer);
        text_free(&c->body);
        free(c);
    }
}

struct fake_conn *fake_origin_conn(struct fake_origin *o, unsigned n)
{
    struct fake_conn *c = LIST_FIRST(&o->conns);

    for (unsigned i = o->accepted_n; c && i > n + 1; i--)
        c = LIST_NEXT(c, entry);
    return c;
}
