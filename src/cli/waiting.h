/* waiting.h - what a command's progress line (log/progress.h) says while the API has not
 * responded yet: waits.def, and what the API is asked meanwhile, twice a second and on another
 * connection. The response is not waited for any longer by that (call.h).
 */
#ifndef WELDR_CLI_WAITING_H
#define WELDR_CLI_WAITING_H

#include <stdint.h>

#include "cli/args.h"
#include "cli/session.h"

struct wait_row;

struct waiting {
    struct session *session;
    const struct wait_row *row;
    char path[SESSION_TARGET_BYTES]; /* "": nothing is asked */
    uint64_t asked_ms;
};

/* target: of the command's request. Ends with waiting_end; both outlive it. */
void waiting_begin(struct waiting *w, struct session *s, const struct args *args,
                   const char *target);
void waiting_end(struct waiting *w);
/* For a command that makes requests of its own: "@" in text is the place of the API. */
void waiting_say(const struct session *s, const char *text);
/* The phase of an upgrade (upgrade of a member, phase) in words. */
const char *waiting_phase_words(const char *phase);

#endif
