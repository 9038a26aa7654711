#include "emit.h"

#include "h1_pair.h"

static const struct rewrite_facts request_facts = {
    .client_ip = {"10.0.0.1", 8}, .scheme = {"http", 4}, .request_id = {"id", 2}};
static const struct rewrite_facts response_facts = {
    .date = {"Sun, 06 Nov 1994 08:49:37 GMT", 29}};

struct emitting {
    struct h1_pair pair;
    struct emit_message m;
    emit_fn fn;
    void *hook;
};

static char *copy_span(struct span s)
{
    char *text = malloc(s.len + 1);
    if (text == NULL)
        abort();
    if (s.len > 0)
        memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    return text;
}

static void keep_body(struct emit_message *m, struct span data)
{
    m->body = realloc(m->body, m->body_bytes + data.len + 1);
    if (m->body == NULL)
        abort();
    memcpy(m->body + m->body_bytes, data.ptr, data.len);
    m->body_bytes += data.len;
}

static void begin_message(struct emitting *e)
{
    struct h1_pair *p = &e->pair;
    arena_init(&p->arena, p->fuzz->store, 1U << 20);
    p->is_open = true;
    p->has_ended = false;
    p->bytes = NULL;
    p->len = 0;
}

static void end_message(struct emitting *e, bool has_head)
{
    struct emit_message *m = &e->m;
    m->sent = e->pair.bytes;
    m->sent_bytes = e->pair.len;
    if (has_head)
        e->fn(m, e->hook);
    free(m->sent);
    free(m->body);
    free(m->method);
    free(m->target);
    free(m->authority);
    *m = (struct emit_message){.answers = m->answers, .is_to_10 = m->is_to_10};
    h1_run_fini(&e->pair.to);
    arena_reset(&e->pair.arena);
    e->pair.is_open = false;
}

/* Body and end are the same both ways. */
static void send_rest(struct emitting *e, struct event *ev)
{
    struct h1_pair *p = &e->pair;
    struct codec *to = p->to.codec;
    if (ev->type == EVENT_BODY) {
        keep_body(&e->m, ev->data);
        codec_send_body(to, NULL, ev->data, ev->chunk_bytes, &p->to.out);
    } else if (ev->type == EVENT_TRAILERS) {
        rewrite_drop_hop_by_hop(ev->msg);
        codec_send_end(to, NULL, ev->msg, &p->to.out);
        p->has_ended = true;
    } else if (ev->type == EVENT_END) {
        if (!p->has_ended)
            codec_send_end(to, NULL, NULL, &p->to.out);
        e->m.is_whole = true;
    }
    h1_pair_drain(p);
}

/* ---- requests ---- */

/* RFC 9112 section 6: what the head that came in says about its body. */
/* What an origin must be asked for (RFC 9112 section 3.2): what stands behind the authority of
 * an absolute target, from the root; "*" when OPTIONS names no path. */
static char *target_due(const struct msg *head)
{
    struct span target = msg_target(head);
    char due[65536];
    struct span rest;

    if (head->authority.len == 0)
        return copy_span(target);
    rest = span_skip(target, (size_t)(head->authority.ptr - target.ptr) + head->authority.len);
    if (rest.len == 0 && span_is_equal(msg_method(head), SPAN("OPTIONS")))
        return copy_span(SPAN("*"));
    if (rest.len > 0 && rest.ptr[0] == '/')
        return copy_span(rest);
    snprintf(due, sizeof(due), "/%.*s", (int)rest.len, rest.ptr);
    return copy_span(span_from_str(due));
}

static void expect_request(struct emit_message *m, const struct msg *head)
{
    m->method = copy_span(msg_method(head));
    m->target = target_due(head);
    m->authority = head->authority.len > 0 ? copy_span(head->authority) : NULL;
    m->framing = head->body == MSG_BODY_CHUNKED ? STRICT_CHUNKED
                 : head->flags & MSG_HAS_LENGTH ? STRICT_LENGTH
                                                : STRICT_BARE;
    m->length = m->framing == STRICT_LENGTH ? head->content_length : 0;
}

static void send_request_head(struct emitting *e, struct msg *head)
{
    struct h1_pair *p = &e->pair;
    if (span_is_equal(msg_method(head), SPAN("CONNECT")))
        return;
    h1_run_init(&p->to, p->fuzz->codecs, CODEC_CLIENT, &codec_limits_response);
    begin_message(e);
    expect_request(&e->m, head);
    if (rewrite_request(head, &request_facts, &p->arena) != 0) {
        end_message(e, false);
        return;
    }
    codec_send_head(p->to.codec, NULL, head, &p->to.out);
    h1_pair_drain(p);
}

