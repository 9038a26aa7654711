#include "peer_tls.h"

#include "base/fault.h"
#include "net/tlsio.h"

const struct peer_tls *peer_tls;

static void take_records(struct peer *p)
{
    text_add(&p->records, tlsio_output(p->tls));
    tlsio_output_taken(p->tls);
}

void peer_tls_begin(struct peer *p, bool asks)
{
    static const struct tlsio_peer_name name = {.name = "h"};
    const unsigned armed = fault_countdown;

    if (peer_tls == NULL)
        return;
    fault_set(0); /* what fails is the worker's */
    p->tls = asks ? tlsio_new_client(peer_tls->shared, peer_tls->client, &name)
                  : tlsio_new_server(peer_tls->shared, peer_tls->server);
    fault_set(armed);
    MUST(p->tls != NULL);
    if (asks)
        MUST(tlsio_handshake(p->tls) == WERR_AGAIN);
    take_records(p);
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

void peer_tls_hear(struct peer *p, struct span bytes)
{
    if (tlsio_state(p->tls) == TLSIO_ENDED)
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

void peer_tls_make(struct peer *p)
{
    const struct span rest = span_skip(text_span(&p->out), p->out_at);
    const size_t most = p->send_piece > 0 ? p->send_piece : TLSIO_RECORD_BYTES;
    const struct span piece = span_first(rest, rest.len < most ? rest.len : most);
    const struct iovec iov = {(void *)(uintptr_t)piece.ptr, piece.len};

    if (p->records_at < p->records.len || rest.len == 0 ||
        tlsio_state(p->tls) == TLSIO_HANDSHAKE)
        return;
    p->records.len = p->records_at = 0;
    MUST(tlsio_write(p->tls, &iov, 1) == 0);
    p->out_at += piece.len;
    take_records(p);
}

bool peer_tls_bye(struct peer *p)
{
    const size_t before = p->records.len;

    tlsio_shut(p->tls);
    take_records(p);
    return p->records.len > before;
}

bool peer_tls_is_cut(const struct peer *p)
{
    return p->tls != NULL && tlsio_state(p->tls) == TLSIO_OPEN;
}
