/* api_servers.h - what the handlers of servers share: api_servers.c (list, add, change) and
 * api_leave.c (delete, drain, resume, maintenance).
 */
#ifndef WELDR_MANAGER_API_SERVERS_H
#define WELDR_MANAGER_API_SERVERS_H

#include <stdbool.h>

struct api_conn;
struct pool;
struct pool_server;

/* The pool that the path names, or the pool default where it names none; NULL: none. */
struct pool *api_find_pool(const struct api_conn *ac);
/* The server that the path names, by id or by address; NULL: none. draining_too: also one that
 * was removed and has requests in flight. */
const struct pool_server *api_find_server(const struct api_conn *ac, bool draining_too);
void api_respond_no_server(struct api_conn *ac);
/* The shape of the list, with this one alone, or none when it is gone (NULL). */
void api_respond_one(struct api_conn *ac, unsigned status, const struct pool_server *server);
/* As the client prefers it: the one server instead; NULL: it is gone, 204. */
void api_respond_little(struct api_conn *ac, unsigned status, const struct pool_server *server);
/* server NULL: 404. */
void api_respond_server(struct api_conn *ac, unsigned status, const struct pool_server *server);
/* Answers what pool_apply refused; false when it did not. */
bool api_respond_refusal(struct api_conn *ac);

#endif
