#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fault.h"
#include "config/config.h"

enum { WORDS_MAX = 80 };

/* Splits at spaces; '_' alone stands for an empty word. */
static int split(char *text, char **words)
{
    int n = 0;
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
        words[n++] = strcmp(word, "_") == 0 ? word + 1 : word;
    words[n] = NULL;
    return n;
}

static int configure(struct config *c, const char *arguments, const char *environment,
                     char *error)
{
    char argument_text[1000];
    char environment_text[1000];
    char *argv[WORDS_MAX];
    char *env[WORDS_MAX];
    snprintf(argument_text, sizeof(argument_text), "weldr %s", arguments);
    snprintf(environment_text, sizeof(environment_text), "%s", environment);
    int argc = split(argument_text, argv);
    split(environment_text, env);
    error[0] = '\0';
    return config_from_args(c, argc, argv, env, error, 200);
}

static void configure_well(struct config *c, const char *arguments, const char *environment)
{
    char error[200];
    if (configure(c, arguments, environment, error) != 0)
        fail_msg("%s: %s", arguments, error);
}

static void assert_addr(const struct addr *a, const char *want)
{
    char text[ADDR_TEXT_MAX];
    addr_print(a, text);
    assert_string_equal(text, want);
}

static void test_defaults(void **state)
{
    (void)state;
    struct config c;
    configure_well(&c, "", "PATH=/bin HOME=/");
    assert_int_equal(c.action, CONFIG_RUN);
    assert_int_equal(c.ip_n, 1);
    assert_addr(&c.ip[0], "[::]:8080");
    assert_int_equal(c.admin_ip_n, 2);
    assert_addr(&c.admin_ip[0], "127.0.0.1:8687");
    assert_addr(&c.admin_ip[1], "[::1]:8687");
    assert_true(c.ip_is_default && c.admin_ip_is_default);
    assert_int_equal(c.workers, 0);
    assert_int_equal(c.server_n, 0);
    assert_int_equal(c.log_level, 2);
    assert_int_equal(c.drain_timeout_ms, 30000);
    assert_int_equal(c.ready_delay_ms, 0);
    assert_int_equal(c.ready_passive, 200);
    assert_int_equal(c.admin_host_n, 0);
    assert_null(c.admin_token);
    assert_null(c.admin_token_file);
    assert_null(c.access_log);
    assert_false(c.access_log_is_combined);
    config_fini(&c);
}

static void test_flags(void **state)
{
    (void)state;
    struct config c;
    configure_well(&c,
                   "--ip 1.2.3.4:81 --ip=[::1]:82 --admin-ip :83 --workers 4 --server http://a "
                   "--server=http://b --log-level=debug --drain-timeout 2m --ready-delay 250ms "
                   "--ready-passive 503 "
                   "--admin-token-file /t --admin-host a.example --admin-host=b_1",
                   "");
    assert_int_equal(c.ip_n, 2);
    assert_addr(&c.ip[0], "1.2.3.4:81");
    assert_addr(&c.ip[1], "[::1]:82");
    assert_int_equal(c.admin_ip_n, 1);
    assert_addr(&c.admin_ip[0], "[::]:83");
    assert_false(c.ip_is_default || c.admin_ip_is_default);
    assert_int_equal(c.workers, 4);
    assert_int_equal(c.server_n, 2);
    assert_string_equal(c.server[0], "http://a");
    assert_string_equal(c.server[1], "http://b");
    assert_int_equal(c.log_level, 3);
    assert_int_equal(c.drain_timeout_ms, 120000);
    assert_int_equal(c.ready_delay_ms, 250);
    assert_int_equal(c.ready_passive, 503);
    assert_string_equal(c.admin_token_file, "/t");
    assert_int_equal(c.admin_host_n, 2);
    assert_string_equal(c.admin_host[1], "b_1");
    config_fini(&c);
}

static void test_last_wins(void **state)
{
    (void)state;
    struct config c;
    configure_well(&c,
                   "--workers 4 --workers=9 --log-level error --log-level trace "
                   "--admin-token-file a --admin-token-file b",
                   "");
    assert_int_equal(c.workers, 9);
    assert_int_equal(c.log_level, 4);
    assert_string_equal(c.admin_token_file, "b");
    config_fini(&c);
}

