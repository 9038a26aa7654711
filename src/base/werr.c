#include "base/werr.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/ascii.h"

enum { WORD_MAX = 24 };

static const char *const texts[WERR_ORD_END] = {
    [WERR_ORD_OK] = "no error",
#define WERR(name, text) [WERR_ORD_##name] = (text),
#include "base/errors.def"
#undef WERR
};

static const char names[WERR_ORD_END][WORD_MAX] = {
    [WERR_ORD_OK] = "OK",
#define WERR(name, text) [WERR_ORD_##name] = #name,
#include "base/errors.def"
#undef WERR
};

static const struct {
    int errnum;
    int error;
} errno_map[] = {
    {EAGAIN, WERR_AGAIN},
    {EINPROGRESS, WERR_AGAIN},
    {ENOMEM, WERR_NOMEM},
    {ENOBUFS, WERR_NOMEM},
    {E2BIG, WERR_TOO_BIG},
    {EMSGSIZE, WERR_TOO_BIG},
    {ENAMETOOLONG, WERR_TOO_BIG},
    {EOPNOTSUPP, WERR_UNSUPPORTED},
    {EPROTONOSUPPORT, WERR_UNSUPPORTED},
    {EAFNOSUPPORT, WERR_UNSUPPORTED},
    {ENOSYS, WERR_UNSUPPORTED},
    {ENOENT, WERR_NOT_FOUND},
    {EEXIST, WERR_EXISTS},
    {EINVAL, WERR_INVALID},
    {ENOTCONN, WERR_CLOSED},
    {ESHUTDOWN, WERR_CLOSED},
    {ECONNREFUSED, WERR_REFUSED},
    {ECONNRESET, WERR_RESET},
    {ECONNABORTED, WERR_RESET},
    {EPIPE, WERR_RESET},
    {EHOSTUNREACH, WERR_UNREACHABLE},
    {ENETUNREACH, WERR_UNREACHABLE},
    {EHOSTDOWN, WERR_UNREACHABLE},
    {ENETDOWN, WERR_UNREACHABLE},
    {ETIMEDOUT, WERR_TIMEOUT},
    {EMFILE, WERR_NO_FD},
    {ENFILE, WERR_NO_FD},
    {EADDRINUSE, WERR_ADDR_IN_USE},
    {EADDRNOTAVAIL, WERR_ADDR_UNAVAILABLE},
    {ENOSPC, WERR_NO_SPACE},
    {EDQUOT, WERR_NO_SPACE},
    {EACCES, WERR_DENIED},
    {EPERM, WERR_DENIED},
};

static werr_panic_fn panic_hook;
static void *panic_arg;
static werr_print_fn panic_print;

static bool is_known(int error)
{
    return error <= 0 && error > -WERR_ORD_END;
}

const char *werr_text(int error)
{
    return is_known(error) ? texts[-error] : "unknown error";
}

const char *werr_word(int error)
{
    static char words[WERR_ORD_END][WORD_MAX];

    if (!is_known(error))
        return "unknown";
    char *word = words[-error];
    if (word[0] == '\0') {
        for (size_t i = 0; i < WORD_MAX; i++)
            word[i] = ascii_lower(names[-error][i]);
    }
    return word;
}

int werr_from_errno(int errnum)
{
    for (size_t i = 0; i < sizeof(errno_map) / sizeof(errno_map[0]); i++) {
        if (errno_map[i].errnum == errnum)
            return errno_map[i].error;
    }
    return WERR_IO;
}

void werr_set_panic_hook(werr_panic_fn hook, void *arg)
{
    panic_hook = hook;
    panic_arg = arg;
}

void werr_set_panic_print(werr_print_fn print)
{
    panic_print = print;
}

static void print_panic(const char *file, int line, const char *function, const char *what)
{
    char text[512];
    const int n = snprintf(text, sizeof(text), "MUST failed: %s (%s, %s:%d)\n", what, function,
                           file, line);
    const size_t len = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;

    if (panic_print != NULL)
        panic_print(text, len);
    else
        dprintf(STDERR_FILENO, "%.*s", (int)len, text);
}

void werr_panic(const char *file, int line, const char *function, const char *what)
{
    print_panic(file, line, function, what);
    /* Taken off first: objects that print themselves may be the broken ones. */
    werr_panic_fn hook = panic_hook;
    panic_hook = NULL;
    if (hook != NULL)
        hook(panic_arg);
    abort();
}
