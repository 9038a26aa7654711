#include "manager/successor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

static void run_child(const struct origin *o, char **env, const char *path, int socket,
                      int exe_fd)
{
    int fds[HANDOVER_FDS_MAX] = {socket};

    exe_fd = handover_place(fds, 1, exe_fd);
    if (exe_fd >= 0 && path[0] != '\0') {
        o->argv[0] =
            (char *)path; /* the next one is started from there, unless told otherwise */
        (void)execve(path, o->argv, env);
    } else if (exe_fd >= 0) {
        (void)execveat(exe_fd, "", o->argv, env, AT_EMPTY_PATH);
    }
    _exit(SUCCESSOR_EXIT_NO_EXEC);
}

/* Signals wait until it knows what to do with them (signals_start): our own handler, run by the
 * child, would tell us another one. */
static pid_t fork_child(const struct origin *o, char **env, const char *path, int socket,
                        int exe_fd)
{
    sigset_t held, before;

    sigfillset(&held);
    signals_release_faults(&held);
    (void)sigprocmask(SIG_SETMASK, &held, &before);
    const pid_t pid = fork();
    if (pid == 0)
        run_child(o, env, path, socket, exe_fd);
    children_note(pid);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

int successor_start(const struct origin *o, const char *path, int exe_fd, pid_t *pid)
{
    char **env = make_env(o);
    int pair[2];

    if (env == NULL)
        return WERR_NOMEM;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
        free(env);
        return errno == EMFILE || errno == ENFILE ? WERR_NO_FD : werr_from_errno(errno);
    }
    const pid_t child = fork_child(o, env, path, pair[1], exe_fd);
    const int rc = child >= 0 ? pair[0] : errno == EAGAIN ? WERR_NO_PROCESS : WERR_NOMEM;

    free(env);
    (void)close(pair[1]);
    if (child < 0)
        (void)close(pair[0]);
    else
        *pid = child;
    return rc;
}
