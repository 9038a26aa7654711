#include "net/tlsio.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/fsm.h"
#include "base/seal.h"
#include "net/tlsio_int.h"
#include "net/tlsio_sessions_int.h"

static const struct fsm_state states[TLSIO_STATES] = {
    [TLSIO_HANDSHAKE] = {"HANDSHAKE", FSM_TO(TLSIO_OPEN) | FSM_TO(TLSIO_FAILED)},
    [TLSIO_OPEN] = {"OPEN", FSM_TO(TLSIO_ENDED) | FSM_TO(TLSIO_FAILED)},
    [TLSIO_ENDED] = {"ENDED", FSM_TO(TLSIO_FAILED)},
    [TLSIO_FAILED] = {"FAILED", 0},
};
static const struct fsm machine = {"tlsio", states, TLSIO_STATES};

void tlsio_move(struct tlsio *t, enum tlsio_state next, const char *why)
{
    fsm_move(&machine, &t->state, next, (uint64_t)(uintptr_t)t, why);
}

enum tlsio_state tlsio_state(const struct tlsio *t)
{
    return t->state;
}

const char *tlsio_state_name(const struct tlsio *t)
{
    return fsm_name(&machine, t->state);
}

/* ---- of a process ---- */

/* Room for what a conn puts together in a turn, as records, and for what TLS itself says. */
enum { WIRE_BYTES = 2 * 1024 * 1024, OWN_WORDS_BYTES = 64 * 1024 };

struct tlsio_shared *tlsio_shared_new(size_t plain_bytes)
{
    struct tlsio_shared *s = seal_memory_new(sizeof(*s));

    if (s == NULL)
        return NULL;
    s->method = tlsio_bio_method();
    s->writer = NULL;
    s->plain_bytes = plain_bytes;
    s->wire_bytes = 0;
    s->wire_cap = WIRE_BYTES;
    s->plain = seal_memory_new(plain_bytes);
    s->wire = fault_malloc(WIRE_BYTES);
    if (s->method != NULL && s->plain != NULL && s->wire != NULL)
        return s;
    tlsio_shared_free(s);
    return NULL;
}

void tlsio_shared_free(struct tlsio_shared *s)
{
    if (s == NULL)
        return;
    MUST(s->wire_bytes == 0);
    BIO_meth_free(s->method);
    seal_memory_free(s->plain);
    free(s->wire);
    seal_memory_free(s);
}

void tlsio_shared_wipe(struct tlsio_shared *s)
{
    explicit_bzero(s->plain, s->plain_bytes);
    explicit_bzero(s->record, sizeof(s->record));
}

/* ---- of a connection ---- */

static bool give_ssl(struct tlsio *t)
{
    BIO *bio = BIO_new(t->shared->method);

    t->ssl = bio != NULL ? SSL_new(t->context->ssl) : NULL;
    if (t->ssl == NULL) {
        BIO_free(bio);
        return false;
    }
    BIO_set_data(bio, t);
    SSL_set_bio(t->ssl, bio, bio);
    return true;
}

static struct tlsio *make(struct tlsio_shared *s, struct tlsio_context *context)
{
    struct tlsio *t = fault_malloc(sizeof(*t));

    if (t == NULL)
        return NULL;
    *t = (struct tlsio){.magic = TLSIO_MAGIC,
                        .state = TLSIO_HANDSHAKE,
                        .word = "",
                        .shared = s,
                        .context = tlsio_context_get(context),
                        .in = SPAN_NONE};
    if (give_ssl(t))
        return t;
    tlsio_free(t);
    ERR_clear_error();
    return NULL;
}

struct tlsio *tlsio_new_server(struct tlsio_shared *s, struct tlsio_context *context)
{
    struct tlsio *t = make(s, context);

    MUST(context->is_server);
    if (t != NULL)
        SSL_set_accept_state(t->ssl);
    return t;
}

