#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "config/config.h"

/* Flags and variables of TLS. */

enum { WORDS_MAX = 20 };

static int split(char *text, char **words)
{
    int n = 0;

    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
        words[n++] = word;
    words[n] = NULL;
    return n;
}

static char error[200];

static int configure(struct config *c, const char *arguments, const char *environment)
{
    char argument_text[1000], environment_text[1000];
    char *argv[WORDS_MAX], *env[WORDS_MAX];

    snprintf(argument_text, sizeof(argument_text), "weldr %s", arguments);
    snprintf(environment_text, sizeof(environment_text), "%s", environment);
    const int argc = split(argument_text, argv);

    (void)split(environment_text, env);
    error[0] = '\0';
    return config_from_args(c, argc, argv, env, error, sizeof(error));
}

static void addresses_have_marks(void **state)
{
    static const struct {
        const char *arguments, *environment;
        unsigned n;
        uint64_t tls, proxy;
    } cases[] = {
        {"--ip :80 --ip :443,tls --certificate a", "", 2, 2, 0},
        {"--ip :443,tls,proxy --certificate a", "", 1, 1, 1},
        {"--ip :443,proxy,tls --certificate a", "", 1, 1, 1},
        {"--ip :1,proxy --ip :2,tls --ip :3 --certificate a", "", 3, 2, 1},
        {"--certificate a", "WELDR_IP=:443,tls,:80,:81,proxy", 3, 1, 4},
        {"--ip :80", "WELDR_CERTIFICATE=a", 1, 0, 0},
    };
    struct config c;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (configure(&c, cases[i].arguments, cases[i].environment) != 0)
            fail_msg("%s: %s", cases[i].arguments, error);
        assert_int_equal(c.ip_n, cases[i].n);
        assert_int_equal(c.ip_tls, cases[i].tls);
        assert_int_equal(c.ip_proxy, cases[i].proxy);
        config_fini(&c);
    }
}

static void certificates_come_in_pairs(void **state)
{
    struct config c;

    (void)state;
    assert_int_equal(configure(&c,
                               "--certificate a --certificate-key=ka --certificate b "
                               "--certificate-key kb --ip :443,tls",
                               ""),
                     0);
    assert_int_equal(c.certificate_n, 2);
    assert_int_equal(c.certificate_key_n, 2);
    assert_string_equal(c.certificate[1], "b");
    assert_string_equal(c.certificate_key[0], "ka");
    assert_string_equal(c.certificate_key[1], "kb");
    config_fini(&c);
    assert_int_equal(configure(&c, "", "WELDR_CERTIFICATE=/a,/b WELDR_CERTIFICATE_KEY=/ka,/kb"),
                     0);
    assert_int_equal(c.certificate_n, 2);
    assert_string_equal(c.certificate_key[1], "/kb");
    config_fini(&c);
    assert_int_equal(configure(&c, "--certificate both --certificate more", ""), 0);
    assert_int_equal(c.certificate_n, 2);
    assert_int_equal(c.certificate_key_n, 0);
    config_fini(&c);
}

static void the_api_has_its_own(void **state)
{
    struct config c;

    (void)state;
    assert_int_equal(configure(&c,
                               "--admin-certificate a --admin-certificate-key k "
                               "--admin-client-ca ca",
                               ""),
                     0);
    assert_string_equal(c.admin_certificate, "a");
    assert_string_equal(c.admin_certificate_key, "k");
    assert_string_equal(c.admin_client_ca, "ca");
    config_fini(&c);
}

static void what_makes_no_sense_alone_is_refused(void **state)
{
    static const struct {
        const char *arguments, *word;
    } cases[] = {
        {"--ip :443,tls", "--ip with tls needs a certificate: --certificate FILE"},
        {"--ip :443,tls,proxy --ip :80", "--ip with tls needs a certificate"},
        {"--certificate-key k", "once for each --certificate"},
        {"--certificate a --certificate b --certificate-key k", "once for each --certificate"},
        {"--admin-certificate-key k", "needs --admin-certificate FILE"},
        {"--admin-client-ca ca", "needs --admin-certificate FILE"},
        {"--ip tls", "must be address:port"},
        {"--ip :443,ssl --certificate a", "must be address:port"},
        {"--certificate=", "must be the name of a file"},
        {"--ephemeral --node-key-file f", "--node-key-file exclude each other"},
        {"--node-key-file=", "must be the name of a file"},
        {"--ephemeral --cluster-ip 10.0.0.1", "--cluster-ip and --ephemeral exclude"},
        {"--ephemeral --join a:1 --token t", "--join and --ephemeral exclude each other"},
        {"--join a:1 --token t --join-token-file f", "--token and --join-token-file exclude"},
        {"--token t", "need --join HOST:PORT"},
        {"--join-token-file f", "need --join HOST:PORT"},
    };
    struct config c;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(configure(&c, cases[i].arguments, ""), WERR_INVALID);
        if (strstr(error, cases[i].word) == NULL)
            fail_msg("%s: %s", cases[i].arguments, error);
    }
}

static void workers_take_none_of_it(void **state)
{
    struct config c;

    (void)state;
    assert_int_equal(
        configure(&c, "worker --id 1", "WELDR_IP=:443,tls WELDR_ADMIN_CLIENT_CA=ca"), 0);
    assert_int_equal(c.ip_tls, 0);
    assert_null(c.admin_client_ca);
    config_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_have_marks),
        cmocka_unit_test(certificates_come_in_pairs),
        cmocka_unit_test(the_api_has_its_own),
        cmocka_unit_test(what_makes_no_sense_alone_is_refused),
        cmocka_unit_test(workers_take_none_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
