/* kinds.h - the kinds of objects in the description, by a table (kinds.def).
 *
 * A row says name, number, words and the family of functions. Each kind has a pair of files of
 * its own (pool_apply_*.c, pool_code_*.c) with one struct kind_ops (kind_ops.h) and one struct
 * code_kind (pool_code_int.h); a kind is added by a row, its commands (commands.def) and its
 * files.
 */
#ifndef WELDR_POOL_KINDS_H
#define WELDR_POOL_KINDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"

enum kind {
    KIND_NONE = 0,
#define KIND(name, number, letter, word, list, family) KIND_##name = (number),
#include "pool/kinds.def"
#undef KIND
    KIND_N = KIND_VIP + 1 /* behind the highest number */
};

/* Kinds in the order of the rows, from 0; KIND_NONE: there are no more. */
enum kind kind_in_order(unsigned place);
const char *kind_word(enum kind kind); /* "server" */
/* Last part of its API route and key of its list: "servers". */
const char *kind_list(enum kind kind);
char kind_letter(enum kind kind); /* 's' */
/* Ids of objects as text: the letter of the kind, "-" and hexadecimal digits ("s-1f" a server,
 * "r-2a" a rule). buf of 24. WERR_SYNTAX. */
size_t kind_id_print(enum kind kind, uint64_t id, char *buf);
int kind_id_from_text(enum kind kind, struct span text, uint64_t *id) MUST_USE;
/* Of servers. */
size_t pool_id_print(uint64_t id, char *buf);
int pool_id_from_text(struct span text, uint64_t *id) MUST_USE;

#endif
