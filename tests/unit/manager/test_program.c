/* What another program says of itself: real children, each a script of a line or two. */
#include "../base/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "manager/program.h"
#include "net/loop.h"

static struct {
    struct loop *loop;
    struct program program;
    char folder[64], path[96];
    unsigned n; /* how often fn was called */
    bool is_weldr;
    char why[PROGRAM_WHY_MAX], version[PROGRAM_VERSION_MAX];
    unsigned level;
} lab;

static void on_words(void *arg, const struct program_words *words, const char *why)
{
    assert_ptr_equal(arg, &lab);
    lab.n++;
    lab.is_weldr = words != NULL;
    (void)snprintf(lab.why, sizeof(lab.why), "%s", words != NULL ? "" : why);
    if (words != NULL) {
        (void)snprintf(lab.version, sizeof(lab.version), "%s", words->version);
        lab.level = words->level;
    }
}

static void write_script(const char *text)
{
    FILE *file = fopen(lab.path, "we");

    assert_non_null(file);
    assert_true(fprintf(file, "#!/bin/sh\n%s\n", text) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(lab.path, S_IRWXU), 0);
}

static int ask(void)
{
    return program_ask(&lab.program, lab.loop, lab.path, on_words, &lab);
}

static void run(const char *text)
{
    const unsigned before = lab.n;

    write_script(text);
    assert_int_equal(ask(), 0);
    while (lab.n == before) {
        (void)loop_turn(lab.loop, 5);
        program_reap(&lab.program);
    }
    assert_int_equal(lab.n, before + 1);
}

static void make(void)
{
    memset(&lab, 0, sizeof(lab));
    lab.loop = loop_epoll_new();
    assert_non_null(lab.loop);
    (void)strcpy(lab.folder, "/tmp/weldr-program-XXXXXX");
    assert_non_null(mkdtemp(lab.folder));
    (void)snprintf(lab.path, sizeof(lab.path), "%s/weldr", lab.folder);
    program_init(&lab.program);
}

static void end(void)
{
    program_fini(&lab.program);
    loop_free(lab.loop);
    (void)unlink(lab.path);
    assert_int_equal(rmdir(lab.folder), 0);
}

static void test_who_it_is(void **state)
{
    (void)state;
    make();
    run("test \"$*\" = '--version --verbose' && echo weldr 0.2.0 && echo level 9");
    assert_true(lab.is_weldr);
    assert_string_equal(lab.version, "0.2.0");
    assert_int_equal(lab.level, 9);
    /* It gets no environment of ours, and reads nothing. */
    assert_int_equal(setenv("WELDR_TOKEN", "secret", 1), 0);
    run("read line; echo weldr 0.2.${WELDR_TOKEN-none}$line");
    assert_string_equal(lab.version, "0.2.none");
    assert_int_equal(lab.level, 0);
    end();
}

static void test_why_not(void **state)
{
    (void)state;
    make();
    run("exit 3");
    assert_false(lab.is_weldr);
    assert_string_equal(lab.why, "asked for its version it ends with exit code 3");
    run("kill -9 $$");
    assert_string_equal(lab.why, "asked for its version it was killed by signal 9");
    run("echo weldr");
    assert_string_equal(lab.why, "it does not say that it is a Weldr");
    run("exit 0");
    assert_string_equal(lab.why, "it does not say that it is a Weldr");
    assert_int_equal(unlink(lab.path), 0);
    assert_int_equal(ask(), WERR_NOT_FOUND);
    end();
}

/* One at a time; its session is killed when its time is over, and when nobody waits any more.
 */
static void test_one_that_does_not_end(void **state)
{
    (void)state;
    make();
    write_script("sleep 60 & wait");
    assert_int_equal(ask(), 0);
    assert_int_equal(ask(), WERR_IN_USE);
    loop_timer_in(lab.loop, &lab.program.limit, 0); /* not five seconds */
    while (lab.n == 0) {
        (void)loop_turn(lab.loop, 5);
        program_reap(&lab.program);
    }
    assert_string_equal(lab.why, "it does not say its version within 5 s");
    assert_int_equal(ask(), 0);
    end();
    assert_int_equal(lab.n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_it_is),
        cmocka_unit_test(test_why_not),
        cmocka_unit_test(test_one_that_does_not_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