/* RFC 9525: a name is looked for among the certificate's alternative names, and nowhere else;
 * an address likewise, and none is sent as a name (RFC 6066 section 3). */
static bool expect(struct tlsio *t, const struct tlsio_peer_name *peer)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    char text[ADDR_TEXT_MAX];

    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                               X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (peer->name != NULL && X509_VERIFY_PARAM_set1_ip_asc(param, peer->name) == 1)
        return true;
    ERR_clear_error();
    if (peer->name != NULL)
        return SSL_set_tlsext_host_name(t->ssl, peer->name) == 1 &&
               SSL_set1_host(t->ssl, peer->name) == 1;
    if (peer->address == NULL)
        return true;
    (void)addr_print_ip(peer->address, text);
    return X509_VERIFY_PARAM_set1_ip_asc(param, text) == 1;
}

static bool offer(struct tlsio *t, const char *protocol)
{
    unsigned char list[1 + TLSIO_PROTOCOL_NAME_MAX];
    const size_t len = protocol != NULL ? strlen(protocol) : 0;

    if (protocol == NULL)
        return true;
    MUST(len <= TLSIO_PROTOCOL_NAME_MAX);
    list[0] = (unsigned char)len;
    memcpy(list + 1, protocol, len);
    return SSL_set_alpn_protos(t->ssl, list, (unsigned)len + 1) == 0;
}

struct tlsio *tlsio_new_client(struct tlsio_shared *s, struct tlsio_context *context,
                               const struct tlsio_peer_name *peer)
{
    struct tlsio *t = make(s, context);

    MUST(!context->is_server);
    if (t == NULL)
        return NULL;
    SSL_set_connect_state(t->ssl);
    if (peer->sessions != NULL)
        t->sessions = tlsio_sessions_get(peer->sessions);
    if (expect(t, peer) && offer(t, peer->protocol) &&
        (t->sessions == NULL || tlsio_sessions_use(t->sessions, t->ssl)))
        return t;
    tlsio_free(t);
    ERR_clear_error();
    return NULL;
}

void tlsio_free(struct tlsio *t)
{
    if (t == NULL)
        return;
    MUST(t->magic == TLSIO_MAGIC && t->shared->writer != t);
    if (t->sessions != NULL && (t->state == TLSIO_HANDSHAKE || t->state == TLSIO_FAILED))
        tlsio_sessions_clear(t->sessions); /* perhaps it failed because of one */
    if (t->ssl != NULL && t->state != TLSIO_HANDSHAKE && t->state != TLSIO_FAILED)
        /* Else the session counts as broken, and is never resumed. */
        SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(t->ssl);
    tlsio_sessions_put(t->sessions);
    tlsio_context_put(t->context);
    t->magic = 0;
    free(t);
}

/* ---- receiving ---- */

/* TLS-H2.md section 4. */
enum {
    SERVER_FINISH_US = 50, /* with what follows it: a ticket and, mostly, a request */
    CLIENT_STEP_US = 250   /* verifies the peer */
};

enum {
    RECORD_HEAD_BYTES = 5,
    TYPE_FIRST = 20, /* change_cipher_spec */
    TYPE_HANDSHAKE = 22,
    TYPE_LAST = 23, /* application_data */
    CLIENT_HELLO = 1
};

/* A whole record, or two ClientHellos of half of it; or 5 KB in records of a byte. */
enum { HELLO_MAX_BYTES = 32 * 1024 };

/* RFC 8446 section 5.1: type, version 3.x, length of the fragment. A ClientHello is the first
 * message of all, so its type follows. */