static void relay_request(struct h1_run *r, struct event *ev)
{
    struct emitting *e = r->hook;
    if (ev->type == EVENT_HEAD)
        send_request_head(e, ev->msg);
    else if (e->pair.is_open)
        send_rest(e, ev);
    if (e->pair.is_open && (ev->type == EVENT_END || ev->type == EVENT_RESET))
        end_message(e, true);
}

void emit_requests(struct span in, emit_fn fn, void *hook)
{
    struct h1_fuzz *f = h1_fuzz_get();
    struct emitting e = {.pair = {.fuzz = f}, .fn = fn, .hook = hook};
    struct h1_run from;
    h1_run_init(&from, f->codecs, CODEC_SERVER, &codec_limits_request);
    from.on_event = relay_request;
    from.hook = &e;
    h1_run_feed(&from, in, 0, 0);
    if (e.pair.is_open)
        end_message(&e, true);
    h1_run_fini(&from);
}

/* ---- responses ---- */

/* RFC 9112 section 6.3: how the response must end for this client. */
static void expect_response(struct emit_message *m, const struct msg *head)
{
    bool is_open = head->body == MSG_BODY_CHUNKED || head->body == MSG_BODY_CLOSE;
    m->status = head->status;
    if (strcmp(m->answers, "HEAD") == 0 || m->status < 200 || m->status == 204 ||
        m->status == 304)
        m->framing = STRICT_BARE;
    else if (is_open)
        m->framing = m->is_to_10 ? STRICT_CLOSE : STRICT_CHUNKED;
    else
        m->framing = STRICT_LENGTH;
    m->length = m->framing == STRICT_LENGTH ? head->content_length : 0;
}

static void send_response_head(struct emitting *e, struct msg *head)
{
    struct h1_pair *p = &e->pair;
    expect_response(&e->m, head);
    if (rewrite_response(head, &response_facts, &p->arena) != 0) {
        end_message(e, false);
        return;
    }
    codec_send_head(p->to.codec, NULL, head, &p->to.out);
    h1_pair_drain(p);
}

static void relay_response(struct h1_run *r, struct event *ev)
{
    struct emitting *e = r->hook;
    if (!e->pair.is_open)
        return;
    if (ev->type == EVENT_INFO && !e->m.is_to_10) {
        e->m.info_n++;
        rewrite_drop_hop_by_hop(ev->msg);
        codec_send_head(e->pair.to.codec, NULL, ev->msg, &e->pair.to.out);
        h1_pair_drain(&e->pair);
    } else if (ev->type == EVENT_HEAD) {
        send_response_head(e, ev->msg);
    } else {
        send_rest(e, ev);
    }
}

static void sink_nothing(struct codec *c, struct event *ev)
{
    (void)c;
    (void)ev;
}
static const struct codec_owner_ops sink_nothing_ops = {.event = sink_nothing};

/* A server codec that has read the request. */
static void open_server(struct emitting *e)
{
    struct h1_pair *p = &e->pair;
    char request[64];
    int n = snprintf(request, sizeof(request), "%s / HTTP/1.%c\r\nHost: a\r\n\r\n",
                     e->m.answers, e->m.is_to_10 ? '0' : '1');
    h1_run_init(&p->to, p->fuzz->codecs, CODEC_SERVER, &codec_limits_request);
    p->to.codec->up = &sink_nothing_ops;
    if (codec_feed(p->to.codec, span_from(request, (size_t)n)) != (size_t)n)
        abort();
    begin_message(e);
}

void emit_response(struct span in, const char *method, bool is_to_10, emit_fn fn, void *hook)
{
    struct h1_fuzz *f = h1_fuzz_get();
    struct emitting e = {.pair = {.fuzz = f}, .fn = fn, .hook = hook};
    struct h1_run from;
    e.m.answers = method;
    e.m.is_to_10 = is_to_10;
    open_server(&e);
    h1_run_init(&from, f->codecs, CODEC_CLIENT, &codec_limits_response);
    h1_run_ask(&from, method);
    from.on_event = relay_response;
    from.hook = &e;
    h1_run_feed(&from, in, 0, 0);
    if (e.pair.is_open)
        end_message(&e, e.m.status != 0);
    h1_run_fini(&from);
}
