#include "cli/cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/roles.h"
#include "cli/session.h"
#include "cli/shown.h"
#include "cli/table.h"

enum { LINE_BYTES = 256 };
#define MEMBER_COLUMNS "id address role is_self lag last_contact_ms version"

static int add_line(struct table *t, const char *name, const char *text)
{
    char *cells[] = {strdup(name), strdup(text)};

    return table_add(t, cells);
}

static int add_member_of(struct table *t, const struct doc *d, const char *path,
                         const char *name)
{
    char *cells[] = {strdup(name), doc_text(doc_get(d, path))};

    return table_add(t, cells);
}

/* "2 of 3 voters, a leader is known". */
static int add_quorum(struct table *t, const struct doc *d)
{
    char *voters = doc_text(doc_get(d, "quorum.voters"));
    char *needed = doc_text(doc_get(d, "quorum.needed"));
    char *has = doc_text(doc_get(d, "quorum.has"));
    char line[LINE_BYTES];
    int rc = WERR_NOMEM;

    if (voters != NULL && needed != NULL && has != NULL) {
        (void)snprintf(line, sizeof(line), "%s of %s voters needed, %s", needed, voters,
                       strcmp(has, "true") == 0 ? "a leader is known"
                                                : "NO LEADER IS KNOWN: nothing can be changed");
        rc = add_line(t, "quorum", line);
    }
    free(voters);
    free(needed);
    free(has);
    return rc;
}

/* "about 1075 ms, 1550 ms at most". */
static int add_outage(struct table *t, const struct doc *d)
{
    char *typical = doc_text(doc_get(d, "outage_typical_ms"));
    char *worst = doc_text(doc_get(d, "outage_worst_ms"));
    char line[LINE_BYTES];
    int rc = WERR_NOMEM;

    if (typical != NULL && worst != NULL) {
        (void)snprintf(line, sizeof(line), "about %s ms, %s ms at most, of a virtual IP",
                       typical, worst);
        rc = add_line(t, "outage", line);
    }
    free(typical);
    free(worst);
    return rc;
}

static int fill(struct table *t, const struct doc *d)
{
    static const char *const rows[][2] = {
        {"id", "cluster"},       {"address", "address"},          {"role", "role"},
        {"leader.id", "leader"}, {"leader.address", "leader at"}, {"term", "term"},
        {"applied", "applied"},  {"profile", "profile"},          {"level", "level"}};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sizeof(rows) / sizeof(rows[0]); i++)
        rc = add_member_of(t, d, rows[i][0], rows[i][1]);
    if (rc == 0)
        rc = add_outage(t, d);
    return rc == 0 ? add_quorum(t, d) : rc;
}

static int print_if_there(const struct doc *d, const char *path, const char *word)
{
    char *text = doc_text(doc_get(d, path));

    if (text == NULL)
        return WERR_NOMEM;
    if (strcmp(text, "-") != 0)
        (void)printf("\n%s: %s\n", word, text);
    free(text);
    return 0;
}

/* They are the last things that stand there. */
static int print_warnings(const struct doc *d)
{
    const int rc = print_if_there(d, "warning", "WARNING");

    return rc == 0 ? print_if_there(d, "halted.reason", "HALTED") : rc;
}

static int show(const struct doc *d)
{
    struct table t;
    int rc;

    table_init(&t, 2);
    rc = fill(&t, d);
    if (rc == 0) {
        table_print(&t, stdout);
        (void)fputc('\n', stdout);
        rc = shown_table(d, MEMBER_COLUMNS);
    }
    table_fini(&t);
    return rc == 0 ? print_warnings(d) : rc;
}

int cluster_status(const struct args *args, char *const *env)
{
    struct doc *d = NULL;

    if (args->flag[ARGS_DATA_DIR] != NULL)
        return args->roles->status(args->flag[ARGS_DATA_DIR], args->flag[ARGS_JSON] != NULL);
    int code = ask_api(args, env, &d);
    if (code == CLI_EXIT_OK)
        code = shown_end(args->flag[ARGS_JSON] != NULL ? shown_json(d) : show(d));
    doc_free(d);
    return code;
}

/* For $(weldr cluster token create); what people want to know is on stderr. */
static int show_token(const struct doc *d)
{
    char *token = doc_text(doc_get(d, "token"));
    char *expires = doc_text(doc_get(d, "expires"));
    const int rc = token != NULL && expires != NULL ? 0 : WERR_NOMEM;

    if (rc == 0) {
        (void)printf("%s\n", token);
        (void)fprintf(stderr, "for one node, until %s: weldr --join HOST:PORT --token TOKEN\n",
                      expires);
    }
    free(token);
    free(expires);
    return rc;
}

int cluster_token(const struct args *args, char *const *env)
{
    struct doc *d = NULL;
    int code = ask_api(args, env, &d);

    if (code == CLI_EXIT_OK)
        code = shown_end(args->flag[ARGS_JSON] != NULL ? shown_json(d) : show_token(d));
    doc_free(d);
    return code;
}

/* ---- offline ---- */

int cluster_recover(const struct args *args, char *const *env)
{
    const char *dir = args->flag[ARGS_DATA_DIR];

    (void)env;
    if (dir == NULL)
        return session_fail(CLI_EXIT_USAGE, "--data-dir is missing: of which node?");
    if (args->flag[ARGS_YES] == NULL)
        return session_fail(
            CLI_EXIT_USAGE,
            "changes that were acknowledged and are not in %s will be lost, and all other "
            "members must join anew; say --yes if they are gone for good",
            dir);
    return args->roles->recover(dir);
}

int cluster_rejoin(const struct args *args, char *const *env)
{
    (void)env;
    if (args->flag[ARGS_DATA_DIR] == NULL)
        return session_fail(CLI_EXIT_USAGE, "--data-dir is missing: of which node?");
    return args->roles->rejoin(args->flag[ARGS_DATA_DIR]);
}

int cluster_repair(const struct args *args, char *const *env)
{
    (void)env;
    if (args->flag[ARGS_DATA_DIR] == NULL)
        return session_fail(CLI_EXIT_USAGE, "--data-dir is missing: of which node?");
    return args->roles->repair(args->flag[ARGS_DATA_DIR], args->flag[ARGS_YES] != NULL);
}