int64_t tlsio_gate(struct span in)
{
    const uint8_t *p = (const uint8_t *)in.ptr;

    if ((in.len > 0 && p[0] != TYPE_HANDSHAKE) || (in.len > 1 && p[1] != 3))
        return WERR_SYNTAX;
    if (in.len < RECORD_HEAD_BYTES)
        return 0;
    const size_t len = (size_t)(p[3] << 8 | p[4]);

    if (len == 0 || (in.len > RECORD_HEAD_BYTES && p[RECORD_HEAD_BYTES] != CLIENT_HELLO))
        return WERR_SYNTAX;
    if (len > TLSIO_RECORD_BYTES)
        return WERR_TOO_BIG;
    return in.len >= RECORD_HEAD_BYTES + len ? (int64_t)(RECORD_HEAD_BYTES + len) : 0;
}

/* Fatal ones, before there are keys (RFC 8446 sections 5.1 and 6). */
static const char unexpected_message[] = "\x15\x03\x03\x00\x02\x02\x0a",
                  record_overflow[] = "\x15\x03\x03\x00\x02\x02\x16",
                  illegal_parameter[] = "\x15\x03\x03\x00\x02\x02\x2f";
enum { ALERT_BYTES = sizeof(illegal_parameter) - 1 };

struct span tlsio_gate_alert(struct span in, int error)
{
    const uint8_t *p = (const uint8_t *)in.ptr;

    if (error == WERR_TOO_BIG)
        return span_from(record_overflow, ALERT_BYTES);
    if (in.len < 2 || p[0] < TYPE_FIRST || p[0] > TYPE_LAST || p[1] != 3)
        return SPAN_NONE;
    return span_from(unexpected_message, ALERT_BYTES);
}

void tlsio_give(struct tlsio *t, struct span in)
{
    MUST(t->magic == TLSIO_MAGIC && t->in.len == 0);
    if (t->state != TLSIO_ENDED && t->state != TLSIO_FAILED) /* what follows means nothing */
        t->in = in;
}

static int fail(struct tlsio *t, int error, const char *word)
{
    t->error = error;
    t->word = word;
    t->in = SPAN_NONE;
    tlsio_move(t, TLSIO_FAILED, word);
    return error;
}

/* A call of the library has not succeeded: more is needed, the peer has ended, or it failed. */
static int judge(struct tlsio *t, int result)
{
    const struct tlsio_fault fault = tlsio_fault_take(t->ssl, result);

    if (fault.error == WERR_AGAIN)
        return WERR_AGAIN;
    if (fault.error == WERR_EOF && t->state == TLSIO_OPEN) {
        tlsio_move(t, TLSIO_ENDED, "close_notify");
        t->in = SPAN_NONE;
        return WERR_EOF;
    }
    if (fault.error == WERR_EOF)
        return fail(t, WERR_SYNTAX, "closed_in_handshake");
    return fail(t, fault.error, fault.word);
}

/* Once the server's Finished is made there is one to show. In TLS 1.2 the client has to speak
 * first, and the library stands behind the ServerHello. The state after a whole ServerHello of
 * TLS 1.3 is that after a HelloRetryRequest. */
static bool has_said_hello(const struct tlsio *t)
{
    char finished[1];

    switch (SSL_get_state(t->ssl)) {
    case TLS_ST_BEFORE:
    case TLS_ST_SR_CLNT_HELLO:
    case TLS_ST_EARLY_DATA:
        return SSL_get_finished(t->ssl, finished, 0) > 0;
    default:
        return true;
    }
}

uint32_t tlsio_step_cost_us(const struct tlsio *t)
{
    const struct tlsio_context *c = t->context;

    if (!c->is_server)
        return CLIENT_STEP_US;
    if (!has_said_hello(t))
        return tlsio_context_cost_us(c);
    return SERVER_FINISH_US + (c->asks_clients ? CLIENT_STEP_US : 0);
}

/* The library would keep 128 KiB of a ClientHello, far more than a handshake counts for. */
static bool is_hello_too_long(struct tlsio *t)
{
    if (!t->context->is_server || has_said_hello(t))
        return false;
    t->hello_bytes += (uint32_t)t->in.len;
    return t->hello_bytes > HELLO_MAX_BYTES;
}

