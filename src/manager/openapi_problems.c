#include "manager/openapi_problems.h"

#include <limits.h>
#include <stdio.h>

#include "base/strb.h"
#include "base/werr.h"
#include "http/reply.h"
#include "manager/openapi_type.h"

enum { NAME_MAX_BYTES = 24, SAYS_MAX = 2048 };
static const unsigned ALL = UINT_MAX;

static const struct {
    const char *code, *says;
    unsigned status, when;
} problems[] = {
#define PROBLEM(status, code, when, says) {code, says, status, OPENAPI_##when},
#include "manager/api_problems.def"
#undef PROBLEM
};
enum { PROBLEM_N = sizeof(problems) / sizeof(problems[0]) };

/* Of those that can meet it, or of all. */
static unsigned find_next(unsigned status, unsigned when)
{
    unsigned next = 0;

    for (unsigned i = 0; i < PROBLEM_N; i++) {
        const bool is_met = when == ALL || (problems[i].when & when) != 0;

        if (is_met && problems[i].status > status && (next == 0 || problems[i].status < next))
            next = problems[i].status;
    }
    return next;
}

unsigned openapi_problem_next(unsigned status, unsigned when)
{
    return find_next(status, when);
}

static const char *print_name(const char *prefix, unsigned status, char *buf)
{
    (void)snprintf(buf, NAME_MAX_BYTES, "%s%u", prefix, status);
    return buf;
}

void openapi_problem_put_ref(struct jtext *t, unsigned status)
{
    char key[NAME_MAX_BYTES], name[NAME_MAX_BYTES];

    openapi_put_ref(t, print_name("", status, key), "responses",
                    span_from_str(print_name("Problem", status, name)));
}

/* What Weldr itself is short of is told by the word of the error. */
static void put_codes(struct jtext *t, unsigned status)
{
    jtext_open(t, "enum", '[');
    for (unsigned i = 0; i < PROBLEM_N; i++)
        if (problems[i].status == status)
            jtext_str(t, NULL, problems[i].code);
    for (int error = 1; status == 503 && error < WERR_ORD_END; error++)
        jtext_str(t, NULL, werr_word(-error));
    jtext_close(t, ']');
}

/* That of problems, and no more. */
static void put_schema(struct jtext *t, unsigned status)
{
    jtext_open(t, "allOf", '[');
    jtext_open(t, NULL, '{');
    openapi_put_ref(t, NULL, "schemas", SPAN("Problem"));
    jtext_close(t, '}');
    jtext_open(t, NULL, '{');
    jtext_open(t, "properties", '{');
    jtext_open(t, "status", '{');
    jtext_number(t, "const", status);
    jtext_close(t, '}');
    jtext_open(t, "code", '{');
    put_codes(t, status);
    jtext_close(t, '}');
    jtext_close(t, '}');
    jtext_close(t, '}');
    jtext_close(t, ']');
}

void openapi_problem_put_content(struct jtext *t, unsigned status)
{
    jtext_open(t, "application/problem+json", '{');
    jtext_open(t, "schema", '{');
    put_schema(t, status);
    jtext_close(t, '}');
    jtext_close(t, '}');
}

static void put_description(struct jtext *t, unsigned status)
{
    const struct span reason = reply_reason(status);
    char text[SAYS_MAX];
    struct strb b;

    strb_init(&b, text, sizeof(text));
    strb_add(&b, reason);
    for (unsigned i = 0; i < PROBLEM_N; i++)
        if (problems[i].status == status)
            strb_addf(&b, "; %s: %s", problems[i].code, problems[i].says);
    MUST(!strb_is_full(&b));
    jtext_str(t, "description", text);
}

static void put_headers(struct jtext *t, unsigned status)
{
    jtext_open(t, "headers", '{');
    openapi_put_ref(t, "X-Weldr-Revision", "headers", SPAN("Revision"));
    if (status == 401)
        openapi_put_ref(t, "WWW-Authenticate", "headers", SPAN("Authenticate"));
    if (status == 405)
        openapi_put_ref(t, "Allow", "headers", SPAN("Allow"));
    if (status == 409 || status == 503 || status == 504)
        openapi_put_ref(t, "Retry-After", "headers", SPAN("RetryAfter"));
    jtext_close(t, '}');
}

void openapi_problems_put(struct jtext *t)
{
    char name[NAME_MAX_BYTES];

    for (unsigned status = 0; (status = find_next(status, ALL)) != 0;) {
        jtext_open(t, print_name("Problem", status, name), '{');
        put_description(t, status);
        put_headers(t, status);
        jtext_open(t, "content", '{');
        openapi_problem_put_content(t, status);
        jtext_close(t, '}');
        jtext_close(t, '}');
    }
}
