#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/small_file.h"
#include "disk_fixture.h"

static void test_written_and_read(void **state)
{
    struct disk disk;
    char buf[8];
    size_t n;

    (void)state;
    disk_make(&disk);
    assert_int_equal(small_file_read(disk.fd, "x", buf, 8, &n), WERR_NOT_FOUND);
    assert_int_equal(small_file_write(disk.fd, "x", SPAN("12345678")), 0);
    assert_int_equal(small_file_read(disk.fd, "x", buf, 8, &n), 0);
    assert_int_equal(n, 8);
    assert_memory_equal(buf, "12345678", 8);
    assert_int_equal(small_file_read(disk.fd, "x", buf, 7, &n), WERR_TOO_BIG);
    assert_int_equal(small_file_write(disk.fd, "x", SPAN("1")), 0);
    assert_int_equal(small_file_read(disk.fd, "x", buf, 8, &n), 0);
    assert_int_equal(n, 1);
    disk_remove(&disk);
}

/* Without a sync it is whole in one step all the same. */
static void test_put_and_read(void **state)
{
    struct disk disk;
    char buf[8];
    size_t n;

    (void)state;
    disk_make(&disk);
    assert_int_equal(small_file_put(disk.fd, "x", SPAN("12345678")), 0);
    assert_int_equal(small_file_put(disk.fd, "x", SPAN("1")), 0);
    assert_int_equal(small_file_read(disk.fd, "x", buf, 8, &n), 0);
    assert_int_equal(n, 1);
    assert_false(disk_has(disk.fd, "x.new"));
    disk_remove(&disk);
}

static void test_is_for_its_owner_alone(void **state)
{
    struct disk disk;
    struct stat st;

    (void)state;
    disk_make(&disk);
    (void)umask(0);
    assert_int_equal(small_file_write(disk.fd, "x", SPAN("secret")), 0);
    assert_int_equal(fstatat(disk.fd, "x", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777U, 0600);
    assert_false(disk_has(disk.fd, "x.new"));
    disk_remove(&disk);
}

/* What was there before stays when the new one can't be written. */
static void test_failure_leaves_the_old_one(void **state)
{
    struct disk disk;
    char buf[8];
    size_t n;

    (void)state;
    disk_make(&disk);
    assert_int_equal(small_file_write(disk.fd, "x", SPAN("old")), 0);
    assert_int_equal(mkdirat(disk.fd, "x.new", 0700), 0);
    assert_true(small_file_write(disk.fd, "x", SPAN("new")) < 0);
    assert_int_equal(small_file_read(disk.fd, "x", buf, 8, &n), 0);
    assert_memory_equal(buf, "old", 3);
    disk_remove(&disk);
}

/* In pieces: whole at its end, or as it was. */
static void test_begun_and_finished(void **state)
{
    struct disk disk;
    char buf[8];
    size_t n;
    int fd;

    (void)state;
    disk_make(&disk);
    assert_int_equal(small_file_write(disk.fd, "x", SPAN("old")), 0);
    assert_int_equal(small_file_begin(disk.fd, "x", &fd), 0);
    assert_int_equal(small_file_write_at(fd, "wh", 2, 0), 0);
    assert_int_equal(small_file_write_at(fd, "ole", 3, 2), 0);
    assert_int_equal(small_file_read(disk.fd, "x", buf, 8, &n), 0);
    assert_memory_equal(buf, "old", 3);
    assert_int_equal(small_file_finish(disk.fd, "x", fd, 0), 0);
    assert_int_equal(small_file_read(disk.fd, "x", buf, 8, &n), 0);
    assert_int_equal(n, 5);
    assert_memory_equal(buf, "whole", 5);
    assert_int_equal(small_file_begin(disk.fd, "x", &fd), 0);
    assert_int_equal(small_file_write_at(fd, "bad", 3, 0), 0);
    assert_int_equal(small_file_finish(disk.fd, "x", fd, WERR_NO_SPACE), WERR_NO_SPACE);
    assert_int_equal(faccessat(disk.fd, "x.new", F_OK, 0), -1);
    assert_int_equal(small_file_read(disk.fd, "x", buf, 8, &n), 0);
    assert_int_equal(n, 5);
    disk_remove(&disk);
}

/* A rest of a write that was cut off is no hindrance, and nothing that is read. */
static void test_leftover_is_written_over(void **state)
{
    struct disk disk;
    char buf[8];
    size_t n;

    (void)state;
    disk_make(&disk);
    disk_put(disk.fd, "x.new", "longer than it", 14);
    assert_int_equal(small_file_read(disk.fd, "x", buf, 8, &n), WERR_NOT_FOUND);
    assert_int_equal(small_file_write(disk.fd, "x", SPAN("new")), 0);
    assert_int_equal(small_file_read(disk.fd, "x", buf, 8, &n), 0);
    assert_int_equal(n, 3);
    disk_remove(&disk);
}

static void test_links_and_pipes_are_not_followed(void **state)
{
    struct disk disk;
    char buf[8];
    size_t n;

    (void)state;
    disk_make(&disk);
    disk_put(disk.fd, "there", "1", 1);
    assert_int_equal(symlinkat("there", disk.fd, "x"), 0);
    assert_true(small_file_read(disk.fd, "x", buf, 8, &n) < 0);
    assert_int_equal(mkfifoat(disk.fd, "pipe", 0600), 0);
    assert_true(small_file_read(disk.fd, "pipe", buf, 8, &n) < 0);
    disk_remove(&disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_and_read),
        cmocka_unit_test(test_put_and_read),
        cmocka_unit_test(test_is_for_its_owner_alone),
        cmocka_unit_test(test_failure_leaves_the_old_one),
        cmocka_unit_test(test_begun_and_finished),
        cmocka_unit_test(test_leftover_is_written_over),
        cmocka_unit_test(test_links_and_pipes_are_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
