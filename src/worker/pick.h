/* pick.h - which server an exchange goes to: the one whose turn it is, and when that can't do
 * it, the others one after the other.
 *
 * Only the first pick passes the turn on: with two servers, of which one is broken, it would
 * else be the broken one's turn at each request. Further attempts of one exchange are a row:
 * it begins at any other server and goes on in the order of their ids, so that three numbers
 * tell where it has been, each server comes once, and servers may come and go meanwhile.
 *
 * A server that no check has judged yet has one exchange at a time, as long as another can be
 * picked: it may be a mistake, and until its first check it would cost a share of all requests.
 */
#ifndef WELDR_WORKER_PICK_H
#define WELDR_WORKER_PICK_H

#include <stdbool.h>
#include <stdint.h>

struct balance_ask;
struct pool_runtime;
struct origin;

struct pick_row {
    uint64_t failed_id;         /* the server of the first attempt */
    uint64_t first_id, last_id; /* of further ones; 0: none so far */
};

/* A server comes with a place for one request (place.h), which is the caller's to give back;
 * one that is at its max_requests is passed over. */

/* The server with the next turn; NULL: there is none, or pick_is_full. */
struct origin *pick_server(struct pool_runtime *pool, const struct balance_ask *ask);
/* Another one than failed_id and all that the row has given before; NULL: no more. */
struct origin *pick_other(struct pool_runtime *pool, const struct balance_ask *ask,
                          struct pick_row *row);
/* Nothing was picked just now: there are servers, but all that would do are at their limit. */
bool pick_is_full(const struct pool_runtime *pool);
bool pick_other_is_full(struct pool_runtime *pool, const struct balance_ask *ask,
                        const struct pick_row *row);

#endif
