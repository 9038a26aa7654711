/* api_diff.h - what a change of one server or all servers of a pool would do, for
 * ?dry_run=true. Called by api_wish.c with a command that was checked. */
#ifndef WELDR_MANAGER_API_DIFF_H
#define WELDR_MANAGER_API_DIFF_H

struct manager;
struct pool_command;

/* As JSON text, malloc'd: the URLs that are added, changed and removed, and the share of the
 * traffic that moves to other servers. NULL: no memory. */
char *api_diff_tell(const struct manager *m, const struct pool_command *c);

#endif
