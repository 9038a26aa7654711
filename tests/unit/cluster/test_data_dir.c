#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>

#include "cluster/ballast.h"
#include "cluster/data_dir.h"
#include "disk_fixture.h"

struct place {
    struct disk disk;
    char path[80];
};

static void make_place(struct place *p)
{
    disk_make(&p->disk);
    (void)snprintf(p->path, sizeof(p->path), "%s/node", p->disk.path);
}

static int open_at(struct place *p, struct data_dir *d)
{
    return data_dir_open(d, p->path, disk_wrong(&p->disk));
}

static void settled(struct place *p, struct data_dir *d)
{
    assert_int_equal(open_at(p, d), 0);
    assert_int_equal(data_dir_settle(d, disk_wrong(&p->disk)), 0);
}

/* A failure, and what the sentence about it says. */
static void assert_refused(struct place *p, int rc, const char *says)
{
    struct data_dir d;

    assert_int_equal(open_at(p, &d), rc);
    assert_non_null(strstr(p->disk.text, p->path));
    if (strstr(p->disk.text, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", p->disk.text, says);
    assert_null(d.path);
}

static void test_made_and_found_again(void **state)
{
    struct place p;
    struct data_dir d;
    struct stat st;
    uint8_t identity[DATA_DIR_IDENTITY_BYTES];

    (void)state;
    make_place(&p);
    assert_int_equal(open_at(&p, &d), 0);
    assert_true(d.is_new);
    assert_int_equal(fstat(d.fd, &st), 0);
    assert_int_equal(st.st_mode & 07777U, 0700);
    assert_false(disk_has(d.fd, "identity"));
    assert_int_equal(data_dir_settle(&d, disk_wrong(&p.disk)), 0);
    assert_false(d.is_new);
    memcpy(identity, d.identity, sizeof(identity));
    data_dir_close(&d);

    assert_int_equal(open_at(&p, &d), 0);
    assert_false(d.is_new);
    assert_memory_equal(identity, d.identity, sizeof(identity));
    data_dir_close(&d);
    data_dir_close(&d);
    disk_remove(&p.disk);
}

static void test_wiped_is_another_identity(void **state)
{
    struct place p;
    struct data_dir d;
    uint8_t identity[DATA_DIR_IDENTITY_BYTES];

    (void)state;
    make_place(&p);
    settled(&p, &d);
    memcpy(identity, d.identity, sizeof(identity));
    disk_empty(d.fd);
    data_dir_close(&d);
    settled(&p, &d);
    assert_memory_not_equal(identity, d.identity, sizeof(identity));
    data_dir_close(&d);
    disk_remove(&p.disk);
}

static void test_second_user_is_refused(void **state)
{
    struct place p;
    struct data_dir d;
    char pid[32];

    (void)state;
    make_place(&p);
    settled(&p, &d);
    (void)snprintf(pid, sizeof(pid), "process %d,", (int)getpid());
    assert_refused(&p, WERR_IN_USE, pid);
    disk_put(d.fd, "lock", "what?", 5);
    assert_refused(&p, WERR_IN_USE, "another process");
    data_dir_close(&d);
    settled(&p, &d);
    data_dir_close(&d);
    disk_remove(&p.disk);
}

/* A lock ends with its process, however that ends: what stands in the file does not count. */
static void test_lock_of_a_dead_process(void **state)
{
    struct place p;
    struct data_dir d;
    int status;

    (void)state;
    make_place(&p);
    const pid_t pid = fork();
    if (pid == 0) {
        if (open_at(&p, &d) < 0)
            _exit(1);
        (void)kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(open_at(&p, &d), 0);
    data_dir_close(&d);
    disk_remove(&p.disk);
}

static void test_damaged_identity_is_refused(void **state)
{
    struct place p;
    struct data_dir d;
    size_t n;

    (void)state;
    make_place(&p);
    settled(&p, &d);
    uint8_t *whole = disk_get(d.fd, "identity", &n);
    const int fd = dup(d.fd);
    data_dir_close(&d);
    for (size_t i = 0; i < n; i++) {
        disk_flip(fd, "identity", i);
        assert_refused(&p, WERR_CORRUPT, "identity: is damaged");
        disk_flip(fd, "identity", i);
        disk_cut(fd, "identity", i);
        assert_refused(&p, WERR_CORRUPT, "identity: is damaged");
        disk_put(fd, "identity", whole, n);
    }
    disk_cut(fd, "identity", 4096);
    assert_refused(&p, WERR_CORRUPT, "identity: is damaged");
    free(whole);
    (void)close(fd);
    disk_remove(&p.disk);
}

static void test_missing_identity_beside_a_log(void **state)
{
    struct place p;
    struct data_dir d;
    int log_fd;

    (void)state;
    make_place(&p);
    settled(&p, &d);
    assert_int_equal(data_dir_enter(&d, "log", &log_fd, disk_wrong(&p.disk)), 0);
    disk_put(log_fd, "open-1", "x", 1);
    (void)close(log_fd);
    assert_int_equal(unlinkat(d.fd, "identity", 0), 0);
    data_dir_close(&d);
    assert_refused(&p, WERR_CORRUPT, "identity: is missing");
    disk_remove(&p.disk);
}

/* A first start that was cut off at any place is begun again. */
static void test_first_start_that_was_cut_off(void **state)
{
    static const char *const left[] = {"lock",       "node.key",       "node.key.new",
                                       "high_water", "high_water.new", "identity.new",
                                       "state"};
    struct place p;
    struct data_dir d;
    int log_fd;

    (void)state;
    make_place(&p);
    assert_int_equal(open_at(&p, &d), 0);
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
        disk_put(d.fd, left[i], "half", 4);
    assert_int_equal(data_dir_enter(&d, "log", &log_fd, disk_wrong(&p.disk)), 0);
    (void)close(log_fd);
    data_dir_close(&d);
    assert_int_equal(open_at(&p, &d), 0);
    assert_true(d.is_new);
    data_dir_close(&d);
    disk_remove(&p.disk);
}

static void test_directories_of_others(void **state)
{
    struct place p;
    struct data_dir d;

    (void)state;
    make_place(&p);
    assert_int_equal(open_at(&p, &d), 0);
    disk_put(d.fd, "letter.txt", "x", 1);
    data_dir_close(&d);
    assert_refused(&p, WERR_EXISTS, "letter.txt");
    disk_remove(&p.disk);

    make_place(&p);
    disk_put(p.disk.fd, "node", "x", 1);
    assert_refused(&p, WERR_IO, "Not a directory");
    disk_remove(&p.disk);

    make_place(&p);
    strcat(p.path, "/below");
    assert_refused(&p, WERR_NOT_FOUND, "No such file");
    disk_remove(&p.disk);
}

static void test_modes(void **state)
{
    struct place p;
    struct data_dir d;
    struct stat st;

    (void)state;
    make_place(&p);
    assert_int_equal(mkdir(p.path, 0700), 0);
    assert_int_equal(chmod(p.path, 0777), 0);
    assert_refused(&p, WERR_DENIED, "mode 0777");
    assert_int_equal(chmod(p.path, 0755), 0); /* as packages make them: empty, so ours */
    settled(&p, &d);
    assert_int_equal(fstat(d.fd, &st), 0);
    assert_int_equal(st.st_mode & 07777U, 0700);
    data_dir_close(&d);
    assert_int_equal(chmod(p.path, 0750), 0);
    assert_refused(&p, WERR_DENIED, "mode 0750");
    disk_remove(&p.disk);
}

static void test_space(void **state)
{
    struct place p;
    struct data_dir d;

    (void)state;
    make_place(&p);
    assert_int_equal(open_at(&p, &d), 0);
    assert_int_equal(data_dir_check_space(&d, 0, disk_wrong(&p.disk)), 0);
    assert_int_equal(data_dir_check_space(&d, UINT64_MAX, disk_wrong(&p.disk)), WERR_NO_SPACE);
    assert_non_null(strstr(p.disk.text, "bytes free"));
    data_dir_close(&d);
    disk_remove(&p.disk);
}

/* Room that is there from the first start on, and given up when there is none else. */
static void test_ballast(void **state)
{
    struct place p;
    struct data_dir d;
    struct stat st;

    (void)state;
    make_place(&p);
    settled(&p, &d);
    assert_int_equal(fstatat(d.fd, "ballast", &st, 0), 0);
    assert_true((uint64_t)st.st_blocks * 512 >= BALLAST_BYTES);
    ballast_keep(d.fd, BALLAST_SHORT_BYTES);
    assert_true(disk_has(d.fd, "ballast"));
    ballast_keep(d.fd, BALLAST_SHORT_BYTES - 1);
    assert_false(disk_has(d.fd, "ballast"));
    ballast_keep(d.fd, BALLAST_BYTES);
    assert_false(disk_has(d.fd, "ballast")); /* that would leave nothing */
    data_dir_close(&d);
    settled(&p, &d);
    assert_true(disk_has(d.fd, "ballast"));
    data_dir_close(&d);
    disk_remove(&p.disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_and_found_again),
        cmocka_unit_test(test_wiped_is_another_identity),
        cmocka_unit_test(test_second_user_is_refused),
        cmocka_unit_test(test_lock_of_a_dead_process),
        cmocka_unit_test(test_damaged_identity_is_refused),
        cmocka_unit_test(test_missing_identity_beside_a_log),
        cmocka_unit_test(test_first_start_that_was_cut_off),
        cmocka_unit_test(test_directories_of_others),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_space),
        cmocka_unit_test(test_ballast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
