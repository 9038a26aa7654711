#include "cli/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/strb.h"
#include "log/progress.h"

enum {
    BODY_BYTES_MAX = 256 * 1024 * 1024,
    WHY_BYTES = 512,
    MISSING_BYTES = 1024,
    PEEK_PATIENCE_S = 1
};

int session_fail(int code, const char *format, ...)
{
    va_list list;

    progress_hide();
    (void)fputs("error: ", stderr);
    va_start(list, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): one line above it is started
    (void)vfprintf(stderr, format, list);
    va_end(list);
    (void)fputc('\n', stderr);
    return code;
}

int session_fail_call(const struct session *s, int rc)
{
    if (rc == WERR_NOMEM || rc == WERR_TOO_BIG)
        return session_fail(CLI_EXIT_FAILURE, "%s", werr_text(rc));
    return session_fail(CLI_EXIT_UNREACHABLE, "the API at %s: %s", s->place, werr_text(rc));
}

/* ---- where, and who ---- */

const char *session_variable(char *const *env, const char *name)
{
    const size_t len = strlen(name);

    for (; *env != NULL; env++)
        if (strncmp(*env, name, len) == 0 && (*env)[len] == '=' && (*env)[len + 1] != '\0')
            return *env + len + 1;
    return NULL;
}

static const char *place_of(const struct args *args, char *const *env)
{
    if (args->flag[ARGS_API] != NULL)
        return args->flag[ARGS_API];
    if (session_variable(env, "WELDR_API") != NULL)
        return session_variable(env, "WELDR_API");
    return access(SESSION_SOCKET, F_OK) == 0 ? "unix:" SESSION_SOCKET : SESSION_URL;
}

static int set_token(struct session *s, struct span token)
{
    struct strb b;

    strb_init(&b, s->api.authorization, sizeof(s->api.authorization));
    strb_add_str(&b, "Bearer ");
    strb_add(&b, span_trim_lines(token));
    for (size_t i = 0; i < b.len; i++)
        if ((unsigned char)b.buf[i] < 0x20 || (unsigned char)b.buf[i] > 0x7e)
            return WERR_SYNTAX;
    return strb_is_full(&b) || span_trim_lines(token).len == 0 ? WERR_SYNTAX : 0;
}

static int read_token(struct session *s, const char *path)
{
    char text[CALL_TOKEN_BYTES];
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return session_fail(CLI_EXIT_USAGE, "--token-file %s: it can't be read", path);
    const size_t n = fread(text, 1, sizeof(text), file);
    (void)fclose(file);
    const int rc = set_token(s, span_from(text, n));
    explicit_bzero(text, sizeof(text));
    if (rc < 0)
        return session_fail(CLI_EXIT_USAGE, "--token-file %s: it holds no token", path);
    return CLI_EXIT_OK;
}

static void tick(void *arg, int fd)
{
    (void)arg;
    (void)fd;
    progress_tick();
}

int session_open(struct session *s, const struct args *args, char *const *env)
{
    const char *token = session_variable(env, "WELDR_TOKEN");

    s->idle = tick;
    s->idle_arg = NULL;
    s->place = place_of(args, env);
    const int rc = call_api_from_text(&s->api, s->place);
    if (rc == WERR_UNSUPPORTED)
        return session_fail(CLI_EXIT_USAGE, "%s: https is not supported here yet", s->place);
    if (rc < 0)
        return session_fail(CLI_EXIT_USAGE,
                            "%s: the API is at http://ADDRESS:PORT, http://localhost:PORT or "
                            "unix:PATH",
                            s->place);
    if (args->flag[ARGS_WAIT] != NULL)
        s->api.prefer = "wait=applied";
    if (args->flag[ARGS_TOKEN_FILE] != NULL)
        return read_token(s, args->flag[ARGS_TOKEN_FILE]);
    if (token != NULL && set_token(s, span_from_str(token)) < 0)
        return session_fail(CLI_EXIT_USAGE, "WELDR_TOKEN holds no token");
    return CLI_EXIT_OK;
}

/* ---- asking ---- */

struct body {
    char *text; /* NUL-terminated */
    size_t len, cap;
};

static int keep(void *arg, uint16_t status, struct span bytes)
{
    struct body *b = arg;

    (void)status;
    if (b->len + bytes.len + 1 > b->cap) {
        const size_t cap = 2 * (b->len + bytes.len + 1);
        char *text = cap <= BODY_BYTES_MAX ? realloc(b->text, cap) : NULL;

        if (text == NULL)
            return WERR_NOMEM;
        b->text = text;
        b->cap = cap;
    }
    if (bytes.len > 0)
        memcpy(b->text + b->len, bytes.ptr, bytes.len);
    b->len += bytes.len;
    b->text[b->len] = '\0';
    return 0;
}

