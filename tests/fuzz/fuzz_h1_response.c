/* Responses: read as the response to a GET and to a HEAD, rewritten, written to a client and
 * read again. See h1_pair.h. */
#include "h1_pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct rewrite_facts facts = {.date = {"Sun, 06 Nov 1994 08:49:37 GMT", 29}};

static void sink_nothing(struct codec *c, struct event *ev)
{
    (void)c;
    (void)ev;
}
static const struct codec_owner_ops sink_nothing_ops = {.event = sink_nothing};

/* A server codec that has read the request. */
static void open_writer(struct h1_pair *p)
{
    char request[64];
    int n = snprintf(request, sizeof(request), "%s / HTTP/1.1\r\nHost: a\r\n\r\n", p->method);
    h1_run_init(&p->to, p->fuzz->codecs, CODEC_SERVER, &codec_limits_request);
    p->to.codec->up = &sink_nothing_ops;
    if (codec_feed(p->to.codec, span_from(request, (size_t)n)) != (size_t)n)
        abort();
    arena_init(&p->arena, p->fuzz->store, 1U << 20);
}

static void relay(struct h1_run *r, struct event *ev)
{
    struct h1_pair *p = r->hook;
    struct codec *to = p->to.codec;
    struct outv *out = &p->to.out;
    if (ev->type == EVENT_INFO) {
        rewrite_drop_hop_by_hop(ev->msg);
        codec_send_head(to, NULL, ev->msg, out);
    } else if (ev->type == EVENT_HEAD) {
        if (rewrite_response(ev->msg, &facts, &p->arena) != 0)
            abort();
        codec_send_head(to, NULL, ev->msg, out);
    } else if (ev->type == EVENT_BODY) {
        codec_send_body(to, NULL, ev->data, ev->chunk_bytes, out);
    } else if (ev->type == EVENT_TRAILERS) {
        rewrite_drop_hop_by_hop(ev->msg);
        codec_send_end(to, NULL, ev->msg, out);
        p->has_ended = true;
    } else if (ev->type == EVENT_END && !p->has_ended) {
        codec_send_end(to, NULL, NULL, out);
    }
    h1_pair_drain(p);
}

static void drop_line(char *text, const char *line)
{
    char *at;
    while ((at = strstr(text, line)) != NULL)
        memmove(at, at + strlen(line), strlen(at + strlen(line)) + 1);
}

static void check_pair(struct h1_fuzz *f, struct span in, const char *method)
{
    struct h1_pair pair = {.fuzz = f, .method = method};
    struct h1_run from;
    open_writer(&pair);
    h1_run_init(&from, f->codecs, CODEC_CLIENT, &codec_limits_request);
    h1_run_ask(&from, method);
    from.is_brief = true;
    from.on_event = relay;
    from.hook = &pair;
    h1_run_feed(&from, in, 0, 0);

    char *text = h1_fuzz_read(f, span_from(pair.bytes, pair.len), method, 0, true);
    drop_line(from.text, "TRAILERS\n");
    drop_line(text, "TRAILERS\n");
    h1_fuzz_check_equal("read and read again", from.text, text);
    free(text);
    free(pair.bytes);
    h1_run_fini(&pair.to);
    arena_reset(&pair.arena);
    h1_run_fini(&from);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct h1_fuzz *f = h1_fuzz_get();
    struct span in = span_from(data, size);
    h1_fuzz_check_cuts(f, in, "GET");
    h1_fuzz_check_cuts(f, in, "HEAD");
    check_pair(f, in, "GET");
    check_pair(f, in, "HEAD");
    return 0;
}
