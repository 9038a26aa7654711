/* client_int.h - what clients with one stream at a time (client.c) and with many
 * (client_many.c) share. */
#ifndef WELDR_WORKER_CLIENT_INT_H
#define WELDR_WORKER_CLIENT_INT_H

#include "base/fsm.h"
#include "worker/client.h"
#include "worker/ends.h"
#include "worker/listener_runtime.h"
#include "worker/worker.h"

/* How a connection with many streams is told what every client is told. */
struct client_kind {
    void (*begin)(struct client *c); /* it has just been accepted */
    /* It may not come in, or has had its time. */
    void (*reject)(struct client *c, enum end end);
    void (*drain)(struct client *c);
    void (*stay)(struct client *c);
    void (*stop)(struct client *c);
};
extern const struct client_kind client_many; /* client_many.c */

extern const struct fsm client_fsm;

static inline struct client *client_of(struct conn *conn)
{
    struct client *c = (struct client *)conn;

    MUST(c->magic == CLIENT_MAGIC);
    return c;
}
static inline const struct listener_timeouts *timeouts_of(const struct client *c)
{
    return &c->caller.listener->settings.timeouts;
}

static inline void close_client(struct client *c, enum conn_close_how how)
{
    MUST(client_is_many(c) ? c->many.n == 0 : c->stream.user == NULL);
    fsm_move(&client_fsm, &c->state, CLIENT_CLOSING, (uint64_t)(uintptr_t)c, "closes");
    conn_close(&c->conn, how);
}

/* client_tls.c: of a client that speaks TLS, until its handshake is over. */
void client_tls_begin(struct client *c); /* it was accepted */
/* How long its handshake may take. */
uint32_t client_handshake_ms(const struct client *c);

/* It is about to be told, or knows, that it must come again: by another worker, or node. */
static inline bool client_is_leaving(const struct client *c)
{
    return c->departure != 0 || c->caller.listener->worker->draining;
}

/* ---- client.c ---- */

/* Of one that is drained: when an idle connection closes, by chance, so that not all come back
 * at once. Not before half of the time: who asks without pause asks again until then, and hears
 * Connection: close with the response; at once its request would cross our end. */
uint32_t client_idle_drain_ms(const struct client *c);
struct tlsio_context *client_tls_context(struct conn *conn);
void client_tls_on_open(struct conn *conn, int error);
/* How one that is gone, without a request under way, is closed. */
enum conn_close_how client_tls_how_to_end(const struct conn *conn, int error);
/* Of on_gone and on_timer. False: no handshake is in progress (a PROXY header may be awaited).
 * Else it has failed, or taken too long, and the client closes; HTTP in clear is rejected. */
bool client_tls_gone(struct conn *conn, int error,
                     void (*reject)(struct client *c, enum end end)) MUST_USE;
bool client_tls_timed_out(struct conn *conn) MUST_USE;

/* Of both conn_ops. */
int64_t client_on_prologue(struct conn *conn, struct span in);
uint32_t client_flush_limit_ms(const struct conn *conn);
void client_on_closed(struct conn *conn);

#endif