static void test_environment(void **state)
{
    (void)state;
    struct config c;
    configure_well(&c, "",
                   "WELDR_IP=1.1.1.1:1,[::1]:2 WELDR_ADMIN_IP=127.0.0.1:3 WELDR_WORKERS=256 "
                   "WELDR_SERVER=http://a,,http://b WELDR_LOG_LEVEL=error WELDR_LOG=trace "
                   "WELDR_ADMIN_HOST=a,b WELDR_DRAIN_TIMEOUT=500ms WELDR_ADMIN_TOKEN_FILE=/f "
                   "WELDR_ADMIN_TOKEN=secret");
    assert_int_equal(c.ip_n, 2);
    assert_addr(&c.ip[1], "[::1]:2");
    assert_int_equal(c.admin_ip_n, 1);
    assert_int_equal(c.workers, 256);
    assert_int_equal(c.server_n, 2);
    assert_string_equal(c.server[1], "http://b");
    assert_int_equal(c.log_level, 0);
    assert_int_equal(c.drain_timeout_ms, 500);
    assert_string_equal(c.admin_token_file, "/f");
    assert_string_equal(c.admin_token, "secret");
    assert_int_equal(c.admin_host_n, 2);
    config_fini(&c);
}

static void test_proxy_belongs_to_the_address_before(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *environment;
        unsigned ip_n;
        uint64_t proxy;
    } cases[] = {
        {"", "", 1, 0},
        {"--ip 1.1.1.1:1,proxy", "", 1, 1},
        {"--ip 1.1.1.1:1 --ip=[::1]:2,proxy --ip :3", "", 3, 2},
        {"--ip 1.1.1.1:1,:2,proxy,:3", "", 3, 2},
        {"", "WELDR_IP=1.1.1.1:1,proxy,[::1]:2,:3,proxy", 3, 5},
        {"", "WELDR_IP=1.1.1.1:1,:2", 2, 0},
        {"--ip 1.1.1.1:1", "WELDR_IP=:3,proxy", 1, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config c;
        configure_well(&c, cases[i].arguments, cases[i].environment);
        assert_int_equal(c.ip_n, cases[i].ip_n);
        assert_true(c.ip_proxy == cases[i].proxy);
        config_fini(&c);
    }
}

static void assert_trusted(const char *arguments, const char *environment, const char *want)
{
    static char text[CIDR_LIST_TEXT_MAX];
    struct config c;
    configure_well(&c, arguments, environment);
    cidr_list_print(&c.trusted_proxies, text);
    assert_string_equal(text, want);
    config_fini(&c);
}

static void test_trusted_proxies(void **state)
{
    (void)state;
    assert_trusted("", "", "");
    assert_trusted("--trusted-proxies 10.0.0.0/8,::1 --trusted-proxies=127.0.0.1",
                   "WELDR_TRUSTED_PROXIES=9.9.9.9", "10.0.0.0/8,::1/128,127.0.0.1/32");
    assert_trusted("", "WELDR_TRUSTED_PROXIES=0.0.0.0/0,::/0", "0.0.0.0/0,::/0");
}

static void test_log_alias(void **state)
{
    (void)state;
    struct config c;
    configure_well(&c, "", "WELDR_LOG=warn");
    assert_int_equal(c.log_level, 1);
    config_fini(&c);
    configure_well(&c, "", "WELDR_LOG_LEVEL= WELDR_LOG=warn");
    assert_int_equal(c.log_level, 1);
    config_fini(&c);
}

static void test_flag_wins_over_environment(void **state)
{
    (void)state;
    struct config c;
    configure_well(&c, "--ip :1 --workers 2 --log-level warn",
                   "WELDR_IP=nonsense WELDR_WORKERS=nonsense WELDR_LOG_LEVEL=nonsense "
                   "WELDR_DRAIN_TIMEOUT=");
    assert_int_equal(c.ip_n, 1);
    assert_int_equal(c.workers, 2);
    assert_int_equal(c.log_level, 1);
    assert_int_equal(c.drain_timeout_ms, 30000);
    config_fini(&c);
}

