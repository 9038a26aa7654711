/* answer.h - reads what a client of the simulated network got, strictly and independently of
 * the codec under test.
 *
 * The caller says what was asked (an answer to HEAD has no body) and whether the connection has
 * ended; the reader says whether a whole final answer stands at the place, and what it was.
 */
#ifndef WELDR_TESTS_SIM_ANSWER_H
#define WELDR_TESTS_SIM_ANSWER_H

#include "peer.h"

enum answer_result {
    ANSWER_WHOLE,
    ANSWER_PART,  /* may be the begin of one, or nothing at all */
    ANSWER_BROKEN /* is none and will never be one */
};

struct answer {
    unsigned status;
    long id;          /* of X-Id; -1: none */
    bool is_ours;     /* Weldr-Error: made by Weldr */
    bool is_close;    /* Connection: close, or ends with the connection */
    bool has_head;    /* also when the result is ANSWER_PART */
    char client[48];  /* X-For; "": none */
    struct text body; /* the caller frees it, whatever the result */
    size_t bytes;     /* WHOLE: of the answer with its 1xx heads before it */
};

enum answer_result answer_read(struct span in, bool to_head, bool has_ended,
                               struct answer *out);

#endif
