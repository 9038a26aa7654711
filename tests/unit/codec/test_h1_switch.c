/* Answers that say what becomes of the connection: 101, and how long an idle one is kept. */
#include "h1_table.h"

#define SWITCHED              \
    "HTTP/1.1 101 S\r\n"      \
    "Connection: Upgrade\r\n" \
    "Upgrade: x\r\n"          \
    "\r\n"
#define SWITCHED_HEAD "HEAD 101 \"S\" 1.1 keep upgrade {Connection: Upgrade} {Upgrade: x}\n"

/* RFC 9110 sections 7.8 and 15.2.2. */
static const struct h1_row switches[] = {
    {"asked for, and bytes of the other protocol", "GET", IN(SWITCHED "\001bytes"),
     SWITCHED_HEAD "BODY \\x01bytes\n"
                   "END\n"
                   "CLOSE\n"},
    {"asked for, and no bytes", "GET", IN(SWITCHED),
     SWITCHED_HEAD "END\n"
                   "CLOSE\n"},
    {"what looks like an answer behind it is none", "GET",
     IN(SWITCHED "HTTP/1.1 200 OK\r\n\r\n"),
     SWITCHED_HEAD "BODY HTTP/1.1 200 OK\\r\\n\\r\\n\n"
                   "END\n"
                   "CLOSE\n"},
    {"behind a 100", "GET", IN("HTTP/1.1 100 C\r\n\r\n" SWITCHED "x"),
     "INFO 100 \"C\" 1.1 keep\n" SWITCHED_HEAD "BODY x\n"
     "END\n"
     "CLOSE\n"},
    {"a length means nothing there", "GET",
     IN("HTTP/1.1 101 S\r\n"
        "Connection: Upgrade\r\n"
        "Upgrade: x\r\n"
        "Content-Length: 2\r\n"
        "\r\n"
        "bytes"),
     "HEAD 101 \"S\" 1.1 keep upgrade {Connection: Upgrade} {Upgrade: x} {Content-Length: 2}\n"
     "BODY bytes\n"
     "END\n"
     "CLOSE\n"},
    {"that the connection closes means nothing there", "GET",
     IN("HTTP/1.1 101 S\r\n"
        "Connection: close, upgrade\r\n"
        "Upgrade: x\r\n"
        "\r\n"
        "bytes"),
     "HEAD 101 \"S\" 1.1 upgrade {Connection: close, upgrade} {Upgrade: x}\n"
     "BODY bytes\n"
     "END\n"
     "CLOSE\n"},
    {"a transfer coding", "GET",
     IN("HTTP/1.1 101 S\r\n"
        "Connection: Upgrade\r\n"
        "Upgrade: x\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"),
     "RESET 0 malformed: transfer-encoding where no body can be\n"
     "REST 79\n"},
    {"without Upgrade", "GET",
     IN("HTTP/1.1 101 S\r\n"
        "Connection: Upgrade\r\n"
        "\r\n"),
     "RESET 0 not supported: 101 without an upgrade\n"
     "REST 39\n"},
    {"Upgrade that Connection does not name", "GET",
     IN("HTTP/1.1 101 S\r\n"
        "Upgrade: x\r\n"
        "\r\n"),
     "RESET 0 not supported: 101 without an upgrade\n"
     "REST 30\n"},
    {"two Upgrade lines", "GET",
     IN("HTTP/1.1 101 S\r\n"
        "Connection: Upgrade\r\n"
        "Upgrade: x\r\n"
        "Upgrade: y\r\n"
        "\r\n"),
     "RESET 0 not supported: 101 without an upgrade\n"
     "REST 63\n"},
    {"in 1.0", "GET",
     IN("HTTP/1.0 101 S\r\n"
        "Connection: Upgrade\r\n"
        "Upgrade: x\r\n"
        "\r\n"),
     "RESET 0 not supported: 101 without an upgrade\n"
     "REST 51\n"},
    {"ends within its head", "GET",
     IN("HTTP/1.1 101 S\r\n"
        "Connection: Upg"),
     "RESET 0 ended early: connection closed within the message\n"
     "REST 31\n"},
    {"200 instead: an answer like any other", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "Content-Length: 1\r\n"
        "\r\n"
        "xREST"),
     "HEAD 200 \"OK\" len=1 1.1 keep {Content-Length: 1}\n"
     "BODY x\n"
     "END\n"
     "REST 4\n"},
    {"426 says what it would take, and switches nothing", "GET",
     IN("HTTP/1.1 426 U\r\n"
        "Connection: Upgrade\r\n"
        "Upgrade: x\r\n"
        "Content-Length: 0\r\n"
        "\r\n"),
     "HEAD 426 \"U\" bare-len=0 1.1 keep upgrade {Connection: Upgrade} {Upgrade: x} "
     "{Content-Length: 0}\n"
     "END\n"},
};

