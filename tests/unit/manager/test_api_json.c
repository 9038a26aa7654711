#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "manager/api_json.h"
#include "pool/pool_apply.h"
#include "pool/pool_command.h"
#include "stats/histogram.h"

static struct pool_state *state_now;

static const struct pool_server *add(const char *url, uint64_t index)
{
    struct pool_command c;
    struct pool_error error;
    struct pool_change change = {0};

    pool_command_init(&c, POOL_ADD_SERVER);
    assert_int_equal(pool_check_url(span_from_str(url), &c.server, &error), 0);
    assert_int_equal(pool_apply(state_now, &c, index, &change), 0);
    pool_command_fini(&c);
    return pool_find_server(pool_default(state_now), index);
}

static int setup(void **state)
{
    (void)state;
    state_now = pool_state_new();
    return state_now == NULL;
}

static int teardown(void **state)
{
    (void)state;
    pool_state_free(state_now);
    return 0;
}

/* The texts occur in this order. */
static void assert_in_order(const char *text, const char *const *wanted)
{
    assert_non_null(text);
    assert_int_equal(text[strlen(text) - 1], '\n');
    for (const char *at = text; *wanted != NULL; wanted++) {
        at = strstr(at, *wanted);
        if (at == NULL)
            fail_msg("no %s in %s", *wanted, text);
    }
}

static struct api_json_server_view view_of(const struct pool_server *server,
                                           struct pool_health *check)
{
    pool_health_effective(pool_default(state_now), server, check);
    return (struct api_json_server_view){
        .server = server,
        .pool = "default",
        .state = "active",
        .reason = "",
        .check = check,
        .in_flight = 3,
        .success = 20,
        .failed = 1,
    };
}

static void test_href(void **state)
{
    static const struct {
        const char *url, *href;
    } cases[] = {
        {"http://127.0.0.1:12345", "/servers/127.0.0.1/12345"},
        {"http://127.0.0.1", "/servers/127.0.0.1/80"},
        {"http://[::1]:80", "/servers/[::1]/80"},
        {"http://[fd00:0:0::1]:8080", "/servers/[fd00::1]/8080"},
    };

    (void)state;
    for (uint64_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char href[ADDR_TEXT_MAX + 32];

        api_json_server_href("default", add(cases[i].url, i + 1), href, sizeof(href));
        assert_string_equal(href, cases[i].href);
    }
}

/* What it says of the first, in its order; of the second, and behind them. */
static const char *const list_of_two[] = {
    "{\n  \"servers\": [\n    {\n      \"id\": \"s-1\"",
    "\"url\": \"http://127.0.0.1:12345\"",
    "\"pool\": \"default\"",
    "\"state\": \"active\"",
    "\"reason\": null",
    "\"weight\": 1",
    "\"map_host\": false",
    "\"proxy_protocol\": 0",
    "\"admin\": \"enabled\"",
    "\"drain_ms\": 0",
    "\"check\": {",
    "\"interval_ms\": 30000",
    "\"meta\": {}",
    "\"in_flight\": 3",
    "\"success\": 20",
    "\"failed\": 1",
    "\"last_check\": {",
    "\"at\": \"2026-11-23T15:08:14.123Z\"",
    "\"ok\": false",
    "\"status\": 500",
    "\"ms\": 7",
    "\"error\": \"status 500\"",
    "\"rel\": \"self\"",
    "\"method\": \"GET\"",
    "\"rel\": \"delete\"",
    "\"href\": \"/servers/127.0.0.1/12345\"",
    "\"method\": \"DELETE\"",
    "\"id\": \"s-2\"",
    "\"last_check\": null",
    "\n  \"total\": 2,",
    "\n  \"links\": [",
    "\"rel\": \"self\"",
    "\"rel\": \"add\"",
    "\"method\": \"POST\"",
    NULL,
};

static void test_server_list(void **state)
{
    const struct check_result last = {
        .at_us = 1795446494123000ULL, .took_ms = 7, .status = 500, .error = "status 500"};
    struct pool_health check_a, check_b;
    struct api_json_server_view a = view_of(add("http://127.0.0.1:12345", 1), &check_a);
    const struct api_json_server_view b = view_of(add("http://127.0.0.2", 2), &check_b);
    struct api_json_list list;
    char *text;

    (void)state;
    a.last = &last;
    api_json_servers_begin(&list, "", "/servers");
    api_json_servers_add(&list, &a);
    api_json_servers_add(&list, &b);
    api_json_servers_total(&list, 2);
    text = api_json_list_end(&list);
    assert_in_order(text, list_of_two);
    free(text);
}

