/* Bodies of requests: what the reader tells about each, however its bytes are cut. Host: a is
 * left out of the transcripts. */
#include "h1_table.h"

static const struct h1_row rows[] = {
    {"content-length", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length: 5\r\n"
        "\r\n"
        "hello"),
     "HEAD POST /p len=5 1.1 keep {Content-Length: 5}\n"
     "BODY hello\n"
     "END\n"},
    {"content-length 0", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length: 0\r\n"
        "\r\n"),
     "HEAD POST /p bare-len=0 1.1 keep {Content-Length: 0}\n"
     "END\n"},
    {"content-length with zeros before", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length: 0005\r\n"
        "\r\n"
        "hello"),
     "HEAD POST /p len=5 1.1 keep {Content-Length: 0005}\n"
     "BODY hello\n"
     "END\n"},
    {"content-length ends early", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length: 5\r\n"
        "\r\n"
        "hel"),
     "HEAD POST /p len=5 1.1 keep {Content-Length: 5}\n"
     "BODY hel\n"
     "RESET 400 ended early: connection closed within the message\n"},
    {"content-length and no body", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length: 5\r\n"
        "\r\n"),
     "HEAD POST /p len=5 1.1 keep {Content-Length: 5}\n"
     "RESET 400 ended early: connection closed within the message\n"},
    {"content-length with a get", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length: 2\r\n"
        "\r\n"
        "ab"),
     "HEAD GET / len=2 1.1 keep {Content-Length: 2}\n"
     "BODY ab\n"
     "END\n"},
    {"content-length with a head", NULL,
     IN("HEAD / HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length: 2\r\n"
        "\r\n"
        "ab"),
     "HEAD HEAD / len=2 1.1 keep {Content-Length: 2}\n"
     "BODY ab\n"
     "END\n"},
    {"content-length of 2^63-1", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length: 9223372036854775807\r\n"
        "\r\n"),
     "HEAD POST /p len=9223372036854775807 1.1 keep {Content-Length: 9223372036854775807}\n"
     "RESET 400 ended early: connection closed within the message\n"},
    {"content-length of 2^63", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length: 9223372036854775808\r\n"
        "\r\n"),
     "RESET 400 malformed: content-length too big\n"
     "REST 66\n"},
    {"content-length of 2^64+5", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length: 18446744073709551621\r\n"
        "\r\n"
        "hello"),
     "RESET 400 malformed: content-length too big\n"
     "REST 72\n"},
    {"content-length with a plus", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length: +5\r\n"
        "\r\n"
        "hello"),
     "RESET 400 malformed: malformed content-length\n"
     "REST 54\n"},
    {"content-length negative", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length: -5\r\n"
        "\r\n"
        "hello"),
     "RESET 400 malformed: malformed content-length\n"
     "REST 54\n"},
    {"content-length hexadecimal", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length: 0x5\r\n"
        "\r\n"
        "hello"),
     "RESET 400 malformed: malformed content-length\n"
     "REST 55\n"},
    {"content-length with an inner space", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length: 5 5\r\n"
        "\r\n"
        "hello"),
     "RESET 400 malformed: malformed content-length\n"
     "REST 55\n"},
    {"content-length empty", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length:\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed content-length\n"
     "REST 46\n"},
    {"content-length list of equals", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length: 5, 5\r\n"
        "\r\n"
        "hello"),
     "RESET 400 malformed: malformed content-length\n"
     "REST 56\n"},
    {"content-length twice, equal", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length: 5\r\n"
        "Content-Length: 5\r\n"
        "\r\n"
        "hello"),
     "RESET 400 malformed: content-length twice\n"
     "REST 72\n"},
    {"content-length twice, different", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length: 5\r\n"
        "content-length: 6\r\n"
        "\r\n"
        "hello"),
     "RESET 400 malformed: content-length twice\n"
     "REST 72\n"},
    {"content-length and chunked", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length: 5\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0\r\n"
        "\r\n"),
     "RESET 400 malformed: both transfer-encoding and content-length\n"
     "REST 81\n"},
    {"chunked and content-length", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "Content-Length: 5\r\n"
        "\r\n"
        "0\r\n"
        "\r\n"),
     "RESET 400 malformed: both transfer-encoding and content-length\n"
     "REST 81\n"},
    {"content-length with a space before the colon", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length : 5\r\n"
        "\r\n"
        "hello"),
     "RESET 400 malformed: space in a field name\n"
     "REST 54\n"},
    {"chunked", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "5\r\n"
        "hello\r\n"
        "0\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "BODY <5>hello\n"
     "END\n"},
    {"chunked, then another", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "5\r\n"
        "hello\r\n"
        "0\r\n"
        "\r\n"
        "GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "BODY <5>hello\n"
     "END\n"
     "HEAD GET / 1.1 keep\n"
     "END\n"},
    {"chunked in capitals", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "TRANSFER-ENCODING: CHUNKED\r\n"
        "\r\n"
        "0\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {TRANSFER-ENCODING: CHUNKED}\n"
     "END\n"},
    {"chunked, several", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "1\r\n"
        "a\r\n"
        "00A\r\n"
        "0123456789\r\n"
        "0\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "BODY <1>a<10>0123456789\n"
     "END\n"},
    {"chunked, empty", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "END\n"},
    {"chunked, last chunk of many zeros", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "000000000000000000000\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "END\n"},
    {"chunk that looks like an end", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "7\r\n"
        "\r\n"
        "0\r\n"
        "\r\n"
        "\r\n"
        "0\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "BODY <7>\\r\\n0\\r\\n\\r\\n\n"
     "END\n"},
    {"chunk size and a space", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "5 \r\n"
        "hello\r\n"
        "0\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 16\n"},
    {"chunk size after a space", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        " 5\r\n"
        "hello\r\n"
        "0\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 16\n"},
    {"chunk size with 0x", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0x5\r\n"
        "hello\r\n"
        "0\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 17\n"},
    {"chunk size with a sign", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "+5\r\n"
        "hello\r\n"
        "0\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 16\n"},
    {"chunk size empty", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "\r\n"
        "hello\r\n"
        "0\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 14\n"},
    {"chunk size not hexadecimal", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "g\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 3\n"},
    {"chunk size of 2^63-1", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "7fffffffffffffff\r\n"
        "abc"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "BODY <9223372036854775807>abc\n"
     "RESET 400 ended early: connection closed within the message\n"},
    {"chunk size of 2^63", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "8000000000000000\r\n"
        "abc"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 21\n"},
    {"chunk size of 2^64+5", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "10000000000000005\r\n"
        "hello\r\n"
        "0\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 31\n"},
    {"chunk size with a bare lf", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "5\n"
        "hello\r\n"
        "0\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 14\n"},
    {"chunk longer than its size", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "5\r\n"
        "helloX\r\n"
        "0\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "BODY <5>hello\n"
     "RESET 400 malformed: no CRLF after a chunk\n"
     "REST 8\n"},
    {"chunk ends with a bare lf", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "5\r\n"
        "hello\n"
        "0\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "BODY <5>hello\n"
     "RESET 400 malformed: no CRLF after a chunk\n"
     "REST 6\n"},
    {"chunk ends with cr and another", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "5\r\n"
        "hello\rX0\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "BODY <5>hello\n"
     "RESET 400 malformed: no CRLF after a chunk\n"
     "REST 7\n"},
    {"chunk ends early", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "5\r\n"
        "hel"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "BODY <5>hel\n"
     "RESET 400 ended early: connection closed within the message\n"},
    {"chunked ends before the last chunk", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "5\r\n"
        "hello\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "BODY <5>hello\n"
     "RESET 400 ended early: connection closed within the message\n"},
    {"chunked ends in the trailers", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0\r\n"
        "X: y\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 ended early: connection closed within the message\n"
     "REST 6\n"},
    {"trailers", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "1\r\n"
        "a\r\n"
        "0\r\n"
        "X: y\r\n"
        "Z:z\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "BODY <1>a\n"
     "TRAILERS {X: y} ~{Z: z}\n"
     "END\n"},
    {"trailers that would mislead", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0\r\n"
        "Content-Length: 9\r\n"
        "Transfer-Encoding: chunked\r\n"
        "Host: b\r\n"
        "X: y\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "TRAILERS -{Content-Length: 9} -{Transfer-Encoding: chunked} -{Host: b} {X: y}\n"
     "END\n"},
    {"trailers with a space before the colon", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0\r\n"
        "X : y\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: space in a field name\n"
     "REST 9\n"},
    {"trailers folded", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0\r\n"
        "X: y\r\n"
        " z\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: folded field line\n"
     "REST 12\n"},
    {"trailers with a bare lf", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0\r\n"
        "X: y\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: bare LF\n"
     "REST 7\n"},
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
