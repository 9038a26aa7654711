/* rejoin.h - a node that was removed from its cluster, or has left it, joins again with its
 * next start: with --join and a new token.
 *
 * What it had moves aside first (set_aside.h), so that it comes with an identity of its own;
 * the one before stays out. That the node was removed says the mark `removed` in the directory;
 * that a token is a new one, the file `token`, which has the id of the one that it has joined
 * with. So a unit file may name a join for ever: its token, which is used up, moves nothing.
 * Called by the owner of the directory before the engine begins, and by the engine when it has
 * joined.
 */
#ifndef WELDR_CLUSTER_REJOIN_H
#define WELDR_CLUSTER_REJOIN_H

#include "cluster/set_aside.h"
#include "cluster/token.h"

/* It joins with this token. WERR_NO_SPACE, WERR_IO … */
int rejoin_note_token(const struct data_dir *d, const struct token *t) MUST_USE;
/* The directory's node was removed, and this text is a token that it has not joined with. */
bool rejoin_is_wanted(const struct data_dir *d, struct span token);
/* Moves aside what is in the directory, which is open and a new one then. now_s: wall clock;
 * name: where it is. WERR_IO …: some of it may have moved. */
int rejoin_begin(struct data_dir *d, uint64_t now_s, char name[SET_ASIDE_NAME_MAX],
                 struct strb *wrong) MUST_USE;

#endif
