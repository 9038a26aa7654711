/* tls_bad.h - a tlsio that talks to a bad peer: to bytes that a test makes, or to the library
 * as it is (over memory, with settings of a test), in whose name records can be forged: of any
 * type and content, under the keys of the connection.
 */
#ifndef WELDR_TESTS_TLS_BAD_H
#define WELDR_TESTS_TLS_BAD_H

#include "../base/cm.h"

#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "net/tlsio.h"
#include "tls_identity.h"

enum {
    BAD_BYTES = 1024 * 1024,
    BAD_SECRET_MAX = 48,
    BAD_KEY_BYTES = 16,
    BAD_IV_BYTES = 12,
    BAD_TAG_BYTES = 16,
    RECORD_CCS = 20,
    RECORD_ALERT = 21,
    RECORD_HANDSHAKE = 22,
    RECORD_DATA = 23,
    NO_ALERT = -1
};

/* Made once for all tests of a program. */
static struct {
    struct identity authority, leaf;
    struct tlsio_shared *shared;
    struct identities identities;
    struct tlsio_context *server, *client;
} bad_world;

struct bad {
    struct tlsio *t; /* who is tested */
    char *got;       /* its plain bytes */
    size_t got_n;
    char *sent; /* its records */
    size_t sent_n;
    SSL_CTX *context;
    SSL *peer;         /* NULL: bytes alone */
    bool peer_accepts; /* it is a server */
    int alert;         /* that peer has heard last */
    char plain[4096];  /* what peer has read */
    size_t plain_n;
    unsigned char secret[BAD_SECRET_MAX]; /* of peer's records, for its next key */
    size_t secret_n;
    uint64_t forged_n; /* since the last key */
};

static inline int bad_set_up(void **state)
{
    (void)state;
    assert_int_equal(tlsio_start(), 0);
    identity_make(&bad_world.authority,
                  &(struct identity_wish){KEY_P256, "authority", NULL, -DAY_S, DAY_S});
    identity_make(
        &bad_world.leaf,
        &(struct identity_wish){KEY_P256, "a.example", &bad_world.authority, -DAY_S, DAY_S});
    bad_world.shared = tlsio_shared_new(256 * 1024);
    identities_add(&bad_world.identities, &bad_world.leaf);
    bad_world.server = identities_server(&bad_world.identities, TLSIO_INTERMEDIATE);
    bad_world.client = client_that_trusts(&bad_world.authority);
    return 0;
}

static inline int bad_tear_down(void **state)
{
    (void)state;
    tlsio_context_put(bad_world.server);
    tlsio_context_put(bad_world.client);
    identities_free(&bad_world.identities);
    tlsio_shared_free(bad_world.shared);
    identity_free(&bad_world.authority);
    identity_free(&bad_world.leaf);
    return 0;
}

/* ---- the one that is tested ---- */

static inline void bad_drain(struct bad *b)
{
    const struct span out = tlsio_output(b->t);

    assert_true(b->sent_n + out.len <= BAD_BYTES);
    if (out.len > 0)
        memcpy(b->sent + b->sent_n, out.ptr, out.len);
    b->sent_n += out.len;
    if (b->peer != NULL && out.len > 0)
        assert_int_equal(BIO_write(SSL_get_rbio(b->peer), out.ptr, (int)out.len), out.len);
    tlsio_output_taken(b->t);
}

static inline void bad_take(struct bad *b)
{
    struct span plain = SPAN_NONE;
    int rc = 0;

    if (tlsio_state(b->t) == TLSIO_HANDSHAKE)
        rc = tlsio_handshake(b->t);
    bad_drain(b);
    while (rc == 0 && tlsio_state(b->t) != TLSIO_FAILED) {
        rc = tlsio_read(b->t, &plain);
        bad_drain(b);
        if (plain.len == 0)
            break;
        assert_true(b->got_n + plain.len <= BAD_BYTES);
        memcpy(b->got + b->got_n, plain.ptr, plain.len);
        b->got_n += plain.len;
    }
}

/* Lends bytes that are gone afterwards, so that ASan sees who reads them later. */
static inline void bad_give(struct bad *b, const void *bytes, size_t n)
{
    if (tlsio_state(b->t) == TLSIO_FAILED || n == 0)
        return;
    char *lent = malloc(n);

    assert_non_null(lent);
    memcpy(lent, bytes, n);
    tlsio_give(b->t, span_from(lent, n));
    bad_take(b);
    free(lent);
}

static inline struct bad *bad_new(struct tlsio *t)
{
    struct bad *b = calloc(1, sizeof(*b));

    assert_non_null(b);
    assert_non_null(t);
    *b = (struct bad){
        .t = t, .got = malloc(BAD_BYTES), .sent = malloc(BAD_BYTES), .alert = NO_ALERT};
    assert_true(b->got != NULL && b->sent != NULL);
    return b;
}

