/* The behaviours that a target can name. */
#include "fake_kinds.h"

#include <stdio.h>
#include <stdlib.h>

void fake_body(struct text *t, unsigned long id, size_t n)
{
    char word[32];
    size_t len = (size_t)snprintf(word, sizeof(word), "%lu.", id);

    for (; n > 0; n -= len) {
        if (len > n)
            len = n;
        text_add(t, span_from(word, len));
    }
}

/* ---- answers ---- */

static void say(struct fake_conn *c, const struct text *t)
{
    peer_say(&c->peer, text_span(t));
}

static void end(struct fake_conn *c, enum peer_then then)
{
    peer_say_end(&c->peer, then);
}

static bool is_head(const struct fake_conn *c)
{
    return strcmp(c->request.method, "HEAD") == 0;
}

static void put_head(const struct fake_conn *c, struct text *t, const char *status)
{
    text_addf(t, "HTTP/1.1 %s\r\nDate: D\r\nX-Id: %lu\r\n", status, c->request.id);
    if (c->origin->names_client)
        text_addf(t, "X-For: %s\r\n",
                  c->origin->has_header ? c->header_ip : c->request.forwarded_for);
}

static void put_chunked(struct text *t, struct span body, size_t piece, bool ends)
{
    while (body.len > 0) {
        struct span part = span_first(body, piece < body.len ? piece : body.len);

        text_addf(t, "%zx\r\n", part.len);
        text_add(t, part);
        text_addf(t, "\r\n");
        body = span_skip(body, part.len);
    }
    if (ends)
        text_addf(t, "0\r\n\r\n");
}

static void answer_length(struct fake_conn *c, const char *status, size_t length, size_t given)
{
    struct text t = {0};

    put_head(c, &t, status);
    text_addf(&t, "Content-Length: %zu\r\n\r\n", length);
    if (!is_head(c))
        fake_body(&t, c->request.id, given);
    say(c, &t);
    text_free(&t);
}

static void answer_chunked(struct fake_conn *c, size_t given, bool ends)
{
    struct text t = {0}, body = {0};

    put_head(c, &t, "200 OK");
    text_addf(&t, "Transfer-Encoding: chunked\r\n\r\n");
    fake_body(&body, c->request.id, given);
    if (!is_head(c))
        put_chunked(&t, text_span(&body), 1000, ends);
    say(c, &t);
    text_free(&body);
    text_free(&t);
}

static void answer_bare(struct fake_conn *c, const char *text)
{
    peer_say(&c->peer, span_from_str(text));
}

static void do_len(struct fake_conn *c)
{
    answer_length(c, "200 OK", c->request.number, c->request.number);
}

/* A head of so many bytes. */
static void do_long_head(struct fake_conn *c)
{
    struct text t = {0};

    put_head(c, &t, "200 OK");
    text_addf(&t, "Content-Length: 0\r\nX-Long: ");
    fake_body(&t, c->request.id, c->request.number - t.len - 4);
    text_addf(&t, "\r\n\r\n");
    say(c, &t);
    text_free(&t);
}

static void do_error(struct fake_conn *c)
{
    answer_length(c, "500 Oops", c->request.number, c->request.number);
}

static void do_gateway(struct fake_conn *c)
{
    answer_length(c, "503 Away", c->request.number, c->request.number);
}

static void do_chunked(struct fake_conn *c)
{
    answer_chunked(c, c->request.number, true);
}

static void say_until(struct fake_conn *c, enum peer_then then)
{
    struct text t = {0};

    put_head(c, &t, "200 OK");
    text_addf(&t, "Connection: close\r\n\r\n");
    if (!is_head(c))
        fake_body(&t, c->request.id, c->request.number);
    say(c, &t);
    end(c, then);
    text_free(&t);
}

static void do_until(struct fake_conn *c)
{
    say_until(c, PEER_CLOSES);
}

static void do_until_cut(struct fake_conn *c)
{
    say_until(c, PEER_CUTS);
}

/* As an origin of 1.0 answers: no length, no keep-alive. */
static void do_old(struct fake_conn *c)
{
    struct text t = {0};

    text_addf(&t, "HTTP/1.0 200 OK\r\nDate: D\r\nX-Id: %lu\r\n\r\n", c->request.id);
    if (!is_head(c))
        fake_body(&t, c->request.id, c->request.number);
    say(c, &t);
    end(c, PEER_CLOSES);
    text_free(&t);
}

