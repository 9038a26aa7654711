/* Field lines and Host of requests: what the reader tells about each, however its bytes are
 * cut. Host: a is left out of the transcripts. */
#include "h1_table.h"

static const struct h1_row rows[] = {
    {"bare lf after the request line", NULL,
     IN("GET / HTTP/1.1\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: bare LF\n"
     "REST 26\n"},
    {"te without trailers", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "TE: gzip, deflate\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep {TE: gzip, deflate}\n"
     "END\n"},
    {"names like x-forwarded-for, and not", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "X-Forwarded-Port: 1\r\n"
        "\r\n"
        "GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "x_forwarded_for: 1\r\n"
        "\r\n"
        "GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "X-Forwarded: 1\r\n"
        "Y-Far-And-Away: 1\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep {X-Forwarded-Port: 1}\n"
     "END\n"
     "HEAD GET / 1.1 keep {x_forwarded_for: 1}\n"
     "END\n"
     "HEAD GET / 1.1 keep {X-Forwarded: 1} {Y-Far-And-Away: 1}\n"
     "END\n"},
    {"bare lf after a field", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\n"
        "X: y\r\n"
        "\r\n"),
     "RESET 400 malformed: bare LF\n"
     "REST 32\n"},
    {"bare lf as the empty line", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "\n"),
     "RESET 400 malformed: bare LF\n"
     "REST 26\n"},
    {"bare cr in a field", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "X: a\rb\r\n"
        "\r\n"),
     "RESET 400 malformed: control character in a field value\n"
     "REST 35\n"},
    {"bare cr in the request line", NULL,
     IN("GET /\r HTTP/1.1\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed request target\n"
     "REST 19\n"},
    {"cr twice", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "X: a\r\r\n"
        "\r\n"),
     "RESET 400 malformed: control character in a field value\n"
     "REST 34\n"},
    {"nul in a value", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "X: a\000b\r\n"
        "\r\n"),
     "RESET 400 malformed: control character in a field value\n"
     "REST 35\n"},
    {"control in a value", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "X: a\002b\r\n"
        "\r\n"),
     "RESET 400 malformed: control character in a field value\n"
     "REST 35\n"},
    {"del in a value", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "X: a\177b\r\n"
        "\r\n"),
     "RESET 400 malformed: control character in a field value\n"
     "REST 35\n"},
    {"tab and obs-text in a value", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "X: a\tb\377\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep {X: a\\x09b\\xff}\n"
     "END\n"},
    {"folded line", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "X: a\r\n"
        " b\r\n"
        "\r\n"),
     "RESET 400 malformed: folded field line\n"
     "REST 37\n"},
    {"folded line at the start", NULL,
     IN("GET / HTTP/1.1\r\n"
        " Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: folded field line\n"
     "REST 28\n"},
    {"folded with a tab", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "X: a\r\n"
        "\tb\r\n"
        "\r\n"),
     "RESET 400 malformed: folded field line\n"
     "REST 37\n"},
    {"space before the colon", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "X : a\r\n"
        "\r\n"),
     "RESET 400 malformed: space in a field name\n"
     "REST 34\n"},
    {"tab before the colon", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "X\t: a\r\n"
        "\r\n"),
     "RESET 400 malformed: space in a field name\n"
     "REST 34\n"},
    {"no colon", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "X\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed field name\n"
     "REST 30\n"},
    {"empty name", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        ": a\r\n"
        "\r\n"),
     "RESET 400 malformed: empty field name\n"
     "REST 32\n"},
    {"nul in a name", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "X\000: a\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed field name\n"
     "REST 34\n"},
    {"obs-text in a name", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "X\351: a\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed field name\n"
     "REST 34\n"},
    {"bracket in a name", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "X(y): a\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed field name\n"
     "REST 36\n"},
    {"empty value", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "X:\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep ~{X: }\n"
     "END\n"},
    {"empty value after a space", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "X: \r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep {X: }\n"
     "END\n"},
    {"spaces around a value", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "X: \t a b \t\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep ~{X: a b}\n"
     "END\n"},
    {"no space before the value", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "X:y\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep ~{X: y}\n"
     "END\n"},
    {"colons in a value", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "X: a:b: c\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep {X: a:b: c}\n"
     "END\n"},
    {"no host", NULL,
     IN("GET / HTTP/1.1\r\n"
        "\r\n"),
     "RESET 400 malformed: no host\n"
     "REST 18\n"},
    {"no host in 1.0", NULL,
     IN("GET / HTTP/1.0\r\n"
        "X: y\r\n"
        "\r\n"),
     "HEAD GET / 1.0 {X: y}\n"
     "END\n"
     "CLOSE\n"},
    {"host twice", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "Host: a\r\n"
        "\r\n"),
     "RESET 400 malformed: host twice\n"
     "REST 36\n"},
    {"host twice in 1.0", NULL,
     IN("GET / HTTP/1.0\r\n"
        "Host: a\r\n"
        "host: b\r\n"
        "\r\n"),
     "RESET 400 malformed: host twice\n"
     "REST 36\n"},
    {"empty host", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host:\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep ~{Host: }\n"
     "END\n"},
    {"host with a port", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a.b-c_d:8080\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep {Host: a.b-c_d:8080}\n"
     "END\n"},
    {"host of ipv6", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: [fe80::1%25]\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed host\n"
     "REST 38\n"},
    {"host of ipv6 with a port", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: [::ffff:1.2.3.4]:1\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep {Host: [::ffff:1.2.3.4]:1}\n"
     "END\n"},
    {"host with a slash", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a/b\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed host\n"
     "REST 29\n"},
    {"host with user info", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: u@a\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed host\n"
     "REST 29\n"},
    {"host with a space", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a b\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed host\n"
     "REST 29\n"},
    {"host list", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a,b\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed host\n"
     "REST 29\n"},
    {"host with letters for a port", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a:b\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed host\n"
     "REST 29\n"},
    {"host with port 65536", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a:65536\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed host\n"
     "REST 33\n"},
    {"host of a port alone", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: :80\r\n"
        "\r\n"),
     "RESET 400 malformed: malformed host\n"
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
