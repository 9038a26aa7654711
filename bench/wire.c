#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Records of a whole answer of W9c are read in one call. */
#define READ_AHEAD_BYTES 73728

static SSL_CTX *context; /* NULL: in clear */
static bool is_server;
static bool is_resuming;

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct wire *wire = SSL_get_app_data(ssl);
    SSL_SESSION_free(wire->session);
    wire->session = session;
    return 1;
}

static bool make_context(const SSL_METHOD *method)
{
    signal(SIGPIPE, SIG_IGN); /* the library writes as if to a file */
    context = SSL_CTX_new(method);
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") != 1 ||
        SSL_CTX_set1_groups_list(context, "X25519") != 1)
        return false;
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, READ_AHEAD_BYTES);
    return true;
}

static bool complain(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, ERR_reason_error_string(ERR_get_error()));
    return false;
}

bool wire_use_client(bool wants_to_resume)
{
    if (!make_context(TLS_client_method()))
        return complain("TLS");
    is_resuming = wants_to_resume;
    SSL_CTX_set_session_cache_mode(context, is_resuming ? SSL_SESS_CACHE_CLIENT |
                                                              SSL_SESS_CACHE_NO_INTERNAL
                                                        : SSL_SESS_CACHE_OFF);
    SSL_CTX_sess_set_new_cb(context, keep_session);
    return true;
}

bool wire_use_server(const char *certificate, const char *key)
{
    is_server = true;
    if (!make_context(TLS_server_method()))
        return complain("TLS");
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
        return complain(certificate);
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        return complain(key);
    return true;
}

bool wire_open(struct wire *wire, int fd)
{
    wire->fd = fd;
    wire->is_met = false;
    wire->ssl = NULL;
    if (context == NULL)
        return true;
    wire->ssl = SSL_new(context);
    if (wire->ssl == NULL || SSL_set_fd(wire->ssl, fd) != 1 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        return false;
    SSL_set_app_data(wire->ssl, wire);
    if (is_server)
        SSL_set_accept_state(wire->ssl);
    else
        SSL_set_connect_state(wire->ssl);
    return wire->session == NULL || SSL_set_session(wire->ssl, wire->session) == 1;
}

void wire_close(struct wire *wire)
{
    if (wire->fd < 0)
        return;
    if (wire->ssl != NULL)
        /* Else its session would count as broken, and never be resumed. */
        SSL_set_shutdown(wire->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(wire->ssl);
    wire->ssl = NULL;
    wire->is_again = true;
    close(wire->fd);
    wire->fd = -1;
}

/* False: a session was to be resumed, and a new one was made, or none was given. */
static bool meet(struct wire *wire)
{
    if (wire->is_met)
        return true;
    wire->is_met = true;
    return !is_resuming || !wire->is_again || SSL_session_reused(wire->ssl) == 1;
}

/* What recv() would return and leave in errno. */
static ssize_t judge(const struct wire *wire, int result)
{
    const int error = SSL_get_error(wire->ssl, result);
    ERR_clear_error();
    errno = EPROTO;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        errno = EAGAIN;
    return -1;
}

ssize_t wire_send(struct wire *wire, const void *bytes, size_t n)
{
    if (wire->ssl == NULL)
        return send(wire->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    size_t sent = 0;
    const int result = SSL_write_ex(wire->ssl, bytes, n, &sent);
    if (result == 1)
        return meet(wire) ? (ssize_t)sent : (errno = EPROTO, -1);
    const bool waits_for_peer = SSL_want_read(wire->ssl);
    judge(wire, result);
    if (errno == EAGAIN && waits_for_peer)
        errno = EINPROGRESS;
    return -1;
}

/* The peer has said that it will send no more; its FIN comes next. */
static ssize_t recv_end(const struct wire *wire)
{
    char byte;
    return recv(wire->fd, &byte, sizeof(byte), MSG_DONTWAIT);
}

ssize_t wire_recv(struct wire *wire, void *bytes, size_t room)
{
    if (wire->ssl == NULL)
        return recv(wire->fd, bytes, room, MSG_DONTWAIT);
    size_t all = 0, got = 0;
    int result = 1;
    while (all < room && result == 1) {
        result = SSL_read_ex(wire->ssl, (char *)bytes + all, room - all, &got);
        all += result == 1 ? got : 0;
    }
    if (all > 0)
        return (ssize_t)all;
    if (SSL_get_shutdown(wire->ssl) & SSL_RECEIVED_SHUTDOWN)
        return recv_end(wire);
    return judge(wire, result);
}

bool wire_has_more(const struct wire *wire)
{
    return wire->ssl != NULL && SSL_has_pending(wire->ssl) == 1;
}
