/* Requests: read, rewritten, written to an origin and read again. See h1_pair.h. */
#include "h1_pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct rewrite_facts facts = {
    .client_ip = {"2001:db8::1", 11},
    .scheme = {"http", 4},
    .request_id = {"id", 2},
    .trust = REWRITE_UNKNOWN,
    .forwarded = true,
};

static void open_writer(struct h1_pair *p)
{
    h1_run_init(&p->to, p->fuzz->codecs, CODEC_CLIENT, &codec_limits_response);
    arena_init(&p->arena, p->fuzz->store, 1U << 20);
    p->is_open = true;
    p->has_ended = false;
}

static void close_writer(struct h1_pair *p)
{
    h1_run_fini(&p->to);
    arena_reset(&p->arena);
    p->is_open = false;
}

static void send_event(struct h1_pair *p, struct event *ev)
{
    struct codec *to = p->to.codec;
    struct outv *out = &p->to.out;
    if (ev->type == EVENT_HEAD) {
        if (rewrite_request(ev->msg, &facts, &p->arena) != 0)
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

static void relay(struct h1_run *r, struct event *ev)
{
    struct h1_pair *p = r->hook;
    if (ev->type == EVENT_HEAD)
        open_writer(p);
    if (p->is_open)
        send_event(p, ev);
    if (p->is_open && (ev->type == EVENT_END || ev->type == EVENT_RESET))
        close_writer(p);
}

/* Is this the last line? A body may say the same word, at the end of a line or in it. */
static bool ends_in_line(const char *text, const char *line)
{
    size_t len = strlen(text);
    size_t line_len = strlen(line);
    if (len < line_len || strcmp(text + len - line_len, line) != 0)
        return false;
    return len == line_len || text[len - line_len - 1] == '\n';
}

/* The text up to a RESET that did not come within a message: the next one reads none of those
 * bytes. */
static void drop_refused_head(char *text)
{
    if (!ends_in_line(text, "RESET\n"))
        return;
    char *reset = text + strlen(text) - strlen("RESET\n");
    *reset = '\0';
    bool is_within = *text != '\0' && !ends_in_line(text, "END\n");
    if (is_within)
        memcpy(reset, "RESET\n", sizeof("RESET\n"));
}

/* Messages whose trailers are all dropped have none for the next reader. */
static void drop_trailers(char *text)
{
    char *at;
    while ((at = strstr(text, "\nTRAILERS\n")) != NULL)
        memmove(at, at + 9, strlen(at + 9) + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct h1_fuzz *f = h1_fuzz_get();
    struct span in = span_from(data, size);
    h1_fuzz_check_cuts(f, in, NULL);

    struct h1_pair pair = {.fuzz = f};
    struct h1_run from;
    h1_run_init(&from, f->codecs, CODEC_SERVER, &codec_limits_request);
    from.is_brief = true;
    from.on_event = relay;
    from.hook = &pair;
    h1_run_feed(&from, in, 0, 0);
    if (pair.is_open)
        close_writer(&pair);

    char *text = h1_fuzz_read(f, span_from(pair.bytes, pair.len), NULL, 0, true);
    drop_refused_head(from.text);
    drop_trailers(from.text);
    drop_trailers(text);
    h1_fuzz_check_equal("read and read again", from.text, text);
    free(text);
    free(pair.bytes);
    h1_run_fini(&from);
    return 0;
}
