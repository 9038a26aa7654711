/* program.h - what another program says of itself, before it is to take this one's place: it is
 * run with --version --verbose as a child, one at a time.
 *
 * In a session of its own, without our environment (tokens are in there) and with the standard
 * input and error of nobody; it has PROGRAM_MS, then its session is killed. Whoever names the
 * program has seen to it that nobody else could have put it there (successor_is_trusted).
 * Owner: struct upgrade.
 */
#ifndef WELDR_MANAGER_PROGRAM_H
#define WELDR_MANAGER_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/timers.h"
#include "manager/program_words.h"
#include "net/loop.h"

enum { PROGRAM_MS = 5000, PROGRAM_TEXT_MAX = 256, PROGRAM_WHY_MAX = 128 };

/* words NULL: why says what is wrong, a sentence. Both are borrowed for the call. */
typedef void (*program_fn)(void *arg, const struct program_words *words, const char *why);

struct program {
    struct loop *loop;
    pid_t pid; /* of the child, and of its session; 0: none */
    int fd;    /* what it says */
    bool is_late;
    struct timer limit;
    program_fn fn;
    void *arg;
};

void program_init(struct program *p);
/* Nobody is told. */
void program_fini(struct program *p);
/* 0: fn is called once, never within this call, unless program_fini comes first. WERR_IN_USE:
 * another one is being asked; else it can't be started. */
int program_ask(struct program *p, struct loop *loop, const char *path, program_fn fn,
                void *arg) MUST_USE;
/* SIGCHLD. */
void program_reap(struct program *p);

#endif