#define KEPT(value) "HTTP/1.1 200 OK\r\nKeep-Alive: " value "\r\nContent-Length: 0\r\n\r\n"
#define KEPT_SAYS(text, value)                                            \
    "HEAD 200 \"OK\" bare-len=0 1.1 keep" text " {Keep-Alive: " value "}" \
    " {Content-Length: 0}\nEND\n"

/* RFC 2068 section 19.7.1: what can't be read says nothing. */
static const struct h1_row keeps[] = {
    {"timeout", "GET", IN(KEPT("timeout=5")), KEPT_SAYS(" for=5s", "timeout=5")},
    {"timeout of nothing", "GET", IN(KEPT("timeout=0")), KEPT_SAYS(" for=0s", "timeout=0")},
    {"timeout and max", "GET", IN(KEPT("timeout=5, max=100")),
     KEPT_SAYS(" for=5s", "timeout=5, max=100")},
    {"max and timeout", "GET", IN(KEPT("max=100,timeout=5")),
     KEPT_SAYS(" for=5s", "max=100,timeout=5")},
    {"max alone", "GET", IN(KEPT("max=100")), KEPT_SAYS("", "max=100")},
    {"in capitals", "GET", IN(KEPT("TimeOut=5")), KEPT_SAYS(" for=5s", "TimeOut=5")},
    {"with zeros", "GET", IN(KEPT("timeout=005")), KEPT_SAYS(" for=5s", "timeout=005")},
    {"the largest number", "GET", IN(KEPT("timeout=4294967295")),
     KEPT_SAYS(" for=4294967295s", "timeout=4294967295")},
    {"too large a number", "GET", IN(KEPT("timeout=4294967296")),
     KEPT_SAYS("", "timeout=4294967296")},
    {"no number", "GET", IN(KEPT("timeout=")), KEPT_SAYS("", "timeout=")},
    {"no value", "GET", IN(KEPT("timeout")), KEPT_SAYS("", "timeout")},
    {"a sign", "GET", IN(KEPT("timeout=-1")), KEPT_SAYS("", "timeout=-1")},
    {"a fraction", "GET", IN(KEPT("timeout=5.5")), KEPT_SAYS("", "timeout=5.5")},
    {"spaces around =", "GET", IN(KEPT("timeout = 5")), KEPT_SAYS("", "timeout = 5")},
    {"another word that ends so", "GET", IN(KEPT("xtimeout=5")), KEPT_SAYS("", "xtimeout=5")},
    {"another word that begins so", "GET", IN(KEPT("timeouts=5")), KEPT_SAYS("", "timeouts=5")},
    {"in a request", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "Keep-Alive: timeout=5\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep for=5s {Keep-Alive: timeout=5}\n"
     "END\n"},
};

static void test_switches(void **state)
{
    (void)state;
    h1_table_check_asking(switches, sizeof(switches) / sizeof(switches[0]), MSG_UPGRADE);
}

static void test_keeps(void **state)
{
    (void)state;
    h1_table_check(keeps, sizeof(keeps) / sizeof(keeps[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_switches),
        cmocka_unit_test(test_keeps),
    };
    return cmocka_run_group_tests(tests, h1_table_setup, h1_table_teardown);
}
