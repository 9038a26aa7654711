/* A client that speaks TLS, until its handshake is over; then it is as any other. */
#include "log/log.h"
#include "net/tlsio.h"
#include "net/tlsio_context.h"
#include "worker/client_int.h"
#include "worker/limits.h"
#include "worker/trust.h"
#include "worker/worker.h"

/* ---- how it fails ---- */

/* What the words of net/tlsio_faults.def are to those who count; what is not here, its error
 * tells. */
static const struct {
    const char *word;
    enum stats_tls_failure failure;
} of_words[] = {
    {"unrecognized_name", STATS_TLS_NAME},
    {"certificate_required", STATS_TLS_CERTIFICATE},
    {"closed_in_handshake", STATS_TLS_CUT},
};

static enum stats_tls_failure failure_of_error(int error)
{
    switch (error) {
    case WERR_UNSUPPORTED:
        return STATS_TLS_UNSHARED;
    case WERR_DENIED:
        return STATS_TLS_CERTIFICATE;
    case WERR_REFUSED:
        return STATS_TLS_ALERT;
    case WERR_EOF:
    case WERR_RESET:
        return STATS_TLS_CUT;
    case WERR_NO_SPACE:
        return STATS_TLS_REFUSED;
    default:
        return STATS_TLS_OTHER;
    }
}

static enum stats_tls_failure failure_of_fault(struct tlsio_fault fault)
{
    for (size_t i = 0; i < sizeof(of_words) / sizeof(of_words[0]); i++)
        if (strcmp(of_words[i].word, fault.word) == 0)
            return of_words[i].failure;
    return failure_of_error(fault.error);
}

static void count_failure(const struct client *c, enum stats_tls_failure failure,
                          const char *word)
{
    char peer[ADDR_TEXT_MAX];

    (void)addr_print(&c->caller.peer, peer);
    c->caller.listener->worker->stats->tls_failed[failure] += 1;
    stats_line_add(c->caller.listener->stats, STATS_LISTENER_tls_failed, 1);
    log_debug("TLS handshake failed", LOG_S("peer", peer),
              LOG_S("reason", stats_tls_failure_word(failure)), LOG_S("word", word));
}

/* A request in clear begins with a method. */
static bool is_plain_http(const struct conn *conn)
{
    const struct span first = conn_first_bytes(conn);

    return first.len > 0 && first.ptr[0] >= 'A' && first.ptr[0] <= 'Z';
}

/* Whoever only looked whether the port is open has not failed. */
static bool has_begun(const struct conn *conn, int error)
{
    return conn->tls != NULL || error != WERR_EOF || conn_has_unread(conn);
}

static void count(const struct client *c, int error)
{
    const struct conn *conn = &c->conn;

    if (conn->tls != NULL && tlsio_state(conn->tls) == TLSIO_FAILED) {
        const struct tlsio_fault fault = tlsio_fault(conn->tls);

        count_failure(c, failure_of_fault(fault), fault.word);
    } else if (conn->tls == NULL && (error == WERR_SYNTAX || error == WERR_TOO_BIG)) {
        count_failure(c, STATS_TLS_NOT_TLS, "not_tls");
    } else if (has_begun(conn, error)) {
        count_failure(c, failure_of_error(error), werr_word(error));
    }
}

static bool is_shaking_hands(const struct conn *conn)
{
    return conn_is_in_handshake(conn) && !conn_is_in_prologue(conn);
}

/* What an alert says must get there before the connection's end. */
enum conn_close_how client_tls_how_to_end(const struct conn *conn, int error)
{
    if (conn_has_alerted(conn))
        return CONN_CLOSE_LINGER;
    return error == WERR_EOF ? CONN_CLOSE_FLUSH : CONN_CLOSE_NOW;
}

bool client_tls_gone(struct conn *conn, int error,
                     void (*reject)(struct client *c, enum end end))
{
    struct client *c = client_of(conn);

    if (!is_shaking_hands(conn))
        return false;
    count(c, error);
    if (conn->tls == NULL && error == WERR_SYNTAX && is_plain_http(conn)) {
        conn_speak_plain(conn);
        reject(c, END_PLAIN_HTTP);
    } else {
        close_client(c, conn_has_alerted(conn) ? CONN_CLOSE_LINGER : CONN_CLOSE_NOW);
    }
    return true;
}

bool client_tls_timed_out(struct conn *conn)
{
    struct client *c = client_of(conn);

    if (!is_shaking_hands(conn))
        return false;
    count_failure(c, STATS_TLS_TIMEOUT, "timeout");
    close_client(c, CONN_CLOSE_NOW);
    return true;
}

/* ---- conn_ops ---- */

struct tlsio_context *client_tls_context(struct conn *conn)
{
    return client_of(conn)->caller.listener->secure.context;
}

uint32_t client_handshake_ms(const struct client *c)
{
    return client_is_leaving(c) ? LIMIT_DRAIN_FIRST_MS
                                : c->caller.listener->settings.tls_settings.handshake_ms;
}

static uint32_t now_ms(const struct client *c)
{
    return (uint32_t)loop_now_ms(c->caller.listener->worker->loop);
}

void client_tls_begin(struct client *c)
{
    c->head_from_ms = now_ms(c);
}

void client_tls_on_open(struct conn *conn, int error)
{
    struct client *c = client_of(conn);
    struct worker *w = c->caller.listener->worker;
    const struct listener_runtime *l = c->caller.listener;

    const struct tlsio_facts facts = tlsio_facts(conn->tls);

    MUST(error == 0 && c->state == CLIENT_IDLE);
    w->stats->tls_agreed[stats_tls_agreed_on(facts.version, facts.cipher)] += 1;
    stats_line_add(l->stats, STATS_LISTENER_tls_handshakes, 1);
    if (facts.is_resumed)
        stats_line_add(l->stats, STATS_LISTENER_tls_resumed, 1);
    times_add(&w->stats->tls_handshake, &times_long, (now_ms(c) - c->head_from_ms) * 1000ULL);
    conn_timer_set(conn, client_is_leaving(c) || !l->is_described
                             ? LIMIT_DRAIN_FIRST_MS
                             : timeouts_of(c)->client_idle_ms);
}