static void test_actions(void **state)
{
    (void)state;
    static const struct {
        const char *arguments;
        enum config_action action;
    } cases[] = {
        {"--help", CONFIG_HELP},
        {"-h", CONFIG_HELP},
        {"--workers 3 --help", CONFIG_HELP},
        {"--help --nonsense", CONFIG_HELP},
        {"--version", CONFIG_VERSION},
        {"--version --nonsense --verbose", CONFIG_VERSION},
        {"--version --verbose", CONFIG_VERSION_ALL},
        {"--workers 3 --version --verbose --nonsense", CONFIG_VERSION_ALL},
        {"worker --help", CONFIG_HELP},
        {"worker --id 7", CONFIG_WORKER},
        {"worker --id=7", CONFIG_WORKER},
        {"vip-helper", CONFIG_VIP_HELPER},
        {"vip-helper --help", CONFIG_HELP},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config c;
        configure_well(&c, cases[i].arguments, "WELDR_WORKERS=nonsense");
        assert_int_equal(c.action, cases[i].action);
        if (c.action == CONFIG_WORKER)
            assert_int_equal(c.worker_id, 7);
        config_fini(&c);
    }
}

static const struct {
    const char *arguments, *environment;
    const char *first, *second; /* both in the sentence */
} bad_settings[] = {
    {"--nonsense", "", "unknown flag", "--nonsense"},
    {"--workersx 1", "", "unknown flag", "--workersx"},
    {"--id 1", "", "unknown flag", "--id"},
    {"vip-helper --id 1", "", "unknown flag", "--id"},
    {"--verbose --version", "", "unknown flag", "--verbose"},
    {"-x", "", "unknown flag", "-x"},
    {"run", "", "unexpected argument", "run"},
    {"--workers 1 worker", "", "unexpected argument", "worker"},
    {"--workers", "", "--workers", "needs a value"},
    {"--ip", "", "--ip", "needs a value"},
    {"--workers 0", "", "--workers", "1 to 256"},
    {"--workers 257", "", "--workers", "1 to 256"},
    {"--workers=", "", "--workers", "1 to 256"},
    {"--workers -1", "", "--workers", "\"-1\""},
    {"--ip 8080", "", "--ip", "address:port"},
    {"--ip localhost:80", "", "--ip", "address:port"},
    {"--ip 1.1.1.1:65536", "", "--ip", "address:port"},
    {"--admin-ip 1.1.1.1", "", "--admin-ip", "address:port"},
    {"--admin-host=", "", "--admin-host", "host name"},
    {"--admin-host weldr:8687", "", "--admin-host", "without a port"},
    {"", "WELDR_ADMIN_HOST=a.example,b/c", "WELDR_ADMIN_HOST", "\"b/c\""},
    {"--server=", "", "--server", "URL"},
    {"--log-level loud", "", "--log-level", "debug or trace"},
    {"--access-log=", "", "--access-log", "off, stdout, syslog"},
    {"--access-log-format xml", "", "--access-log-format", "json or combined"},
    {"worker --id 1", "WELDR_ACCESS_LOG_FORMAT=x", "WELDR_ACCESS_LOG_FORMAT", "json"},
    {"--log-level INFO", "", "--log-level", "\"INFO\""},
    {"--drain-timeout x", "", "--drain-timeout", "30s"},
    {"--ready-delay x", "", "--ready-delay", "30s"},
    {"--drain-timeout s", "", "--drain-timeout", "30s"},
    {"--drain-timeout 5d", "", "--drain-timeout", "30s"},
    {"--drain-timeout 1.5s", "", "--drain-timeout", "30s"},
    {"--drain-timeout 25h", "", "--drain-timeout", "30s"},
    {"--drain-timeout 4294967297", "", "--drain-timeout", "30s"},
    {"--admin-token-file=", "", "--admin-token-file", "file"},
    {"--admin-socket=", "", "--admin-socket", "path of at most 107"},
    {"--admin-tokens-file=", "", "--admin-tokens-file", "file"},
    {"--admin-token-required=maybe", "", "--admin-token-required", "yes or no"},
    {"", "WELDR_ADMIN_TOKEN_REQUIRED=1", "WELDR_ADMIN_TOKEN_REQUIRED", "yes or no"},
    {"--admin-token x", "", "unknown flag", "--admin-token"},
    {"worker", "", "worker", "--id"},
    {"worker --id", "", "--id", "needs a value"},
    {"worker --id x", "", "--id", "0 to 255"},
    {"worker --id 256", "", "--id", "0 to 255"},
    {"worker --workers 1", "", "unknown flag", "--workers"},
    {"", "WELDR_WORKERS=0", "WELDR_WORKERS", "1 to 256"},
    {"", "WELDR_IP=1.1.1.1:1,x", "WELDR_IP", "1:1,x\""},
    {"", "WELDR_IP=proxy,1.1.1.1:1", "WELDR_IP", "address:port"},
    {"", "WELDR_IP=,", "WELDR_IP", "address:port"},
    {"--ip 1.1.1.1:1 --ip proxy", "", "--ip", "address:port"},
    {"--ip 1.1.1.1:1,Proxy", "", "--ip", "address:port"},
    {"--admin-ip 1.1.1.1:1,proxy", "", "--admin-ip", "address:port"},
    {"--metrics-ip 1.1.1.1", "", "--metrics-ip", "address:port"},
    {"--trusted-proxies 10.0.0.1/8", "", "--trusted-proxies", "ranges"},
    {"--trusted-proxies=", "", "--trusted-proxies", "ranges"},
    {"", "WELDR_TRUSTED_PROXIES=::1,none", "WELDR_TRUSTED_PROXIES", "ranges"},
    {"", "WELDR_LOG=loud", "WELDR_LOG ", "debug or trace"},
    {"", "WELDR_LOG_LEVEL=loud WELDR_LOG=info", "WELDR_LOG_LEVEL", "debug or trace"},
    {"", "WELDR_ADMIN_TOKEN=\x7f", "WELDR_ADMIN_TOKEN", "ASCII"},
};

