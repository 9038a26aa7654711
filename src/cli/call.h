/* call.h - one request to the management API and its response, over a blocking socket.
 *
 * The tree's own codec writes and reads (codec/codec.h). Where the API is:
 * "http://ADDRESS:PORT", "http://localhost:PORT" or "unix:PATH". Names are not looked up, and
 * https is not spoken yet.
 */
#ifndef WELDR_CLI_CALL_H
#define WELDR_CLI_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/span.h"
#include "base/strb.h"
#include "base/werr.h"

enum {
    CALL_HOST_BYTES = 128,
    CALL_TOKEN_BYTES = 4096,
    CALL_PATH_BYTES = 108,
    CALL_IDLE_MS = 250
};

struct call_api {
    char host[CALL_HOST_BYTES];      /* of the field Host */
    char unix_path[CALL_PATH_BYTES]; /* empty: addr */
    unsigned addr_n;                 /* localhost has two: one after the other is tried */
    struct addr addr[2];
    char authorization[CALL_TOKEN_BYTES]; /* "Bearer …"; empty: none */
    const char *prefer;                   /* the field Prefer; NULL: none */
    unsigned patience_s; /* so long the API may say nothing (WERR_TIMEOUT); 0: for ever */
};

/* Reads the place. WERR_UNSUPPORTED: https; WERR_INVALID: anything else that is no place. */
int call_api_from_text(struct call_api *api, const char *text) MUST_USE;

/* Called every CALL_IDLE_MS while nothing comes. fd: can be read as soon as something does, for
 * whoever wants to do more than a moment's work. */
typedef void (*call_idle_fn)(void *arg, int fd);

struct call_request {
    const char *method, *target, *accept; /* accept NULL: JSON */
    struct span body;                     /* empty: none */
    struct strb *not_applied; /* gets the field X-Weldr-Not-Applied; NULL: nobody wants it */
    call_idle_fn idle;        /* NULL: nobody is called */
    void *idle_arg;
    int until_fd; /* once that can be read the response is waited for no more (WERR_TIMEOUT);
                   * 0: none */
};

/* A part of the body, as it comes; negative ends the call with it. */
typedef int (*call_body_fn)(void *arg, uint16_t status, struct span bytes);

/* Returns the status of the response, or WERR_* (why says what was tried). */
int call_run(const struct call_api *api, const struct call_request *request, call_body_fn fn,
             void *arg) MUST_USE;

#endif
