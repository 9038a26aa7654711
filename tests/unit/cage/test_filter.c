/* The filter of system calls, made in a child: what it lets through, and how one dies that
 * makes another call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cage/filter.h"

struct attempt {
    int call;
    long a[4];
};

/* What the handler told, by a pipe. */
static int told[2];
static enum filter_table table;

static void on_call(void *arg, int call)
{
    (void)arg;
    (void)!write(told[1], &call, sizeof(call));
}

/* How a child ends that makes this call, or -1. */
static int play(const struct attempt *t, int *call)
{
    int status = 0;

    *call = -1;
    assert_int_equal(pipe2(told, O_NONBLOCK), 0);
    const pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (filter_start(table, on_call, NULL) < 0)
            _exit(99);
        (void)syscall(t->call, t->a[0], t->a[1], t->a[2], t->a[3]);
        (void)syscall(SYS_exit_group, 0); /* before sanitizers have their say */
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)!read(told[0], call, sizeof(*call));
    close(told[0]);
    close(told[1]);
    return status;
}

static const struct attempt forbidden[] = {
    {SYS_execve, {0, 0, 0, 0}},
    {SYS_execveat, {AT_FDCWD, 0, 0, 0}},
    {SYS_open, {0, O_RDONLY, 0, 0}},
    {SYS_openat, {AT_FDCWD, 0, O_RDONLY, 0}},
    {SYS_openat2, {AT_FDCWD, 0, 0, 0}},
    {SYS_ptrace, {0, 0, 0, 0}},
    {SYS_kill, {1, 0, 0, 0}},
    {SYS_tkill, {1, 0, 0, 0}},
    {SYS_tgkill, {1, 1, 0, 0}}, /* not itself */
    {SYS_pidfd_open, {1, 0, 0, 0}},
    {SYS_process_vm_readv, {1, 0, 0, 0}},
    {SYS_fork, {0, 0, 0, 0}},
    {SYS_vfork, {0, 0, 0, 0}},
    {SYS_clone, {SIGCHLD, 0, 0, 0}},
    {SYS_clone3, {0, 0, 0, 0}},
    {SYS_unlink, {0, 0, 0, 0}},
    {SYS_rename, {0, 0, 0, 0}},
    {SYS_stat, {0, 0, 0, 0}},
    {SYS_chdir, {0, 0, 0, 0}},
    {SYS_socket, {AF_UNIX, SOCK_STREAM, 0, 0}},
    {SYS_socket, {AF_NETLINK, SOCK_RAW, 0, 0}},
    {SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, 0}},
    {SYS_bind, {0, 0, 0, 0}},
    {SYS_listen, {0, 0, 0, 0}},
    {SYS_setuid, {0, 0, 0, 0}},
    {SYS_capset, {0, 0, 0, 0}},
    {SYS_prctl, {PR_SET_DUMPABLE, 1, 0, 0}},
    {SYS_seccomp, {0, 0, 0, 0}},
    {SYS_bpf, {0, 0, 0, 0}},
    {SYS_io_uring_setup, {1, 0, 0, 0}},
    {SYS_memfd_create, {0, 0, 0, 0}},
    {SYS_mprotect, {0, 4096, PROT_READ, 0}},
    {SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS}},
    {SYS_dup2, {0, 1, 0, 0}},
    {SYS_fcntl, {0, F_DUPFD, 3, 0}},
    {SYS_ioctl, {0, TIOCSTI, 0, 0}},
    {SYS_prlimit64, {1, 0, 0, 0}},
    {SYS_reboot, {0, 0, 0, 0}},
    {4000, {0, 0, 0, 0}}, /* nobody's number yet */
};

static const struct attempt forbidden_to_vip[] = {
    {SYS_execve, {0, 0, 0, 0}},
    {SYS_execveat, {AT_FDCWD, 0, 0, 0}},
    {SYS_openat, {AT_FDCWD, 0, O_RDONLY, 0}},
    {SYS_ptrace, {0, 0, 0, 0}},
    {SYS_kill, {1, 0, 0, 0}},
    {SYS_connect, {0, 0, 0, 0}},
    {SYS_listen, {0, 0, 0, 0}},
    {SYS_accept4, {-1, 0, 0, 0}},
    {SYS_socket, {AF_VSOCK, SOCK_STREAM, 0, 0}},
    {SYS_setsockopt, {-1, SOL_SOCKET, SO_BINDTODEVICE, 0}},
    {SYS_ioctl, {0, TIOCSTI, 0, 0}},
    {SYS_clone, {CLONE_NEWNET | SIGCHLD, 0, 0, 0}},
    {SYS_clone3, {0, 0, 0, 0}},
    {SYS_unshare, {CLONE_NEWUSER, 0, 0, 0}},
    {SYS_setuid, {0, 0, 0, 0}},
    {SYS_capset, {0, 0, 0, 0}},
    {SYS_prctl, {PR_SET_DUMPABLE, 1, 0, 0}},
    {SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS}},
};

