/* bare.h - who calls a gate and says what it likes: with TLS or without, with a certificate or
 * without, any words. */
#ifndef WELDR_TESTS_BARE_H
#define WELDR_TESTS_BARE_H

#include "link_fixture.h"
#include "net/tlsio.h"

enum { BARES_MAX = 80 };

struct bare {
    struct conn conn; /* first: with TLS */
    struct sock sock; /* without */
    struct tlsio_context *context;
    const char *protocol; /* NULL: all of the context's */
    bool is_plain, is_open, is_gone, is_closed;
    size_t got_bytes;
};

static struct {
    struct bare all[BARES_MAX];
    unsigned n;
} bares;

/* ---- with TLS ---- */

static inline void bare_on_open(struct conn *c, int error)
{
    struct bare *b = (struct bare *)c;

    b->is_open = error == 0;
    b->is_gone = error < 0;
}

static inline void bare_on_event(struct conn *c, struct event *ev)
{
    struct bare *b = (struct bare *)c;

    if (ev->type == EVENT_BODY) {
        b->got_bytes += ev->data.len;
        return;
    }
    b->is_gone = true;
    conn_close(c, CONN_CLOSE_NOW);
}

static inline struct tlsio_context *bare_context(struct conn *c)
{
    return ((struct bare *)c)->context;
}

static inline void bare_peer(struct conn *c, struct tlsio_peer_name *peer)
{
    peer->name = "member.weldr.internal";
    peer->protocol = ((struct bare *)c)->protocol;
}

static inline void bare_on_gone(struct conn *c, int error)
{
    (void)error;
    ((struct bare *)c)->is_gone = true;
    conn_close(c, CONN_CLOSE_NOW);
}

static inline void bare_on_closed(struct conn *c)
{
    ((struct bare *)c)->is_closed = true;
}

static const struct conn_ops bare_ops = {
    .on_open = bare_on_open,
    .on_event = bare_on_event,
    .tls_context = bare_context,
    .tls_peer = bare_peer,
    .on_gone = bare_on_gone,
    .on_closed = bare_on_closed,
};

static inline struct bare *bare_next(void)
{
    struct bare *b = &bares.all[bares.n++];

    assert_true(bares.n <= BARES_MAX);
    *b = (struct bare){.is_plain = true};
    return b;
}

/* Calls the gate of node 1. shown: as which node; NULL: without a certificate. */
static inline struct bare *bare_call(const struct node *shown, const char *protocol)
{
    struct bare *b = bare_next();
    const struct tlsio_client_settings settings = {
        .authorities = span_from_str(world.authority.pem),
        .identity = shown != NULL ? shown->self.identity : NULL,
        .protocols = {protocol},
    };

    b->is_plain = false;
    assert_int_equal(tlsio_context_new_client(&settings, &b->context), 0);
    assert_int_equal(conn_connect_tls(&b->conn, &world.conns, &bare_ops,
                                      gate_address(world.nodes[1].gate), CODEC_RAW,
                                      &codec_limits_request),
                     0);
    return b;
}

static inline struct bare *bare_open(const struct node *shown, const char *protocol)
{
    struct bare *b = bare_call(shown, protocol);

    run_until(b->is_open || b->is_gone);
    assert_true(b->is_open);
    return b;
}

static inline void bare_say(struct bare *b, const void *bytes, size_t n)
{
    conn_send_body(&b->conn, span_from(bytes, n), 0);
    conn_flush(&b->conn);
}

/* The right words of this node to node 1. */
static inline void bare_hello(const struct node *n, char bytes[HELLO_BYTES])
{
    struct hello h = {.incarnation = 1, .id = n->self.id, .meant = node_id(1)};

    memcpy(h.uuid, link_uuid, sizeof(link_uuid));
    hello_write(&h, bytes);
}

/* ---- without ---- */

static inline struct bare *bare_from(struct sock *s)
{
    return (struct bare *)((char *)s - offsetof(struct bare, sock));
}

static inline void plain_on_recv(struct sock *s, struct span bytes, int error)
{
    struct bare *b = bare_from(s);

    b->got_bytes += bytes.len;
    if (bytes.len == 0 || error < 0) {
        b->is_gone = true;
        sock_close(s, false);
    }
}

static inline void plain_on_connect(struct sock *s, int error)
{
    struct bare *b = bare_from(s);

    b->is_open = error == 0;
    b->is_gone = error < 0;
    if (error == 0)
        sock_recv_start(s);
    else
        sock_close(s, false);
}

static inline void plain_on_send(struct sock *s, int error)
{
    (void)s;
    (void)error;
}

static inline void plain_on_closed(struct sock *s)
{
    bare_from(s)->is_closed = true;
}

static const struct sock_ops plain_ops = {.on_recv = plain_on_recv,
                                          .on_send = plain_on_send,
                                          .on_connect = plain_on_connect,
                                          .on_closed = plain_on_closed};

static inline struct bare *bare_connect(void)
{
    struct bare *b = bare_next();
    const int rc =
        sock_connect(world.loop, &b->sock, &plain_ops, gate_address(world.nodes[1].gate));

    assert_true(rc == 0 || rc == WERR_AGAIN);
    if (rc == 0)
        plain_on_connect(&b->sock, 0);
    return b;
}

/* ---- the end ---- */

static inline void bare_close(struct bare *b)
{
    if (b->is_closed)
        return;
    if (b->is_plain)
        sock_close(&b->sock, false);
    else
        conn_close(&b->conn, CONN_CLOSE_NOW);
    run_until(b->is_closed);
}

static inline void bares_end(void)
{
    for (unsigned i = 0; i < bares.n; i++) {
        bare_close(&bares.all[i]);
        tlsio_context_put(bares.all[i].context);
    }
    bares.n = 0;
}

#endif
