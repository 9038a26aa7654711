/* kinds.h - the kinds of objects in the description, by a table (kinds.def).
 *
 * A row says name, number, words and the family of functions. Each kind has a pair of files of
 * its own (pool.c, server.c, listener.c, rule.c) with one struct kind_ops (pool_int.h); a kind
 * is added by a row, its commands (commands.def) and its files.
 */
#ifndef WELDR_POOL_KINDS_H
#define WELDR_POOL_KINDS_H

enum kind {
    KIND_NONE = 0,
#define KIND(name, number, letter, word, list, family) KIND_##name = (number),
#include "pool/kinds.def"
#undef KIND
    KIND_N = KIND_RULE + 1
};

const char *kind_word(enum kind kind); /* "server" */
/* Last part of its API route and key of its list: "servers". */
const char *kind_list(enum kind kind);
char kind_letter(enum kind kind); /* 's' */

#endif
