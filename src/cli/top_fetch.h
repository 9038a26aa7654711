/* top_fetch.h - asks the API without ever waiting for it: a process of its own does.
 *
 * The commands' way to the API (call.h) blocks, and what may block must not stand between a
 * person and the keys. So top forks: the child asks, one request after the other, and the
 * parent polls a socket pair for what has come. This needs neither threads nor a second, not
 * blocking HTTP client, a hung node costs the child alone, and a child that is stuck can be
 * killed at any moment. It dies with its parent (PR_SET_PDEATHSIG, and the socket's end), holds
 * no terminal, and takes no signal of the terminal.
 */
#ifndef WELDR_CLI_TOP_FETCH_H
#define WELDR_CLI_TOP_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/werr.h"
#include "cli/call.h"

/* A node that says nothing for so long counts as one that does not answer. */
enum { TOP_FETCH_PATIENCE_S = 5, TOP_FETCH_BYTES_MAX = 64 * 1024 * 1024 };

struct top_fetch {
    int fd; /* to be polled for POLLIN */
    pid_t child;
    bool is_asking;
    char *buf; /* what has come of the response */
    size_t len, cap;
};

/* What came. text: the body, borrowed until the next call. */
struct top_response {
    int status; /* or WERR_*: there was none */
    struct span text;
};

/* Before the process does anything else that a child must not share. WERR_*. */
int top_fetch_start(struct top_fetch *f, const struct call_api *api) MUST_USE;
void top_fetch_end(struct top_fetch *f);
/* Asks for a target by GET; nothing may be asked meanwhile (MUST). WERR_*: the child is gone.
 */
int top_fetch_ask(struct top_fetch *f, const char *target) MUST_USE;
/* When fd can be read. 1: the response is whole. 0: not yet. WERR_*: the child is gone. */
int top_fetch_take(struct top_fetch *f, struct top_response *response) MUST_USE;

#endif
