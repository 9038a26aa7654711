/* access_line.h - one exchange as one line of text: JSON or the combined format.
 *
 * Pure: what is to be told comes in a struct access_record, the line goes into the caller's
 * buffer; nothing is allocated. The line is printable ASCII whatever clients and servers sent,
 * so that no input can forge a line, a key or a terminal's escape sequence: in JSON other
 * characters are \uXXXX (a byte that is not valid UTF-8 is \ufffd), in the combined format
 * bytes are \xHH, quote and backslash too. Long values are cut so that a line always fits;
 * JSON then has "truncated":true. access_log.c fills the record and knows where lines go.
 */
#ifndef WELDR_WORKER_ACCESS_LINE_H
#define WELDR_WORKER_ACCESS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/span.h"

enum {
    ACCESS_LINE_MAX = 4096,  /* the line end included */
    ACCESS_ATTEMPTS_MAX = 8, /* told of in a line */
};
#define ACCESS_NO_TIME ((uint64_t)-1) /* the exchange did not come that far: null */

struct access_attempt {
    struct span server;
    const char *result; /* word of stats/ends.def */
    uint64_t us;        /* from the choice of the server to its end */
    const char *detail; /* of TLS: a word; NULL: none */
};

struct access_record {
    uint64_t begin_wall_us; /* the request head was read, since 1970 UTC */
    uint32_t worker;
    const struct addr *client;
    struct span method, target, host; /* of the request; ptr NULL: there is none */
    struct span request_id, user_agent, referer;
    struct span tls_version, tls_cipher, tls_name; /* version.ptr NULL: the client speaks in
                                                      clear; name.ptr NULL: it named none */
    bool is_resumed;                               /* its TLS session */
    struct span listener, rule, pool; /* rule: its id; ptr NULL: the default action, none */
    struct span origin;
    struct span result;           /* word of stats/ends.def */
    struct span reason;           /* why a request is malformed; ptr NULL: it is not */
    uint16_t status;              /* 0: the client got no response */
    uint8_t version;              /* 10, 11, 20; 0: the head could not be read */
    uint8_t retries;              /* servers asked after the first */
    uint8_t attempt_n;            /* of attempts */
    bool is_fail_open;            /* the server was asked although all are down */
    uint64_t bytes_in, bytes_out; /* of bodies */
    uint64_t queue_us;            /* of wait_us: for a place at a server */
    uint64_t wait_us, connect_us, first_byte_us, total_us, added_us;
    struct access_attempt attempts[ACCESS_ATTEMPTS_MAX]; /* of more, the last is the last */
};

/* The text of a second, made once for all its lines; starts zeroed. */
struct access_clock {
    uint64_t second;
    char json[32];     /* "2026-11-23T15:08:14.000Z" */
    char combined[32]; /* "23/Nov/2026:15:08:14 +0000" */
};

/* Prints the line with its line end; returns its length. */
typedef size_t (*access_line_fn)(const struct access_record *r, struct access_clock *clock,
                                 char buf[ACCESS_LINE_MAX]);
size_t access_line_json(const struct access_record *r, struct access_clock *clock,
                        char buf[ACCESS_LINE_MAX]);
size_t access_line_combined(const struct access_record *r, struct access_clock *clock,
                            char buf[ACCESS_LINE_MAX]);

#endif
