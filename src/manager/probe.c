#include "manager/probe.h"

#include <stdlib.h>

#include "base/strb.h"
#include "codec/proxy_protocol.h"
#include "net/tlsio.h"
#include "net/tlsio_context.h"
#include "net/tlsio_sessions.h"

enum { PROBE_MAGIC = 0x50524f42 };

static const struct span method = {"GET ", 4};

struct probe {
    struct conn conn; /* first */
    uint32_t magic;
    uint64_t started_us;
    probe_fn done; /* NULL: told, or cancelled */
    void *arg;
    unsigned *open_n;
    struct loop *loop;
    struct loop_work later; /* connected, or failed, within conn_connect */
    int error;
    uint8_t type; /* enum pool_health_type */
    uint8_t proxy_protocol;
    uint8_t expect_n;
    struct pool_status_range expect[POOL_EXPECT_N];
    struct tlsio_context *tls; /* https; else NULL */
    struct tlsio_sessions *tls_sessions;
    struct addr to;
    struct span target, host; /* in text … */
    const char *tls_name;     /* … too; NULL: it is known by its address */
    char text[];              /* method, target, host, name for TLS */
};

static struct probe *probe_of(struct conn *c)
{
    struct probe *p = (struct probe *)c; /* its first member */

    MUST(p->magic == PROBE_MAGIC);
    return p;
}

static void end_probe(struct probe *p, const struct check_result *result, int shortage)
{
    const probe_fn done = p->done;

    if (done == NULL)
        return;
    p->done = NULL;
    done(p->arg, result, shortage);
}

static void tell_result(struct probe *p, struct check_result *result, const char *error)
{
    struct strb b;

    result->at_us = loop_wall_us(p->loop);
    result->took_ms = (uint32_t)((loop_now_us(p->loop) - p->started_us) / 1000);
    strb_init(&b, result->error, sizeof(result->error));
    strb_add_str(&b, error);
    end_probe(p, result, 0);
}

static void tell(struct probe *p, bool ok, uint16_t status, const char *error)
{
    struct check_result result = {.ok = ok, .status = status};

    tell_result(p, &result, error);
}

/* What we lack ourselves says nothing about the server. */
static bool is_shortage(int rc)
{
    return rc == WERR_NOMEM || rc == WERR_NO_FD || rc == WERR_ADDR_UNAVAILABLE;
}

static void tell_error(struct probe *p, int rc, const char *why)
{
    struct check_result result = {.has_timed_out = rc == WERR_TIMEOUT};

    if (is_shortage(rc))
        end_probe(p, NULL, rc);
    else
        tell_result(p, &result, why);
}

static void fail(struct probe *p, int rc, const char *why)
{
    tell_error(p, rc, why);
    conn_close(&p->conn, CONN_CLOSE_NOW);
}

static void send_request(struct probe *p)
{
    struct msg m;

    /* The target stands behind the method in the text, so that one base serves both. */
    memset(&m, 0, offsetof(struct msg, added));
    m.base = p->text;
    m.base_len = (uint32_t)(method.len + p->target.len);
    m.method_len = (uint32_t)method.len - 1;
    m.target_off = (uint32_t)method.len;
    m.target_len = (uint32_t)p->target.len;
    m.version = 11;
    m.body = MSG_BODY_NONE;
    m.added[0] = (struct msg_added){SPAN("Host"), p->host};
    m.added[1] = (struct msg_added){SPAN("User-Agent"), SPAN("weldr-check")};
    m.added[2] = (struct msg_added){SPAN("Connection"), SPAN("close")};
    m.added_n = 3;
    conn_send_head(&p->conn, &m);
    conn_send_end(&p->conn, NULL);
}

/* A server that wants a PROXY header gets one that says: this connection is our own (command
 * LOCAL, section 2.2 of the protocol). */
static void send_header(struct probe *p)
{
    static const struct proxy_header own;
    char buf[PROXY_WRITE_MAX_BYTES];

    conn_send_prologue(&p->conn, span_from(buf, proxy_header_write(buf, &own)));
}

static void begin(struct probe *p)
{
    if (p->proxy_protocol != 0 && p->tls == NULL)
        send_header(p);
    if (p->type == POOL_HEALTH_TCP) {
        conn_flush(&p->conn);
        tell(p, true, 0, "");
        /* A gentle close would wait for a server that speaks first and goes on doing so. */
        conn_close(&p->conn, CONN_CLOSE_NOW);
    } else {
        send_request(p);
    }
}

