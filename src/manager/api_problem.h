/* api_problem.h - responses that tell what was wrong: problem documents of RFC 9457.
 *
 * Every refusal of the management API goes through here, so that each has a stable `code`, a
 * sentence for people and, where one is to blame, the `field`. Called by the handlers and by
 * api.c; the response is sent at once. But a change that a node that doesn't lead would refuse
 * by what it knows (404, 409, 412) is judged once more when it knows all that was committed:
 * its handler runs anew, and has to have left nothing behind.
 */
#ifndef WELDR_MANAGER_API_PROBLEM_H
#define WELDR_MANAGER_API_PROBLEM_H

#include "pool/pool_command.h"

struct api_conn;

void api_problem(struct api_conn *ac, unsigned status, const char *code, const char *detail);
/* For what is over soon: with a Retry-After. */
void api_problem_passing(struct api_conn *ac, unsigned status, const char *code,
                         const char *detail);
/* A wish that was refused: 400 for unreadable JSON, 404 for what is not there, 409 for what
 * does not go with what is there, else 422. */
void api_problem_of(struct api_conn *ac, const struct pool_error *error);
/* What pool_apply refused, of the change that it waits for. */
void api_problem_of_refusal(struct api_conn *ac);
/* A body that could not be made a wish: WERR_INVALID and WERR_SYNTAX as error says, all else is
 * an error of ours. */
void api_problem_of_body(struct api_conn *ac, int result, const struct pool_error *error);
/* An error of ours: 503 with its word as code, and with Retry-After if it is a shortage. */
void api_problem_internal(struct api_conn *ac, int rc);

#endif
