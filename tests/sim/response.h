/* response.h - reads what a client of the simulated network got, strictly and independently of
 * the codec under test.
 *
 * The caller says what was asked (a response to HEAD has no body) and whether the connection
 * has ended; the reader says whether a whole final response stands at the place, and what it
 * was.
 */
#ifndef WELDR_TESTS_SIM_RESPONSE_H
#define WELDR_TESTS_SIM_RESPONSE_H

#include "peer.h"

enum response_result {
    RESPONSE_WHOLE,
    RESPONSE_PART,  /* may be the begin of one, or nothing at all */
    RESPONSE_BROKEN /* is none and will never be one */
};

struct response {
    unsigned status;
    long id;          /* of X-Id; -1: none */
    bool is_ours;     /* Weldr-Error: made by Weldr */
    bool is_close;    /* Connection: close, or ends with the connection */
    bool has_head;    /* also when the result is RESPONSE_PART */
    char client[48];  /* X-For; "": none */
    struct text body; /* the caller frees it, whatever the result */
    size_t bytes;     /* WHOLE: of the response with its 1xx heads before it */
};

enum response_result response_read(struct span in, bool to_head, bool has_ended,
                                   struct response *out);

#endif
