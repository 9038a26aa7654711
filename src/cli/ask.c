#include "cli/ask.h"

#include <stdlib.h>
#include <string.h>

#include "cli/waiting.h"

enum { ERROR_BYTES = 512 };

/* ---- servers by url ---- */

static bool is_url(const struct args *args)
{
    return strcmp(args->command->noun, "server") == 0 && args->word_n > 0 &&
           strchr(args->command->path, '%') != NULL && strstr(args->word[0], "://") != NULL;
}

static int find_id(const struct doc *list, const char *url, char *id, size_t size)
{
    int rc = WERR_NOT_FOUND;

    for (size_t i = 0; rc == WERR_NOT_FOUND && i < doc_size(list); i++) {
        char *text = doc_text(doc_get(doc_at(list, i), "url"));
        char *found = doc_text(doc_get(doc_at(list, i), "id"));

        if (text != NULL && found != NULL && strcmp(text, url) == 0)
            rc = span_to_str(span_from_str(found), id, size);
        free(text);
        free(found);
    }
    return rc;
}

/* The API knows servers by id or address in paths: the first word becomes the id. */
static int look_up(const struct session *s, struct args *args, char *id, size_t size)
{
    char target[SESSION_TARGET_BYTES];
    struct doc *d = NULL;
    struct strb b;

    strb_init(&b, target, sizeof(target));
    if (args->flag[ARGS_POOL] != NULL) {
        strb_add_str(&b, "/pools/");
        args_add_escaped(&b, args->flag[ARGS_POOL]);
    }
    strb_add_str(&b, "/servers?fields=id,url");
    int code = session_ask(s, "GET", target, NULL, &d);
    if (code != CLI_EXIT_OK)
        return code;
    if (find_id(doc_get(d, "servers"), args->word[0], id, size) < 0)
        code = session_fail(CLI_EXIT_FAILURE, "%s: the pool has no such server", args->word[0]);
    args->word[0] = id;
    doc_free(d);
    return code;
}

int ask_target(const struct session *s, const struct args *args, char *target)
{
    char id[64];
    struct args copy = *args;
    struct strb b;

    if (is_url(args)) {
        const int code = look_up(s, &copy, id, sizeof(id));

        if (code != CLI_EXIT_OK)
            return code;
    }
    strb_init(&b, target, SESSION_TARGET_BYTES);
    args_target(&copy, &b);
    if (strb_is_full(&b))
        return session_fail(CLI_EXIT_USAGE, "the words are too long");
    return CLI_EXIT_OK;
}

/* ---- the whole request ---- */

/* *body: NULL when there is nothing to say. */
static int make_body(const struct args *args, struct doc **body)
{
    struct span rest = span_from_str(args->command->words), name, member;
    char error[ERROR_BYTES] = "";
    int rc = 0;

    *body = doc_new();
    if (*body == NULL)
        return session_fail(CLI_EXIT_FAILURE, "%s", werr_text(WERR_NOMEM));
    bool is_empty = !args_takes_pairs(args->command);
    for (unsigned i = 0; rc == 0 && i < args->word_n && args_next_word(&rest, &name, &member);
         i++)
        if (member.len > 0) {
            rc = doc_set(*body, member, args->word[i], error, sizeof(error));
            is_empty = false;
        }
    for (unsigned i = 0; rc == 0 && i < args->pair_n; i++)
        rc = doc_set_pair(*body, args->pair[i], error, sizeof(error));
    if (rc == 0 && !is_empty)
        return CLI_EXIT_OK;
    doc_free(*body);
    *body = NULL;
    return rc < 0 ? session_fail(CLI_EXIT_USAGE, "%s", error) : CLI_EXIT_OK;
}

int ask_api(const struct args *args, char *const *env, struct doc **out)
{
    const bool is_read = strcmp(args->command->method, "GET") == 0;
    char target[SESSION_TARGET_BYTES];
    struct session s;
    struct waiting w;
    struct doc *body = NULL;
    int code = is_read ? CLI_EXIT_OK : make_body(args, &body);

    if (code == CLI_EXIT_OK)
        code = session_open(&s, args, env);
    if (code == CLI_EXIT_OK)
        code = ask_target(&s, args, target);
    if (code == CLI_EXIT_OK) {
        waiting_begin(&w, &s, args, target);
        code = session_ask(&s, args->command->method, target, body, out);
        waiting_end(&w);
    }
    doc_free(body);
    return code;
}