static void test_addresses(void **state)
{
    static const char *const wanted[] = {
        "\"reason\": null",
        "\"addresses\": [\n    {\n      \"address\": \"127.0.0.1:12345\"",
        "\"state\": \"down\"",
        "\"reason\": \"3 failed checks: status 500\"",
        "\"since\": \"2026-11-23T15:08:14.123Z\"",
        "\"address\": \"[::1]:12345\"",
        "\"state\": \"active\"",
        "\"reason\": null",
        "\"weight\": 1",
        NULL,
    };
    struct facts_addrs addrs = TAILQ_HEAD_INITIALIZER(addrs);
    struct facts_addr v4 = {.addr = {AF_INET, 12345, {127, 0, 0, 1}},
                            .since_us = 1795446494123000ULL,
                            .reason = "3 failed checks: status 500"};
    struct facts_addr v6 = {.addr = {AF_INET6, 12345, {[15] = 1}}, .rule.up = true};
    struct pool_health check;
    struct api_json_server_view v = view_of(add("http://app:12345", 1), &check);
    char *text;

    (void)state;
    TAILQ_INSERT_TAIL(&addrs, &v4, entry);
    TAILQ_INSERT_TAIL(&addrs, &v6, entry);
    v.addrs = &addrs;
    text = api_json_server(&v, "");
    assert_in_order(text, wanted);
    free(text);
}

static void test_leaving_server(void **state)
{
    static const char *const wanted[] = {
        "\"state\": \"draining\"",
        "\"reason\": \"removed\"",
        "\"in_flight\": 3",
        "\"ejected\": 1",
        "\"ejections\": 4",
        "\"drain_left_ms\": 1500",
        "\"href\": \"/servers/127.0.0.2/80/drain\"",
        "\"href\": \"/servers/127.0.0.2/80/maintenance\"",
        "\"href\": \"/servers/127.0.0.2/80/resume\"",
        NULL,
    };
    static const char *const stays[] = {"\"ejected\": 0", "\"drain_left_ms\": null", NULL};
    const uint64_t left_ms = 1500;
    struct pool_health check;
    struct api_json_server_view v = view_of(add("http://127.0.0.2", 2), &check);
    char *text = api_json_server(&v, "");

    (void)state;
    assert_in_order(text, stays);
    free(text);
    v.state = "draining";
    v.reason = "removed";
    v.ejected = 1;
    v.ejections = 4;
    v.drain_left_ms = &left_ms;
    text = api_json_server(&v, "");
    assert_in_order(text, wanted);
    free(text);
}

/* Settings are made once for servers that share them; one that differs must not get its
 * neighbour's. */
static void test_checks_are_not_mixed_up(void **state)
{
    static const char *const wanted[] = {"\"path\": \"/\"", "\"path\": \"/own\"",
                                         "\"interval_ms\": 1234", "\"path\": \"/\"", NULL};
    struct pool_health checks[4];
    struct api_json_list list;
    char own[] = "/own";
    char *text;

    (void)state;
    api_json_servers_begin(&list, "", "/servers");
    for (unsigned i = 0; i < 4; i++) {
        const char *const urls[] = {"http://127.0.0.1:1", "http://127.0.0.1:2",
                                    "http://127.0.0.1:3", "http://127.0.0.1:4"};
        const struct api_json_server_view v = view_of(add(urls[i], i + 1), &checks[i]);

        if (i == 1)
            checks[i].path = own;
        if (i == 2)
            checks[i].interval_ms = 1234;
        api_json_servers_add(&list, &v);
    }
    text = api_json_list_end(&list);
    assert_in_order(text, wanted);
    free(text);
}

static void test_detail(void **state)
{
    static const char *const wanted[] = {"[\n  {\n    \"id\": \"s-1\"",
                                         "\"ip\": \"::1\"",
                                         "\"port\": \"8080\"",
                                         "\"success\": 20",
                                         "\"failed\": 1",
                                         NULL};
    static const char *const empty[] = {"[]\n", NULL};
    struct pool_health check;
    const struct api_json_server_view v = view_of(add("http://[::1]:8080", 1), &check);
    struct api_json_list list;
    char *text;

    (void)state;
    api_json_detail_begin(&list);
    api_json_detail_add(&list, &v);
    text = api_json_list_end(&list);
    assert_in_order(text, wanted);
    free(text);
    api_json_detail_begin(&list);
    text = api_json_list_end(&list);
    assert_in_order(text, empty);
    free(text);
}

