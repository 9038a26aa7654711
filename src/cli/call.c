#include "cli/call.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bufq.h"
#include "base/clock.h"
#include "base/outv.h"
#include "base/strb.h"
#include "codec/codec.h"

enum { IN_BYTES = 128 * 1024, OUT_OWN_BYTES = 16 * 1024, STORE_KEEP_BYTES = 1024 * 1024 };

/* ---- the place ---- */

static int read_unix(struct call_api *api, struct span path)
{
    memcpy(api->host, "localhost", sizeof("localhost"));
    if (path.len == 0 || span_to_str(path, api->unix_path, sizeof(api->unix_path)) < 0)
        return WERR_INVALID;
    return 0;
}

static int read_localhost(struct call_api *api, struct span port)
{
    char text[32];
    struct strb b;

    strb_init(&b, text, sizeof(text));
    strb_add_str(&b, "127.0.0.1:");
    strb_add(&b, port);
    if (strb_is_full(&b) || addr_from_text(strb_span(&b), &api->addr[0]) < 0)
        return WERR_INVALID;
    api->addr_n = 2;
    return addr_from_ip(SPAN("::1"), api->addr[0].port, &api->addr[1]);
}

int call_api_from_text(struct call_api *api, const char *text)
{
    struct span rest = span_from_str(text);

    memset(api, 0, sizeof(*api));
    if (span_has_prefix(rest, SPAN("unix:")))
        return read_unix(api, span_skip(rest, strlen("unix:")));
    if (span_has_prefix(rest, SPAN("https://")))
        return WERR_UNSUPPORTED;
    if (!span_has_prefix(rest, SPAN("http://")))
        return WERR_INVALID;
    rest = span_skip(rest, strlen("http://"));
    if (rest.len > 0 && rest.ptr[rest.len - 1] == '/')
        rest.len--;
    if (span_to_str(rest, api->host, sizeof(api->host)) < 0)
        return WERR_INVALID;
    if (span_has_prefix(rest, SPAN("localhost:")))
        return read_localhost(api, span_skip(rest, strlen("localhost:")));
    api->addr_n = 1;
    return addr_from_text(rest, &api->addr[0]);
}

static int connect_to(const struct call_api *api, const struct sockaddr *sa, socklen_t len)
{
    const struct timeval patience = {.tv_sec = api->patience_s};
    const int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return werr_from_errno(errno);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, sa, len) == 0)
        return fd;
    const int rc = errno == EINPROGRESS ? WERR_TIMEOUT : werr_from_errno(errno);
    (void)close(fd);
    return rc;
}

/* Returns a descriptor, or WERR_*. */
static int connect_api(const struct call_api *api)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr_storage ss;
    int fd = WERR_INVALID;

    if (api->unix_path[0] != '\0') {
        memcpy(un.sun_path, api->unix_path, sizeof(un.sun_path));
        return connect_to(api, (const struct sockaddr *)&un, sizeof(un));
    }
    for (unsigned i = 0; fd < 0 && i < api->addr_n; i++) {
        const socklen_t len = addr_to_sockaddr(&api->addr[i], &ss);

        fd = connect_to(api, (const struct sockaddr *)&ss, len);
    }
    return fd;
}

/* ---- one exchange ---- */

struct call {
    int fd;
    const struct call_request *request;
    unsigned patience_s;
    struct codec *codec;
    call_body_fn fn;
    void *arg;
    struct strb *not_applied;
    uint16_t status;
    bool is_over;
    int rc;
    char *in; /* IN_BYTES, the first in_len of them not taken yet */
    size_t in_len;
};

static void take_head(struct call *call, const struct msg *m)
{
    call->status = m->status;
    for (unsigned i = 0; call->not_applied != NULL && i < m->field_n; i++)
        if (span_is_equal_nocase(msg_field_name(m, &m->fields[i]), SPAN("X-Weldr-Not-Applied")))
            strb_add(call->not_applied, msg_field_value(m, &m->fields[i]));
}

static void on_event(struct codec *c, struct event *ev)
{
    struct call *call = c->owner;

    if (ev->type == EVENT_RESET)
        call->rc = ev->error < 0 ? ev->error : WERR_RESET;
    if (ev->type == EVENT_HEAD)
        take_head(call, ev->msg);
    if (ev->type == EVENT_BODY && call->rc == 0)
        call->rc = call->fn(call->arg, call->status, ev->data);
    if (ev->type == EVENT_END || (ev->type == EVENT_HEAD && ev->is_whole) || call->rc < 0)
        call->is_over = true;
}

static const struct codec_owner_ops call_ops = {.event = on_event};

static int send_all(int fd, const struct outv *out)
{
    for (unsigned i = 0; i < out->n; i++) {
        struct span rest = span_from(out->iov[i].iov_base, out->iov[i].iov_len);

        while (rest.len > 0) {
            const ssize_t n = send(fd, rest.ptr, rest.len, MSG_NOSIGNAL);

            if (n < 0 && errno != EINTR)
                return werr_from_errno(errno);
            if (n > 0)
                rest = span_skip(rest, (size_t)n);
        }
    }
    return 0;
}