int session_fail_problem(uint16_t status, struct span text)
{
    char why[WHY_BYTES];
    struct doc *d = doc_parse(text, why, sizeof(why));
    const struct doc *field_doc = d != NULL ? doc_get(d, "field") : NULL;
    char *detail = doc_text(d != NULL ? doc_get(d, "detail") : NULL);
    char *code = doc_text(d != NULL ? doc_get(d, "code") : NULL);
    char *field = doc_text(field_doc);

    if (detail == NULL || code == NULL || field == NULL || detail[0] == '\0' ||
        strcmp(code, "-") == 0)
        (void)session_fail(0, "the API responds with status %u", status);
    else if (strcmp(field, "-") == 0)
        (void)session_fail(0, "%s (%s)", detail, code);
    else
        (void)session_fail(0, "%s: %s (%s)", field, detail, code);
    free(detail);
    free(code);
    free(field);
    doc_free(d);
    return CLI_EXIT_FAILURE;
}

/* The change is made: no error. */
static void tell_missing(const char *ids)
{
    progress_hide();
    if (ids[0] != '\0')
        (void)fprintf(stderr, "warning: it is done, and these members do not have it yet: %s\n",
                      ids);
}

/* *text: what came, empty when nothing did. */
static int ask(const struct session *s, const struct call_request *wanted, char **text)
{
    struct call_request request = *wanted;
    char missing[MISSING_BYTES];
    struct body b = {NULL, 0, 0};
    struct strb ids;
    int rc = keep(&b, 0, SPAN_NONE);

    strb_init(&ids, missing, sizeof(missing));
    request.not_applied = &ids;
    request.idle = s->idle;
    request.idle_arg = s->idle_arg;
    if (rc == 0)
        rc = call_run(&s->api, &request, keep, &b);
    if (rc >= 200 && rc < 300) {
        tell_missing(missing);
        *text = b.text;
        return CLI_EXIT_OK;
    }
    if (rc < 0)
        rc = session_fail_call(s, rc);
    else
        rc = session_fail_problem((uint16_t)rc, span_from(b.text, b.len));
    free(b.text);
    return rc;
}

int session_try(const struct session *s, const char *method, const char *target,
                const struct doc *body, struct doc **response)
{
    char *sent = body != NULL ? doc_json(body, false) : NULL;
    const struct call_request request = {
        .method = method,
        .target = target,
        .body = sent != NULL ? span_from_str(sent) : SPAN_NONE,
        .idle = s->idle,
        .idle_arg = s->idle_arg,
    };
    char why[WHY_BYTES];
    struct body b = {NULL, 0, 0};
    int rc = body != NULL && sent == NULL ? WERR_NOMEM : keep(&b, 0, SPAN_NONE);

    *response = NULL;
    if (rc == 0)
        rc = call_run(&s->api, &request, keep, &b);
    if (rc > 0)
        *response = doc_parse(span_from(b.text, b.len), why, sizeof(why));
    free(sent);
    free(b.text);
    return rc;
}

struct doc *session_peek(const struct session *s, const char *target, int fd)
{
    const struct call_request request = {
        .method = "GET", .target = target, .idle = tick, .until_fd = fd};
    struct call_api api = s->api;
    char why[WHY_BYTES];
    struct body b = {NULL, 0, 0};
    struct doc *d = NULL;

    api.patience_s = PEEK_PATIENCE_S;
    if (keep(&b, 0, SPAN_NONE) == 0 && call_run(&api, &request, keep, &b) == 200)
        d = doc_parse(span_from(b.text, b.len), why, sizeof(why));
    free(b.text);
    explicit_bzero(api.authorization, sizeof(api.authorization));
    return d;
}

int session_read(const struct session *s, const char *target, char **text)
{
    const struct call_request request = {.method = "GET", .target = target};

    return ask(s, &request, text);
}

static int parse(const struct session *s, char *text, struct doc **response)
{
    char why[WHY_BYTES];

    *response = NULL;
    if (text[0] == '\0')
        return CLI_EXIT_OK;
    *response = doc_parse(span_from_str(text), why, sizeof(why));
    if (*response == NULL)
        return session_fail(CLI_EXIT_UNREACHABLE, "the API at %s: no JSON: %s", s->place, why);
    return CLI_EXIT_OK;
}

int session_ask(const struct session *s, const char *method, const char *target,
                const struct doc *body, struct doc **response)
{
    char *sent = body != NULL ? doc_json(body, false) : NULL, *text = NULL;
    const struct call_request request = {
        .method = method,
        .target = target,
        .body = sent != NULL ? span_from_str(sent) : SPAN_NONE,
    };

    if (body != NULL && sent == NULL)
        return session_fail(CLI_EXIT_FAILURE, "%s", werr_text(WERR_NOMEM));
    int code = ask(s, &request, &text);
    if (sent != NULL)
        explicit_bzero(sent, strlen(sent));
    free(sent);
    if (code == CLI_EXIT_OK && text != NULL)
        code = parse(s, text, response);
    free(text);
    return code;
}
