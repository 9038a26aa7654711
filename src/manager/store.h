/* store.h - the directory that this node keeps its description in, found and opened at the
 * start; --ephemeral: none.
 *
 * --data-dir names it. Without that it is /var/lib/weldr, or, where that can't be written,
 * weldr-data in the current directory.
 */
#ifndef WELDR_MANAGER_STORE_H
#define WELDR_MANAGER_STORE_H

struct manager;

/* A step of the start: 0 or the exit code, told to the caller. */
int store_open(struct manager *m);

#endif
