#include "cli/health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doc.h"
#include "cli/session.h"

enum { BODY_BYTES = 16 * 1024, WHY_BYTES = 256 };

static int keep(void *arg, uint16_t status, struct span bytes)
{
    struct strb *b = arg;

    (void)status;
    strb_add(b, bytes);
    return strb_is_full(b) ? WERR_TOO_BIG : 0;
}

/* Its word for how it is; malloc'd, NULL: it has none. */
static char *read_status(struct span text)
{
    char why[WHY_BYTES];
    struct doc *d = doc_parse(text, why, sizeof(why));
    char *word =
        d != NULL && doc_get(d, "status") != NULL ? doc_text(doc_get(d, "status")) : NULL;

    doc_free(d);
    return word;
}

/* The body of a problem has a status as well, which is that of the response. */
static int tell(const struct session *s, int status, struct span text)
{
    char *word = read_status(text);
    int code = CLI_EXIT_FAILURE;

    if (status == 200 && word != NULL) {
        code = printf("%s\n", word) > 0 && fflush(stdout) == 0 ? CLI_EXIT_OK : code;
    } else if (status == 503 && word != NULL) {
        (void)session_fail(code, "weldr at %s is not ready: %s", s->place, word);
    } else {
        (void)session_fail(code, "the API at %s responds with status %d", s->place, status);
    }
    free(word);
    return code;
}

int health_run(const struct args *args, char *const *env)
{
    const struct call_request request = {
        .method = "GET", .target = args->flag[ARGS_LIVE] != NULL ? "/health" : "/ready"};
    char body[BODY_BYTES];
    struct session s;
    struct strb b;
    const int code = session_open(&s, args, env);

    if (code != CLI_EXIT_OK)
        return code;
    s.api.patience_s = HEALTH_LIMIT_S;
    strb_init(&b, body, sizeof(body));
    const int rc = call_run(&s.api, &request, keep, &b);
    if (rc >= 0)
        return tell(&s, rc, strb_span(&b));
    if (rc == WERR_TIMEOUT)
        return session_fail(CLI_EXIT_FAILURE, "the API at %s: no response within %d s", s.place,
                            HEALTH_LIMIT_S);
    (void)session_fail_call(&s, rc);
    return CLI_EXIT_FAILURE;
}
