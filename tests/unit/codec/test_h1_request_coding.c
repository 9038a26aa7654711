/* Codings, expectations and broken ends of requests: what the reader tells about each, however
 * its bytes are cut. Host: a is left out of the transcripts. */
#include "h1_table.h"

static const struct h1_row rows[] = {
    {"transfer_encoding", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer_Encoding: chunked\r\n"
        "\r\n"),
     "RESET 400 malformed: framing field with an underscore\n"
     "REST 57\n"},
    {"transfer_encoding beside a length", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length: 0\r\n"
        "TRANSFER_ENCODING: chunked\r\n"
        "\r\n"),
     "RESET 400 malformed: framing field with an underscore\n"
     "REST 76\n"},
    {"content_length", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "content_length: 5\r\n"
        "\r\n"),
     "RESET 400 malformed: framing field with an underscore\n"
     "REST 48\n"},
    {"transfer-encoding gzip", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: gzip\r\n"
        "\r\n"),
     "RESET 501 not supported: unknown transfer coding\n"
     "REST 54\n"},
    {"transfer-encoding identity", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: identity\r\n"
        "\r\n"),
     "RESET 501 not supported: unknown transfer coding\n"
     "REST 58\n"},
    {"transfer-encoding gzip, chunked", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: gzip, chunked\r\n"
        "\r\n"),
     "RESET 501 not supported: unknown transfer coding\n"
     "REST 63\n"},
    {"transfer-encoding chunked, gzip", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked, gzip\r\n"
        "\r\n"),
     "RESET 501 not supported: unknown transfer coding\n"
     "REST 63\n"},
    {"transfer-encoding xchunked", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: xchunked\r\n"
        "\r\n"),
     "RESET 501 not supported: unknown transfer coding\n"
     "REST 58\n"},
    {"transfer-encoding chunked with a parameter", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked;q=1\r\n"
        "\r\n"),
     "RESET 501 not supported: unknown transfer coding\n"
     "REST 61\n"},
    {"transfer-encoding chunked twice in a list", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked, chunked\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed transfer-encoding\n"
     "REST 66\n"},
    {"transfer-encoding after an empty element", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: , chunked\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed transfer-encoding\n"
     "REST 59\n"},
    {"transfer-encoding empty", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding:\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed transfer-encoding\n"
     "REST 49\n"},
    {"transfer-encoding with a vertical tab", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: \013chunked\r\n"
        "\r\n"),
     "RESET 400 malformed: control character in a field value\n"
     "REST 58\n"},
    {"transfer-encoding in two lines", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0\r\n"
        "\r\n"),
     "RESET 400 malformed: transfer-encoding twice\n"
     "REST 90\n"},
    {"transfer-encoding in two lines, the second unknown", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "Transfer-Encoding: x\r\n"
        "\r\n"
        "0\r\n"
        "\r\n"),
     "RESET 400 malformed: transfer-encoding twice\n"
     "REST 84\n"},
    {"transfer-encoding in 1.0", NULL,
     IN("POST / HTTP/1.0\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0\r\n"
        "\r\n"),
     "RESET 400 malformed: transfer-encoding in HTTP/1.0\n"
     "REST 52\n"},
    {"expect", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Expect: 100-continue\r\n"
        "Content-Length: 1\r\n"
        "\r\n"
        "a"),
     "HEAD POST /p len=1 1.1 keep expect {Expect: 100-continue} {Content-Length: 1}\n"
     "BODY a\n"
     "END\n"},
    {"expect in capitals", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Expect: 100-Continue\r\n"
        "Content-Length: 1\r\n"
        "\r\n"
        "a"),
     "HEAD POST /p len=1 1.1 keep expect {Expect: 100-Continue} {Content-Length: 1}\n"
     "BODY a\n"
     "END\n"},
    {"expect in 1.0 is ignored", NULL,
     IN("POST / HTTP/1.0\r\n"
        "Expect: 100-continue\r\n"
        "Content-Length: 1\r\n"
        "\r\n"
        "a"),
     "HEAD POST / len=1 1.0 {Expect: 100-continue} {Content-Length: 1}\n"
     "BODY a\n"
     "END\n"
     "CLOSE\n"},
    {"expect something else", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Expect: payment\r\n"
        "\r\n"),
     "HEAD POST /p 1.1 keep {Expect: payment}\n"
     "END\n"},
    {"te trailers", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "TE: gzip, trailers\r\n"
        "Connection: te\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep te {TE: gzip, trailers} {Connection: te}\n"
     "END\n"},
    {"te that connection does not name", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "TE: trailers\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep {TE: trailers}\n"
     "END\n"},
    {"head not complete", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"),
     "RESET 400 ended early: connection closed within the message\n"
     "REST 25\n"},
    {"request line not complete", NULL, IN("GET / HT"),
     "RESET 400 ended early: connection closed within the message\n"
     "REST 8\n"},
    {"nothing", NULL, IN(""), ""},
    {"one empty line and no more", NULL, IN("\r\n"), ""},
    {"garbage after a request", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"
        "\200"),
     "HEAD GET / 1.1 keep\n"
     "END\n"
     "RESET 400 malformed: not the first byte of a message\n"
     "REST 1\n"},
    {"error in the second", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"
        "GET / HTTP/1.1\r\n"
        "Host a\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep\n"
     "END\n"
     "RESET 400 malformed: space in a field name\n"
     "REST 26\n"},
    {"bad version and bare lf later: the first counts", NULL,
     IN("GET / HTTP/3.0\r\n"
        "Host: a\n"
        "X\r\n"
        "\r\n"),
     "RESET 505 not supported: HTTP version is not 1.x\n"
     "REST 29\n"},
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
