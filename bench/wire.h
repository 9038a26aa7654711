/*
 * A connection of the load generator or the origin, in clear or with TLS.
 *
 * Whoever asked for TLS gets TLS 1.3 with X25519 and AES-128-GCM and nothing else, so that all
 * proxies do the same work, whatever they would have preferred. Certificates are not verified:
 * that would cost the load's core, not the proxy.
 */
#ifndef WELDR_BENCH_WIRE_H
#define WELDR_BENCH_WIRE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/types.h>

struct wire {
    SSL *ssl;             /* NULL: in clear */
    SSL_SESSION *session; /* to resume with; the newest that came */
    int fd;               /* < 0: closed */
    bool is_again;        /* there was one before, whose session is to be resumed */
    bool is_met;          /* the handshake is done and was looked at */
};

/* Before the first wire: all of a process speak TLS from now on. False, and a message. */
bool wire_use_client(bool is_resuming);
bool wire_use_server(const char *certificate, const char *key);

/* For a descriptor that is connected or was accepted; the session of before is kept and, if
 * resuming was asked for, used. False: no memory. */
bool wire_open(struct wire *wire, int fd);
void wire_close(struct wire *wire);

/* As send and recv that do not wait. A send during a handshake may fail with EINPROGRESS: to be
 * tried again when something has come. EPROTO: the peer's TLS is wrong, or it did not resume
 * the session that it was to. */
ssize_t wire_send(struct wire *wire, const void *bytes, size_t n);
ssize_t wire_recv(struct wire *wire, void *bytes, size_t room);
/* Has more come already? No event will tell. */
bool wire_has_more(const struct wire *wire);

#endif
