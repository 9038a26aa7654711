#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "manager/handover.h"

enum { FDS = 4, EXE = 4 };

/* Descriptor number → file: each is a pipe of its own, so the inode tells which it is. */
static ino_t inode_of(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static int open_at(int number)
{
    int pair[2];

    if (pipe2(pair, O_CLOEXEC) < 0 || dup3(pair[0], number, O_CLOEXEC) < 0)
        return -1;
    close(pair[1]);
    close(pair[0]);
    return number;
}

/* In a child, since it rearranges descriptors: 0 when all is where it belongs. */
static int place_in_child(const int *at)
{
    int fds[FDS], placed[FDS];
    ino_t inodes[FDS], exe_inode;
    int exe;

    for (int number = 3; number < 60; number++)
        close(number);
    /* Made far away, then moved to where the case wants them, so that making does not disturb.
     */
    for (unsigned i = 0; i <= FDS; i++)
        if (open_at(100 + (int)i) < 0)
            return 1;
    for (unsigned i = 0; i < FDS; i++) {
        fds[i] = placed[i] = dup3(100 + (int)i, at[i], O_CLOEXEC);
        inodes[i] = inode_of(100 + (int)i);
    }
    exe = dup3(100 + FDS, at[EXE], O_CLOEXEC);
    exe_inode = inode_of(exe);
    exe = handover_place(placed, FDS, exe);
    for (unsigned i = 0; i < FDS; i++) {
        const int number = INHERIT_FD_CHANNEL + (int)i;

        if (fds[i] < 0 || inode_of(number) != inodes[i] || fcntl(number, F_GETFD) != 0)
            return 2;
    }
    if (exe < INHERIT_FD_CHANNEL + FDS || inode_of(exe) != exe_inode)
        return 3;
    return fcntl(exe, F_GETFD) == FD_CLOEXEC ? 0 : 4;
}

static void test_descriptors_find_their_places(void **state)
{
    static const int cases[][FDS + 1] = {
        {20, 21, 22, 23, 24}, /* out of the way */
        {3, 4, 5, 6, 7},      /* there already */
        {6, 5, 4, 3, 7},      /* each in the place of another */
        {4, 5, 6, 7, 3},      /* the program where the channel goes */
        {7, 3, 8, 4, 5},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (pid == 0)
            _exit(place_in_child(cases[i]));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptors_find_their_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
