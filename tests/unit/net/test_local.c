/* Sockets with a name in the file system: mode, left-overs, what is not touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/local.h"

static char dir[] = "/tmp/weldr-local-XXXXXX", path[64];

static int make_dir(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/socket", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(dir);
}

static void test_mode_and_end(void **state)
{
    struct local_file file;
    struct stat st;
    const int fd = local_listen(path, &file);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    local_remove(path, &file);
    assert_int_equal(access(path, F_OK), -1);
    local_remove(path, &file);
    close(fd);
}

static void test_left_over_is_replaced(void **state)
{
    struct local_file old, file;
    int fd = local_listen(path, &old);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(local_listen(path, &file), WERR_ADDR_IN_USE);
    close(fd); /* as one that has died */
    fd = local_listen(path, &file);
    assert_true(fd >= 0);
    assert_int_equal(local_listen(path, &old), WERR_ADDR_IN_USE);
    close(fd);
    local_remove(path, &file);
}

static void test_another_file_is_left_alone(void **state)
{
    struct local_file file;
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    (void)state;
    close(fd);
    assert_int_equal(local_listen(path, &file), WERR_EXISTS);
    assert_int_equal(unlink(path), 0);
    fd = local_listen(path, &file);
    assert_true(fd >= 0);
    file.number++;
    local_remove(path, &file);
    assert_int_equal(access(path, F_OK), 0);
    file.number--;
    local_remove(path, &file);
    close(fd);
}

static void test_bad_paths(void **state)
{
    char long_path[LOCAL_PATH_MAX + 2];
    struct local_file file;

    (void)state;
    memset(long_path, 'x', sizeof(long_path));
    long_path[sizeof(long_path) - 1] = '\0';
    assert_int_equal(local_listen(long_path, &file), WERR_TOO_BIG);
    assert_int_equal(local_listen("/nonexistent/socket", &file), WERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mode_and_end),
        cmocka_unit_test(test_left_over_is_replaced),
        cmocka_unit_test(test_another_file_is_left_alone),
        cmocka_unit_test(test_bad_paths),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
