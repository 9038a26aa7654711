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

#include "manager/file_watch.h"
#include "manager/secret_file.h"

/* Files that are replaced in the ways in which tools do it. */

static struct loop *loop;
static struct file_watch watch;
static char folder[64];
static unsigned told;

static void on_change(void *arg)
{
    (void)arg;
    told++;
}

static char *path_of(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/weldr-watch-XXXXXX");
    assert_non_null(mkdtemp(folder));
    loop = loop_epoll_new();
    assert_non_null(loop);
    told = 0;
    file_watch_init(&watch, loop, on_change, NULL);
    return 0;
}

static int teardown(void **state)
{
    char command[128];

    (void)state;
    file_watch_fini(&watch);
    (void)loop_turn(loop, 0);
    loop_free(loop);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

/* The news that comes within half a minute, the time of the poll, is that of the kernel. */
static void wait_for(unsigned n)
{
    const uint64_t until_ms = loop_now_ms(loop) + FILE_WATCH_POLL_MS / 2;

    while (told < n) {
        assert_true(loop_now_ms(loop) < until_ms);
        (void)loop_turn(loop, 100);
    }
}

static void what_is_written_is_told_once(void **state)
{
    const char *path = path_of("a.pem");

    (void)state;
    write_file(path, "one");
    file_watch_add(&watch, path);
    for (unsigned i = 0; i < 20; i++)
        write_file(path, "two");
    wait_for(1);
    assert_int_equal(told, 1);
}

static void what_is_renamed_is_told(void **state)
{
    const char *path = path_of("a.pem"), *next = path_of("a.new");

    (void)state;
    write_file(path, "one");
    file_watch_add(&watch, path);
    write_file(next, "two");
    assert_int_equal(rename(next, path), 0);
    wait_for(1);
}

static void a_link_is_told_and_what_it_stands_for(void **state)
{
    const char *link = path_of("live/a.pem"), *target = path_of("store/1.pem");

    (void)state;
    assert_int_equal(mkdir(path_of("live"), 0700), 0);
    assert_int_equal(mkdir(path_of("store"), 0700), 0);
    write_file(target, "one");
    assert_int_equal(symlink(target, link), 0);
    file_watch_add(&watch, link);
    write_file(target, "two");
    wait_for(1);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink("../store/2.pem", link), 0);
    wait_for(2);
}

static void without_files_nothing_is_watched(void **state)
{
    (void)state;
    file_watch_add(&watch, NULL);
    assert_int_equal(watch.fd, -1);
    assert_false(timer_is_set(&watch.poll));
}

static void all_is_looked_at_now_and_then(void **state)
{
    (void)state;
    file_watch_add(&watch, "/nonexistent/a.pem");
    assert_true(timer_is_set(&watch.poll));
    watch.poll.on_fire(&watch.poll);
    assert_int_equal(told, 1);
    assert_true(timer_is_set(&watch.poll));
}

static void a_secret_file_is_read_whole(void **state)
{
    const char *path = path_of("key.pem");
    struct secret_file f;

    (void)state;
    write_file(path, "secret");
    assert_int_equal(secret_file_read(path, &f), 0);
    assert_true(span_is_equal(secret_file_span(&f), SPAN("secret")));
    secret_file_free(&f);
    write_file(path, "");
    assert_int_equal(secret_file_read(path, &f), 0);
    assert_int_equal(f.len, 0);
    secret_file_free(&f);
    secret_file_free(&f);
}

static void what_is_no_such_file_is_refused(void **state)
{
    struct secret_file f;

    (void)state;
    assert_int_equal(secret_file_read(path_of("none"), &f), WERR_NOT_FOUND);
    assert_int_equal(secret_file_read("/dev/zero", &f), WERR_TOO_BIG);
    assert_true(secret_file_read(folder, &f) < 0);
    assert_null(f.bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_told_once),          TEST(what_is_renamed_is_told),
        TEST(a_link_is_told_and_what_it_stands_for), TEST(without_files_nothing_is_watched),
        TEST(all_is_looked_at_now_and_then),         TEST(a_secret_file_is_read_whole),
        TEST(what_is_no_such_file_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
