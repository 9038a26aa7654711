#include "../unit/base/cm.h"
#include "world.h"

/* What Weldr adds to a request of a client at 127.0.0.1 for the host h. */
#define ADDED                        \
    "Via: 1.1 weldr\r\n"             \
    "X-Forwarded-For: 127.0.0.1\r\n" \
    "X-Forwarded-Host: h\r\n"        \
    "X-Forwarded-Proto: http\r\n"    \
    "X-Request-Id: *\r\n"
#define OK(id) \
    "HTTP/1.1 200 OK\r\nDate: D\r\nX-Id: " id "\r\nVia: 1.1 weldr\r\nX-Request-Id: *\r\n"
#define OURS(status, length, word)                 \
    "HTTP/1.1 " status "\r\n"                      \
    "Date: *\r\n"                                  \
    "Content-Type: text/plain\r\n"                 \
    "Weldr-Error: " word "\r\nX-Request-Id: *\r\n" \
    "Content-Length: " length "\r\n"

/* OPEN_WHOLE: as OPEN; run in one way only, since how the bytes come may show; a TLS that
 * splits them does not. */
enum ending { OPEN, OPEN_WHOLE, FIN, RESET };

/* One client on one connection says all this at once. */
struct transcript {
    const char *name;
    const char *say;
    const char *origin_got; /* on its first connection; NULL: not looked at; "": none came */
    const char *client_got;
    enum ending ending;
};

