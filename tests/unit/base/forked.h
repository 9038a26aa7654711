/* forked.h - runs a function that is expected to end its process, in a child.
 *
 * For MUST (abort) and for use after put (sanitizer report). What the child writes to stderr is
 * kept as text.
 */
#ifndef WELDR_TESTS_FORKED_H
#define WELDR_TESTS_FORKED_H

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct forked {
    int status; /* of waitpid */
    char text[1024];
};

static inline void forked_run(struct forked *f, void (*fn)(void *), void *arg)
{
    int ends[2];
    if (pipe(ends) != 0)
        abort();
    pid_t pid = fork();
    if (pid < 0)
        abort();
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        fn(arg);
        _exit(0);
    }
    close(ends[1]);
    size_t len = 0;
    char rest[256];
    for (;;) {
        bool has_room = len < sizeof(f->text) - 1;
        ssize_t n = has_room ? read(ends[0], f->text + len, sizeof(f->text) - 1 - len)
                             : read(ends[0], rest, sizeof(rest));
        if (n <= 0)
            break;
        len += has_room ? (size_t)n : 0;
    }
    f->text[len] = '\0';
    close(ends[0]);
    if (waitpid(pid, &f->status, 0) != pid)
        abort();
}

/* Did fn fail a MUST whose line holds this text? */
static inline bool forked_fails_must(void (*fn)(void *), void *arg, const char *text)
{
    struct forked f;
    forked_run(&f, fn, arg);
    return WIFSIGNALED(f.status) && WTERMSIG(f.status) == SIGABRT &&
           strstr(f.text, "MUST failed: ") != NULL && strstr(f.text, text) != NULL;
}

/* Did fn end otherwise than by returning? */
static inline bool forked_dies(void (*fn)(void *), void *arg)
{
    struct forked f;
    forked_run(&f, fn, arg);
    return !WIFEXITED(f.status) || WEXITSTATUS(f.status) != 0;
}

#endif