static void all_die(const struct attempt *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int call;
        const int status = play(&list[i], &call);

        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS || call != list[i].call)
            fail_msg("call %d: status %x, told %d", list[i].call, (unsigned)status, call);
    }
}

static void all_live(const struct attempt *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int call;
        const int status = play(&list[i], &call);

        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || call != -1)
            fail_msg("call %d: status %x, told %d", list[i].call, (unsigned)status, call);
    }
}

static void test_forbidden(void **state)
{
    (void)state;
    table = FILTER_WORKER;
    all_die(forbidden, sizeof(forbidden) / sizeof(forbidden[0]));
    table = FILTER_VIP;
    all_die(forbidden_to_vip, sizeof(forbidden_to_vip) / sizeof(forbidden_to_vip[0]));
}

static void test_allowed(void **state)
{
    const struct attempt attempts[] = {
        {SYS_read, {-1, 0, 0, 0}},
        {SYS_write, {-1, 0, 0, 0}},
        {SYS_socket, {AF_INET, SOCK_STREAM, 0, 0}},
        {SYS_socket, {AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0}},
        {SYS_accept4, {-1, 0, 0, 0}},
        {SYS_splice, {-1, 0, -1, 0}},
        {SYS_epoll_ctl, {-1, 0, 0, 0}},
        {SYS_ioctl, {-1, SIOCOUTQ, 0, 0}},
        {SYS_fcntl, {-1, F_SETFD, FD_CLOEXEC, 0}},
        {SYS_prlimit64, {0, 0, 0, 0}},
        {SYS_prctl, {PR_SET_PDEATHSIG, 0, 0, 0}},
        {SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS}},
        {SYS_getpid, {0, 0, 0, 0}},
        {SYS_alarm, {0, 0, 0, 0}},
        {SYS_setitimer, {ITIMER_REAL, 0, 0, 0}},
    };

    (void)state;
    table = FILTER_WORKER;
    all_live(attempts, sizeof(attempts) / sizeof(attempts[0]));
}

static void test_allowed_to_vip(void **state)
{
    const struct attempt attempts[] = {
        {SYS_socket, {AF_NETLINK, SOCK_RAW, 0, 0}},
        {SYS_socket, {AF_PACKET, SOCK_DGRAM, 0, 0}},
        {SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, 0}},
        {SYS_bind, {-1, 0, 0, 0}},
        {SYS_sendto, {-1, 0, 0, 0}},
        {SYS_recvmsg, {-1, 0, 0, 0}},
        {SYS_timerfd_settime, {-1, 0, 0, 0}},
        {SYS_setsockopt, {-1, SOL_SOCKET, SO_ATTACH_FILTER, 0}},
        {SYS_wait4, {-1, 0, 0, 0}},
        {SYS_poll, {0, 0, 0, 0}},
    };

    (void)state;
    table = FILTER_VIP;
    all_live(attempts, sizeof(attempts) / sizeof(attempts[0]));
}

/* A bug ends a worker by abort(), which has a signal sent to itself. */
static void test_abort_is_an_abort(void **state)
{
    int status;
    const pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        if (filter_start(FILTER_WORKER, NULL, NULL) < 0)
            _exit(99);
        (void)raise(SIGABRT); /* as abort() does */
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void test_names(void **state)
{
    char name[FILTER_NAME_MAX];

    (void)state;
    assert_string_equal(filter_call_name(SYS_execve, name), "execve");
    assert_string_equal(filter_call_name(SYS_openat, name), "openat");
    assert_string_equal(filter_call_name(4000, name), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forbidden),      cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_allowed_to_vip), cmocka_unit_test(test_abort_is_an_abort),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
