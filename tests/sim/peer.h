/* peer.h - a raw end of a connection in the simulated network: a scripted client, or what an
 * origin has accepted.
 *
 * Knows no HTTP: it is told what bytes to send, in what pieces, with what gaps of virtual time,
 * and what to do behind the last one; it records every byte that comes. Its memory comes from
 * plain malloc, so that an armed base/fault.h strikes the worker under test only. Owner: who
 * embeds it; it may be freed when is_closed is set.
 */
#ifndef WELDR_TESTS_SIM_PEER_H
#define WELDR_TESTS_SIM_PEER_H

#include "net/loop.h"

struct tlsio;

/* Bytes that grow. */
struct text {
    char *ptr;
    size_t len, cap;
};
void text_add(struct text *t, struct span s);
void text_addf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_free(struct text *t);
static inline struct span text_span(const struct text *t)
{
    return span_from(t->ptr, t->len);
}

/* PEER_CUTS: closes, with TLS without close_notify. */
enum peer_then { PEER_STAYS, PEER_SHUTS, PEER_CLOSES, PEER_RESETS, PEER_CUTS };

struct peer {
    struct sock sock;
    struct loop *loop;
    void (*on_bytes)(struct peer *p); /* more in `in`; may be NULL */
    void (*on_end)(struct peer *p);   /* has_fin or has_reset was set; may be NULL */
    struct text in, out;
    size_t out_at;     /* sent so far; with TLS: records were made of it */
    struct tlsio *tls; /* peer_tls.h; NULL: in clear. in and out are plain in any case */
    bool asks;         /* with TLS: it is the client */
    bool has_header;   /* … and a PROXY header, in clear, is to come before TLS begins */
    bool has_said_bye; /* … close_notify */
    bool is_deaf;      /* reads nothing, with TLS nothing behind the handshake */
    struct text records;
    size_t records_at;                /* sent so far */
    uint32_t send_piece, send_gap_ms; /* 0: all at once */
    uint32_t read_piece, read_gap_ms; /* 0: whatever is there */
    struct timer send_timer, read_timer;
    enum peer_then then; /* when all is sent */
    bool resets_late;    /* … and a reset when all of that was read */
    bool is_connected, is_refused, is_closed;
    bool has_fin, has_reset; /* from the other side */
};

void peer_connect(struct peer *p, struct loop *l, const struct addr *to);
void peer_accept(struct peer *p, struct loop *l, struct accepted *a);
/* Sends when it can, in the pieces that are set now. */
void peer_say(struct peer *p, struct span s);
/* Behind what was said. */
void peer_say_end(struct peer *p, enum peer_then then);
bool peer_has_said_all(const struct peer *p);
void peer_listen(struct peer *p, bool listens); /* stops and goes on reading */
void peer_close(struct peer *p, bool abort);
void peer_free_texts(struct peer *p);

#endif
