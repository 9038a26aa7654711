#include "cli/promote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cluster.h"
#include "cli/doc.h"
#include "cli/session.h"
#include "cli/shown.h"
#include "cli/waiting.h"

enum { WORD_BYTES = 128 };

/* Who is who, as GET /cluster tells: "" what it does not. */
struct pair {
    size_t member_n;
    char self[WORD_BYTES];
    char other[WORD_BYTES], address[WORD_BYTES];
};

static int copy_text(const struct doc *d, const char *path, char *to)
{
    char *text = doc_text(doc_get(d, path));
    int rc = WERR_NOMEM;

    if (text != NULL)
        rc = span_to_str(span_from_str(text), to, WORD_BYTES);
    free(text);
    return rc;
}

static int read_member(const struct doc *member, struct pair *p)
{
    char is_self[WORD_BYTES];
    int rc = copy_text(member, "is_self", is_self);

    if (rc < 0)
        return rc;
    if (strcmp(is_self, "true") == 0)
        return copy_text(member, "id", p->self);
    rc = copy_text(member, "id", p->other);
    return rc < 0 ? rc : copy_text(member, "address", p->address);
}

static int read_pair(const struct session *s, struct pair *p)
{
    struct doc *d = NULL;
    int rc = 0;

    memset(p, 0, sizeof(*p));
    const int code = session_ask(s, "GET", "/cluster", NULL, &d);
    if (code != CLI_EXIT_OK)
        return code;
    const struct doc *members = doc_get(d, "members");
    p->member_n = doc_size(members);
    for (size_t i = 0; rc == 0 && i < p->member_n; i++)
        rc = read_member(doc_at(members, i), p);
    doc_free(d);
    return rc == 0 ? CLI_EXIT_OK : session_fail(CLI_EXIT_FAILURE, "%s", werr_text(rc));
}

/* ---- the words ---- */

static void print_words(const struct pair *p)
{
    (void)fprintf(stderr,
                  "This node goes on alone: it takes changes and the virtual IPs, and %s at %s "
                  "is no member\n"
                  "any more. What that one alone has is lost.\n"
                  "Nobody can tell whether it is dead or only cut off. Cut off it goes on to "
                  "hold the virtual\n"
                  "IPs and to take changes, and two nodes answer for one address. So first "
                  "make sure, at that\n"
                  "machine, that one of these is so:\n"
                  "  - its power is off;\n"
                  "  - its network is cut off, towards clients as well;\n"
                  "  - weldr is stopped there, and does not start again.\n"
                  "One whose processes are all stopped but not dead holds an address for 2.3 s "
                  "at the most after\n"
                  "its last word; this node waits longer than that.\n"
                  "When it is back: weldr cluster rejoin --data-dir DIR there, then join with "
                  "a new token.\n",
                  p->other, p->address);
}

/* Asks whoever sits there; to a script it says what it has to say itself. */
static int hear_word(const struct pair *p, char word[WORD_BYTES])
{
    if (!isatty(STDIN_FILENO))
        return session_fail(CLI_EXIT_USAGE,
                            "--fenced %s is missing: say it once that member is off", p->other);
    (void)fprintf(stderr, "Type the id of the member that is off (%s): ", p->other);
    if (fgets(word, WORD_BYTES, stdin) == NULL)
        word[0] = '\0';
    word[strcspn(word, "\r\n")] = '\0';
    if (strcmp(word, p->other) == 0)
        return CLI_EXIT_OK;
    return session_fail(CLI_EXIT_USAGE, "this is not %s: nothing was done", p->other);
}

/* Of others than a pair the API says what is to be done. */
static int find_word(const struct args *args, const struct pair *p, char word[WORD_BYTES])
{
    const char *said = args->flag[ARGS_FENCED];

    word[0] = '\0';
    if (said != NULL && span_to_str(span_from_str(said), word, WORD_BYTES) < 0)
        return session_fail(CLI_EXIT_USAGE, "--fenced %s: no id of a member", said);
    if (said != NULL || p->member_n != 2)
        return CLI_EXIT_OK;
    print_words(p);
    return hear_word(p, word);
}

/* ---- the request ---- */

static int make_body(const char *word, struct doc **body)
{
    struct doc *text = NULL;
    char quoted[WORD_BYTES + 2], why[WORD_BYTES] = "";
    int rc;

    *body = NULL;
    if (word[0] == '\0')
        return CLI_EXIT_OK;
    /* Digits alone would be a number. */
    (void)snprintf(quoted, sizeof(quoted), "\"%s\"", word);
    text = doc_new();
    rc = text != NULL ? doc_set(text, SPAN("fenced"), quoted, why, sizeof(why)) : WERR_NOMEM;
    *body = text;
    if (rc == 0)
        return CLI_EXIT_OK;
    return session_fail(CLI_EXIT_USAGE, "--fenced: %s", why[0] != '\0' ? why : werr_text(rc));
}

static int ask(struct session *s, const struct args *args, const char *id, const char *word,
               struct doc **out)
{
    char target[SESSION_TARGET_BYTES];
    struct args copy = *args;
    struct waiting w;
    struct doc *body;
    struct strb b;

    copy.word[0] = id;
    copy.word_n = 1;
    strb_init(&b, target, sizeof(target));
    args_target(&copy, &b);
    if (strb_is_full(&b))
        return session_fail(CLI_EXIT_USAGE, "the words are too long");
    int code = make_body(word, &body);
    if (code == CLI_EXIT_OK) {
        waiting_begin(&w, s, &copy, target);
        code = session_ask(s, "POST", target, body, out);
        waiting_end(&w);
    }
    doc_free(body);
    return code;
}

static int show(const struct args *args, const struct pair *p, const struct doc *d)
{
    if (args->flag[ARGS_JSON] != NULL)
        return shown_end(shown_json(d));
    (void)printf(
        "%s is the whole cluster now: it takes changes, and virtual IPs within seconds; "
        "%s is no member any more\n",
        p->self, p->other);
    return shown_end(0);
}

static int force(const struct args *args, char *const *env)
{
    char word[WORD_BYTES];
    struct doc *d = NULL;
    struct session s;
    struct pair p;
    int code = session_open(&s, args, env);

    if (code == CLI_EXIT_OK)
        code = read_pair(&s, &p);
    if (code == CLI_EXIT_OK)
        code = find_word(args, &p, word);
    if (code == CLI_EXIT_OK)
        code = ask(&s, args, args->word_n > 0 ? args->word[0] : p.self, word, &d);
    if (code == CLI_EXIT_OK)
        code = show(args, &p, d);
    doc_free(d);
    return code;
}

int promote_run(const struct args *args, char *const *env)
{
    if (args->flag[ARGS_FORCE] != NULL)
        return force(args, env);
    if (args->flag[ARGS_FENCED] != NULL)
        return session_fail(CLI_EXIT_USAGE, "--fenced goes with --force");
    if (args->word_n == 0)
        return session_fail(CLI_EXIT_USAGE, "ID is missing");
    return cluster_status(args, env);
}
