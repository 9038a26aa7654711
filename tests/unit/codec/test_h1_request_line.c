/* Request lines and persistence: what the reader tells about each, however its bytes are cut.
 * Host: a is left out of the transcripts. */
#include "h1_table.h"

static const struct h1_row rows[] = {
    {"plain get", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep\n"
     "END\n"},
    {"two pipelined", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"
        "GET /2 HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep\n"
     "END\n"
     "HEAD GET /2 1.1 keep\n"
     "END\n"},
    {"three pipelined, the middle with a body", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"
        "POST /p HTTP/1.1\r\n"
        "Host: a\r\n"
        "Content-Length: 3\r\n"
        "\r\n"
        "abcDELETE /3 HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep\n"
     "END\n"
     "HEAD POST /p len=3 1.1 keep {Content-Length: 3}\n"
     "BODY abc\n"
     "END\n"
     "HEAD DELETE /3 1.1 keep\n"
     "END\n"},
    {"http/1.0 closes", NULL,
     IN("GET / HTTP/1.0\r\n"
        "\r\n"),
     "HEAD GET / 1.0\n"
     "END\n"
     "CLOSE\n"},
    {"http/1.0 keep-alive", NULL,
     IN("GET / HTTP/1.0\r\n"
        "Connection: Keep-Alive\r\n"
        "\r\n"),
     "HEAD GET / 1.0 keep {Connection: Keep-Alive}\n"
     "END\n"},
    {"http/1.0 close wins", NULL,
     IN("GET / HTTP/1.0\r\n"
        "Connection: keep-alive, close\r\n"
        "\r\n"),
     "HEAD GET / 1.0 {Connection: keep-alive, close}\n"
     "END\n"
     "CLOSE\n"},
    {"connection close", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "Connection: close\r\n"
        "\r\n"),
     "HEAD GET / 1.1 {Connection: close}\n"
     "END\n"
     "CLOSE\n"},
    {"connection close in a list and in capitals", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "Connection: foo ,\tCLOSE\r\n"
        "\r\n"),
     "HEAD GET / 1.1 {Connection: foo ,\\x09CLOSE}\n"
     "END\n"
     "CLOSE\n"},
    {"connection close in the second line", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "Connection: foo\r\n"
        "Connection: close\r\n"
        "\r\n"),
     "HEAD GET / 1.1 {Connection: foo} {Connection: close}\n"
     "END\n"
     "CLOSE\n"},
    {"connection keep-alive in 1.1", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "Connection: keep-alive\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep {Connection: keep-alive}\n"
     "END\n"},
    {"nothing after close", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "Connection: close\r\n"
        "\r\n"
        "GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "HEAD GET / 1.1 {Connection: close}\n"
     "END\n"
     "CLOSE\n"
     "REST 27\n"},
    {"minor version 2 is 1.1", NULL,
     IN("GET / HTTP/1.2\r\n"
        "Host: a\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep\n"
     "END\n"},
    {"version 2.0", NULL,
     IN("GET / HTTP/2.0\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 505 not supported: HTTP version is not 1.x\n"
     "REST 27\n"},
    {"version 0.9 in full", NULL,
     IN("GET / HTTP/0.9\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 505 not supported: HTTP version is not 1.x\n"
     "REST 27\n"},
    {"http/0.9", NULL,
     IN("GET /\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed request target\n"
     "REST 9\n"},
    {"http/0.9 with a space", NULL,
     IN("GET / \r\n"
        "\r\n"),
     "RESET 400 malformed: malformed HTTP version\n"
     "REST 10\n"},
    {"version of two digits", NULL,
     IN("GET / HTTP/1.10\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: bytes after the HTTP version\n"
     "REST 28\n"},
    {"version in small letters", NULL,
     IN("GET / http/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed HTTP version\n"
     "REST 27\n"},
    {"version without a minor", NULL,
     IN("GET / HTTP/1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed HTTP version\n"
     "REST 25\n"},
    {"version with another dot", NULL,
     IN("GET / HTTP/1,1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed HTTP version\n"
     "REST 27\n"},
    {"space after the version", NULL,
     IN("GET / HTTP/1.1 \r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: bytes after the HTTP version\n"
     "REST 28\n"},
    {"two spaces before the target", NULL,
     IN("GET  / HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed request target\n"
     "REST 28\n"},
    {"two spaces before the version", NULL,
     IN("GET /  HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed HTTP version\n"
     "REST 28\n"},
    {"tab for a space", NULL,
     IN("GET\t/ HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed method\n"
     "REST 27\n"},
    {"space before the method", NULL,
     IN(" GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: not the first byte of a message\n"
     "REST 28\n"},
    {"no target", NULL,
     IN("GET HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed request target\n"
     "REST 25\n"},
    {"space in the target", NULL,
     IN("GET /a b HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed HTTP version\n"
     "REST 30\n"},
    {"obs-text in the target", NULL,
     IN("GET /\351 HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed request target\n"
     "REST 28\n"},
    {"control in the target", NULL,
     IN("GET /\001 HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed request target\n"
     "REST 28\n"},
    {"del in the target", NULL,
     IN("GET /\177 HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed request target\n"
     "REST 28\n"},
    {"odd bytes in the target stay", NULL,
     IN("GET /a//../%2f%zz?x=<\"{}|\\^`>&y HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "HEAD GET /a//../%2f%zz?x=<\"{}|\\^`>&y 1.1 keep\n"
     "END\n"},
    {"bare question mark stays", NULL,
     IN("GET /? HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "HEAD GET /? 1.1 keep\n"
     "END\n"},
    {"method of all token bytes", NULL,
     IN("!#$%&'*+-.^_`|~09Az / HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "HEAD !#$%&'*+-.^_`|~09Az / 1.1 keep\n"
     "END\n"},
    {"lower-case method is another method", NULL,
     IN("get / HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "HEAD get / 1.1 keep\n"
     "END\n"},
    {"head method", NULL,
     IN("HEAD / HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "HEAD HEAD / 1.1 keep\n"
     "END\n"},
    {"method with a colon", NULL,
     IN("GE:T / HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed method\n"
     "REST 28\n"},
    {"method begins with a bracket", NULL,
     IN("(GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: not the first byte of a message\n"
     "REST 28\n"},
    {"first byte is nul", NULL,
     IN("\000GET / HTTP/1.1\r\n"
        "\r\n"),
     "RESET 400 malformed: not the first byte of a message\n"
     "REST 19\n"},
    {"first byte of a tls hello", NULL, IN("\026\003\001\002"),
     "RESET 400 malformed: not the first byte of a message\n"
     "REST 4\n"},
    {"relative target", NULL,
     IN("GET index HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: request target of a form not allowed here\n"
     "REST 31\n"},
    {"asterisk with options", NULL,
     IN("OPTIONS * HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "HEAD OPTIONS * 1.1 keep\n"
     "END\n"},
    {"asterisk with get", NULL,
     IN("GET * HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: request target of a form not allowed here\n"
     "REST 27\n"},
    {"asterisk and more", NULL,
     IN("OPTIONS *x HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: request target of a form not allowed here\n"
     "REST 32\n"},
    {"absolute form", NULL,
     IN("GET http://b:81/x?y HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "HEAD GET http://b:81/x?y 1.1 keep auth=b:81\n"
     "END\n"},
    {"absolute form without a path", NULL,
     IN("GET HTTP://b?q HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "HEAD GET HTTP://b?q 1.1 keep auth=b\n"
     "END\n"},
    {"absolute form with an ipv6 literal", NULL,
     IN("GET http://[::1]:80/ HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "HEAD GET http://[::1]:80/ 1.1 keep auth=[::1]:80\n"
     "END\n"},
    {"absolute form of https", NULL,
     IN("GET https://b/ HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "HEAD GET https://b/ 1.1 keep auth=b\n"
     "END\n"},
    {"fragment", NULL,
     IN("GET /x#y HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed request target\n"
     "REST 30\n"},
    {"fragment in the absolute form", NULL,
     IN("GET http://b#y HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed request target\n"
     "REST 36\n"},
    {"absolute form with user info", NULL,
     IN("GET http://u@b/ HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: request target of a form not allowed here\n"
     "REST 37\n"},
    {"absolute form without authority", NULL,
     IN("GET http:///x HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: request target of a form not allowed here\n"
     "REST 35\n"},
    {"absolute form with a bad port", NULL,
     IN("GET http://b:99999/ HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: request target of a form not allowed here\n"
     "REST 41\n"},
    {"absolute form of another scheme", NULL,
     IN("GET ftp://b/ HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: request target of a form not allowed here\n"
     "REST 34\n"},
    {"connect", NULL,
     IN("CONNECT b:443 HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "HEAD CONNECT b:443 1.1 keep auth=b:443\n"
     "END\n"},
    {"connect to an ipv6 literal", NULL,
     IN("CONNECT [::1]:443 HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "HEAD CONNECT [::1]:443 1.1 keep auth=[::1]:443\n"
     "END\n"},
    {"connect without a port", NULL,
     IN("CONNECT b HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: request target of a form not allowed here\n"
     "REST 31\n"},
    {"connect with an empty port", NULL,
     IN("CONNECT b: HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: request target of a form not allowed here\n"
     "REST 32\n"},
    {"connect with a path", NULL,
     IN("CONNECT /x HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: request target of a form not allowed here\n"
     "REST 32\n"},
    {"authority form with get", NULL,
     IN("GET b:443 HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: request target of a form not allowed here\n"
     "REST 31\n"},
    {"one empty line before", NULL,
     IN("\r\n"
        "GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep\n"
     "END\n"},
    {"two empty lines before", NULL,
     IN("\r\n"
        "\r\n"
        "GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: not the first byte of a message\n"
     "REST 29\n"},
    {"an empty line between", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"
        "\r\n"
        "GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep\n"
     "END\n"
     "HEAD GET / 1.1 keep\n"
     "END\n"},
    {"cr and no lf before", NULL,
     IN("\rGET / HTTP/1.1\r\n"
        "\r\n"),
     "RESET 400 malformed: not the first byte of a message\n"
     "REST 19\n"},
    {"lf before", NULL,
     IN("\n"
        "GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: not the first byte of a message\n"
     "REST 28\n"},
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