static void test_bad_settings(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(bad_settings) / sizeof(bad_settings[0]); i++) {
        struct config c;
        char error[200];
        int rc = configure(&c, bad_settings[i].arguments, bad_settings[i].environment, error);
        if (rc != WERR_INVALID || strstr(error, bad_settings[i].first) == NULL ||
            strstr(error, bad_settings[i].second) == NULL)
            fail_msg("%s %s: %d %s", bad_settings[i].arguments, bad_settings[i].environment, rc,
                     error);
        config_fini(&c);
    }
}

static void test_no_token_is_quoted(void **state)
{
    static const struct {
        const char *arguments, *environment;
    } cases[] = {
        {"", "WELDR_ADMIN_TOKEN=sesame\x7f"},
        {"--admin-token=sesame", ""},
        {"--tokens=sesame", ""},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config c;
        char error[200];
        assert_int_equal(configure(&c, cases[i].arguments, cases[i].environment, error),
                         WERR_INVALID);
        assert_null(strstr(error, "sesame"));
        assert_non_null(strstr(error, i == 0 ? "WELDR_ADMIN_TOKEN" : "unknown flag"));
    }
}

static void test_token_required(void **state)
{
    static const struct {
        const char *arguments, *environment;
        bool is_required;
    } cases[] = {
        {"", "", false},
        {"--admin-token-required", "", true},
        {"--admin-token-required --workers 1", "WELDR_ADMIN_TOKEN_REQUIRED=no", true},
        {"--admin-token-required=yes", "", true},
        {"--admin-token-required=no", "WELDR_ADMIN_TOKEN_REQUIRED=yes", false},
        {"", "WELDR_ADMIN_TOKEN_REQUIRED=yes", true},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config c;
        configure_well(&c, cases[i].arguments, cases[i].environment);
        assert_int_equal(c.admin_token_is_required, cases[i].is_required);
        config_fini(&c);
    }
}

