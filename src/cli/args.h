/* args.h - the arguments of a command for the management API, such as
 * "weldr server add URL weight=3": commands.def and flags.def say each once. Pure.
 *
 * Flags may stand anywhere. The first arguments without a dash are the words of the command,
 * those behind them pairs KEY=VALUE (doc.h says what becomes of them). All texts are borrowed
 * from argv.
 */
#ifndef WELDR_CLI_ARGS_H
#define WELDR_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "base/strb.h"
#include "base/werr.h"

enum { ARGS_WORDS_MAX = 4, ARGS_PAIRS_MAX = 256 };

enum args_flag {
#define FLAG(name, flag, letter, word, query, help) ARGS_##name,
#include "cli/flags.def"
#undef FLAG
    ARGS_FLAGS
};

struct args_flag_row {
    const char *flag, *letter, *word, *query, *help;
};
extern const struct args_flag_row args_flags[ARGS_FLAGS];

struct args;
/* A command's function; returns the exit code (exits.h). */
typedef int (*args_run_fn)(const struct args *args, char *const *env);

struct args_command {
    const char *noun, *verb;
    args_run_fn run;
    const char *method, *path, *words, *flags, *columns, *help;
};

struct cli_roles;

struct args {
    const struct cli_roles *roles; /* of the program (roles.h), for commands without the API */
    const struct args_command *commands; /* all, the last has a NULL noun */
    const struct args_command *command;
    unsigned word_n, pair_n;
    const char *word[ARGS_WORDS_MAX];
    const char *pair[ARGS_PAIRS_MAX];
    const char *flag[ARGS_FLAGS]; /* NULL: not given; "" where it takes no argument */
};

/* Is it the noun of a command? Else it is no business of this file's. */
bool args_is_noun(const struct args_command *commands, const char *text);
/* argv[1] is a noun (MUST). With --help no words are asked for, and command is NULL unless a
 * whole command stands there. On error WERR_INVALID and a sentence. commands end with a NULL
 * noun. */
int args_read(struct args *a, const struct args_command *commands, int argc, char *const *argv,
              char *error, size_t error_size) MUST_USE;
/* Does this flag go with the command? */
bool args_takes(const struct args_command *command, enum args_flag flag);
bool args_takes_pairs(const struct args_command *command);
/* The next word of a command's words, without its member; false: that was all. *rest: the words
 * at first. */
bool args_next_word(struct span *rest, struct span *name, struct span *member);
/* Does the word stand there as it is, "create"? */
bool args_is_literal(struct span name);
/* The target of the request: path with the words, query of flags and, with GET, of pairs. */
void args_target(const struct args *a, struct strb *b);
/* "&KEY=VALUE" of a pair, VALUE escaped; sign: '?' or '&'. */
void args_add_pair(struct strb *b, char sign, const char *pair);
/* Bytes that would mean something else in a path or query become %XX. */
void args_add_escaped(struct strb *b, const char *text);

#endif
