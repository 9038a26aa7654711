/* openapi_problems.h - the problems of GET /openapi.json (api_problems.def): one response for
 * each status, which requests refer to when they can meet it. Pure.
 */
#ifndef WELDR_MANAGER_OPENAPI_PROBLEMS_H
#define WELDR_MANAGER_OPENAPI_PROBLEMS_H

#include <stdbool.h>

#include "base/jtext.h"

/* What requests have in common that can meet a problem. */
enum openapi_when {
    OPENAPI_NEVER = 0, /* no route was found yet */
    OPENAPI_ANY = 1U << 0,
    OPENAPI_GUARDED = 1U << 1, /* all but those of load balancers */
    OPENAPI_NAMED = 1U << 2,   /* the path or the query names something */
    OPENAPI_BODY = 1U << 3,
    OPENAPI_CHANGE = 1U << 4,
    OPENAPI_STREAM = 1U << 5,
    OPENAPI_WAIT = 1U << 6
};

/* The next status behind this one that such requests can meet; 0: none. */
unsigned openapi_problem_next(unsigned status, unsigned when);
/* {"$ref": …} as the member of the status' name. */
void openapi_problem_put_ref(struct jtext *t, unsigned status);
/* The member that a response with other content has for problems. */
void openapi_problem_put_content(struct jtext *t, unsigned status);
/* All of them, as members of components.responses. */
void openapi_problems_put(struct jtext *t);

#endif