static void do_stall(struct fake_conn *c)
{
    (void)c;
}

static void do_half(struct fake_conn *c)
{
    answer_length(c, "200 OK", c->request.number, c->request.number / 2);
}

static void do_cut(struct fake_conn *c)
{
    do_half(c);
    end(c, PEER_CLOSES);
}

/* With TLS, the end of the connection alone does not end the body. */
static void do_half_cut(struct fake_conn *c)
{
    do_half(c);
    end(c, PEER_CUTS);
}

static void do_cut_chunked(struct fake_conn *c)
{
    answer_chunked(c, c->request.number / 2, false);
    end(c, PEER_CLOSES);
}

static void do_reset(struct fake_conn *c)
{
    do_half(c);
    end(c, PEER_RESETS);
}

static void do_reset_chunked(struct fake_conn *c)
{
    answer_chunked(c, c->request.number / 2, false);
    end(c, PEER_RESETS);
}

/* Its length is nowhere told: a good end would be taken for that of the body. */
static void do_reset_until(struct fake_conn *c)
{
    struct text t = {0};

    put_head(c, &t, "200 OK");
    text_addf(&t, "Connection: close\r\n\r\n");
    fake_body(&t, c->request.id, c->request.number / 2);
    say(c, &t);
    end(c, PEER_RESETS);
    text_free(&t);
}

static void do_end(struct fake_conn *c)
{
    end(c, PEER_CLOSES);
}

static void do_reset_early(struct fake_conn *c)
{
    end(c, PEER_RESETS);
}

static void do_half_head(struct fake_conn *c)
{
    answer_bare(c, "HTTP/1.1 200 OK\r\nDate: D\r\nConte");
    end(c, PEER_CLOSES);
}

static void do_garbage(struct fake_conn *c)
{
    answer_bare(c, "SSH-2.0-OpenSSH_9.2\r\n");
}