/* ---- https ---- */

static struct tlsio_context *tls_context(struct conn *c)
{
    struct probe *p = probe_of(c);

    if (p->proxy_protocol != 0)
        send_header(p); /* in clear, before the handshake */
    return p->tls;
}

static void tls_peer(struct conn *c, struct tlsio_peer_name *peer)
{
    const struct probe *p = probe_of(c);

    peer->name = p->tls_name;
    peer->address = &p->to;
    peer->sessions = p->tls_sessions;
}

/* In the words of requests: stats/ends.def. */
static void fail_tls(struct probe *p, int rc, const char *word)
{
    const bool is_untrusted = rc == WERR_DENIED || rc == WERR_UNTRUSTED;
    char text[FACTS_ERROR_MAX];
    struct strb b;

    strb_init(&b, text, sizeof(text));
    strb_add_str(&b, is_untrusted ? "origin_tls_untrusted: " : "origin_tls_failed: ");
    strb_add_str(&b, word);
    tell_error(p, WERR_HANDSHAKE, text);
}

/* TLS has failed; false: it is something else, such as a time that is over. */
static bool has_tls_failed(struct probe *p, int rc)
{
    const char *word = p->tls != NULL ? conn_tls_word(&p->conn) : NULL;

    if (word == NULL || is_shortage(rc) || rc == WERR_TIMEOUT)
        return false;
    fail_tls(p, rc, word);
    conn_close(&p->conn, CONN_CLOSE_NOW);
    return true;
}

static void on_open(struct conn *c, int rc)
{
    struct probe *p = probe_of(c);

    if (rc < 0 && has_tls_failed(p, rc))
        return;
    if (rc < 0)
        fail(p, rc, werr_text(rc));
    else
        begin(p);
}

static bool is_expected(const struct probe *p, uint16_t status)
{
    for (unsigned i = 0; i < p->expect_n; i++)
        if (status >= p->expect[i].from && status <= p->expect[i].to)
            return true;
    return false;
}

static void judge(struct probe *p, uint16_t status)
{
    char text[24];
    struct strb b;

    strb_init(&b, text, sizeof(text));
    if (!is_expected(p, status)) {
        strb_add_str(&b, "status ");
        strb_add_u64(&b, status);
    }
    tell(p, b.len == 0, status, text);
    conn_close(&p->conn, CONN_CLOSE_NOW);
}

static void on_event(struct conn *c, struct event *ev)
{
    struct probe *p = probe_of(c);

    if (ev->type == EVENT_HEAD)
        judge(p, ev->msg->status);
    else if (ev->type == EVENT_RESET)
        fail(p, ev->error, ev->why != NULL ? ev->why : werr_text(ev->error));
}

static void on_gone(struct conn *c, int rc)
{
    if (has_tls_failed(probe_of(c), rc))
        return;
    fail(probe_of(c), rc, rc == WERR_EOF ? "closed without a response" : werr_text(rc));
}

static void on_timer(struct conn *c)
{
    fail(probe_of(c), WERR_TIMEOUT, werr_text(WERR_TIMEOUT));
}

static void free_probe(struct probe *p)
{
    MUST(*p->open_n > 0); /* weldr ends when it is 0 */
    tlsio_context_put(p->tls);
    tlsio_sessions_put(p->tls_sessions);
    --*p->open_n;
    p->magic = 0;
    free(p);
}

static void on_closed(struct conn *c)
{
    struct probe *p = probe_of(c);

    tell(p, false, 0, werr_text(WERR_RESET));
    free_probe(p);
}

static const struct conn_ops probe_ops = {
    .on_open = on_open,
    .tls_context = tls_context,
    .tls_peer = tls_peer,
    .on_event = on_event,
    .on_gone = on_gone,
    .on_timer = on_timer,
    .on_closed = on_closed,
};

static struct probe *probe_of_work(struct loop_work *w)
{
    struct probe *p = (struct probe *)((char *)w - offsetof(struct probe, later));

    MUST(p->magic == PROBE_MAGIC);
    return p;
}

