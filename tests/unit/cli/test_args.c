#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/args.h"
#include "cli/client.h"

static struct args args;
static char error[256];

static int read_args(const char *const *argv)
{
    int argc = 0;

    while (argv[argc] != NULL)
        argc++;
    return args_read(&args, client_commands, argc, (char *const *)argv, error, sizeof(error));
}
#define READ(...) read_args((const char *const[]){"weldr", __VA_ARGS__, NULL})

static const char *target(void)
{
    static char text[512];
    struct strb b;

    strb_init(&b, text, sizeof(text));
    args_target(&args, &b);
    return text;
}

static void test_words_flags_and_pairs(void **state)
{
    (void)state;
    assert_int_equal(READ("server", "add", "http://a:1", "weight=3", "--pool", "web",
                          "tags.zone=a", "--dry-run"),
                     0);
    assert_string_equal(args.command->method, "POST");
    assert_int_equal(args.word_n, 1);
    assert_string_equal(args.word[0], "http://a:1");
    assert_int_equal(args.pair_n, 2);
    assert_string_equal(args.pair[1], "tags.zone=a");
    assert_string_equal(target(), "/pools/web/servers?dry_run=true");
    assert_int_equal(READ("server", "rm", "10.0.0.5:80", "-w", "--timeout=5s", "--drain", "1m"),
                     0);
    assert_string_equal(target(), "/servers/10.0.0.5:80?drain=1m&wait=drained&timeout=5s");
    assert_int_equal(READ("server", "add", "http://a:1", "--wait", "-n"), 0);
    assert_string_equal(target(), "/servers?dry_run=true"); /* nothing drains */
}

static void test_targets(void **state)
{
    (void)state;
    assert_int_equal(READ("rule", "set", "web", "10", "name=x"), 0);
    assert_string_equal(target(), "/listeners/web/rules/10");
    assert_int_equal(READ("rule", "add", "web", "10", "action.type=fixed"), 0);
    assert_string_equal(target(), "/listeners/web/rules");
    assert_int_equal(READ("server", "ls", "state=down", "meta.v=a b&c=/"), 0);
    assert_string_equal(target(), "/servers?state=down&meta.v=a%20b%26c%3D%2F");
    /* A name leaves no path. */
    assert_int_equal(READ("pool", "rm", "../servers?x#y%41"), 0);
    assert_string_equal(target(), "/pools/..%2Fservers%3Fx%23y%2541");
    assert_int_equal(READ("server", "show", "[::1]:80", "-p", "a/b"), 0);
    assert_string_equal(target(), "/pools/a%2Fb/servers/[::1]:80");
}

/* One that stands as it is, and one that may be missing. */
static void test_special_words(void **state)
{
    (void)state;
    assert_int_equal(READ("cluster", "token", "create", "lifetime_s=60"), 0);
    assert_string_equal(target(), "/cluster/tokens");
    assert_int_equal(args.pair_n, 1);
    assert_int_equal(READ("cluster", "transfer"), 0);
    assert_int_equal(args.word_n, 0);
    assert_int_equal(READ("cluster", "transfer", "0123456789abcdef"), 0);
    assert_int_equal(args.word_n, 1);
    assert_string_equal(target(), "/cluster/transfer");
}

static void is_refused(int rc, const char *word)
{
    assert_int_equal(rc, WERR_INVALID);
    if (strstr(error, word) == NULL)
        fail_msg("no %s in: %s", word, error);
}

static void test_mistakes_are_named(void **state)
{
    (void)state;
    is_refused(READ("server"), "add, set, rm");
    is_refused(READ("server", "ad"), "server ad: there are add");
    is_refused(READ("server", "add"), "URL is missing");
    is_refused(READ("server", "add", ""), "URL is missing");
    is_refused(READ("rule", "rm", "web"), "PRIORITY is missing");
    is_refused(READ("server", "rm", "a", "b"), "b: too many words");
    is_refused(READ("server", "add", "u", "weight"), "weight is no KEY=VALUE");
    is_refused(READ("server", "add", "u", "=3"), "=3 is no KEY=VALUE");
    is_refused(READ("server", "show", "u", "--wait"), "--wait: does not go with");
    is_refused(READ("server", "add", "u", "--nonsense=1"), "--nonsense: there is no such flag");
    is_refused(READ("server", "rm", "u", "--drain"), "--drain needs a value: TIME");
    is_refused(READ("server", "rm", "u", "--force=1"), "--force takes no value");
    is_refused(READ("pool", "ls", "--pool", "x"), "--pool: does not go with");
    is_refused(READ("cluster", "token"), "create is missing");
    is_refused(READ("cluster", "token", "make"), "make: there is create");
    is_refused(READ("cluster", "transfer", ""), "ID is missing");
    is_refused(READ("cluster", "transfer", "a", "b"), "b: too many words");
}

static void test_too_many_pairs(void **state)
{
    const char *argv[ARGS_PAIRS_MAX + 6] = {"weldr", "pool", "add", "x"};

    (void)state;
    for (unsigned i = 0; i < ARGS_PAIRS_MAX; i++)
        argv[4 + i] = "a=1";
    assert_int_equal(read_args(argv), 0);
    assert_int_equal(args.pair_n, ARGS_PAIRS_MAX);
    argv[4 + ARGS_PAIRS_MAX] = "a=1";
    is_refused(read_args(argv), "more than");
}

static void test_help_asks_for_no_words(void **state)
{
    (void)state;
    assert_int_equal(READ("server", "add", "--help"), 0);
    assert_non_null(args.flag[ARGS_HELP]);
    assert_string_equal(args.command->verb, "add");
    assert_int_equal(READ("server", "-h"), 0);
    assert_null(args.command);
    assert_true(args_is_noun(client_commands, "stats"));
    assert_false(args_is_noun(client_commands, "worker"));
    assert_false(args_is_noun(client_commands, "--help"));
}

/* A file of the command's own machine is no part of a path. */
static bool is_local(struct span word)
{
    return span_is_equal(word, SPAN("FILE")) || span_is_equal(word, SPAN("FILE?"));
}

/* Each row of commands.def: as many "%" as words without a member, flags that there are. */
static void test_the_table_is_whole(void **state)
{
    struct span rest, name, member;

    (void)state;
    for (const struct args_command *c = client_commands; c->noun != NULL; c++) {
        unsigned words = 0, places = 0;

        rest = span_from_str(c->words);
        while (args_next_word(&rest, &name, &member))
            words += member.len == 0 && !args_is_literal(name) && !is_local(name);
        for (const char *at = c->path; *at != '\0'; at++)
            places += *at == '%';
        if (c->path[0] != '\0' && strcmp(c->noun, "explain") != 0)
            assert_int_equal(places, words);
        rest = span_from_str(c->flags);
        while (rest.len > 0) {
            const struct span flag = span_cut(&rest, ' ');
            bool is_there = span_is_equal(flag, SPAN("="));

            for (unsigned i = 0; i < ARGS_FLAGS; i++)
                is_there |= span_is_equal(flag, span_from_str(args_flags[i].flag + 2));
            assert_true(is_there);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_flags_and_pairs),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_special_words),
        cmocka_unit_test(test_mistakes_are_named),
        cmocka_unit_test(test_too_many_pairs),
        cmocka_unit_test(test_help_asks_for_no_words),
        cmocka_unit_test(test_the_table_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
