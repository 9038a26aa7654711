/* h1_transcript.h - what a codec told, as text, and a way to feed it in pieces. For unit tests
 * and fuzz targets.
 *
 * Every event becomes a line; pieces of a body are merged, so that the text is the same however
 * the bytes were split. Each feed gets a heap block of exactly the bytes that are pending: a
 * byte read too far is seen by the sanitizer. A server answers each request that ended with an
 * empty 200 and goes on while the codec says that it may; a client reads one response.
 *
 * Full text: HEAD GET / len=5 1.1 keep upgrade for=9s {X: y} (for: Keep-Alive; "~" before a
 * field that is not tight, "-" before a dropped one; {Host: a} is left out) BODY <5>hello (<n>:
 * a chunk of n begins) TRAILERS {X: y} / END / CLOSE (no reuse after this message) / RESET 400
 * malformed: why / REST n (bytes not taken) Brief text has only what must survive a way through
 * a writer: no fields, no chunk marks, no reasons.
 */
#ifndef WELDR_TESTS_H1_TRANSCRIPT_H
#define WELDR_TESTS_H1_TRANSCRIPT_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "codec/h1.h"

struct h1_run {
    struct codec *codec;
    enum codec_role role;
    bool is_brief;
    bool next_in_sink; /* server: codec_done() from within END */
    bool in_body;
    bool has_ended; /* the message ended and its connection is used up, or RESET */
    char *text;
    size_t len, cap;
    struct outv out;
    void (*on_event)(struct h1_run *r, struct event *ev); /* NULL or a hook, before the text */
    void *hook;
};

static inline void h1_run_add(struct h1_run *r, const char *bytes, size_t n)
{
    if (r->len + n + 1 > r->cap) {
        r->cap = (r->len + n + 1) * 2;
        r->text = realloc(r->text, r->cap);
        if (r->text == NULL)
            abort();
    }
    if (n > 0)
        memcpy(r->text + r->len, bytes, n);
    r->len += n;
    r->text[r->len] = '\0';
}

