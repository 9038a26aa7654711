#include "manager/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/children.h"
#include "manager/child.h"

/* ---- how it ends ---- */

static void on_limit(struct timer *t)
{
    struct program *p = (struct program *)((char *)t - offsetof(struct program, limit));

    MUST(p->pid > 1); /* never everybody's group */
    p->is_late = true;
    (void)kill(-p->pid, SIGKILL);
}

/* All that it has said lies in the pipe: more than that is no version. */
static int read_words(const struct program *p, struct program_words *words)
{
    char text[PROGRAM_TEXT_MAX];
    const ssize_t n = read(p->fd, text, sizeof(text));

    return n <= 0 ? WERR_SYNTAX : program_words_read(span_from(text, (size_t)n), words);
}

static bool say_end(const struct program *p, int status, char why[PROGRAM_WHY_MAX])
{
    why[0] = '\0';
    if (p->is_late)
        (void)snprintf(why, PROGRAM_WHY_MAX, "it does not say its version within %d s",
                       PROGRAM_MS / 1000);
    else if (WIFSIGNALED(status))
        (void)snprintf(why, PROGRAM_WHY_MAX, "asked for its version it was killed by signal %d",
                       WTERMSIG(status));
    else if (WEXITSTATUS(status) == 127)
        (void)snprintf(why, PROGRAM_WHY_MAX, "it can't be executed");
    else if (WEXITSTATUS(status) != 0)
        (void)snprintf(why, PROGRAM_WHY_MAX, "asked for its version it ends with exit code %d",
                       WEXITSTATUS(status));
    return why[0] != '\0';
}

void program_reap(struct program *p)
{
    char why[PROGRAM_WHY_MAX];
    struct program_words words;
    int status;

    if (p->pid == 0 || children_wait(p->pid, &status, WNOHANG) != p->pid)
        return;
    timer_stop(loop_timers(p->loop), &p->limit);
    const bool is_well = !say_end(p, status, why);
    const int rc = is_well ? read_words(p, &words) : WERR_CLOSED;
    p->pid = 0;
    (void)close(p->fd);
    if (rc == WERR_SYNTAX)
        (void)snprintf(why, sizeof(why), "it does not say that it is a Weldr");
    p->fn(p->arg, rc == 0 ? &words : NULL, why);
}

/* ---- how it begins ---- */

static int spawn(const char *path, int out, pid_t *pid)
{
    char *argv[] = {(char *)path, (char *)"--version", (char *)"--verbose", NULL};
    char *env[] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin", NULL};

    return child_spawn(path, argv, env, out, pid);
}

int program_ask(struct program *p, struct loop *loop, const char *path, program_fn fn,
                void *arg)
{
    int fds[2];

    if (p->pid != 0)
        return WERR_IN_USE;
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return werr_from_errno(errno);
    const int code = spawn(path, fds[1], &p->pid);
    (void)close(fds[1]);
    if (code != 0) {
        (void)close(fds[0]);
        p->pid = 0;
        return werr_from_errno(code);
    }
    p->loop = loop;
    p->fd = fds[0];
    p->is_late = false;
    p->fn = fn;
    p->arg = arg;
    loop_timer_in(p->loop, &p->limit, PROGRAM_MS);
    return 0;
}

/* ---- life ---- */

void program_init(struct program *p)
{
    *p = (struct program){.pid = 0};
    timer_init(&p->limit, on_limit);
}

void program_fini(struct program *p)
{
    if (p->pid == 0)
        return;
    timer_stop(loop_timers(p->loop), &p->limit);
    (void)kill(-p->pid, SIGKILL);
    while (children_wait(p->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    p->pid = 0;
    (void)close(p->fd);
}