static int write_request(const struct call *call, const struct call_api *api,
                         const struct call_request *r, struct outv *out)
{
    struct msg m;
    char line[8192];
    struct strb b;

    strb_init(&b, line, sizeof(line));
    strb_add_str(&b, r->method);
    strb_add_str(&b, r->target);
    memset(&m, 0, sizeof(m));
    m.base = line;
    m.base_len = (uint32_t)b.len;
    m.method_len = (uint32_t)strlen(r->method);
    m.target_off = m.method_len;
    m.target_len = m.base_len - m.method_len;
    m.version = 11;
    m.body = r->body.len > 0 ? MSG_BODY_LENGTH : MSG_BODY_NONE;
    m.flags = r->body.len > 0 ? MSG_HAS_LENGTH : 0;
    m.content_length = r->body.len;
    m.added[m.added_n++] = (struct msg_added){SPAN("Host"), span_from_str(api->host)};
    m.added[m.added_n++] =
        (struct msg_added){SPAN("Accept"), r->accept != NULL ? span_from_str(r->accept)
                                                             : SPAN("application/json")};
    m.added[m.added_n++] = (struct msg_added){SPAN("Connection"), SPAN("close")};
    if (api->authorization[0] != '\0')
        m.added[m.added_n++] =
            (struct msg_added){SPAN("Authorization"), span_from_str(api->authorization)};
    if (api->prefer != NULL)
        m.added[m.added_n++] = (struct msg_added){SPAN("Prefer"), span_from_str(api->prefer)};
    if (strb_is_full(&b) || !codec_send_room(call->codec, &m, out))
        return WERR_TOO_BIG;
    codec_send_head(call->codec, NULL, &m, out);
    if (r->body.len > 0)
        codec_send_body(call->codec, NULL, r->body, 0, out);
    codec_send_end(call->codec, NULL, NULL, out);
    return send_all(call->fd, out);
}

/* The API may respond to a request before it has read all of it: then the end is not ours. */
static void feed(struct call *call)
{
    while (!call->is_over && call->in_len > 0) {
        const size_t n = codec_feed(call->codec, span_from(call->in, call->in_len));

        memmove(call->in, call->in + n, call->in_len - n);
        call->in_len -= n;
        if (n == 0)
            return;
    }
}

/* 0: something has come. */
static int await(const struct call *call)
{
    const struct call_request *r = call->request;
    const uint64_t end_us = clock_mono_us() + (uint64_t)call->patience_s * 1000000;
    const int patience_ms = call->patience_s > 0 ? (int)call->patience_s * 1000 : -1;
    struct pollfd fds[] = {{.fd = call->fd, .events = POLLIN},
                           {.fd = r->until_fd > 0 ? r->until_fd : -1, .events = POLLIN}};

    for (;;) {
        const int n = poll(fds, 2, r->idle != NULL ? CALL_IDLE_MS : patience_ms);

        if (n < 0 && errno != EINTR)
            return werr_from_errno(errno);
        if (n > 0 && fds[0].revents != 0)
            return 0;
        if (n > 0 || (call->patience_s > 0 && clock_mono_us() >= end_us))
            return WERR_TIMEOUT;
        if (r->idle != NULL)
            r->idle(r->idle_arg, call->fd);
    }
}

static int read_response(struct call *call)
{
    while (!call->is_over) {
        const int rc = await(call);

        if (rc < 0)
            return rc;
        const ssize_t n = recv(call->fd, call->in + call->in_len, IN_BYTES - call->in_len, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return werr_from_errno(errno);
        if (n == 0) {
            (void)codec_eof(call->codec, CODEC_ENDED);
            return call->is_over ? call->rc : WERR_EOF;
        }
        call->in_len += (size_t)n;
        feed(call);
        if (call->in_len == IN_BYTES)
            return WERR_TOO_BIG;
    }
    return call->rc;
}

static int run_with(struct call *call, const struct call_api *api,
                    const struct call_request *request)
{
    struct outv out;
    int rc = outv_init(&out, OUT_OWN_BYTES);

    if (rc < 0)
        return rc;
    call->codec->up = &call_ops;
    call->codec->owner = call;
    (void)codec_open(call->codec, NULL);
    rc = write_request(call, api, request, &out);
    outv_fini(&out);
    /* Refused early, a long body is cut off, and the response says why. */
    if (rc == 0 || rc == WERR_RESET) {
        const int sent = rc;

        rc = read_response(call);
        if (rc < 0 && sent < 0)
            rc = sent;
    }
    return rc < 0 ? rc : call->status;
}

int call_run(const struct call_api *api, const struct call_request *request, call_body_fn fn,
             void *arg)
{
    struct call call = {.fn = fn,
                        .arg = arg,
                        .request = request,
                        .patience_s = api->patience_s,
                        .not_applied = request->not_applied};
    struct bufq_store *store = bufq_store_new(STORE_KEEP_BYTES);
    struct codec_shared *shared = store != NULL ? codec_shared_new(store) : NULL;
    int rc = WERR_NOMEM;

    call.in = malloc(IN_BYTES);
    if (shared != NULL)
        call.codec = codec_new(shared, CODEC_H1, CODEC_CLIENT, &codec_limits_response);
    if (call.in != NULL && call.codec != NULL) {
        call.fd = connect_api(api);
        rc = call.fd >= 0 ? run_with(&call, api, request) : call.fd;
        if (call.fd >= 0)
            (void)close(call.fd);
    }
    if (call.codec != NULL)
        codec_free(call.codec);
    free(call.in);
    codec_shared_free(shared);
    bufq_store_free(store);
    return rc == WERR_AGAIN ? WERR_TIMEOUT : rc;
}