/* The library keeps both ends' keys of the exchange for as long as the connection lives, for
 * nothing: one that is given a kind anew loses what it holds, 370 bytes of both. Which kind is
 * all the same. */
static void drop_exchange(SSL *ssl)
{
    EVP_PKEY *keys[] = {NULL, NULL};

    (void)SSL_get_tmp_key(ssl, &keys[0]);
    (void)SSL_get_peer_tmp_key(ssl, &keys[1]);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i] != NULL && EVP_PKEY_set_type(keys[i], EVP_PKEY_X25519) != 1)
            ERR_clear_error();
        EVP_PKEY_free(keys[i]);
    }
}

int tlsio_handshake(struct tlsio *t)
{
    MUST(t->magic == TLSIO_MAGIC && t->state == TLSIO_HANDSHAKE);
    if (is_hello_too_long(t)) {
        (void)BIO_write(SSL_get_wbio(t->ssl), illegal_parameter, ALERT_BYTES);
        return fail(t, WERR_TOO_BIG, "message_too_long");
    }
    const int result = SSL_do_handshake(t->ssl);

    if (t->context->is_server && SSL_get0_session(t->ssl) != NULL)
        tlsio_context_note_group(t->context, SSL_get_negotiated_group(t->ssl));

    if (result != 1)
        return judge(t, result);
    tlsio_move(t, TLSIO_OPEN, "handshake done");
    drop_exchange(t->ssl);
    t->owes_ticket = t->context->is_server && (SSL_get_options(t->ssl) & SSL_OP_NO_TICKET) == 0;
    return 0;
}

/* As much as there is room for, so that the codec is fed once for many records. */
int tlsio_read(struct tlsio *t, struct span *plain)
{
    struct tlsio_shared *s = t->shared;
    size_t n = 0;

    MUST(t->magic == TLSIO_MAGIC);
    *plain = SPAN_NONE;
    if (t->state == TLSIO_ENDED)
        return 0;
    if (t->state == TLSIO_FAILED)
        return t->error;
    MUST(t->state == TLSIO_OPEN);
    int rc = 0;

    while (rc == 0 && s->plain_bytes - n >= TLSIO_RECORD_BYTES) {
        size_t got = 0;
        const int result = SSL_read_ex(t->ssl, s->plain + n, TLSIO_RECORD_BYTES, &got);

        rc = result == 1 ? 0 : judge(t, result);
        n += got;
    }
    *plain = span_from(s->plain, n);
    return rc == 0 || rc == WERR_AGAIN || rc == WERR_EOF ? 0 : rc;
}

/* The library reads the head of a record and then the rest of it, into a buffer of its own. */
bool tlsio_has_more(const struct tlsio *t)
{
    const char *reads = SSL_rstate_string(t->ssl);

    return t->in.len > 0 || SSL_has_pending(t->ssl) == 1 || strcmp(reads, "RB") == 0;
}

/* ---- sending ---- */

/* Records carry 16 KiB but for the last; those of little output the same, so bytes / 16 KiB + 1
 * of them at the most. */
bool tlsio_can_write(const struct tlsio *t, size_t bytes)
{
    const struct tlsio_shared *s = t->shared;
    const size_t records = bytes / TLSIO_RECORD_BYTES + 1;

    return s->wire_cap - s->wire_bytes >=
           bytes + records * TLSIO_RECORD_MORE_BYTES + OWN_WORDS_BYTES;
}

static int write_record(struct tlsio *t, const char *bytes, size_t n)
{
    size_t taken = 0;
    const int result = SSL_write_ex(t->ssl, bytes, n, &taken);

    if (result != 1)
        return judge(t, result);
    MUST(taken == n);
    return 0;
}

/* What does not fill a record waits in the shared one for the next piece. */
struct gather {
    struct tlsio *t;
    size_t n;
};

