/* ask.h - the request that a row of commands.def stands for, and its response.
 *
 * Problems are one line on stderr; the functions return exit codes (exits.h).
 */
#ifndef WELDR_CLI_ASK_H
#define WELDR_CLI_ASK_H

#include "cli/args.h"
#include "cli/doc.h"
#include "cli/session.h"

/* Its target; of SESSION_TARGET_BYTES. */
int ask_target(const struct session *s, const struct args *args, char *target) MUST_USE;
/* *out: for doc_free; untouched when the response has no body. */
int ask_api(const struct args *args, char *const *env, struct doc **out) MUST_USE;

#endif
