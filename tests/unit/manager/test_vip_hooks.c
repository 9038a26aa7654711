/* Commands for virtual IPs: real ones of a shell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "manager/events.h"
#include "manager/vip_hooks.h"

enum { TURNS_MAX = 3000 };

static const struct addr address = {AF_INET, 0, {192, 0, 2, 10}};
static const struct addr another = {AF_INET, 0, {192, 0, 2, 11}};

static struct {
    struct manager *m;
    struct config config;
    struct vip_hooks hooks;
    char folder[32], active[160], passive[160];
} w;

static int setup(void **state)
{
    (void)state;
    memset(&w, 0, sizeof(w));
    w.m = fixture_start(ENGINE_SOLO, NULL);
    (void)strcpy(w.folder, "/tmp/weldr-hooks-XXXXXX");
    assert_non_null(mkdtemp(w.folder));
    w.config = *w.m->config;
    w.config.on_active = w.active;
    w.config.on_passive = w.passive;
    w.m->config = &w.config;
    vip_hooks_init(&w.hooks, w.m);
    return 0;
}

static int teardown(void **state)
{
    char command[128];

    (void)state;
    vip_hooks_fini(&w.hooks);
    fixture_stop(w.m);
    (void)snprintf(command, sizeof(command), "rm -r %s", w.folder);
    assert_int_equal(system(command), 0);
    return 0;
}

static bool is_any(void)
{
    for (unsigned i = 0; i < CLUSTER_VIPS_MAX; i++)
        if (w.hooks.list[i].pid != 0)
            return true;
    return false;
}

static void await_end(void)
{
    for (unsigned n = 0; is_any(); n++) {
        assert_true(n < TURNS_MAX);
        (void)loop_turn(w.m->loop, 10);
        vip_hooks_reap(&w.hooks);
    }
}

/* Of a file that commands write to. */
static void assert_written(const char *text)
{
    char path[64], found[512] = "";

    (void)snprintf(path, sizeof(path), "%s/log", w.folder);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    found[fread(found, 1, sizeof(found) - 1, f)] = '\0';
    (void)fclose(f);
    assert_string_equal(found, text);
}

static void test_what_a_command_is_told(void **state)
{
    (void)state;
    (void)snprintf(w.active, sizeof(w.active),
                   "echo $WELDR_VIP $WELDR_STATE ${#WELDR_NODE} $WELDR_CAUSE >>%s/log",
                   w.folder);
    (void)strcpy(w.passive, w.active);
    assert_int_equal(setenv("WELDR_VIP", "of before", 1), 0); /* in a hook's own Weldr, say */
    vip_hooks_run(&w.hooks, &address, true, "first");
    await_end();
    vip_hooks_run(&w.hooks, &address, false, "told");
    await_end();
    assert_written("192.0.2.10 active 16 first\n192.0.2.10 passive 16 told\n");
}

/* Of what happens while one runs the last is told; each address has its own. */
static void test_one_at_a_time(void **state)
{
    (void)state;
    (void)snprintf(
        w.active, sizeof(w.active),
        "echo $WELDR_VIP a $WELDR_CAUSE >>%s/log; until [ -e %s/go ]; do sleep 0.01; "
        "done",
        w.folder, w.folder);
    (void)snprintf(w.passive, sizeof(w.passive), "echo $WELDR_VIP p >>%s/log", w.folder);
    vip_hooks_run(&w.hooks, &address, true, "1");
    vip_hooks_run(&w.hooks, &address, false, "2");
    vip_hooks_run(&w.hooks, &address, true, "3");
    assert_true(w.hooks.list[0].has_next && w.hooks.list[1].pid == 0);
    vip_hooks_run(&w.hooks, &another, false, "4");
    assert_true(w.hooks.list[1].pid != 0);
    while (w.hooks.list[1].pid != 0) {
        (void)loop_turn(w.m->loop, 10);
        vip_hooks_reap(&w.hooks);
    }
    char command[128];
    (void)snprintf(command, sizeof(command), "touch %s/go", w.folder);
    assert_int_equal(system(command), 0);
    await_end();
    (void)snprintf(command, sizeof(command), "sort -o %s/log %s/log", w.folder, w.folder);
    assert_int_equal(system(command), 0);
    assert_written("192.0.2.10 a 1\n192.0.2.10 a 3\n192.0.2.11 p\n");
}

/* With all that it has started. */
static void test_one_that_does_not_end_is_killed(void **state)
{
    (void)state;
    w.hooks.limit_ms = 50;
    (void)strcpy(w.active, "sleep 1000 & sleep 1000");
    vip_hooks_run(&w.hooks, &address, true, "first");
    await_end();
    assert_true(w.hooks.list[0].is_killed);
}

static void test_no_command(void **state)
{
    (void)state;
    w.hooks.on_active = NULL;
    vip_hooks_run(&w.hooks, &address, true, "first");
    assert_false(is_any());
    (void)strcpy(w.passive, "exit 3");
    vip_hooks_run(&w.hooks, &address, false, "told");
    await_end();
    assert_int_equal(w.hooks.list[0].address.family, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_a_command_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_that_does_not_end_is_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_command, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