static int gather_piece(struct gather *g, struct span piece)
{
    char *record = g->t->shared->record;
    int rc = 0;

    while (piece.len > 0 && rc == 0) {
        size_t room = TLSIO_RECORD_BYTES - g->n;
        size_t n = piece.len < room ? piece.len : room;

        if (n == TLSIO_RECORD_BYTES) {
            rc = write_record(g->t, piece.ptr, n);
        } else {
            memcpy(record + g->n, piece.ptr, n);
            g->n += n;
        }
        piece = span_skip(piece, n);
        if (g->n == TLSIO_RECORD_BYTES && rc == 0) {
            rc = write_record(g->t, record, g->n);
            g->n = 0;
        }
    }
    return rc;
}

static size_t sum(const struct iovec *iov, unsigned n)
{
    size_t bytes = 0;

    for (unsigned i = 0; i < n; i++)
        bytes += iov[i].iov_len;
    return bytes;
}

/* The ticket of TLS 1.3 goes with the first response, so that it costs no send of its own. For
 * it the library makes its buffers anew, and would keep that for reading. */
static int write_ticket(struct tlsio *t)
{
    if (!t->owes_ticket)
        return 0;
    t->owes_ticket = false;
    if (SSL_new_session_ticket(t->ssl) != 1) /* of TLS 1.2 it has come */
        return 0;
    const int result = SSL_do_handshake(t->ssl);

    if (result != 1)
        return judge(t, result);
    (void)SSL_free_buffers(t->ssl);
    return 0;
}

int tlsio_write(struct tlsio *t, const struct iovec *iov, unsigned n)
{
    struct gather g = {t, 0};
    int rc = 0;

    MUST(t->magic == TLSIO_MAGIC && !t->is_shut);
    MUST(t->state == TLSIO_OPEN || t->state == TLSIO_ENDED);
    if (!tlsio_can_write(t, sum(iov, n)))
        return WERR_TOO_BIG;
    rc = write_ticket(t);
    for (unsigned i = 0; i < n && rc == 0; i++)
        rc = gather_piece(&g, span_from(iov[i].iov_base, iov[i].iov_len));
    return rc == 0 && g.n > 0 ? write_record(t, t->shared->record, g.n) : rc;
}

void tlsio_shut(struct tlsio *t)
{
    MUST(t->magic == TLSIO_MAGIC);
    if (t->is_shut || t->state == TLSIO_HANDSHAKE || t->state == TLSIO_FAILED)
        return;
    t->is_shut = true;
    (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
}

struct span tlsio_output(const struct tlsio *t)
{
    const struct tlsio_shared *s = t->shared;

    return s->writer == t ? span_from(s->wire, s->wire_bytes) : SPAN_NONE;
}

void tlsio_output_taken(struct tlsio *t)
{
    struct tlsio_shared *s = t->shared;

    MUST(s->writer == NULL || s->writer == t);
    s->writer = NULL;
    s->wire_bytes = 0;
}

/* ---- what became of it ---- */

struct tlsio_fault tlsio_fault(const struct tlsio *t)
{
    MUST(t->state == TLSIO_FAILED);
    return (struct tlsio_fault){t->error, t->word};
}

/* The library's is no text: the context's has the same bytes. */
static const char *protocol_of(const struct tlsio *t)
{
    const unsigned char *bytes;
    unsigned n = 0;

    SSL_get0_alpn_selected(t->ssl, &bytes, &n);
    for (int i = 0; i < TLSIO_PROTOCOLS_MAX && t->context->protocols[i] != NULL && n > 0; i++)
        if (span_is_equal(span_from(bytes, n), span_from_str(t->context->protocols[i])))
            return t->context->protocols[i];
    return NULL;
}

struct tlsio_facts tlsio_facts(const struct tlsio *t)
{
    return (struct tlsio_facts){
        .version = SSL_get_version(t->ssl),
        .cipher = SSL_get_cipher_name(t->ssl),
        .name = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name),
        .protocol = protocol_of(t),
        .is_resumed = SSL_session_reused(t->ssl) == 1,
    };
}