static const struct transcript plain[] = {
    {"get", "GET /len/5/7 HTTP/1.1\r\nHost: h\r\n\r\n",
     "GET /len/5/7 HTTP/1.1\r\nHost: h\r\n" ADDED "\r\n",
     OK("7") "Content-Length: 5\r\n\r\n7.7.7", OPEN},
    {"odd target", "GET /len/2/7?a=%2f&&b=//../? HTTP/1.1\r\nHost: h\r\n\r\n",
     "GET /len/2/7?a=%2f&&b=//../? HTTP/1.1\r\nHost: h\r\n" ADDED "\r\n",
     OK("7") "Content-Length: 2\r\n\r\n7.", OPEN},
    {"empty body", "GET /len/0/7 HTTP/1.1\r\nHost: h\r\n\r\n", NULL,
     OK("7") "Content-Length: 0\r\n\r\n", OPEN},
    {"head", "HEAD /len/5/7 HTTP/1.1\r\nHost: h\r\n\r\n",
     "HEAD /len/5/7 HTTP/1.1\r\nHost: h\r\n" ADDED "\r\n", OK("7") "Content-Length: 5\r\n\r\n",
     OPEN},
    {"head, then get",
     "HEAD /chunked/5/1 HTTP/1.1\r\nHost: h\r\n\r\nGET /len/1/2 HTTP/1.1\r\nHost: h\r\n\r\n",
     NULL, OK("1") "\r\n" OK("2") "Content-Length: 1\r\n\r\n2", OPEN},
    {"pipelined, in order",
     "GET /late/50/1 HTTP/1.1\r\nHost: h\r\n\r\nGET /len/3/2 HTTP/1.1\r\nHost: h\r\n\r\n"
     "GET /late/20/3 HTTP/1.1\r\nHost: h\r\n\r\n",
     "GET /late/50/1 HTTP/1.1\r\nHost: h\r\n" ADDED "\r\n"
     "GET /len/3/2 HTTP/1.1\r\nHost: h\r\n" ADDED "\r\n"
     "GET /late/20/3 HTTP/1.1\r\nHost: h\r\n" ADDED "\r\n",
     OK("1") "Content-Length: 10\r\n\r\n1.1.1.1.1." OK("2") "Content-Length: 3\r\n\r\n2.2" OK(
         "3") "Content-Length: 10\r\n\r\n3.3.3.3.3.",
     OPEN},
    {"post with a length",
     "POST /echo/0/7 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
     "GET /len/1/8 HTTP/1.1\r\nHost: h\r\n\r\n",
     "POST /echo/0/7 HTTP/1.1\r\nHost: h\r\n" ADDED "Content-Length: 5\r\n\r\nhello"
     "GET /len/1/8 HTTP/1.1\r\nHost: h\r\n" ADDED "\r\n",
     OK("7") "Content-Length: 5\r\n\r\nhello" OK("8") "Content-Length: 1\r\n\r\n8", OPEN},
    {"post of nothing", "POST /echo/0/7 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
     "POST /echo/0/7 HTTP/1.1\r\nHost: h\r\n" ADDED "Content-Length: 0\r\n\r\n",
     OK("7") "Content-Length: 0\r\n\r\n", OPEN},
    {"post chunked",
     "POST /echo/0/7 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
     "5\r\nhello\r\n0\r\n\r\n",
     "POST /echo/0/7 HTTP/1.1\r\nHost: h\r\n" ADDED "Transfer-Encoding: chunked\r\n\r\n"
     "5\r\nhello\r\n0\r\n\r\n",
     OK("7") "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", OPEN},
    {"chunks keep their sizes",
     "PUT /echo/0/7 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
     "1\r\na\r\n0b;x=y\r\nbcdefghijkl\r\n2\r\nmn\r\n0\r\nX-Trailer: 1\r\n\r\n",
     "PUT /echo/0/7 HTTP/1.1\r\nHost: h\r\n" ADDED "Transfer-Encoding: chunked\r\n\r\n"
     "1\r\na\r\nb\r\nbcdefghijkl\r\n2\r\nmn\r\n0\r\nX-Trailer: 1\r\n\r\n",
     OK("7") "Transfer-Encoding: chunked\r\n\r\ne\r\nabcdefghijklmn\r\n0\r\n\r\n", OPEN},
    {"client closes after it", "GET /len/1/7 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
     "GET /len/1/7 HTTP/1.1\r\nHost: h\r\n" ADDED "\r\n",
     OK("7") "Content-Length: 1\r\nConnection: close\r\n\r\n7", FIN},
    {"hop-by-hop of the request",
     "GET /len/1/7 HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n"
     "Keep-Alive: 5\r\nTE: trailers\r\nUpgrade: websocket\r\nProxy-Authorization: x\r\n"
     "X-Hop: 2\r\nVia: 1.0 outer\r\nX-Forwarded-For: 9.9.9.9\r\nX-End: kept\r\n\r\n",
     "GET /len/1/7 HTTP/1.1\r\nHost: h\r\nX-End: kept\r\nVia: 1.0 outer, 1.1 weldr\r\n"
     "X-Forwarded-For: 9.9.9.9, 127.0.0.1\r\nX-Forwarded-Host: h\r\n"
     "X-Forwarded-Proto: http\r\nX-Request-Id: *\r\n\r\n",
     OK("7") "Content-Length: 1\r\n\r\n7", OPEN},
    {"trailers of the request",
     "POST /echo/0/7 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
     "2\r\nab\r\n0\r\nX-Sum: 7\r\nContent-Length: 5\r\nX-Forwarded-For: 1.2.3.4\r\n"
     "Keep-Alive: x\r\nX-Sum: 8\r\n\r\n",
     "POST /echo/0/7 HTTP/1.1\r\nHost: h\r\n" ADDED "Transfer-Encoding: chunked\r\n\r\n"
     "2\r\nab\r\n0\r\nX-Sum: 7\r\nX-Sum: 8\r\n\r\n",
     OK("7") "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", OPEN},
    {"trailers of the response, taken",
     "GET /trailers/0/7 HTTP/1.1\r\nHost: h\r\nTE: gzip, trailers\r\nConnection: TE\r\n\r\n",
     "GET /trailers/0/7 HTTP/1.1\r\nHost: h\r\n" ADDED "TE: trailers\r\nConnection: TE\r\n\r\n",
     "HTTP/1.1 200 OK\r\nDate: D\r\nVia: 1.1 weldr\r\nX-Request-Id: *\r\nTransfer-Encoding: "
     "chunked\r\n\r\n"
     "2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n",
     OPEN},
    {"trailers of the response, not taken", "GET /trailers/0/7 HTTP/1.1\r\nHost: h\r\n\r\n",
     "GET /trailers/0/7 HTTP/1.1\r\nHost: h\r\n" ADDED "\r\n",
     "HTTP/1.1 200 OK\r\nDate: D\r\nVia: 1.1 weldr\r\nX-Request-Id: *\r\nTransfer-Encoding: "
     "chunked\r\n\r\n"
     "2\r\nok\r\n0\r\n\r\n",
     OPEN},
    {"trailers of the response, and a 1.0 client",
     "GET /trailers/0/7 HTTP/1.0\r\nHost: h\r\nTE: trailers\r\n\r\n",
     "GET /trailers/0/7 HTTP/1.1\r\nHost: h\r\nVia: 1.0 weldr\r\n"
     "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: h\r\nX-Forwarded-Proto: http\r\n"
     "X-Request-Id: *\r\n\r\n",
     "HTTP/1.1 200 OK\r\nDate: D\r\nVia: 1.1 weldr\r\nX-Request-Id: *\r\nConnection: "
     "close\r\n\r\nok",
     FIN},
    {"hop-by-hop of the response", "GET /hop/0/7 HTTP/1.1\r\nHost: h\r\n\r\n", NULL,
     "HTTP/1.1 200 OK\r\nDate: D\r\nVia: 1.0 inner, 1.1 weldr\r\nX-Request-Id: "
     "*\r\nContent-Length: 2\r\n\r\nok",
     OPEN},
    {"date is added", "GET /dateless/0/7 HTTP/1.1\r\nHost: h\r\n\r\n", NULL,
     "HTTP/1.1 200 OK\r\nVia: 1.1 weldr\r\nDate: *\r\nX-Request-Id: *\r\nContent-Length: "
     "2\r\n\r\nok",
     OPEN},
    {"1.0 client", "GET /len/3/7 HTTP/1.0\r\n\r\n",
     "GET /len/3/7 HTTP/1.1\r\nVia: 1.0 weldr\r\nX-Forwarded-For: 127.0.0.1\r\n"
     "X-Forwarded-Proto: http\r\nX-Request-Id: *\r\nHost: 10.0.0.1\r\n\r\n",
     OK("7") "Content-Length: 3\r\nConnection: close\r\n\r\n7.7", FIN},
    {"1.0 client that stays",
     "GET /len/3/7 HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", NULL,
     OK("7") "Content-Length: 3\r\nConnection: keep-alive\r\n\r\n7.7", OPEN},
    {"1.0 client, chunked response",
     "GET /chunked/3/7 HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", NULL,
     OK("7") "Connection: close\r\n\r\n7.7", FIN},
    {"response until close", "GET /until/3/7 HTTP/1.1\r\nHost: h\r\n\r\n", NULL,
     OK("7") "Transfer-Encoding: chunked\r\n\r\n3\r\n7.7\r\n0\r\n\r\n", OPEN_WHOLE},
    {"response of 1.0", "GET /old/3/7 HTTP/1.1\r\nHost: h\r\n\r\n", NULL,
     "HTTP/1.1 200 OK\r\nDate: D\r\nX-Id: 7\r\nVia: 1.0 weldr\r\nX-Request-Id: *\r\n"
     "Transfer-Encoding: chunked\r\n\r\n3\r\n7.7\r\n0\r\n\r\n",
     OPEN_WHOLE},
    {"204", "GET /204/0/7 HTTP/1.1\r\nHost: h\r\n\r\nGET /len/1/8 HTTP/1.1\r\nHost: h\r\n\r\n",
     NULL,
     "HTTP/1.1 204 No Content\r\nDate: D\r\nX-Id: 7\r\nVia: 1.1 weldr\r\nX-Request-Id: "
     "*\r\n\r\n" OK("8") "Content-Length: 1\r\n\r\n8",
     OPEN},
    {"304", "GET /304/9/7 HTTP/1.1\r\nHost: h\r\n\r\nGET /len/1/8 HTTP/1.1\r\nHost: h\r\n\r\n",
     NULL,
     "HTTP/1.1 304 Not Modified\r\nDate: D\r\nX-Id: 7\r\nETag: \"e\"\r\nVia: 1.1 "
     "weldr\r\nX-Request-Id: *\r\n"
     "Content-Length: 9\r\n\r\n" OK("8") "Content-Length: 1\r\n\r\n8",
     OPEN},
    {"103", "GET /info/1/7 HTTP/1.1\r\nHost: h\r\n\r\n", NULL,
     "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" OK(
         "7") "Content-Length: 1\r\n\r\n7",
     OPEN},
    {"103 and a 1.0 client", "GET /info/1/7 HTTP/1.0\r\n\r\n", NULL,
     OK("7") "Content-Length: 1\r\nConnection: close\r\n\r\n7", FIN},
    {"500 of the origin", "GET /error/1/7 HTTP/1.1\r\nHost: h\r\n\r\n", NULL,
     "HTTP/1.1 500 Oops\r\nDate: D\r\nX-Id: 7\r\nVia: 1.1 weldr\r\nX-Request-Id: "
     "*\r\nContent-Length: 1\r\n\r\n7",
     OPEN},
    {"answers twice",
     "GET /twice/1/7 HTTP/1.1\r\nHost: h\r\n\r\nGET /len/1/8 HTTP/1.1\r\nHost: h\r\n\r\n", NULL,
     OK("7") "Content-Length: 2\r\n\r\nok" OK("8") "Content-Length: 1\r\n\r\n8", OPEN_WHOLE},
};

