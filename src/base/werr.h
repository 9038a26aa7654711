/* werr.h - the error numbers of Weldr and the assertion for bugs.
 *
 * Functions that can fail return int: 0 (or a count) when well, a negative WERR_* otherwise.
 * The table is errors.def; errno stops in net/, log/ and manager/, where werr_from_errno()
 * translates it. A peer's misbehaviour is never a MUST: MUST is for what only a bug of ours can
 * cause, is always compiled in, prints where and what, calls the panic hook (objects print
 * themselves) and aborts; the manager then starts a new worker. The log says how to print
 * without waiting (werr_set_panic_print): a process that hangs in its last words is not
 * replaced.
 */
#ifndef WELDR_BASE_WERR_H
#define WELDR_BASE_WERR_H

#include <stddef.h>

#define MUST_USE __attribute__((warn_unused_result))

enum werr_ordinal {
    WERR_ORD_OK,
#define WERR(name, text) WERR_ORD_##name,
#include "base/errors.def"
#undef WERR
    WERR_ORD_END
};

enum werr {
    WERR_OK = 0,
#define WERR(name, text) WERR_##name = -WERR_ORD_##name,
#include "base/errors.def"
#undef WERR
};

/* Text of an error number, for people ("connection refused"); never NULL. */
const char *werr_text(int error);
/* Stable word ("REFUSED" gives "refused"); never NULL. */
const char *werr_word(int error);
/* WERR_* for an errno value; WERR_IO when there is no better one. */
int werr_from_errno(int errnum);

typedef void (*werr_panic_fn)(void *arg);
/* Called once by a failing MUST before the process aborts, never again for a MUST that fails in
 * the hook itself. */
void werr_set_panic_hook(werr_panic_fn hook, void *arg);
/* text: one line, its end included. Until it is set the line is written to standard error. */
typedef void (*werr_print_fn)(const char *text, size_t len);
void werr_set_panic_print(werr_print_fn print);
void werr_panic(const char *file, int line, const char *function, const char *what)
    __attribute__((noreturn, cold));

#define MUST(cond)                                           \
    do {                                                     \
        if (__builtin_expect(!(cond), 0))                    \
            werr_panic(__FILE__, __LINE__, __func__, #cond); \
    } while (0)

#endif
