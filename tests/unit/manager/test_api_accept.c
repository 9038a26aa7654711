#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "manager/api_accept.h"

static void test_who_gets_openmetrics(void **state)
{
    static const struct {
        const char *values[2];
        bool is_openmetrics;
    } rows[] = {
        {{""}, false},
        {{"*/*"}, false},
        {{"text/plain"}, false},
        {{"application/*"}, false},
        {{"application/openmetrics-text"}, true},
        {{"Application/OpenMetrics-Text"}, true},
        {{"application/openmetrics-text2"}, false},
        {{"application/openmetrics"}, false},
        /* what Prometheus sends */
        {{"application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
          "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"},
         true},
        {{"text/plain;version=0.0.4;q=1,*/*;q=0.1"}, false},
        {{"text/plain, application/openmetrics-text;q=0.5"}, false},
        {{"text/plain;q=0.4, application/openmetrics-text;q=0.5"}, true},
        {{"text/plain, application/openmetrics-text"}, true},
        {{"application/openmetrics-text;q=0"}, false},
        {{"application/openmetrics-text;q=0.000"}, false},
        {{"application/openmetrics-text;q=0.001"}, true},
        {{"application/openmetrics-text ; Q=0"}, false},
        {{"application/openmetrics-text;q="}, true},
        {{"application/openmetrics-text;q=x.y"}, true},
        {{"application/openmetrics-text;q=0.5555,text/plain;q=0.9"}, true},
        {{"application/openmetrics-text;q=0,text/plain;q=0"}, false},
        {{",, ;q=0 , application/openmetrics-text ,"}, true},
        {{"text/html", "application/openmetrics-text"}, true},
        {{"application/openmetrics-text;q=0.2", "text/plain;q=0.3"}, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct api_accept a = {0};

        for (unsigned k = 0; k < 2 && rows[i].values[k] != NULL; k++)
            api_accept_read(span_from_str(rows[i].values[k]), &a);
        if (api_accept_is_openmetrics(&a) != rows[i].is_openmetrics)
            fail_msg("%s", rows[i].values[0]);
    }
}

static void test_who_gets_gzip(void **state)
{
    static const struct {
        const char *value;
        bool is_gzip;
    } rows[] = {
        {"", false},
        {"gzip, deflate, br, zstd", true},
        {"GZip;q=0.5", true},
        {"identity", false},
        {"gzip;q=0", false},
        {"*", false},
        {"br;q=1.0, gzip;q=0.001", true},
        {"gzip2", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct api_accept a = {.gzip = 0};

        api_accept_read_encoding(span_from_str(rows[i].value), &a);
        if (api_accept_is_gzip(&a) != rows[i].is_gzip)
            fail_msg("%s", rows[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_who_gets_openmetrics),
                                       cmocka_unit_test(test_who_gets_gzip)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
