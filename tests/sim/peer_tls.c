#include "peer_tls.h"

#include "base/fault.h"
#include "header.h"
#include "net/tlsio.h"

const struct peer_tls *peer_tls;

static void take_records(struct peer *p)
{
    text_add(&p->records, tlsio_output(p->tls));
    tlsio_output_taken(p->tls);
}

static void say_hello(struct peer *p)
{
    MUST(tlsio_handshake(p->tls) == WERR_AGAIN);
    take_records(p);
}

void peer_tls_begin(struct peer *p, bool asks)
{
    static const struct tlsio_peer_name name = {.name = "h"};
    const unsigned armed = fault_countdown;

    if (peer_tls == NULL || (asks && peer_tls->client == NULL))
        return;
    fault_set(0); /* what fails is the worker's */
    p->tls = asks ? tlsio_new_client(peer_tls->shared, peer_tls->client, &name)
                  : tlsio_new_server(peer_tls->shared, peer_tls->server);
    fault_set(armed);
    MUST(p->tls != NULL);
    p->asks = asks;
    if (asks && !p->has_header)
        say_hello(p);
}

static void read_plain(struct peer *p)
{
    struct span plain;

    do {
        MUST(tlsio_read(p->tls, &plain) == 0);
        text_add(&p->in, plain);
        take_records(p);
    } while (plain.len > 0);
}

/* What is behind the header, or nothing yet. */
static struct span take_header(struct peer *p, struct span bytes)
{
    const size_t before = p->in.len;

    text_add(&p->in, bytes);
    const int64_t n = header_bytes(text_span(&p->in));

    MUST(n >= 0);
    if (n == 0)
        return SPAN_NONE;
    p->has_header = false;
    p->in.len = (size_t)n;
    return span_skip(bytes, (size_t)n - before);
}

void peer_tls_hear(struct peer *p, struct span bytes)
{
    if (tlsio_state(p->tls) == TLSIO_ENDED)
        return;
    if (p->has_header && !p->asks)
        bytes = take_header(p, bytes);
    if (bytes.len == 0)
        return;
    tlsio_give(p->tls, bytes);
    if (tlsio_state(p->tls) == TLSIO_HANDSHAKE) {
        const int rc = tlsio_handshake(p->tls);

        MUST(rc == 0 || rc == WERR_AGAIN);
        take_records(p);
    }
    if (tlsio_state(p->tls) == TLSIO_OPEN)
        read_plain(p);
}

/* The rest of the header, as far as it was said, in the place of records. */
static void make_header(struct peer *p)
{
    const struct span out = text_span(&p->out);
    const int64_t n = header_bytes(out);
    const struct span ours = n > 0 ? span_first(out, (size_t)n) : out;

    text_add(&p->records, span_skip(ours, p->out_at));
    p->out_at = ours.len;
    if (n <= 0)
        return;
    p->has_header = false;
    say_hello(p);
}

void peer_tls_make(struct peer *p)
{
    const struct span rest = span_skip(text_span(&p->out), p->out_at);
    const size_t most = p->send_piece > 0 ? p->send_piece : TLSIO_RECORD_BYTES;
    const struct span piece = span_first(rest, rest.len < most ? rest.len : most);
    const struct iovec iov = {(void *)(uintptr_t)piece.ptr, piece.len};

    if (p->records_at < p->records.len || rest.len == 0)
        return;
    if (p->has_header && p->asks)
        make_header(p);
    if (tlsio_state(p->tls) == TLSIO_HANDSHAKE)
        return;
    p->records.len = p->records_at = 0;
    if (p->has_said_bye) { /* the socket was shut down, and refuses it */
        text_add(&p->records, rest);
        p->out_at = p->out.len;
        return;
    }
    MUST(tlsio_write(p->tls, &iov, 1) == 0);
    p->out_at += piece.len;
    take_records(p);
}

bool peer_tls_bye(struct peer *p)
{
    const size_t before = p->records.len;

    tlsio_shut(p->tls);
    take_records(p);
    p->has_said_bye |= p->records.len > before;
    return p->records.len > before;
}

bool peer_tls_is_good_end(const struct peer *p, int error)
{
    if (p->tls != NULL && tlsio_state(p->tls) == TLSIO_ENDED)
        return true;
    return error == 0 && (p->tls == NULL || tlsio_state(p->tls) != TLSIO_OPEN);
}