/* The conn was never open: nothing to close. */
static void run_failed(struct loop_work *w)
{
    struct probe *p = probe_of_work(w);

    if (p->error == WERR_UNTRUSTED)
        fail_tls(p, p->error, "no_authorities");
    else if (p->error == WERR_NO_CERTIFICATE)
        tell_error(p, p->error, "certificate_unusable");
    else
        tell_error(p, p->error, werr_text(p->error));
    free_probe(p);
}

static const char *host_of(const struct probe_wish *wish)
{
    const char *host = wish->health->host;

    return host != NULL && host[0] != '\0' ? host : wish->server->authority;
}

/* Empty: it is known by its address. */
static const char *name_of(const struct probe_wish *wish)
{
    if (wish->tls_name != NULL)
        return wish->tls_name;
    return wish->server->addr.family == 0 ? wish->server->host : "";
}

static size_t text_bytes(const struct probe_wish *wish)
{
    return method.len + strlen(wish->health->path) + strlen(host_of(wish)) + 1 +
           strlen(name_of(wish)) + 1;
}

/* Behind the rest. In SNI a name has no final dot (RFC 6066 section 3). */
static void copy_name(struct probe *p, const struct probe_wish *wish)
{
    char *name = (char *)p->host.ptr + p->host.len + 1;
    size_t len = strlen(name_of(wish));

    if (len > 0 && name_of(wish)[len - 1] == '.')
        len--;
    memcpy(name, name_of(wish), len);
    name[len] = '\0';
    p->tls_name = len > 0 ? name : NULL;
}

static void copy_settings(struct probe *p, const struct probe_wish *wish)
{
    const struct pool_health *h = wish->health;
    struct strb b;

    strb_init(&b, p->text, text_bytes(wish));
    strb_add(&b, method);
    strb_add_str(&b, h->path);
    p->target = span_skip(strb_span(&b), method.len);
    p->host.ptr = p->text + b.len;
    strb_add_str(&b, host_of(wish));
    p->host.len = (size_t)(p->text + b.len - p->host.ptr);
    copy_name(p, wish);
    p->type = h->type;
    p->proxy_protocol = wish->server->proxy_protocol;
    p->expect_n = h->expect_n;
    memcpy(p->expect, h->expect, sizeof(p->expect));
}

/* An immediate success goes the same way as a later one: begin() in a callback of its own. */
static void run_begin(struct loop_work *w)
{
    begin(probe_of_work(w));
}

static int start(struct probe *p, const struct probe_wish *wish)
{
    if (!wish->server->is_tls)
        return conn_connect(&p->conn, wish->shared, &probe_ops, wish->to, CODEC_H1,
                            &codec_limits_response);
    if (wish->tls == NULL)
        return wish->tls_error;
    p->to = *wish->to;
    p->tls = tlsio_context_get(wish->tls);
    if (wish->tls_sessions != NULL)
        p->tls_sessions = tlsio_sessions_get(wish->tls_sessions);
    return conn_connect_tls(&p->conn, wish->shared, &probe_ops, wish->to, CODEC_H1,
                            &codec_limits_response);
}

struct probe *probe_start(const struct probe_wish *wish)
{
    struct probe *p = calloc(1, sizeof(*p) + text_bytes(wish));

    if (p == NULL)
        return NULL;
    p->magic = PROBE_MAGIC;
    p->loop = wish->shared->loop;
    p->started_us = loop_now_us(p->loop);
    p->done = wish->done;
    p->arg = wish->arg;
    p->open_n = wish->open_n;
    ++*p->open_n;
    copy_settings(p, wish);
    p->error = start(p, wish);
    p->later.run = p->error < 0 ? run_failed : run_begin;
    if (p->error == 0)
        conn_timer_set(&p->conn, wish->health->timeout_ms);
    if (p->error < 0 || p->conn.state == CONN_OPEN)
        loop_defer(p->loop, &p->later);
    return p;
}

void probe_cancel(struct probe *p)
{
    MUST(p->magic == PROBE_MAGIC && p->done != NULL); /* whoever was told has forgotten it */
    p->done = NULL;
    if (p->error < 0)
        return; /* frees itself when its work runs */
    loop_undefer(p->loop, &p->later);
    conn_close(&p->conn, CONN_CLOSE_NOW);
}
