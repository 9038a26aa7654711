/* tls_talk.h - a server of ours and a client that is OpenSSL alone, so that it may ask for what
 * ours never does, in memory. */
#ifndef WELDR_TESTS_TLS_TALK_H
#define WELDR_TESTS_TLS_TALK_H

#include "net/tlsio.h"
#include "net/tlsio_context.h"
#include "net/tlsio_identity.h"
#include "tls_made.h"
#include <openssl/err.h>
#include <openssl/ssl.h>

enum { TALK_PLAIN_BYTES = 64 * 1024 };

struct talk {
    struct tlsio *server;
    SSL *client;
    int reason; /* why the client gave up, SSL_R_*; 0: it did not */
};

/* The client's session of the last handshake; new_n counts them. */
static struct {
    SSL_SESSION *session;
    unsigned new_n;
} talk_kept;

static inline int talk_keep(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(talk_kept.session);
    talk_kept.session = session;
    talk_kept.new_n++;
    return 1;
}

static inline void talk_forget(void)
{
    SSL_SESSION_free(talk_kept.session);
    talk_kept.session = NULL;
    talk_kept.new_n = 0;
}

/* Speaks this version alone, believes everybody. */
static inline SSL_CTX *talk_client(int version)
{
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());

    SSL_CTX_set_security_level(c, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(c, version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(c, version), 1);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(c, talk_keep);
    return c;
}

static inline void talk_begin(struct talk *t, struct tlsio_shared *shared,
                              struct tlsio_context *server, SSL_CTX *client)
{
    *t = (struct talk){tlsio_new_server(shared, server), SSL_new(client), 0};
    assert_non_null(t->server);
    SSL_set_connect_state(t->client);
    SSL_set_bio(t->client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
}

/* The client does what it can. */
static inline void talk_client_step(struct talk *t)
{
    char plain[64];
    const int result = SSL_read(t->client, plain, sizeof(plain));

    if (result <= 0 && SSL_get_error(t->client, result) == SSL_ERROR_SSL && t->reason == 0)
        t->reason = ERR_GET_REASON(ERR_peek_error());
    ERR_clear_error();
}

static inline void talk_server_step(struct talk *t, struct span in)
{
    struct span plain;
    int rc = 0;

    if (tlsio_state(t->server) != TLSIO_FAILED)
        tlsio_give(t->server, in);
    if (tlsio_state(t->server) == TLSIO_HANDSHAKE)
        rc = tlsio_handshake(t->server);
    if (rc == 0 && tlsio_state(t->server) == TLSIO_OPEN)
        rc = tlsio_read(t->server, &plain);
}

/* Until neither has more to say. */
static inline void talk_run(struct talk *t)
{
    size_t n;

    do {
        char *bytes;

        talk_client_step(t);
        n = (size_t)BIO_get_mem_data(SSL_get_wbio(t->client), &bytes);
        talk_server_step(t, span_from(bytes, n));
        (void)BIO_reset(SSL_get_wbio(t->client));
        const struct span out = tlsio_output(t->server);

        if (out.len > 0)
            (void)BIO_write(SSL_get_rbio(t->client), out.ptr, (int)out.len);
        n += out.len;
        tlsio_output_taken(t->server);
    } while (n > 0);
}

/* The server sends something; with TLS 1.3 the ticket goes with it, not before. */
static inline void talk_respond(struct talk *t)
{
    char text[] = "x";
    struct iovec response = {text, 1};

    assert_int_equal(tlsio_write(t->server, &response, 1), 0);
    talk_run(t);
}

static inline void talk_end(struct talk *t)
{
    SSL_set_shutdown(t->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(t->client);
    tlsio_free(t->server);
}

static inline void talk_expect_open(const struct talk *t)
{
    if (tlsio_state(t->server) != TLSIO_OPEN)
        fail_msg("%s: %s, client: %s", tlsio_state_name(t->server),
                 tlsio_state(t->server) == TLSIO_FAILED ? tlsio_fault(t->server).word : "",
                 ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, t->reason)));
    assert_int_equal(SSL_is_init_finished(t->client), 1);
}

/* alert: what the client was told, 0: nothing of it. */
static inline void talk_expect_fault(const struct talk *t, const char *word, int alert)
{
    assert_string_equal(tlsio_state_name(t->server), "FAILED");
    assert_string_equal(tlsio_fault(t->server).word, word);
    if (alert != 0)
        assert_int_equal(t->reason, SSL_AD_REASON_OFFSET + alert);
}

static inline struct tlsio_identity *talk_identity(const struct made *m, struct span staple)
{
    struct tlsio_identity *i;

    assert_int_equal(
        tlsio_identity_new(span_from_str(m->pem), span_from_str(m->secret), staple, &i), 0);
    return i;
}

#endif
