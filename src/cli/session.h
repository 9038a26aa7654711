/* session.h - what a command does with the API: where it is, who asks, and what went wrong.
 *
 * Problems are one line on stderr; the functions return exit codes (exits.h).
 */
#ifndef WELDR_CLI_SESSION_H
#define WELDR_CLI_SESSION_H

#include "cli/args.h"
#include "cli/call.h"
#include "cli/doc.h"
#include "cli/exits.h"

/* Where the API is unless something else is said: this socket if it is there, else the address
 * at which weldr listens by default. */
#define SESSION_SOCKET "/run/weldr/api.sock"
#define SESSION_URL    "http://localhost:8687"

enum { SESSION_TARGET_BYTES = 4096 };

struct session {
    struct call_api api;
    const char *place; /* as it was said */
    call_idle_fn idle; /* while a response is waited for; at first progress_tick */
    void *idle_arg;
};

/* Of the environment; NULL: not there, or empty. */
const char *session_variable(char *const *env, const char *name);
/* --api, --token-file, WELDR_API and WELDR_TOKEN. */
int session_open(struct session *s, const struct args *args, char *const *env) MUST_USE;
/* body NULL: none. *response: for doc_free; NULL when there is no body. */
int session_ask(const struct session *s, const char *method, const char *target,
                const struct doc *body, struct doc **response) MUST_USE;
/* The same for whoever has a use for problems: nothing is printed. Returns the status, or
 * WERR_*; *response: also of a problem; NULL: there is none, or no JSON. */
int session_try(const struct session *s, const char *method, const char *target,
                const struct doc *body, struct doc **response) MUST_USE;
/* A GET beside another request, whose descriptor is fd: nothing is printed, and it is given up
 * after a second and as soon as the other one's response comes. NULL: there is nothing to read.
 */
struct doc *session_peek(const struct session *s, const char *target, int fd) MUST_USE;
/* As session_ask, with the body as text, for GET. free() it. */
int session_read(const struct session *s, const char *target, char **text) MUST_USE;
/* Prints "error: …" and returns code. */
int session_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* For calls that the caller makes itself: what call_run returned (negative) as exit code. */
int session_fail_call(const struct session *s, int rc);
/* The problem document of a response with this status as one line. */
int session_fail_problem(uint16_t status, struct span text);

#endif
