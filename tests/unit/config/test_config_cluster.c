#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "config/config.h"

/* Flags and variables of a cluster. */

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

static void members_of_a_cluster(void **state)
{
    struct config c;

    (void)state;
    assert_int_equal(configure(&c, "", ""), 0);
    assert_int_equal(c.cluster_ip.family, 0);
    assert_null(c.join_host);
    assert_int_equal(c.cluster_profile, CONFIG_LAN);
    config_fini(&c);
    assert_int_equal(configure(&c, "--cluster-ip 10.0.0.1 --cluster-profile fast", ""), 0);
    assert_int_equal(c.cluster_ip.port, CONFIG_CLUSTER_PORT);
    assert_int_equal(c.cluster_profile, CONFIG_FAST);
    config_fini(&c);
    assert_int_equal(configure(&c,
                               "--cluster-ip [fd00::1]:99 --join [fd00::2]:98 --token t "
                               "--witness",
                               "WELDR_CLUSTER_PROFILE=wan"),
                     0);
    assert_int_equal(c.cluster_ip.port, 99);
    assert_string_equal(c.join_host, "[fd00::2]");
    assert_int_equal(c.join_port, 98);
    assert_string_equal(c.join_token, "t");
    assert_true(c.is_witness);
    assert_int_equal(c.cluster_profile, CONFIG_WAN);
    config_fini(&c);
    assert_int_equal(
        configure(&c, "", "WELDR_JOIN=node-1.internal:8688 WELDR_JOIN_TOKEN_FILE=/run/t"), 0);
    assert_string_equal(c.join_host, "node-1.internal");
    assert_string_equal(c.join_token_file, "/run/t");
    config_fini(&c);
}

/* A token has no place in a log. */
static void no_complaint_shows_a_token(void **state)
{
    struct config c;

    (void)state;
    assert_int_equal(configure(&c, "--join a:1 --token=secret\001word", ""), WERR_INVALID);
    assert_non_null(strstr(error, "--token must hold visible ASCII"));
    assert_null(strstr(error, "secret"));
}

static void bad_values_are_refused(void **state)
{
    static const struct {
        const char *arguments, *word;
    } cases[] = {
        {"--cluster-ip :8688", "--cluster-ip must be an address of this machine"},
        {"--cluster-ip 0.0.0.0:8688", "must be an address of this machine"},
        {"--cluster-ip 10.0.0.1:0", "must be an address of this machine"},
        {"--join a", "--join must be host:port of a member"},
        {"--join a:0", "must be host:port of a member"},
        {"--join a:65536", "must be host:port of a member"},
        {"--join a/b:1", "must be host:port of a member"},
        {"--cluster-profile slow", "must be lan, fast or wan"},
        {"--witness=maybe", "must be yes or no"},
    };
    struct config c;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(configure(&c, cases[i].arguments, ""), WERR_INVALID);
        if (strstr(error, cases[i].word) == NULL)
            fail_msg("%s: %s", cases[i].arguments, error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_of_a_cluster),
        cmocka_unit_test(no_complaint_shows_a_token),
        cmocka_unit_test(bad_values_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