static inline struct bad *bad_server(void)
{
    return bad_new(tlsio_new_server(bad_world.shared, bad_world.server));
}

/* Its ClientHello is in b->sent. */
static inline struct bad *bad_client(void)
{
    struct bad *b = bad_new(tlsio_new_client(bad_world.shared, bad_world.client,
                                             &(struct tlsio_peer_name){.name = "a.example"}));

    bad_take(b);
    return b;
}

static inline void bad_free(struct bad *b)
{
    tlsio_free(b->t);
    SSL_free(b->peer);
    SSL_CTX_free(b->context);
    free(b->got);
    free(b->sent);
    free(b);
}

/* The alert in clear that was sent last. */
static inline int bad_sent_alert(const struct bad *b)
{
    const unsigned char *p = (const unsigned char *)b->sent;
    int alert = NO_ALERT;
    size_t len;

    for (size_t at = 0; at + 5 <= b->sent_n; at += 5 + len) {
        len = (size_t)(p[at + 3] << 8 | p[at + 4]);
        if (p[at] == RECORD_ALERT && len == 2)
            alert = p[at + 6];
    }
    return alert;
}

static inline void bad_expect(const struct bad *b, const char *state, const char *word)
{
    assert_string_equal(tlsio_state_name(b->t), state);
    if (word != NULL)
        assert_string_equal(tlsio_fault(b->t).word, word);
}

/* ---- the library as its peer ---- */

static inline struct bad *bad_of(const SSL *ssl)
{
    return SSL_get_app_data(ssl);
}

static inline void bad_on_info(const SSL *ssl, int where, int value)
{
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
        bad_of(ssl)->alert = value & 0xff;
}

/* "CLIENT_TRAFFIC_SECRET_0 random secret" */
static inline void bad_on_key(const SSL *ssl, const char *line)
{
    struct bad *b = bad_of(ssl);
    const char *name =
        b->peer_accepts ? "SERVER_TRAFFIC_SECRET_0 " : "CLIENT_TRAFFIC_SECRET_0 ";

    if (strncmp(line, name, strlen(name)) != 0)
        return;
    long n = 0;
    unsigned char *secret = OPENSSL_hexstr2buf(strrchr(line, ' ') + 1, &n);

    assert_in_range(n, 1, BAD_SECRET_MAX);
    memcpy(b->secret, secret, (size_t)n);
    b->secret_n = (size_t)n;
    b->forged_n = 0;
    OPENSSL_free(secret);
}

/* version: the one that peer speaks, TLS1_2_VERSION or another. */
static inline void bad_meet(struct bad *b, bool accepts, int version)
{
    b->peer_accepts = accepts;
    b->context = SSL_CTX_new(accepts ? TLS_server_method() : TLS_client_method());
    assert_non_null(b->context);
    SSL_CTX_set_security_level(b->context, 0);
    (void)SSL_CTX_set_min_proto_version(b->context, version);
    (void)SSL_CTX_set_max_proto_version(b->context, version);
    (void)SSL_CTX_set_ciphersuites(b->context, "TLS_AES_128_GCM_SHA256");
    (void)SSL_CTX_set_num_tickets(b->context, 0);
    SSL_CTX_set_keylog_callback(b->context, bad_on_key);
    SSL_CTX_set_info_callback(b->context, bad_on_info);
    if (accepts)
        assert_int_equal(
            SSL_CTX_use_cert_and_key(b->context, bad_world.leaf.x, bad_world.leaf.key, NULL, 1),
            1);
    b->peer = SSL_new(b->context);
    assert_non_null(b->peer);
    SSL_set_app_data(b->peer, (void *)b);
    SSL_set_bio(b->peer, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (accepts)
        SSL_set_accept_state(b->peer);
    else
        SSL_set_connect_state(b->peer);
    if (accepts && b->sent_n > 0)
        (void)BIO_write(SSL_get_rbio(b->peer), b->sent, (int)b->sent_n);
}

/* What the peer does with what it has got, and what it says of it. */
static inline size_t bad_hear(struct bad *b, char *to, size_t max)
{
    size_t n = 0;

    if (!SSL_is_init_finished(b->peer)) {
        (void)SSL_do_handshake(b->peer);
    } else {
        (void)SSL_read_ex(b->peer, b->plain + b->plain_n, sizeof(b->plain) - b->plain_n, &n);
        b->plain_n += n;
    }
    ERR_clear_error();
    const int said = BIO_read(SSL_get_wbio(b->peer), to, (int)max);

    return said > 0 ? (size_t)said : 0;
}

/* Until neither says more. */
static inline void bad_talk(struct bad *b)
{
    static char said[BAD_BYTES];
    size_t n;

    do {
        n = bad_hear(b, said, sizeof(said));
        bad_give(b, said, n);
    } while (n > 0);
    (void)bad_hear(b, said, sizeof(said));
}

static inline void bad_open(struct bad *b, bool accepts, int version)
{
    bad_meet(b, accepts, version);
    bad_talk(b);
    bad_talk(b);
    bad_expect(b, "OPEN", NULL);
    assert_true(SSL_is_init_finished(b->peer));
}

/* A server whose client is the library, or a client whose server is it, open. */
static inline struct bad *bad_open_server(int version)
{
    struct bad *b = bad_server();

    bad_open(b, false, version);
    return b;
}

static inline struct bad *bad_open_client(int version)
{
    struct bad *b = bad_client();

    bad_open(b, true, version);
    return b;
}

/* ---- records in the peer's name (RFC 8446 sections 5.2 and 7.1; AES-128-GCM, SHA-256) ---- */

static inline void bad_expand(const struct bad *b, const char *label, unsigned char *to,
                              size_t n)
{
    unsigned char info[64];
    const size_t label_n = strlen(label);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);

    info[0] = 0;
    info[1] = (unsigned char)n;
    info[2] = (unsigned char)(6 + label_n);
    memcpy(info + 3, "tls13 ", 6);
    memcpy(info + 9, label, label_n);
    info[9 + label_n] = 0;
    assert_true(EVP_PKEY_derive_init(c) == 1 &&
                EVP_PKEY_CTX_set_hkdf_mode(c, EVP_PKEY_HKDEF_MODE_EXPAND_ONLY) == 1 &&
                EVP_PKEY_CTX_set_hkdf_md(c, EVP_sha256()) == 1 &&
                EVP_PKEY_CTX_set1_hkdf_key(c, b->secret, (int)b->secret_n) == 1 &&
                EVP_PKEY_CTX_add1_hkdf_info(c, info, (int)(10 + label_n)) == 1 &&
                EVP_PKEY_derive(c, to, &n) == 1);
    EVP_PKEY_CTX_free(c);
}

