/* What Weldr sends, read again by an independent strict reader (strict_reader.h): exactly one
 * message, of the framing and with the body that were read; what broke off must not look whole.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const struct emit_message *m, const char *what, const char *why)
{
    fprintf(stderr, "%s: %s%s%s\nsent:\n%.*s\n", m->answers != NULL ? "response" : "request",
            what, why != NULL ? ": " : "", why != NULL ? why : "", (int)m->sent_bytes, m->sent);
    abort();
}

static bool is_text(struct strict_text t, const char *text)
{
    return t.n == strlen(text) && memcmp(t.at, text, t.n) == 0;
}

static void check_request_line(const struct emit_message *m, const struct strict_message *got)
{
    if (!is_text(got->method, m->method) || !is_text(got->target, m->target))
        fail(m, "another method or target", NULL);
    /* RFC 9112 section 3.2.2: whoever goes by the target and whoever goes by Host must agree.
     */
    if (m->authority != NULL && !is_text(got->host, m->authority))
        fail(m, "Host is not that of the absolute target", NULL);
}

static void check_same(const struct emit_message *m, const struct strict_message *got)
{
    if (got->framing != m->framing)
        fail(m, "another framing", NULL);
    if (m->framing == STRICT_LENGTH && got->length != m->length)
        fail(m, "another length", NULL);
    if (got->body_bytes != m->body_bytes ||
        (m->body_bytes > 0 && memcmp(got->body, m->body, m->body_bytes) != 0))
        fail(m, "another body", NULL);
    if (m->answers == NULL)
        check_request_line(m, got);
    else if (got->status != m->status)
        fail(m, "another status", NULL);
}

/* Interim answers stand before the final one; returns where that begins. */
static size_t skip_interim(const struct emit_message *m)
{
    size_t at = 0;
    for (unsigned i = 0; i < m->info_n; i++) {
        struct strict_message got;
        if (strict_read_response(m->sent + at, m->sent_bytes - at, false, &got) != STRICT_WHOLE)
            fail(m, "an interim response", got.why);
        if (got.status >= 200)
            fail(m, "an interim response is missing", NULL);
        at += got.bytes;
        strict_fini(&got);
    }
    return at;
}

static void check(const struct emit_message *m, void *hook)
{
    (void)hook;
    struct strict_message got;
    size_t at = m->answers != NULL ? skip_interim(m) : 0;
    size_t left = m->sent_bytes - at;
    bool is_head = m->answers != NULL && strcmp(m->answers, "HEAD") == 0;
    enum strict_verdict verdict = m->answers == NULL
                                      ? strict_read_request(m->sent + at, left, &got)
                                      : strict_read_response(m->sent + at, left, is_head, &got);
    if (verdict == STRICT_MALFORMED)
        fail(m, "a strict reader refuses it", got.why);
    if (m->is_whole && verdict != STRICT_WHOLE)
        fail(m, "a whole message looks cut", NULL);
    if (m->is_whole && got.bytes != left)
        fail(m, "more than one message", NULL);
    if (m->is_whole)
        check_same(m, &got);
    /* Where the connection's end is the mark, a reset of it tells that it came too early. */
    if (!m->is_whole && verdict == STRICT_WHOLE && m->framing != STRICT_CLOSE)
        fail(m, "a cut message looks whole", NULL);
    strict_fini(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const methods[] = {"GET", "HEAD"};
    struct span in = span_from(data, size);
    emit_requests(in, check, NULL);
    for (unsigned i = 0; i < 2; i++) {
        emit_response(in, methods[i], false, check, NULL);
        emit_response(in, methods[i], true, check, NULL);
    }
    return 0;
}