static void test_stats(void **state)
{
    static const char *const wanted[] = {
        "{\n  \"client\": {\n    \"success\": 34534,\n    \"failed\": 33\n  }",
        "\"server\": {\n    \"success\": 33770,\n    \"failed\": 15\n  }",
        "\"requests\": 34567",
        "\"access_log_lost\": 7",
        "\"queued_bytes\": 8192",
        "\"results\": {\n    \"ok\": 5\n  }",
        "\"latency_us\": {\n    \"count\": 2,\n    \"sum\": 903,\n    \"below\": {\n      "
        "\"8\": 1,\n      \"1024\": 1\n    }\n  }",
        "\"workers\": 4",
        "\"rel\": \"self\"",
        "\"href\": \"/v1/stats\"",
        "\"method\": \"GET\"",
        "\"href\": \"/v1/stats/detail\"",
        NULL};
    const struct api_json_result results[] = {{"ok", 5}};
    struct histogram latency = {0};
    const struct api_json_stats_view v = {.client_success = 34534,
                                          .client_failed = 33,
                                          .server_success = 33770,
                                          .server_failed = 15,
                                          .requests = 34567,
                                          .access_log_lost = 7,
                                          .queued_bytes = 8192,
                                          .results = results,
                                          .result_n = 1,
                                          .latency_us = &latency,
                                          .workers = 4};
    char *text;

    (void)state;
    histogram_add(&latency, 3);
    histogram_add(&latency, 900);
    text = api_json_stats(&v, "/v1");
    assert_in_order(text, wanted);
    free(text);
}

static void test_problem(void **state)
{
    struct api_json_problem_view v = {.status = 422,
                                      .title = {"Unprocessable Content", 21},
                                      .code = "invalid_url",
                                      .detail = "a \"quoted\" word",
                                      .field = "url"};
    char *text = api_json_problem(&v);

    (void)state;
    assert_string_equal(text, "{\n  \"type\": \"about:blank\",\n"
                              "  \"title\": \"Unprocessable Content\",\n  \"status\": 422,\n"
                              "  \"code\": \"invalid_url\",\n"
                              "  \"detail\": \"a \\\"quoted\\\" word\",\n"
                              "  \"field\": \"url\"\n}\n");
    free(text);
    v.field = "";
    text = api_json_problem(&v);
    assert_non_null(strstr(text, "\"field\": null"));
    free(text);
}

static void test_small_documents(void **state)
{
    static const char *const root[] = {"\"about\": \"Weldr Management API\"",
                                       "\"version\": \"1.2.3\"",
                                       "\"rel\": \"servers\"",
                                       "\"href\": \"/servers\"",
                                       "\"method\": \"GET\"",
                                       NULL};
    static const char *const pool[] = {
        "\"name\": \"default\"", "\"policy\"",      "\"timeouts\"", "\"check\"",
        "\"servers\": 1",        "\"revision\": 9", "\"links\"",    NULL};
    static const char *const workers[] = {"\"workers\": [",
                                          "\"id\": 3",
                                          "\"pid\": null",
                                          "\"state\": \"stopped\"",
                                          "\"digest\": \"00000000000000ff\"",
                                          "\"is_witness\": true",
                                          "\"links\"",
                                          NULL};
    struct api_json_list list;
    char *text = api_json_root("1.2.3", "");

    (void)state;
    assert_in_order(text, root);
    free(text);
    add("http://127.0.0.1", 1);
    text = api_json_pool(pool_default(state_now), 9, "");
    assert_in_order(text, pool);
    free(text);
    api_json_workers_begin(&list, "", true);
    api_json_workers_add(
        &list, &(struct api_json_worker_view){.id = 3, .state = "stopped", .digest = 0xff});
    text = api_json_list_end(&list);
    assert_in_order(text, workers);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_href, setup, teardown),
        cmocka_unit_test_setup_teardown(test_server_list, setup, teardown),
        cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leaving_server, setup, teardown),
        cmocka_unit_test_setup_teardown(test_checks_are_not_mixed_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_detail, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stats, setup, teardown),
        cmocka_unit_test_setup_teardown(test_problem, setup, teardown),
        cmocka_unit_test_setup_teardown(test_small_documents, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