static const struct transcript troubles[] = {
    {"connect", "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n", "",
     "HTTP/1.1 405 Method Not Allowed\r\nDate: *\r\nContent-Type: text/plain\r\n"
     "Weldr-Error: method_not_allowed\r\nX-Request-Id: *\r\n"
     "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE\r\n"
     "Content-Length: 27\r\nConnection: close\r\n\r\nThe method is not allowed.\n",
     FIN},
    {"no host", "GET / HTTP/1.1\r\n\r\n", "",
     OURS("400 Bad Request", "35", "bad_request") "Connection: close\r\n\r\n"
                                                  "The request is malformed: no host.\n",
     FIN},
    {"garbage of the client", "\x16\x03\x01 hello\r\n\r\n", "",
     OURS("400 Bad Request", "59",
          "bad_request") "Connection: close\r\n\r\n"
                         "The request is malformed: not the first byte of a message.\n",
     FIN},
    {"two lengths",
     "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "",
     OURS("400 Bad Request", "48",
          "bad_request") "Connection: close\r\n\r\n"
                         "The request is malformed: content-length twice.\n",
     FIN},
    {"version", "GET / HTTP/3.0\r\nHost: h\r\n\r\n", "",
     OURS("505 HTTP Version Not Supported", "51",
          "bad_request") "Connection: close\r\n\r\n"
                         "The request is malformed: HTTP version is not 1.x.\n",
     FIN},
    {"garbage of the origin", "GET /garbage/0/7 HTTP/1.1\r\nHost: h\r\n\r\n", NULL,
     OURS("502 Bad Gateway", "41",
          "origin_bad_answer") "\r\nThe server's response is not valid HTTP.\n",
     OPEN},
    {"bad head", "GET /badhead/0/7 HTTP/1.1\r\nHost: h\r\n\r\n", NULL,
     OURS("502 Bad Gateway", "41",
          "origin_bad_answer") "\r\nThe server's response is not valid HTTP.\n",
     OPEN},
    {"half a head", "GET /halfhead/0/7 HTTP/1.1\r\nHost: h\r\n\r\n", NULL,
     OURS("502 Bad Gateway", "67", "origin_reset") "\r\nThe server closed the connection "
                                                   "before its response was complete.\n",
     OPEN},
    {"end instead of a response", "GET /end/0/7 HTTP/1.1\r\nHost: h\r\n\r\n", NULL,
     OURS("502 Bad Gateway", "67", "origin_reset") "\r\nThe server closed the connection "
                                                   "before its response was complete.\n",
     OPEN},
    {"reset instead of a response", "GET /reset0/0/7 HTTP/1.1\r\nHost: h\r\n\r\n", NULL,
     OURS("502 Bad Gateway", "67", "origin_reset") "\r\nThe server closed the connection "
                                                   "before its response was complete.\n",
     OPEN},
    {"cut in the body", "GET /cut/8/7 HTTP/1.1\r\nHost: h\r\n\r\n", NULL,
     OK("7") "Content-Length: 8\r\n\r\n7.7.", RESET},
    {"cut in a chunked body", "GET /cutchunk/8/7 HTTP/1.1\r\nHost: h\r\n\r\n", NULL,
     OK("7") "Transfer-Encoding: chunked\r\n\r\n4\r\n7.7.\r\n", RESET},
    {"reset in the body", "GET /reset/8/7 HTTP/1.1\r\nHost: h\r\n\r\n", NULL,
     OK("7") "Content-Length: 8\r\n\r\n7.7.", RESET},
    {"bad chunk", "GET /badchunk/8/7 HTTP/1.1\r\nHost: h\r\n\r\n", NULL,
     OK("7") "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", RESET},
    {"bad chunk of the client",
     "POST /echo/0/7 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", NULL,
     OURS("400 Bad Request", "48",
          "bad_request") "Connection: close\r\n\r\n"
                         "The request is malformed: malformed chunk size.\n",
     FIN},
};