static inline void bad_nonce(const struct bad *b, unsigned char iv[BAD_IV_BYTES])
{
    bad_expand(b, "iv", iv, BAD_IV_BYTES);
    for (unsigned i = 0; i < 8; i++)
        iv[BAD_IV_BYTES - 1 - i] ^= (unsigned char)(b->forged_n >> (8 * i));
}

/* A record with this inner text, type and padding included; to has room for 21 bytes more. Its
 * length. */
static inline size_t bad_seal(struct bad *b, const void *inner, size_t n, unsigned char *to)
{
    unsigned char key[BAD_KEY_BYTES], iv[BAD_IV_BYTES];
    const size_t len = n + BAD_TAG_BYTES;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int used = 0;

    assert_true(b->secret_n > 0);
    bad_expand(b, "key", key, sizeof(key));
    bad_nonce(b, iv);
    memcpy(to,
           (unsigned char[]){RECORD_DATA, 3, 3, (unsigned char)(len >> 8), (unsigned char)len},
           5);
    assert_true(EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, key, iv) == 1 &&
                EVP_EncryptUpdate(c, NULL, &used, to, 5) == 1 &&
                EVP_EncryptUpdate(c, to + 5, &used, inner, (int)n) == 1 &&
                EVP_EncryptFinal_ex(c, to + 5 + n, &used) == 1 &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, BAD_TAG_BYTES, to + 5 + n) == 1);
    EVP_CIPHER_CTX_free(c);
    b->forged_n++;
    return 5 + len;
}

/* The same of bytes of a type, into to. */
static inline size_t bad_record(struct bad *b, int type, const void *bytes, size_t n,
                                unsigned char *to)
{
    unsigned char *inner = malloc(n + 1);

    assert_non_null(inner);
    if (n > 0)
        memcpy(inner, bytes, n);
    inner[n] = (unsigned char)type;
    const size_t len = bad_seal(b, inner, n + 1, to);

    free(inner);
    return len;
}

/* … and gives it; then the peer hears what is said of it. */
static inline void bad_forge(struct bad *b, int type, const void *bytes, size_t n)
{
    unsigned char *record = malloc(n + 64);

    assert_non_null(record);
    bad_give(b, record, bad_record(b, type, bytes, n, record));
    free(record);
    bad_talk(b);
}

/* The peer's records have the next key (RFC 8446 section 7.2). */
static inline void bad_next_key(struct bad *b)
{
    unsigned char next[BAD_SECRET_MAX];

    bad_expand(b, "traffic upd", next, b->secret_n);
    memcpy(b->secret, next, b->secret_n);
    b->forged_n = 0;
}

#endif