static void test_drain_timeouts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t ms;
    } cases[] = {{"0", 0},
                 {"0ms", 0},
                 {"7", 7000},
                 {"500ms", 500},
                 {"30s", 30000},
                 {"2m", 120000},
                 {"1h", 3600000},
                 {"24h", 86400000},
                 {"86400", 86400000},
                 {"86400000ms", 86400000}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config c;
        char arguments[64];
        snprintf(arguments, sizeof(arguments), "--drain-timeout=%s", cases[i].text);
        configure_well(&c, arguments, "");
        assert_int_equal(c.drain_timeout_ms, cases[i].ms);
        config_fini(&c);
    }
}

static void check_list_limit(const char *flag_text, unsigned max, const char *max_text)
{
    char **argv = calloc(max + 2, sizeof(*argv));
    char flag[32];
    char error[200];
    struct config c;

    assert_non_null(argv);
    snprintf(flag, sizeof(flag), "%s", flag_text);
    for (unsigned k = 0; k < max + 2; k++)
        argv[k] = flag;
    assert_int_equal(config_from_args(&c, (int)max + 1, argv, NULL, error, sizeof(error)), 0);
    config_fini(&c);
    assert_int_equal(config_from_args(&c, (int)max + 2, argv, NULL, error, sizeof(error)),
                     WERR_INVALID);
    assert_non_null(strstr(error, max_text));
    config_fini(&c);
    free(argv);
}

static void test_list_limit(void **state)
{
    (void)state;
    check_list_limit("--ip=:1", CONFIG_LIST_MAX, "64");
    check_list_limit("--admin-ip=:1", CONFIG_LIST_MAX, "64");
    check_list_limit("--metrics-ip=:1", CONFIG_LIST_MAX, "64");
    check_list_limit("--admin-host=a", CONFIG_LIST_MAX, "64");
    check_list_limit("--server=http://a", CONFIG_SERVERS_MAX, "16384");
    check_list_limit("--trusted-proxies=::1", CONFIG_LIST_MAX, "64");
}

static void test_out_of_memory(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 3; n++) {
        struct config c;
        char error[200];
        fault_set(n);
        assert_int_equal(configure(&c, "--server a --server b", "WELDR_ADMIN_TOKEN=t", error),
                         WERR_NOMEM);
        assert_string_equal(error, "out of memory");
        fault_set(0);
        config_fini(&c);
    }
}

static void test_access_log(void **state)
{
    static const struct {
        const char *arguments, *environment, *log;
        bool is_combined;
    } cases[] = {
        {"--access-log /a/b", "", "/a/b", false},
        {"--access-log stdout --access-log-format combined", "", "stdout", true},
        {"--access-log x --access-log off", "WELDR_ACCESS_LOG=/env", NULL, false},
        {"--access-log x", "WELDR_ACCESS_LOG=/env WELDR_ACCESS_LOG_FORMAT=combined", "x", true},
        {"", "WELDR_ACCESS_LOG=syslog WELDR_ACCESS_LOG_FORMAT=json", "syslog", false},
        {"--access-log-format combined --access-log-format json", "", NULL, false},
        {"worker --id 1", "WELDR_ACCESS_LOG=/env WELDR_ACCESS_LOG_FORMAT=combined", "/env",
         true},
        {"worker --id 1", "WELDR_ACCESS_LOG=off WELDR_WORKERS=junk", NULL, false},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config c;
        configure_well(&c, cases[i].arguments, cases[i].environment);
        if (cases[i].log == NULL)
            assert_null(c.access_log);
        else
            assert_string_equal(c.access_log, cases[i].log);
        assert_int_equal(c.access_log_is_combined, cases[i].is_combined);
        config_fini(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_last_wins),
        cmocka_unit_test(test_proxy_belongs_to_the_address_before),
        cmocka_unit_test(test_trusted_proxies),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_log_alias),
        cmocka_unit_test(test_flag_wins_over_environment),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_no_token_is_quoted),
        cmocka_unit_test(test_token_required),
        cmocka_unit_test(test_bad_settings),
        cmocka_unit_test(test_list_limit),
        cmocka_unit_test(test_drain_timeouts),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_access_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