static void check_ending(const struct world_client *c, enum ending ending)
{
    CHECK(c->peer.has_fin == (ending == FIN));
    CHECK(c->peer.has_reset == (ending == RESET));
}

static const struct way {
    const char *name;
    struct loop_sim_faults faults;
    uint32_t send_piece;
} ways[] = {
    {"whole", {.max_delay_us = 0}, 0},
    {"byte by byte", {.max_delay_us = 0}, 1},
    {"in random pieces, with delays",
     {.max_delay_us = 2000, .short_reads = true, .short_sends = true},
     0},
};

/* With a part of a ticket there, a lane is not used: the next request goes on another one. */
static bool has_other_lanes(const struct way *way)
{
    return world_over_tls != NULL && way->faults.max_delay_us > 0;
}

static void run_transcript(const struct transcript *t, const struct way *way)
{
    struct world_setup setup = {.seed = 1, .server_n = 1, .faults = way->faults};
    struct world *w = world_open(&setup);
    struct world_client *c = world_client(w);

    print_message("%s, %s\n", t->name, way->name);
    c->peer.send_piece = way->send_piece;
    if (t->ending == OPEN_WHOLE)
        world_calm_tls();
    world_say(c, t->say);
    world_run_ms(w, 1000);
    CHECK_TEXT(world_got(c), t->client_got);
    if (has_other_lanes(way))
        CHECK(!t->origin_got || *t->origin_got || w->origins[0].accepted_n == 0);
    else if (t->origin_got && !*t->origin_got)
        CHECK(w->origins[0].accepted_n == 0);
    else if (t->origin_got)
        CHECK_TEXT(world_origin_got(w, 0, 0), t->origin_got);
    check_ending(c, t->ending);
    world_end(w);
}

/* A reset may overtake what it breaks off. */
static bool is_whole_only(const struct transcript *t)
{
    return t->ending == OPEN_WHOLE || t->ending == RESET;
}

static void run_all(const struct transcript *t, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < (is_whole_only(&t[i]) ? 1 : COUNT(ways)); k++)
            run_transcript(&t[i], &ways[k]);
}

static void test_plain(void **state)
{
    (void)state;
    run_all(plain, COUNT(plain));
}

static void test_troubles(void **state)
{
    (void)state;
    run_all(troubles, COUNT(troubles));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plain),
                                       cmocka_unit_test(test_troubles)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
