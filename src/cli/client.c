#include "cli/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/backup.h"
#include "cli/cluster.h"
#include "cli/completion.h"
#include "cli/doc.h"
#include "cli/health.h"
#include "cli/help.h"
#include "cli/lines.h"
#include "cli/promote.h"
#include "cli/roll.h"
#include "cli/session.h"
#include "cli/shown.h"
#include "cli/top.h"
#include "cli/upgrade.h"
#include "cli/waiting.h"
#include "cli/whole.h"
#include "log/progress.h"

enum { ERROR_BYTES = 512 };

const struct args_command client_commands[] = {
#define COMMAND(noun, verb, run, method, path, words, flags, columns, help) \
    {noun, verb, run, method, path, words, flags, columns, help},
#include "cli/commands.def"
#undef COMMAND
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};

bool client_is_noun(const char *text)
{
    return args_is_noun(client_commands, text);
}

static int run(const struct args *args, char *const *env)
{
    if (args->flag[ARGS_JSON] == NULL)
        progress_open(true);
    const int code = args->command->run(args, env);
    progress_close();
    return code;
}

int client_run(int argc, char *const *argv, char *const *env, const struct cli_roles *roles)
{
    struct args args;
    char error[ERROR_BYTES];

    if (args_read(&args, client_commands, argc, argv, error, sizeof(error)) < 0)
        return session_fail(CLI_EXIT_USAGE, "%s", error);
    args.roles = roles;
    if (args.flag[ARGS_HELP] == NULL)
        return run(&args, env);
    if (args.command != NULL)
        help_print_command(args.command);
    else
        help_print_noun(client_commands, argv[1]);
    return fflush(stdout) == 0 ? CLI_EXIT_OK : CLI_EXIT_FAILURE;
}

/* ---- requests of the table ---- */

int client_read(const struct args *args, char *const *env)
{
    struct doc *d = NULL;
    int code = ask_api(args, env, &d);

    if (code != CLI_EXIT_OK)
        return code;
    if (args->flag[ARGS_JSON] != NULL)
        code = shown_end(shown_json(d));
    else if (args->command->columns[0] != '\0')
        code = shown_end(shown_table(d, args->command->columns));
    else
        code = shown_end(shown_lines(d));
    doc_free(d);
    return code;
}

int client_send(const struct args *args, char *const *env)
{
    struct doc *d = NULL;
    int code = ask_api(args, env, &d);

    if (code == CLI_EXIT_OK && d != NULL)
        code = shown_end(args->flag[ARGS_JSON] != NULL
                             ? shown_json(d)
                             : shown_change(d, args->word_n > 0 ? args->word[0] : ""));
    doc_free(d);
    return code;
}

/* ---- explain ---- */

/* "http://HOST/PATH", or "HOST/PATH". */
static void explain_target(const struct args *args, struct strb *b)
{
    const char *url = args->word[0], *scheme = strstr(url, "://");
    const char *host = scheme != NULL ? scheme + 3 : url;
    const size_t len = strcspn(host, "/?");
    char text[SESSION_TARGET_BYTES];

    (void)snprintf(text, sizeof(text), "host=%.*s", (int)len, host);
    strb_add_str(b, "/explain");
    args_add_pair(b, '?', text);
    (void)snprintf(text, sizeof(text), "path=%s%s", host[len] == '/' ? "" : "/", host + len);
    args_add_pair(b, '&', text);
    for (unsigned i = 0; i < args->pair_n; i++)
        args_add_pair(b, '&', args->pair[i]);
}

int client_explain(const struct args *args, char *const *env)
{
    char target[SESSION_TARGET_BYTES];
    struct session s;
    struct strb b;
    struct doc *d = NULL;
    int code = session_open(&s, args, env);

    strb_init(&b, target, sizeof(target));
    explain_target(args, &b);
    waiting_say(&s, "waiting for the API at @");
    if (code == CLI_EXIT_OK && strb_is_full(&b))
        code = session_fail(CLI_EXIT_USAGE, "the words are too long");
    if (code == CLI_EXIT_OK)
        code = session_ask(&s, "GET", target, NULL, &d);
    progress_end();
    if (code == CLI_EXIT_OK)
        code = shown_end(args->flag[ARGS_JSON] != NULL ? shown_json(d) : shown_lines(d));
    doc_free(d);
    return code;
}

/* ---- events ---- */

struct following {
    const struct args *args;
    struct lines lines;
    bool has_written; /* standard output takes it */
    uint16_t refused; /* the status, when it is none of success */
    size_t why_len;
    char why[4096];
};

static int show_event(void *arg, struct span text)
{
    struct following *f = arg;
    char error[ERROR_BYTES];
    struct doc *d;
    int rc = 0;

    if (f->args->flag[ARGS_JSON] != NULL) {
        (void)printf("%.*s\n", (int)text.len, text.ptr);
    } else {
        d = doc_parse(text, error, sizeof(error));
        if (d != NULL)
            rc = shown_entry(d, f->args->command->columns);
        doc_free(d);
    }
    f->has_written = fflush(stdout) == 0;
    return f->has_written ? rc : WERR_CLOSED;
}

static int on_bytes(void *arg, uint16_t status, struct span bytes)
{
    struct following *f = arg;

    if (status == 200)
        return lines_feed(&f->lines, bytes);
    f->refused = status;
    bytes = span_first(bytes, sizeof(f->why) - f->why_len);
    if (bytes.len > 0)
        memcpy(f->why + f->why_len, bytes.ptr, bytes.len);
    f->why_len += bytes.len;
    return 0;
}

static int follow(const struct session *s, const struct args *args, const char *target)
{
    struct following *f = malloc(sizeof(*f));
    const struct call_request request = {
        .method = "GET", .target = target, .accept = "text/event-stream"};

    if (f == NULL)
        return session_fail(CLI_EXIT_FAILURE, "%s", werr_text(WERR_NOMEM));
    f->args = args;
    f->has_written = true;
    f->refused = 0;
    f->why_len = 0;
    lines_init(&f->lines, show_event, f);
    const int rc = call_run(&s->api, &request, on_bytes, f);
    int code = CLI_EXIT_OK;
    if (!f->has_written)
        code = shown_end(0);
    else if (f->refused != 0)
        code = session_fail_problem(f->refused, span_from(f->why, f->why_len));
    else
        code = session_fail_call(s, rc < 0 ? rc : WERR_EOF);
    free(f);
    return code;
}

int client_events(const struct args *args, char *const *env)
{
    char target[SESSION_TARGET_BYTES];
    struct session s;
    int code;

    if (args->flag[ARGS_FOLLOW] == NULL)
        return client_read(args, env);
    code = session_open(&s, args, env);
    if (code == CLI_EXIT_OK)
        code = ask_target(&s, args, target);
    return code == CLI_EXIT_OK ? follow(&s, args, target) : code;
}
