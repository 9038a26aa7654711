#include "manager/successor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/children.h"
#include "manager/handover.h"
#include "manager/succession.h"
#include "net/signals.h"

_Static_assert((int)INHERIT_FD_CHANNEL == (int)SUCCESSION_FD, "handover_place puts it there");

int successor_check(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0 || access(path, X_OK) < 0)
        return -1;
    if (S_ISREG(st.st_mode))
        return 0;
    errno = EACCES; /* as execve says it */
    return -1;
}

/* In a folder with the sticky bit others can replace only what is theirs, and that is looked at
 * by itself. */
static bool is_ours(const char *path)
{
    struct stat st;

    if (lstat(path, &st) < 0 || (st.st_uid != 0 && st.st_uid != geteuid()))
        return false;
    return S_ISLNK(st.st_mode) || (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 ||
           (S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) != 0);
}

/* Each folder on the way, and what is at its end. */
static bool is_way_ours(const char *path)
{
    char part[PATH_MAX];

    for (size_t i = 0; path[i] != '\0'; i++) {
        if (i + 1 >= sizeof(part))
            return false;
        part[i] = path[i];
        part[i + 1] = '\0';
        if ((path[i + 1] == '/' || path[i + 1] == '\0' || i == 0) && !is_ours(part))
            return false;
    }
    return true;
}

bool successor_is_trusted(const char *path)
{
    char real[PATH_MAX];

    return realpath(path, real) != NULL && is_way_ours(path) && is_way_ours(real);
}

/* The list is in memory of its own, which the child has a copy of; the variable is one more. */
static char **make_env(const struct origin *o)
{
    static char variable[sizeof(SUCCESSION_VARIABLE "=") + 12];
    size_t n = 0;

    while (o->env[n] != NULL)
        n++;
    char **env = calloc(n + 2, sizeof(*env));
    if (env == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++)
        env[i] = o->env[i];
    (void)snprintf(variable, sizeof(variable), SUCCESSION_VARIABLE "=%d", SUCCESSION_FD);
    env[n] = variable;
    return env;
}

/* How the successor is started: what the two processes on the way to it need. */
struct launch {
    const struct origin *origin;
    char **env;
    const char *path;
    int socket, exe_fd;
    pid_t manager;
    int report; /* to which the guardian writes the successor's id */
};

static void run_child(const struct launch *s) __attribute__((noreturn));
static void run_child(const struct launch *s)
{
    const struct origin *o = s->origin;
    int fds[HANDOVER_FDS_MAX] = {s->socket};
    const int exe_fd = handover_place(fds, 1, s->exe_fd);

    if (exe_fd >= 0 && s->path[0] != '\0') {
        o->argv[0] =
            (char *)s->path; /* the next one is started from there, unless told otherwise */
        (void)execve(s->path, o->argv, s->env);
    } else if (exe_fd >= 0) {
        (void)fexecve(exe_fd, o->argv, s->env);
    }
    _exit(SUCCESSOR_EXIT_NO_EXEC);
}

/* Its own file would say nothing: the core file, if any, is the successor's. */
static void end_by(int number)
{
    sigset_t one;

    sigemptyset(&one);
    sigaddset(&one, number);
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)signal(number, SIG_DFL);
    (void)sigprocmask(SIG_UNBLOCK, &one, NULL);
    (void)raise(number);
}

static void end_as(pid_t child) __attribute__((noreturn));
static void end_as(pid_t child)
{
    int status = 0;

    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        end_by(WTERMSIG(status));
    _exit(WEXITSTATUS(status));
}

/* It holds no descriptor, whose end somebody may wait for. If the manager ends, so does it. */
static void run_guardian(const struct launch *s) __attribute__((noreturn));
static void run_guardian(const struct launch *s)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    const pid_t child = getppid() == s->manager ? fork() : -1;

    if (child == 0)
        run_child(s);
    if (write(s->report, &child, sizeof(child)) != (ssize_t)sizeof(child) || child < 0)
        _exit(SUCCESSOR_EXIT_NO_EXEC);
    (void)syscall(SYS_close_range, 0U, ~0U, 0U);
    end_as(child);
}

/* Signals wait until it knows what to do with them (signals_start): our own handler, run by the
 * child, would tell us another one. */
static pid_t fork_guardian(const struct launch *s)
{
    sigset_t held, before;

    sigfillset(&held);
    signals_release_faults(&held);
    (void)sigprocmask(SIG_SETMASK, &held, &before);
    const pid_t pid = fork();
    if (pid == 0)
        run_guardian(s);
    children_note(pid);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

static void reap(pid_t pid)
{
    while (children_wait(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

static int fork_error(int errnum)
{
    return errnum == EAGAIN ? WERR_NO_PROCESS : WERR_NOMEM;
}

static int fork_both(struct launch *s, struct successor *to)
{
    pid_t child = -1;
    int report[2];

    if (pipe2(report, O_CLOEXEC) < 0)
        return errno == EMFILE || errno == ENFILE ? WERR_NO_FD : werr_from_errno(errno);
    s->report = report[1];
    const pid_t guardian = fork_guardian(s);
    int rc = guardian < 0 ? fork_error(errno) : 0;

    (void)close(report[1]);
    if (rc == 0 &&
        (read(report[0], &child, sizeof(child)) != (ssize_t)sizeof(child) || child < 0)) {
        reap(guardian);
        rc = WERR_NO_PROCESS;
    }
    (void)close(report[0]);
    *to = rc == 0 ? (struct successor){child, guardian} : (struct successor){0};
    return rc;
}

int successor_start(const struct origin *o, const char *path, int exe_fd, struct successor *to)
{
    char **env = make_env(o);
    int pair[2];

    MUST(to->pid == 0 && to->guardian == 0); /* the one before was ended */
    if (env == NULL)
        return WERR_NOMEM;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
        free(env);
        return errno == EMFILE || errno == ENFILE ? WERR_NO_FD : werr_from_errno(errno);
    }
    struct launch s = {o, env, path, pair[1], exe_fd, getpid(), -1};
    const int rc = fork_both(&s, to);

    free(env);
    (void)close(pair[1]);
    if (rc < 0)
        (void)close(pair[0]);
    return rc < 0 ? rc : pair[0];
}

void successor_release(struct successor *s)
{
    if (s->guardian == 0)
        return;
    MUST(s->guardian > 0 && s->pid > 0); /* or it would be a group that is killed */
    (void)kill(s->guardian, SIGKILL);
    reap(s->guardian);
    s->guardian = 0;
}

void successor_end(struct successor *s)
{
    if (s->guardian == 0)
        return;
    MUST(s->guardian > 0 && s->pid > 0);
    (void)kill(s->pid, SIGKILL);
    reap(s->guardian); /* which ends as its child does */
    *s = (struct successor){0};
}

bool successor_reap(struct successor *s, int *status)
{
    if (s->guardian == 0 || children_wait(s->guardian, status, WNOHANG) != s->guardian)
        return false;
    *s = (struct successor){0};
    return true;
}
