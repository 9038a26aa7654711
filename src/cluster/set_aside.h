/* set_aside.h - what is done to the directory of a node whose Weldr does not run: opened as it
 * is, or emptied, so that the node can join a cluster anew.
 *
 * What it holds moves to DIR/old-DATE/, within the directory, for its parent may be another
 * user's. `removed` and `identity` move last: until then the move can be done again (rejoin.h
 * does so by itself), and after it the directory is as good as empty (data_dir.h). A damaged
 * one can be moved as well. Called by `weldr cluster recover`, `rejoin` and `repair`.
 */
#ifndef WELDR_CLUSTER_SET_ASIDE_H
#define WELDR_CLUSTER_SET_ASIDE_H

#include "cluster/data_dir.h"

enum { SET_ASIDE_NAME_MAX = 32 };

/* As data_dir_open, and nothing is made. WERR_NOT_FOUND: no node has been there; WERR_DENIED:
 * it belongs to another user, who could not read what this one writes. */
int set_aside_open(struct data_dir *d, const char *path, struct strb *wrong) MUST_USE;
/* … of one whose identity may be damaged or missing; *is_damaged says so, and then it is that
 * of data_dir_open_damaged. */
int set_aside_open_damaged(struct data_dir *d, const char *path, bool *is_damaged,
                           struct strb *wrong) MUST_USE;
/* DIR/old-DATE, made or there already. */
int set_aside_enter(const struct data_dir *d, uint64_t now_s, char name[SET_ASIDE_NAME_MAX],
                    int *fd, struct strb *wrong) MUST_USE;
/* All that is in it, as below, of one that is open. */
int set_aside_move(const struct data_dir *d, uint64_t now_s, char name[SET_ASIDE_NAME_MAX],
                   struct strb *wrong) MUST_USE;
/* now_s: wall clock, for the date. name: where it is now, in the directory. WERR_IO …: some of
 * it may have moved, and the next call moves the rest. */
int set_aside_run(const char *path, uint64_t now_s, char name[SET_ASIDE_NAME_MAX],
                  struct strb *wrong) MUST_USE;

#endif
