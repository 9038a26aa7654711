/* secure.h - clients of the world that speak TLS, and a listener that does: certificates are
 * made for the run. The listener "default" is told of by hand, since what matters here is what
 * the worker makes of it. */
#ifndef WELDR_TESTS_SIM_SECURE_H
#define WELDR_TESTS_SIM_SECURE_H

#include "../unit/base/cm.h"
#include "../unit/net/tls_identity.h"
#include "base/fault.h"
#include "base/seal.h"
#include "net/tlsio.h"
#include "pool/certificate.h"
#include "pool/pool_apply.h"
#include "pool/pool_code.h"
#include "worker/certificates.h"
#include "world.h"

static const unsigned char secure_seal_key[SEAL_KEY_BYTES] = {7};

static struct {
    struct identity authority, leaf;
    struct tlsio_shared *shared;
    struct tlsio_context *client;
} secure;

static inline int secure_init(void **state)
{
    (void)state;
    CHECK(tlsio_start() == 0);
    identity_make(&secure.authority,
                  &(struct identity_wish){KEY_P256, "authority", NULL, -DAY_S, DAY_S});
    identity_make(&secure.leaf,
                  &(struct identity_wish){KEY_P256, "h", &secure.authority, -DAY_S, DAY_S});
    secure.shared = tlsio_shared_new(LOOP_SCRATCH_BYTES);
    secure.client = client_that_trusts(&secure.authority);
    return 0;
}

static inline int secure_fini(void **state)
{
    (void)state;
    tlsio_context_put(secure.client);
    tlsio_shared_free(secure.shared);
    identity_free(&secure.authority);
    identity_free(&secure.leaf);
    return 0;
}

/* ---- the listener ---- */

static inline void secure_fill(struct certificate *k)
{
    static unsigned char nonce[SEAL_NONCE_BYTES];
    const char *const words[] = {"CN=h", "CN=authority", "01"};
    char text[80];

    nonce[0]++;
    snprintf(text, sizeof(text), "%064x", nonce[0]);
    k->name = strdup("h");
    k->chain = strdup(secure.leaf.chain);
    k->key = seal_close(secure_seal_key, nonce, span_from_str(secure.leaf.secret));
    k->facts.names = calloc(1, sizeof(char *));
    k->facts.names[k->facts.name_n++] = strdup("h");
    k->facts.subject = strdup(words[0]);
    k->facts.issuer = strdup(words[1]);
    k->facts.serial = strdup(words[2]);
    k->facts.fingerprint = strdup(text);
    k->facts.not_after_s = INT64_C(1) << 36;
    k->facts.key_type = CERTIFICATE_ECDSA;
    k->facts.key_bits = 256;
}

static inline void secure_add_certificate(struct world *w)
{
    struct pool_command c;
    struct pool_change change;
    char *bytes;
    size_t n;
    const uint64_t index = w->pool->index + 1;

    pool_command_init(&c, POOL_ADD_CERTIFICATE);
    secure_fill(&c.certificate);
    CHECK(pool_code_encode(&c, &bytes, &n) == 0);
    CHECK(pool_apply(w->pool, &c, index, &change) == 0);
    if (w->has_worker)
        CHECK(worker_apply(&w->worker, index, span_from(bytes, n)) == 0);
    pool_change_fini(&change);
    pool_command_fini(&c);
    free(bytes);
}

/* The listener "default" as the worker has it, to be changed; secure_tell follows. */
static inline struct listener *secure_listener(struct world *w)
{
    return listener_default(w->worker.pool_state);
}

static inline int secure_tell(struct world *w)
{
    return listener_runtime_follow(&w->worker, secure_listener(w));
}

static inline struct world *secure_open(const struct world_setup *setup)
{
    struct world *w = world_open(setup);

    CHECK(certificates_set_seal(&w->worker,
                                span_from((const char *)secure_seal_key, SEAL_KEY_BYTES)) == 0);
    secure_add_certificate(w);
    secure_listener(w)->protocol = LISTENER_HTTPS;
    secure_listener(w)->settings.tls_settings.handshake_ms = 10000;
    CHECK(secure_tell(w) == 0);
    return w;
}

/* ---- a client ---- */

struct secure_client {
    struct world_client *at;
    struct tlsio *tls;
    size_t taken;    /* of at->peer.in */
    struct text got; /* plain */
    bool is_failed;
};

enum { SECURE_CLIENTS_MAX = 64 };
static struct secure_client secure_clients[SECURE_CLIENTS_MAX];

static inline void secure_send(struct secure_client *c)
{
    const struct span out = tlsio_output(c->tls);

    if (out.len > 0)
        peer_say(&c->at->peer, out);
    tlsio_output_taken(c->tls);
}

static inline void secure_read(struct secure_client *c)
{
    struct span plain;
    int rc;

    do {
        rc = tlsio_read(c->tls, &plain);
        c->is_failed |= rc < 0;
        if (rc == 0)
            text_add(&c->got, plain);
        secure_send(c);
    } while (rc == 0 && plain.len > 0);
}

static inline void secure_on_bytes(struct peer *p)
{
    struct secure_client *c = secure_clients;

    while (&c->at->peer != p)
        c++;
    const struct span in = span_skip(text_span(&p->in), c->taken);
    const unsigned armed = fault_countdown;

    fault_set(0); /* what fails is the worker's */
    c->taken += in.len;
    if (!c->is_failed && tlsio_state(c->tls) != TLSIO_ENDED) {
        tlsio_give(c->tls, in);
        if (tlsio_state(c->tls) == TLSIO_HANDSHAKE) {
            const int rc = tlsio_handshake(c->tls);

            c->is_failed = rc < 0 && rc != WERR_AGAIN;
            secure_send(c);
        }
        if (tlsio_state(c->tls) == TLSIO_OPEN)
            secure_read(c);
    }
    fault_set(armed);
}

/* Connects and begins; name: that it asks for and looks for. */
static inline struct secure_client *secure_client(struct world *w, const char *name)
{
    struct secure_client *c = secure_clients;
    const unsigned armed = fault_countdown;

    while (c->at != NULL)
        c++;
    CHECK(c < secure_clients + SECURE_CLIENTS_MAX);
    fault_set(0);
    *c = (struct secure_client){
        .at = world_client(w),
        .tls = tlsio_new_client(secure.shared, secure.client,
                                &(struct tlsio_peer_name){.name = name}),
    };
    c->at->peer.on_bytes = secure_on_bytes;
    CHECK(tlsio_handshake(c->tls) == WERR_AGAIN);
    secure_send(c);
    fault_set(armed);
    return c;
}

/* The handshake is over: says this. */
static inline void secure_say(struct secure_client *c, const char *text)
{
    const struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};

    CHECK(tlsio_state(c->tls) == TLSIO_OPEN && tlsio_write(c->tls, &iov, 1) == 0);
    secure_send(c);
}

static inline const char *secure_got(const struct secure_client *c)
{
    return world_seen(&c->got);
}

/* As world_end. */
static inline void secure_end(struct world *w)
{
    world_end(w);
    for (struct secure_client *c = secure_clients; c->at != NULL; c++) {
        tlsio_free(c->tls);
        text_free(&c->got);
        *c = (struct secure_client){0};
    }
}

#endif
