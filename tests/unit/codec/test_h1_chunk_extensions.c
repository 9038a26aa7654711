/* Chunk extensions in requests: what is one, how many bytes of them, and that what is none is
 * refused, however the bytes are cut. Host: a is left out of the transcripts. */
#include "h1_table.h"

static const struct h1_row rows[] = {
    {"chunk extension", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "5;a=b;c=\"d e\"\r\n"
        "hello\r\n"
        "0;x\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "BODY <5>hello\n"
     "END\n"},
    {"chunk extension after spaces", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "5 \t;a\r\n"
        "hello\r\n"
        "0\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "BODY <5>hello\n"
     "END\n"},
    {"chunk extension with a control", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "5;a\001\r\n"
        "hello\r\n"
        "0\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 18\n"},
    {"chunk extension with a bare cr", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "5;a\rb\r\n"
        "hello\r\n"
        "0\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 19\n"},
    {"chunk extension with a bare lf", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "5;a\n"
        "hello\r\n"
        "0\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 16\n"},
    {"chunk extension empty", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0;\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 6\n"},
    {"chunk extension empty behind a good one", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0;a;\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 8\n"},
    {"chunk extension without a name", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0;=b\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 8\n"},
    {"chunk extension without a value", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0;a=\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 8\n"},
    {"chunk extension of two words", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0;a b\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 9\n"},
    {"chunk extension with an open quote", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0;a=\"b\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 10\n"},
    {"chunk extension with an open quote and a backslash", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0;a=\"b\\\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 11\n"},
    {"chunk extension with an escaped end of the quote", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0;a=\"b\\\"\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 12\n"},
    {"chunk extension with more behind the quote", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0;a=\"b\"c\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 12\n"},
    {"chunk extension with a space behind", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0;a \r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 8\n"},
    {"chunk extension with a comma", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0;a,b\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 9\n"},
    {"chunk extension without a semicolon", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0 a\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 7\n"},
    {"chunk extension with a control in quotes", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0;a=\"\001\"\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
     "RESET 400 malformed: malformed chunk size\n"
     "REST 11\n"},
    {"chunk extensions with space and escapes", NULL,
     IN("POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"
        "0 ; a = b\t;c=\"\\\"\\\\;\";d=\"\"\r\n"
        "\r\n"),
     "HEAD POST /p chunked 1.1 keep {Transfer-Encoding: chunked}\n"
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