static void do_bad_head(struct fake_conn *c)
{
    answer_bare(c, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd");
}

static void do_bad_chunk(struct fake_conn *c)
{
    struct text t = {0};

    put_head(c, &t, "200 OK");
    text_addf(&t, "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n");
    say(c, &t);
    text_free(&t);
}

static void do_no_content(struct fake_conn *c)
{
    struct text t = {0};

    put_head(c, &t, "204 No Content");
    text_addf(&t, "\r\n");
    say(c, &t);
    text_free(&t);
}

static void do_not_modified(struct fake_conn *c)
{
    struct text t = {0};

    put_head(c, &t, "304 Not Modified");
    text_addf(&t, "Content-Length: %lu\r\nETag: \"e\"\r\n\r\n", c->request.number);
    say(c, &t);
    text_free(&t);
}

static void do_echo(struct fake_conn *c)
{
    struct text t = {0};

    put_head(c, &t, "200 OK");
    if (c->request.is_chunked) {
        text_addf(&t, "Transfer-Encoding: chunked\r\n\r\n");
        put_chunked(&t, text_span(&c->body), c->body.len + 1, true);
    } else {
        text_addf(&t, "Content-Length: %zu\r\n\r\n", c->body.len);
        text_add(&t, text_span(&c->body));
    }
    say(c, &t);
    text_free(&t);
}

/* Says that the connection ends, and ends it. */
static void do_bye(struct fake_conn *c)
{
    struct text t = {0};

    put_head(c, &t, "200 OK");
    text_addf(&t, "Connection: close\r\nContent-Length: %lu\r\n\r\n", c->request.number);
    fake_body(&t, c->request.id, c->request.number);
    say(c, &t);
    end(c, PEER_CLOSES);
    text_free(&t);
}

/* Promises to live on, and ends all the same: the lane that stays behind is stale. */
static void do_once(struct fake_conn *c)
{
    do_len(c);
    end(c, PEER_CLOSES);
}

/* A connection that has served before is found dead. */
static void do_stale(struct fake_conn *c)
{
    if (c->served > 1)
        end(c, PEER_RESETS);
    else
        do_len(c);
}

/* The same, before the body has come. */
static void do_stale_head(struct fake_conn *c)
{
    if (c->served > 0)
        end(c, PEER_RESETS);
}

static void do_late(struct fake_conn *c)
{
    loop_timer_in(c->origin->loop, &c->late, c->request.number);
}

static bool is_kind(const struct fake_conn *c, const char *kind)
{
    return strcmp(c->request.kind, kind) == 0;
}

/* "hints" and "continues" go on saying so and never come to a response. */
void fake_on_late(struct timer *t)
{
    struct fake_conn *c = (struct fake_conn *)((char *)t - offsetof(struct fake_conn, late));

    if (!is_kind(c, "hints") && !is_kind(c, "continues")) {
        answer_length(c, "200 OK", 10, 10);
    } else if (sock_is_open(&c->peer.sock)) {
        answer_bare(c, is_kind(c, "hints") ? "HTTP/1.1 103 Early Hints\r\n\r\n"
                                           : "HTTP/1.1 100 Continue\r\n\r\n");
        do_late(c);
    }
}

static void do_info(struct fake_conn *c)
{
    answer_bare(c, "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n");
    do_len(c);
}

static void do_early_info(struct fake_conn *c)
{
    if (c->request.has_expect)
        answer_bare(c, "HTTP/1.1 100 Continue\r\n\r\n");
}

/* Without waiting for the body, of which it reads no more. */
static void do_early(struct fake_conn *c)
{
    sock_recv_stop(&c->peer.sock);
    answer_length(c, "413 Too Large", c->request.number, c->request.number);
}

static void do_early_late(struct fake_conn *c)
{
    sock_recv_stop(&c->peer.sock);
    do_late(c);
}

static void do_early_close(struct fake_conn *c)
{
    do_early(c);
    end(c, PEER_CLOSES);
}

/* All that there is to say, and a reset behind it. */
static void do_len_reset(struct fake_conn *c)
{
    struct text t = {0};

    put_head(c, &t, "200 OK");
    text_addf(&t, "Connection: close\r\nContent-Length: %lu\r\n\r\n", c->request.number);
    fake_body(&t, c->request.id, c->request.number);
    say(c, &t);
    end(c, PEER_RESETS);
    text_free(&t);
}

static void do_chunked_reset(struct fake_conn *c)
{
    struct text t = {0}, body = {0};

    put_head(c, &t, "200 OK");
    text_addf(&t, "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n");
    fake_body(&body, c->request.id, c->request.number);
    put_chunked(&t, text_span(&body), 1000, true);
    say(c, &t);
    end(c, PEER_RESETS);
    text_free(&body);
    text_free(&t);
}

/* The same, without waiting for the body. */
static void do_early_reset(struct fake_conn *c)
{
    sock_recv_stop(&c->peer.sock);
    do_len_reset(c);
}

/* Without waiting for the body, which it goes on reading. */
static void do_early_polite(struct fake_conn *c)
{
    do_len(c);
}

/* A response, and one that nobody asked for. */
static void do_twice(struct fake_conn *c)
{
    struct text t = {0};

    put_head(c, &t, "200 OK");
    text_addf(&t, "Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nX-Id: 0\r\n"
                  "Content-Length: 5\r\n\r\nWRONG");
    say(c, &t);
    text_free(&t);
}

static void do_hop(struct fake_conn *c)
{
    answer_bare(c, "HTTP/1.1 200 OK\r\nDate: D\r\nConnection: X-Hop\r\nX-Hop: 1\r\n"
                   "Keep-Alive: timeout=5\r\nVia: 1.0 inner\r\nProxy-Authenticate: Basic\r\n"
                   "Content-Length: 2\r\n\r\nok");
}

static void do_trailers(struct fake_conn *c)
{
    answer_bare(c, "HTTP/1.1 200 OK\r\nDate: D\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "2\r\nok\r\n0\r\nX-Sum: 7\r\nHost: evil\r\nConnection: X-Hop\r\n"
                   "X-Hop: 1\r\n\r\n");
}

/* Switches, then sends everything back. */
static void do_tunnel(struct fake_conn *c)
{
    answer_bare(c, "HTTP/1.1 101 Switching Protocols\r\nDate: D\r\nUpgrade: echo\r\n"
                   "Connection: Upgrade\r\nX-Id: 7\r\n\r\n");
    c->is_tunnel = true;
    c->at = c->scan;
}

/* Has said all with its first words, and listens. */
static void do_tunnel_shut(struct fake_conn *c)
{
    do_tunnel(c);
    answer_bare(c, "bye");
    end(c, PEER_SHUTS);
}

static void do_tunnel_reset(struct fake_conn *c)
{
    do_tunnel(c);
    answer_bare(c, "half");
    end(c, PEER_RESETS);
}

/* Says so many bytes, and resets. */
static void do_tunnel_say(struct fake_conn *c)
{
    struct text t = {0};

    do_tunnel(c);
    fake_body(&t, c->request.id, c->request.number);
    say(c, &t);
    end(c, PEER_RESETS);
    text_free(&t);
}

/* Only if it was asked, and to something else than it says. */
static void do_tunnel_bare(struct fake_conn *c)
{
    answer_bare(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n");
}

static void do_dateless(struct fake_conn *c)
{
    answer_bare(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

struct behaviour {
    const char *kind;
    void (*at_head)(struct fake_conn *c);
    void (*at_end)(struct fake_conn *c);
};

static const struct behaviour behaviours[] = {
    {"len", NULL, do_len},
    {"head", NULL, do_long_head},
    {"error", NULL, do_error},
    {"gateway", NULL, do_gateway},
    {"chunked", NULL, do_chunked},
    {"until", NULL, do_until},
    {"old", NULL, do_old},
    {"stall", NULL, do_stall},
    {"half", NULL, do_half},
    {"cut", NULL, do_cut},
    {"cutchunk", NULL, do_cut_chunked},
    {"halfcut", NULL, do_half_cut},
    {"untilcut", NULL, do_until_cut},
    {"reset", NULL, do_reset},
    {"resetchunk", NULL, do_reset_chunked},
    {"resetuntil", NULL, do_reset_until},
    {"end", NULL, do_end},
    {"reset0", NULL, do_reset_early},
    {"halfhead", NULL, do_half_head},
    {"garbage", NULL, do_garbage},
    {"badhead", NULL, do_bad_head},
    {"badchunk", NULL, do_bad_chunk},
    {"204", NULL, do_no_content},
    {"304", NULL, do_not_modified},
    {"echo", do_early_info, do_echo},
    {"bye", NULL, do_bye},
    {"once", NULL, do_once},
    {"stale", NULL, do_stale},
    {"stalehead", do_stale_head, do_echo},
    {"late", NULL, do_late},
    {"latecontinue", do_early_info, do_late},
    {"hints", do_late, do_stall},
    {"continues", do_late, do_stall},
    {"info", NULL, do_info},
    {"early", do_early, do_stall},
    {"earlyclose", do_early_close, do_stall},
    {"earlyreset", do_early_reset, do_stall},
    {"earlylate", do_early_late, do_stall},
    {"earlypolite", do_early_polite, do_stall},
    {"lenreset", NULL, do_len_reset},
    {"chunkedreset", NULL, do_chunked_reset},
    {"earlyhalf", do_half, do_stall},
    {"twice", NULL, do_twice},
    {"hop", NULL, do_hop},
    {"dateless", NULL, do_dateless},
    {"trailers", NULL, do_trailers},
    {"tunnel", do_tunnel, do_stall},
    {"tunnelshut", do_tunnel_shut, do_stall},
    {"tunnelreset", do_tunnel_reset, do_stall},
    {"tunnelsay", do_tunnel_say, do_stall},
    {"tunnelhear", do_tunnel, do_stall},
    {"tunnelbare", NULL, do_tunnel_bare},
};

void fake_behave(struct fake_conn *c, bool at_head)
{
    for (size_t i = 0; i < sizeof(behaviours) / sizeof(behaviours[0]); i++) {
        const struct behaviour *b = &behaviours[i];

        if (strcmp(b->kind, c->request.kind) != 0)
            continue;
        if (at_head && b->at_head)
            b->at_head(c);
        if (!at_head)
            b->at_end(c);
        return;
    }
    if (!at_head)
        answer_bare(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
}
