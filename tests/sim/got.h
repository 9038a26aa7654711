/* got.h - what a scripted client of the simulated world asks and got: for the tests of pool.
 */
#ifndef WELDR_TESTS_SIM_GOT_H
#define WELDR_TESTS_SIM_GOT_H

#include <stdio.h>
#include <string.h>

#include "response.h"
#include "world.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: h\r\n\r\n"

/* The n-th response (0 first) to GETs on this connection, which must be there whole. */
static inline unsigned status_of(const struct world_client *c, unsigned n)
{
    struct span in = text_span(&c->peer.in);
    bool has_ended = c->peer.has_fin || c->peer.has_reset;

    for (;;) {
        struct response a;
        enum response_result rc = response_read(in, false, has_ended, &a);

        text_free(&a.body);
        if (rc != RESPONSE_WHOLE)
            return 0;
        if (n-- == 0)
            return a.status;
        in = span_skip(in, a.bytes);
    }
}

static inline bool has_error(const struct world_client *c, const char *word)
{
    char line[64];

    (void)snprintf(line, sizeof(line), "\r\nWeldr-Error: %s\r\n", word);
    return strstr(world_got(c), line) != NULL;
}

#endif
