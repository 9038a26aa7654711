/* strict_reader.h - a reader of one HTTP/1.1 message, for oracles only.
 *
 * Written from RFC 9112 and RFC 9110 alone and on purpose without a line of Weldr's own codec,
 * lists of fields or text helpers: it stands for the next hop that reads what Weldr sends. It
 * accepts nothing that a recipient may repair: no bare CR or LF, no folding, no space before a
 * colon, one Host, one framing field of one form, no chunk extension, no framing in trailers.
 * Whoever calls it owns the bytes; the message owns its body (strict_fini).
 */
#ifndef WELDR_FUZZ_STRICT_READER_H
#define WELDR_FUZZ_STRICT_READER_H

#include <stdbool.h>
#include <stddef.h>

enum strict_verdict {
    STRICT_WHOLE,     /* one message, of .bytes bytes */
    STRICT_CUT,       /* the begin of a message: more bytes must follow */
    STRICT_MALFORMED, /* .why says what a strict recipient objects to */
};

enum strict_framing {
    STRICT_BARE,   /* no body, and no field that speaks of one but perhaps Content-Length */
    STRICT_LENGTH, /* a body of Content-Length bytes, perhaps 0 */
    STRICT_CHUNKED,
    STRICT_CLOSE, /* until the connection ends */
};

struct strict_text {
    const char *at;
    size_t n;
};

struct strict_message {
    const char *why;
    struct strict_text method, target, host; /* requests */
    int status;                              /* responses */
    enum strict_framing framing;
    unsigned long long length; /* stated by Content-Length */
    char *body;
    size_t body_bytes;
    size_t bytes; /* of the whole message */
};

enum strict_verdict strict_read_request(const char *bytes, size_t n, struct strict_message *m);
/* One head and its body: an interim (1xx) response is a message of its own. */
enum strict_verdict strict_read_response(const char *bytes, size_t n, bool answers_head,
                                         struct strict_message *m);
void strict_fini(struct strict_message *m);

#endif
