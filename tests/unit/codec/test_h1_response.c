/* Responses: what the reader tells about each, however its bytes are cut. */
#include "h1_table.h"

static const struct h1_row rows[] = {
    {"content-length", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "Content-Length: 5\r\n"
        "\r\n"
        "hello"),
     "HEAD 200 \"OK\" len=5 1.1 keep {Content-Length: 5}\n"
     "BODY hello\n"
     "END\n"},
    {"content-length 0", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "Content-Length: 0\r\n"
        "\r\n"),
     "HEAD 200 \"OK\" bare-len=0 1.1 keep {Content-Length: 0}\n"
     "END\n"},
    {"until close", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "\r\n"
        "hello"),
     "HEAD 200 \"OK\" until-close 1.1\n"
     "BODY hello\n"
     "END\n"
     "CLOSE\n"},
    {"until close, empty", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "\r\n"),
     "HEAD 200 \"OK\" until-close 1.1\n"
     "END\n"
     "CLOSE\n"},
    {"until close in 1.0 with keep-alive", "GET",
     IN("HTTP/1.0 200 OK\r\n"
        "Connection: keep-alive\r\n"
        "\r\n"
        "x"),
     "HEAD 200 \"OK\" until-close 1.0 {Connection: keep-alive}\n"
     "BODY x\n"
     "END\n"
     "CLOSE\n"},
    {"1.0 closes", "GET",
     IN("HTTP/1.0 200 OK\r\n"
        "Content-Length: 1\r\n"
        "\r\n"
        "x"),
     "HEAD 200 \"OK\" len=1 1.0 {Content-Length: 1}\n"
     "BODY x\n"
     "END\n"
     "CLOSE\n"},
    {"1.0 keep-alive", "GET",
     IN("HTTP/1.0 200 OK\r\n"
        "Connection: keep-alive\r\n"
        "Content-Length: 1\r\n"
        "\r\n"
        "x"),
     "HEAD 200 \"OK\" len=1 1.0 keep {Connection: keep-alive} {Content-Length: 1}\n"
     "BODY x\n"
     "END\n"},
    {"connection close", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "Connection: close\r\n"
        "Content-Length: 1\r\n"
        "\r\n"
        "x"),
     "HEAD 200 \"OK\" len=1 1.1 {Connection: close} {Content-Length: 1}\n"
     "BODY x\n"
     "END\n"
     "CLOSE\n"},
    {"chunked", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "5\r\n"
        "hello\r\n"
        "0\r\n"
        "\r\n"),
     "HEAD 200 \"OK\" chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "BODY <5>hello\n"
     "END\n"},
    {"chunked with trailers", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "5\r\n"
        "hello\r\n"
        "0\r\n"
        "X: y\r\n"
        "\r\n"),
     "HEAD 200 \"OK\" chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "BODY <5>hello\n"
     "TRAILERS {X: y}\n"
     "END\n"},
    {"bytes after the end", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "Content-Length: 1\r\n"
        "\r\n"
        "xHTTP/1.1 200 OK\r\n"
        "\r\n"),
     "HEAD 200 \"OK\" len=1 1.1 keep {Content-Length: 1}\n"
     "BODY x\n"
     "END\n"
     "REST 19\n"},
    {"bytes after the chunked end", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0\r\n"
        "\r\n"
        "X"),
     "HEAD 200 \"OK\" chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "END\n"
     "REST 1\n"},
    {"response to head with a length", "HEAD",
     IN("HTTP/1.1 200 OK\r\n"
        "Content-Length: 5\r\n"
        "\r\n"),
     "HEAD 200 \"OK\" bare-len=5 1.1 keep {Content-Length: 5}\n"
     "END\n"},
    {"response to head, chunked", "HEAD",
     IN("HTTP/1.1 200 OK\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"),
     "HEAD 200 \"OK\" 1.1 keep {Transfer-Encoding: chunked}\n"
     "END\n"},
    {"response to head with nothing", "HEAD",
     IN("HTTP/1.1 200 OK\r\n"
        "\r\n"),
     "HEAD 200 \"OK\" 1.1 keep\n"
     "END\n"},
    {"response to head with a body all the same", "HEAD",
     IN("HTTP/1.1 200 OK\r\n"
        "Content-Length: 5\r\n"
        "\r\n"
        "hello"),
     "HEAD 200 \"OK\" bare-len=5 1.1 keep {Content-Length: 5}\n"
     "END\n"
     "REST 5\n"},
    {"204", "GET",
     IN("HTTP/1.1 204 No Content\r\n"
        "\r\n"),
     "HEAD 204 \"No Content\" 1.1 keep\n"
     "END\n"},
    {"204 with a length", "GET",
     IN("HTTP/1.1 204 No Content\r\n"
        "Content-Length: 0\r\n"
        "\r\n"),
     "HEAD 204 \"No Content\" 1.1 keep {Content-Length: 0}\n"
     "END\n"},
    {"204 chunked", "GET",
     IN("HTTP/1.1 204 No Content\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0\r\n"
        "\r\n"),
     "RESET 0 malformed: transfer-encoding where no body can be\n"
     "REST 60\n"},
    {"304 with a length", "GET",
     IN("HTTP/1.1 304 Not Modified\r\n"
        "Content-Length: 5\r\n"
        "\r\n"),
     "HEAD 304 \"Not Modified\" bare-len=5 1.1 keep {Content-Length: 5}\n"
     "END\n"},
    {"304 chunked", "GET",
     IN("HTTP/1.1 304 Not Modified\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"),
     "HEAD 304 \"Not Modified\" 1.1 keep {Transfer-Encoding: chunked}\n"
     "END\n"},
    {"205 with a length", "GET",
     IN("HTTP/1.1 205 Reset Content\r\n"
        "Content-Length: 0\r\n"
        "\r\n"),
     "HEAD 205 \"Reset Content\" bare-len=0 1.1 keep {Content-Length: 0}\n"
     "END\n"},
    {"100 before", "POST",
     IN("HTTP/1.1 100 Continue\r\n"
        "\r\n"
        "HTTP/1.1 200 OK\r\n"
        "Content-Length: 0\r\n"
        "\r\n"),
     "INFO 100 \"Continue\" 1.1 keep\n"
     "HEAD 200 \"OK\" bare-len=0 1.1 keep {Content-Length: 0}\n"
     "END\n"},
    {"103 with fields, then 100, before", "GET",
     IN("HTTP/1.1 103 Early Hints\r\n"
        "Link: </x>\r\n"
        "\r\n"
        "HTTP/1.1 100 Continue\r\n"
        "\r\n"
        "HTTP/1.1 200 OK\r\n"
        "Content-Length: 0\r\n"
        "\r\n"),
     "INFO 103 \"Early Hints\" 1.1 keep {Link: </x>}\n"
     "INFO 100 \"Continue\" 1.1 keep\n"
     "HEAD 200 \"OK\" bare-len=0 1.1 keep {Content-Length: 0}\n"
     "END\n"},
    {"100 chunked", "GET",
     IN("HTTP/1.1 100 Continue\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"),
     "RESET 0 malformed: transfer-encoding where no body can be\n"
     "REST 53\n"},
    {"101", "GET",
     IN("HTTP/1.1 101 Switching Protocols\r\n"
        "Upgrade: x\r\n"
        "\r\n"),
     "RESET 0 not supported: 101 without an upgrade\n"
     "REST 48\n"},
    {"101 that was not asked for", "GET",
     IN("HTTP/1.1 101 Switching Protocols\r\n"
        "Connection: Upgrade\r\n"
        "Upgrade: x\r\n"
        "\r\n"
        "bytes"),
     "RESET 0 malformed: 101 that was not asked for\n"
     "REST 74\n"},
    {"100 and then nothing", "GET",
     IN("HTTP/1.1 100 Continue\r\n"
        "\r\n"),
     "INFO 100 \"Continue\" 1.1 keep\n"
     "RESET 0 ended early: connection closed before the response\n"},
    {"no reason", "GET",
     IN("HTTP/1.1 200 \r\n"
        "Content-Length: 0\r\n"
        "\r\n"),
     "HEAD 200 \"\" bare-len=0 1.1 keep {Content-Length: 0}\n"
     "END\n"},
    {"no reason and no space", "GET",
     IN("HTTP/1.1 200\r\n"
        "Content-Length: 0\r\n"
        "\r\n"),
     "HEAD 200 \"\" bare-len=0 1.1 keep {Content-Length: 0}\n"
     "END\n"},
    {"reason with obs-text and tab", "GET",
     IN("HTTP/1.1 299 a\tb \351\r\n"
        "Content-Length: 0\r\n"
        "\r\n"),
     "HEAD 299 \"a\\x09b \\xe9\" bare-len=0 1.1 keep {Content-Length: 0}\n"
     "END\n"},
    {"reason with a control", "GET",
     IN("HTTP/1.1 200 O\001K\r\n"
        "\r\n"),
     "RESET 0 malformed: malformed reason phrase\n"
     "REST 20\n"},
    {"reason with a bare cr", "GET",
     IN("HTTP/1.1 200 O\rK\r\n"
        "\r\n"),
     "RESET 0 malformed: malformed reason phrase\n"
     "REST 20\n"},
    {"status 099", "GET",
     IN("HTTP/1.1 099 X\r\n"
        "\r\n"),
     "RESET 0 malformed: malformed status code\n"
     "REST 18\n"},
    {"status 600", "GET",
     IN("HTTP/1.1 600 X\r\n"
        "Content-Length: 0\r\n"
        "\r\n"),
     "HEAD 600 \"X\" bare-len=0 1.1 keep {Content-Length: 0}\n"
     "END\n"},
    {"status 999 with a body", "GET",
     IN("HTTP/1.1 999 X\r\n"
        "Content-Length: 1\r\n"
        "\r\n"
        "x"),
     "HEAD 999 \"X\" len=1 1.1 keep {Content-Length: 1}\n"
     "BODY x\n"
     "END\n"},
    {"status 000", "GET",
     IN("HTTP/1.1 000 X\r\n"
        "\r\n"),
     "RESET 0 malformed: malformed status code\n"
     "REST 18\n"},
    {"status 599", "GET",
     IN("HTTP/1.1 599 X\r\n"
        "Content-Length: 0\r\n"
        "\r\n"),
     "HEAD 599 \"X\" bare-len=0 1.1 keep {Content-Length: 0}\n"
     "END\n"},
    {"status of two digits", "GET",
     IN("HTTP/1.1 20 X\r\n"
        "\r\n"),
     "RESET 0 malformed: malformed status code\n"
     "REST 17\n"},
    {"status missing, whatever follows", "GET",
     IN("HTTP/1.1 \r\n"
        "HT\r\n"
        "\r\n"),
     "RESET 0 malformed: malformed status code\n"
     "REST 17\n"},
    {"status of four digits", "GET",
     IN("HTTP/1.1 2000 X\r\n"
        "\r\n"),
     "RESET 0 malformed: malformed reason phrase\n"
     "REST 19\n"},
    {"status of letters", "GET",
     IN("HTTP/1.1 2x0 X\r\n"
        "\r\n"),
     "RESET 0 malformed: malformed status code\n"
     "REST 18\n"},
    {"two spaces before the status", "GET",
     IN("HTTP/1.1  200 OK\r\n"
        "\r\n"),
     "RESET 0 malformed: malformed status code\n"
     "REST 20\n"},
    {"minor version 9", "GET",
     IN("HTTP/1.9 200 OK\r\n"
        "Content-Length: 0\r\n"
        "\r\n"),
     "HEAD 200 \"OK\" bare-len=0 1.1 keep {Content-Length: 0}\n"
     "END\n"},
    {"version 2", "GET",
     IN("HTTP/2.0 200 OK\r\n"
        "\r\n"),
     "RESET 0 not supported: HTTP version is not 1.x\n"
     "REST 19\n"},
    {"icy", "GET",
     IN("ICY 200 OK\r\n"
        "\r\n"),
     "RESET 0 malformed: not the first byte of a message\n"
     "REST 14\n"},
    {"not http", "GET", IN("SSH-2.0-x\r\n"),
     "RESET 0 malformed: not the first byte of a message\n"
     "REST 11\n"},
    {"begins with an h only", "GET",
     IN("Hello\r\n"
        "\r\n"),
     "RESET 0 malformed: malformed HTTP version\n"
     "REST 9\n"},
    {"empty line before", "GET",
     IN("\r\n"
        "HTTP/1.1 200 OK\r\n"
        "\r\n"),
     "RESET 0 malformed: not the first byte of a message\n"
     "REST 21\n"},
    {"bare lf", "GET",
     IN("HTTP/1.1 200 OK\n"
        "Content-Length: 0\n"
        "\n"),
     "RESET 0 malformed: bare LF\n"
     "REST 35\n"},
    {"folded", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "X: y\r\n"
        " z\r\n"
        "\r\n"),
     "RESET 0 malformed: folded field line\n"
     "REST 29\n"},
    {"space before the colon", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "X : y\r\n"
        "\r\n"),
     "RESET 0 malformed: space in a field name\n"
     "REST 26\n"},
    {"nul in a value", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "X: y\000\r\n"
        "\r\n"),
     "RESET 0 malformed: control character in a field value\n"
     "REST 26\n"},
    {"content-length twice", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "Content-Length: 5\r\n"
        "Content-Length: 5\r\n"
        "\r\n"
        "hello"),
     "RESET 0 malformed: content-length twice\n"
     "REST 62\n"},
    {"content-length list", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "Content-Length: 5, 5\r\n"
        "\r\n"
        "hello"),
     "RESET 0 malformed: malformed content-length\n"
     "REST 46\n"},
    {"content-length and chunked", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "Content-Length: 5\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "hello"),
     "RESET 0 malformed: both transfer-encoding and content-length\n"
     "REST 71\n"},
    {"content-length malformed", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "Content-Length: 5x\r\n"
        "\r\n"
        "hello"),
     "RESET 0 malformed: malformed content-length\n"
     "REST 44\n"},
    {"content-length malformed in a response to head", "HEAD",
     IN("HTTP/1.1 200 OK\r\n"
        "Content-Length: x\r\n"
        "\r\n"),
     "RESET 0 malformed: malformed content-length\n"
     "REST 38\n"},
    {"transfer-encoding gzip", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "Transfer-Encoding: gzip, chunked\r\n"
        "\r\n"),
     "RESET 0 malformed: unknown transfer coding\n"
     "REST 53\n"},
    {"transfer-encoding twice", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "Transfer-Encoding: chunked\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"),
     "RESET 0 malformed: transfer-encoding twice\n"
     "REST 75\n"},
    {"transfer-encoding in 1.0", "GET",
     IN("HTTP/1.0 200 OK\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0\r\n"
        "\r\n"),
     "RESET 0 malformed: transfer-encoding in HTTP/1.0\n"
     "REST 52\n"},
    {"malformed chunk", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "5\r\n"
        "hello0\r\n"),
     "HEAD 200 \"OK\" chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "BODY <5>hello\n"
     "RESET 0 malformed: no CRLF after a chunk\n"
     "REST 3\n"},
    {"length ends early", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "Content-Length: 5\r\n"
        "\r\n"
        "hel"),
     "HEAD 200 \"OK\" len=5 1.1 keep {Content-Length: 5}\n"
     "BODY hel\n"
     "RESET 0 ended early: connection closed within the message\n"},
    {"chunked ends early", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "5\r\n"
        "hello\r\n"),
     "HEAD 200 \"OK\" chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "BODY <5>hello\n"
     "RESET 0 ended early: connection closed within the message\n"},
    {"head ends early", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "Content-Le"),
     "RESET 0 ended early: connection closed within the message\n"
     "REST 27\n"},
    {"no response", "GET", IN(""),
     "RESET 0 ended early: connection closed before the response\n"},
    {"two hosts do not matter", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "Host: x\r\n"
        "Host: y\r\n"
        "Content-Length: 0\r\n"
        "\r\n"),
     "HEAD 200 \"OK\" bare-len=0 1.1 keep {Host: x} {Host: y} {Content-Length: 0}\n"
     "END\n"},
};

static void test_table(void **state)
{
    (void)state;
    h1_table_check(rows, sizeof(rows) / sizeof(rows[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, h1_table_setup, h1_table_teardown);
}