static inline void h1_run_addf(struct h1_run *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static inline void h1_run_addf(struct h1_run *r, const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    h1_run_add(r, line, n < (int)sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

/* Controls as \xNN, CR and LF as \r and \n. */
static inline void h1_run_add_span(struct h1_run *r, struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '\r' || c == '\n')
            h1_run_addf(r, "\\%c", c == '\r' ? 'r' : 'n');
        else if (c < 0x20 || c >= 0x7f)
            h1_run_addf(r, "\\x%02x", c);
        else
            h1_run_add(r, s.ptr + i, 1);
    }
}

static inline void h1_run_add_fields(struct h1_run *r, const struct msg *m)
{
    for (unsigned i = 0; i < m->field_n; i++) {
        const struct msg_field *f = &m->fields[i];
        struct span name = msg_field_name(m, f);
        struct span value = msg_field_value(m, f);
        bool is_tight = f->flags & MSG_FIELD_TIGHT;
        if (is_tight && span_is_equal(name, SPAN("Host")) && span_is_equal(value, SPAN("a")))
            continue;
        h1_run_addf(r, " %s%s{", is_tight ? "" : "~", f->flags & MSG_FIELD_DROP ? "-" : "");
        h1_run_add_span(r, name);
        h1_run_addf(r, ": ");
        h1_run_add_span(r, value);
        h1_run_addf(r, "}");
    }
}

/* What the reader says of names that are not there is the truth; of unknown names it may say
 * less. */
static inline void h1_run_check_absent(const struct msg *m)
{
    const uint32_t other = 1U << FIELD_OTHER;
    uint32_t seen = 0;
    for (unsigned i = 0; i < m->field_n; i++) {
        uint8_t token = m->fields[i].token;
        const struct span name = msg_field_name(m, &m->fields[i]);

        if (token != FIELD_OTHER || field_is_forwarding(name) ||
            field_is_client_certificate(name))
            seen |= 1U << token;
    }
    if (((~m->absent ^ seen) & ~other) != 0 || (seen & m->absent & other) != 0)
        abort();
}

static inline void h1_run_add_body_kind(struct h1_run *r, const struct msg *m)
{
    bool is_open = m->body == MSG_BODY_CHUNKED || m->body == MSG_BODY_CLOSE;
    if (r->is_brief && is_open)
        h1_run_addf(r, " open");
    else if (is_open)
        h1_run_addf(r, m->body == MSG_BODY_CLOSE ? " until-close" : " chunked");
    if (m->flags & MSG_HAS_LENGTH)
        h1_run_addf(r, m->body == MSG_BODY_LENGTH ? " len=%" PRIu64 : " bare-len=%" PRIu64,
                    m->content_length);
}

/* Brief: as the next recipient gets it, in origin-form. */
static inline void h1_run_add_target(struct h1_run *r, const struct msg *m)
{
    struct span target = msg_target(m);
    bool is_connect = span_is_equal(msg_method(m), SPAN("CONNECT"));
    if (r->is_brief && m->authority.len > 0 && !is_connect) {
        target = span_skip(target, (size_t)(m->authority.ptr + m->authority.len - target.ptr));
        if (target.len == 0 && span_is_equal(msg_method(m), SPAN("OPTIONS")))
            target = SPAN("*");
        else if (target.len == 0 || target.ptr[0] == '?')
            h1_run_addf(r, "/");
    }
    h1_run_add_span(r, target);
}

static inline void h1_run_add_head(struct h1_run *r, const struct msg *m)
{
    h1_run_check_absent(m);
    if (m->status == 0) {
        h1_run_addf(r, " ");
        h1_run_add_span(r, msg_method(m));
        h1_run_addf(r, " ");
        h1_run_add_target(r, m);
    } else {
        h1_run_addf(r, " %u \"", m->status);
        h1_run_add_span(r, msg_reason(m));
        h1_run_addf(r, "\"");
    }
    h1_run_add_body_kind(r, m);
    if (r->is_brief)
        return;
    h1_run_addf(r, " %u.%u", m->version / 10U, m->version % 10U);
    h1_run_addf(r, "%s%s%s", m->flags & MSG_KEEP_ALIVE ? " keep" : "",
                m->flags & MSG_EXPECT_100 ? " expect" : "",
                m->flags & MSG_HAS_TE_TRAILERS ? " te" : "");
    if (m->flags & MSG_UPGRADE)
        h1_run_addf(r, " upgrade");
    if (m->flags & MSG_HAS_KEEP_ALIVE)
        h1_run_addf(r, " for=%" PRIu32 "s", m->keep_alive_s);
    if (m->authority.len > 0) {
        h1_run_addf(r, " auth=");
        h1_run_add_span(r, m->authority);
    }
    h1_run_add_fields(r, m);
}

static inline void h1_run_answer(struct h1_run *r)
{
    struct msg m = {.base = "", .status = 200, .flags = MSG_HAS_LENGTH};
    outv_clear(&r->out);
    codec_send_head(r->codec, NULL, &m, &r->out);
    codec_send_end(r->codec, NULL, NULL, &r->out);
}

static inline void h1_run_on_end(struct h1_run *r)
{
    if (r->role == CODEC_SERVER)
        h1_run_answer(r);
    bool can_reuse = codec_can_reuse(r->codec);
    if (!can_reuse && !r->is_brief)
        h1_run_addf(r, "CLOSE\n");
    if (!can_reuse || r->role == CODEC_CLIENT)
        r->has_ended = true;
    else if (r->next_in_sink)
        codec_done(r->codec, NULL);
}

static inline void h1_run_on_body(struct h1_run *r, const struct event *ev)
{
    if (!r->in_body)
        h1_run_addf(r, "BODY ");
    r->in_body = true;
    if (ev->chunk_bytes > 0 && !r->is_brief)
        h1_run_addf(r, "<%" PRIu64 ">", ev->chunk_bytes);
    h1_run_add_span(r, ev->data);
}

static inline void h1_run_take(struct h1_run *r, struct event *ev)
{
    if (r->on_event != NULL)
        r->on_event(r, ev);
    if (ev->type == EVENT_BODY) {
        h1_run_on_body(r, ev);
        return;
    }
    h1_run_addf(r, "%s%s", r->in_body ? "\n" : "", event_name(ev->type));
    r->in_body = false;
    if (ev->type == EVENT_HEAD || ev->type == EVENT_INFO)
        h1_run_add_head(r, ev->msg);
    else if (ev->type == EVENT_TRAILERS && !r->is_brief)
        h1_run_add_fields(r, ev->msg);
    else if (ev->type == EVENT_RESET && !r->is_brief)
        h1_run_addf(r, " %u %s: %s", ev->status, werr_text(ev->error), ev->why);
    h1_run_addf(r, "\n");
    if (ev->type == EVENT_RESET)
        r->has_ended = true;
    if (ev->type == EVENT_END)
        h1_run_on_end(r);
}

/* A whole head is told as HEAD and END, to the hook too. */
static inline void h1_run_sink(struct codec *c, struct event *ev)
{
    h1_run_take(c->owner, ev);
    if (ev->is_whole)
        h1_run_take(c->owner, &(struct event){.type = EVENT_END});
}
static const struct codec_owner_ops h1_run_sink_ops = {.event = h1_run_sink};

/* Offers data[*at, have) until the codec takes nothing more. */
static inline void h1_run_offer(struct h1_run *r, const char *data, size_t *at, size_t have)
{
    while (!r->has_ended) {
        size_t n = have - *at;
        char *block = malloc(n > 0 ? n : 1);
        if (block == NULL)
            abort();
        memcpy(block, data + *at, n);
        size_t taken = codec_feed(r->codec, span_from(block, n));
        free(block);
        if (taken > n)
            abort();
        *at += taken;
        if (!r->next_in_sink && !r->has_ended && r->role == CODEC_SERVER &&
            codec_can_reuse(r->codec))
            codec_done(r->codec, NULL);
        else if (taken == 0)
            return;
    }
}

/* Feeds all and then the end of the connection. max_step: 0 all at once, 1 byte by byte, else
 * random steps up to it. */
static inline void h1_run_feed(struct h1_run *r, struct span data, size_t max_step,
                               uint64_t seed)
{
    struct rand_state rng;
    rand_seed(&rng, seed);
    size_t at = 0;
    size_t have = 0;
    while (have < data.len && !r->has_ended) {
        size_t left = data.len - have;
        size_t step = max_step <= 1 ? max_step : 1 + (size_t)rand_below(&rng, max_step);
        have += step == 0 || step > left ? left : step;
        h1_run_offer(r, data.ptr, &at, have);
    }
    if (!r->has_ended)
        codec_eof(r->codec, CODEC_ENDED);
    if (r->in_body)
        h1_run_addf(r, "\n");
    if (at < data.len && !r->is_brief)
        h1_run_addf(r, "REST %zu\n", data.len - at);
}

static inline void h1_run_init(struct h1_run *r, struct h1_shared *codecs, enum codec_role role,
                               const struct codec_limits *limits)
{
    memset(r, 0, sizeof(*r));
    r->role = role;
    r->codec = h1_new(codecs, role, limits);
    if (r->codec == NULL || outv_init(&r->out, 1U << 18) != 0)
        abort();
    r->codec->up = &h1_run_sink_ops;
    r->codec->owner = r;
    h1_run_add(r, "", 0);
}

static inline void h1_run_fini(struct h1_run *r)
{
    codec_free(r->codec);
    outv_fini(&r->out);
    free(r->text);
}

/* Client: asks, so that a response is expected. The text starts anew with what comes. flags: of
 * the request, enum msg_flag. */
static inline void h1_run_ask_with(struct h1_run *r, const char *method, uint16_t flags)
{
    struct msg m = {.base = method, .base_len = (uint32_t)strlen(method), .flags = flags};
    m.method_len = m.base_len;
    codec_send_head(r->codec, NULL, &m, &r->out);
    codec_send_end(r->codec, NULL, NULL, &r->out);
    outv_clear(&r->out);
}

static inline void h1_run_ask(struct h1_run *r, const char *method)
{
    h1_run_ask_with(r, method, 0);
}

/* All pieces of out in one new block; *n its length. */
static inline char *h1_run_flatten(const struct outv *out, size_t *n)
{
    char *bytes = malloc(out->bytes + 1);
    if (bytes == NULL)
        abort();
    *n = 0;
    for (unsigned i = 0; i < out->n; i++) {
        memcpy(bytes + *n, out->iov[i].iov_base, out->iov[i].iov_len);
        *n += out->iov[i].iov_len;
    }
    bytes[*n] = '\0';
    return bytes;
}

#endif
