#include "cli/roll.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jtext.h"
#include "cli/roll_int.h"
#include "cli/shown.h"
#include "cli/upgrade.h"
#include "log/progress.h"

/* A line a step: with --json on stderr, where it is not in the way of the document. */
static void say(const struct roll *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void say(const struct roll *r, const char *format, ...)
{
    FILE *to = r->is_json ? stderr : stdout;
    va_list list;

    progress_hide();
    va_start(list, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): one line above it is started
    (void)vfprintf(to, format, list);
    va_end(list);
    (void)fputc('\n', to);
    (void)fflush(to);
}

static int fail(struct roll *r, const struct roll_node *node, int code)
{
    r->ill = node;
    return code;
}

/* ---- who is there ---- */

static void read_node(const struct doc *d, struct roll_node *node)
{
    roll_read_text(d, "id", node->id, sizeof(node->id));
    roll_read_text(d, "role", node->role, sizeof(node->role));
    node->is_self = roll_read_bool(d, "is_self");
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct roll_node *)a)->id, ((const struct roll_node *)b)->id);
}

/* What all nodes are is left as it was, but for who leads. */
static void take_roles(struct roll *r, const struct doc *members)
{
    for (size_t i = 0; i < doc_size(members); i++) {
        struct roll_node now;

        read_node(doc_at(members, i), &now);
        for (unsigned k = 0; k < r->node_n; k++)
            if (strcmp(r->nodes[k].id, now.id) == 0)
                memcpy(r->nodes[k].role, now.role, sizeof(now.role));
    }
}

static void take_nodes(struct roll *r, const struct doc *members)
{
    for (size_t i = 0; i < doc_size(members); i++)
        read_node(doc_at(members, i), &r->nodes[r->node_n++]);
    qsort(r->nodes, r->node_n, sizeof(r->nodes[0]), compare);
}

/* With consistent=true it waits until a leader is known. */
static int look(struct roll *r)
{
    struct doc *d;
    const int rc = roll_ask(r, "GET", "/cluster?consistent=true", false, ROLL_PASSING_MS, &d);
    const struct doc *members = rc == 200 ? doc_get(d, "members") : NULL;
    int code = rc == 200 ? CLI_EXIT_OK : rc < 0 ? CLI_EXIT_UNREACHABLE : CLI_EXIT_FAILURE;

    if (doc_size(members) > ROLL_NODES_MAX) {
        (void)snprintf(r->why, sizeof(r->why), "there are too many members");
        code = CLI_EXIT_FAILURE;
    }
    if (code == CLI_EXIT_OK) {
        r->applied = roll_read_number(d, "applied");
        if (r->node_n == 0)
            take_nodes(r, members);
        else
            take_roles(r, members);
    }
    doc_free(d);
    return code;
}

/* All of them, for one more that is away may be one too many. */
static int look_at_all(struct roll *r)
{
    struct roll_state s;

    for (unsigned i = 0; i < r->node_n; i++) {
        struct roll_node *node = &r->nodes[i];
        const int code = roll_look_at(r, node, &s);

        if (code != CLI_EXIT_OK)
            return fail(r, node, code);
        if (node->mark == ROLL_TO_DO && !r->is_again && strcmp(s.version, r->version) == 0)
            node->mark = ROLL_SKIPPED;
    }
    return CLI_EXIT_OK;
}

/* The same version on all of them, before anything begins on one. */
static int check_binaries(struct roll *r)
{
    char version[ROLL_WORD_MAX];

    for (unsigned i = 0; i < r->node_n; i++) {
        const int code = roll_check(r, &r->nodes[i], version);

        if (code != CLI_EXIT_OK)
            return fail(r, &r->nodes[i], code);
        if (i == 0)
            memcpy(r->version, version, sizeof(version));
        if (strcmp(version, r->version) == 0)
            continue;
        (void)snprintf(r->why, sizeof(r->why),
                       "there the file is version %s, and %s on node %s", version, r->version,
                       r->nodes[0].id);
        return fail(r, &r->nodes[i], CLI_EXIT_FAILURE);
    }
    return CLI_EXIT_OK;
}

static unsigned count(const struct roll *r, enum roll_mark mark)
{
    unsigned n = 0;

    for (unsigned i = 0; i < r->node_n; i++)
        n += r->nodes[i].mark == mark;
    return n;
}

/* ---- virtual IPs ---- */

/* Somebody who is not to be upgraded any more, so that the address moves once; NULL: nobody. */
static const char *choose_holder(const struct roll *r)
{
    for (unsigned i = 0; i < r->node_n; i++)
        if (r->nodes[i].mark != ROLL_TO_DO && strcmp(r->nodes[i].role, "witness") != 0)
            return r->nodes[i].id;
    return NULL;
}

static int ask_to_move(struct roll *r, const char *address, const char *to)
{
    char target[128], why[ROLL_WHY_MAX], word[ROLL_ID_MAX + 2];
    struct doc *body = doc_new(), *d = NULL;
    int rc = body != NULL ? 0 : WERR_NOMEM;

    (void)snprintf(target, sizeof(target), "/vips/%s/move", address);
    (void)snprintf(word, sizeof(word), "\"%s\"", to != NULL ? to : "");
    if (rc == 0 && to != NULL)
        rc = doc_set(body, SPAN("to"), word, why, sizeof(why));
    if (rc == 0)
        rc = session_try(&r->session, "POST", target, body, &d);
    (void)snprintf(r->why, sizeof(r->why), "VIP %s does not move: %s", address,
                   rc < 0 ? werr_text(rc) : "");
    if (rc > 0 && d != NULL) {
        roll_read_text(d, "code", r->code, sizeof(r->code));
        roll_read_text(d, "detail", why, sizeof(why));
        (void)snprintf(r->why, sizeof(r->why), "VIP %s does not move: %.400s", address, why);
    }
    doc_free(body);
    doc_free(d);
    return rc;
}

static bool is_nobody_fit(const struct roll *r, int rc)
{
    return (rc == 409 && strcmp(r->code, "vip_member_unfit") == 0) ||
           (rc == 503 && strcmp(r->code, "vip_no_holder") == 0);
}

/* Where nobody else is fit it stays, for the hot upgrade keeps it, or it is away for a moment.
 */
static int move_away(struct roll *r, const char *address)
{
    const char *to = choose_holder(r);
    int rc = to != NULL ? ask_to_move(r, address, to) : 0;

    if (rc == 0 || (rc != 200 && is_nobody_fit(r, rc)))
        rc = ask_to_move(r, address, NULL);
    if (is_nobody_fit(r, rc))
        say(r, "     VIP %s stays: no other node is fit to hold it", address);
    else if (rc == 200)
        say(r, "     VIP %s is another node's", address);
    return rc == 200 || is_nobody_fit(r, rc) ? CLI_EXIT_OK : CLI_EXIT_FAILURE;
}

static int move_vips(struct roll *r, const struct roll_node *node)
{
    struct doc *d;
    int code = CLI_EXIT_OK;

    if (r->node_n < 2)
        return code;
    const int rc = roll_ask(r, "GET", "/vips", false, ROLL_PASSING_MS, &d);
    if (rc != 200)
        code = CLI_EXIT_FAILURE;
    const struct doc *vips = rc == 200 ? doc_get(d, "vips") : NULL;
    for (size_t i = 0; code == CLI_EXIT_OK && i < doc_size(vips); i++) {
        char holder[ROLL_ID_MAX], address[64];

        roll_read_text(doc_at(vips, i), "holder", holder, sizeof(holder));
        roll_read_text(doc_at(vips, i), "address", address, sizeof(address));
        if (strcmp(holder, node->id) == 0)
            code = move_away(r, address);
    }
    doc_free(d);
    return code;
}

/* ---- node by node ---- */

static unsigned rank(const struct roll_node *node)
{
    return strcmp(node->role, "leader") == 0 ? 2 : node->is_self;
}

/* NULL: all are done. */
static struct roll_node *choose(struct roll *r)
{
    struct roll_node *best = NULL;

    for (unsigned i = 0; i < r->node_n; i++) {
        struct roll_node *node = &r->nodes[i];

        if (node->mark == ROLL_TO_DO && (best == NULL || rank(node) < rank(best)))
            best = node;
    }
    return best;
}

static int upgrade_one(struct roll *r, struct roll_node *node, unsigned number, unsigned of)
{
    const uint64_t began_ms = roll_now_ms();
    uint64_t pid;

    say(r, "%u/%u  node %s, %s", number, of, node->id, node->role);
    progress_begin(0, "node %s", node->id);
    progress_detail("its VIPs move");
    int code = move_vips(r, node);
    if (code == CLI_EXIT_OK)
        code = roll_upgrade(r, node, &pid);
    if (code != CLI_EXIT_OK)
        return fail(r, node, code);
    node->mark = ROLL_DONE;
    say(r, "     weldr %s serves, process %" PRIu64 ", after %.1f s", r->version, pid,
        (double)(roll_now_ms() - began_ms) / 1000);
    return CLI_EXIT_OK;
}

static int upgrade_all(struct roll *r)
{
    const unsigned of = count(r, ROLL_TO_DO);
    struct roll_node *node;
    unsigned number = 0;

    while ((node = choose(r)) != NULL) {
        int code = upgrade_one(r, node, ++number, of);

        progress_begin(0, "looking at all nodes");
        if (code == CLI_EXIT_OK)
            code = look(r);
        if (code == CLI_EXIT_OK)
            code = look_at_all(r);
        if (code != CLI_EXIT_OK)
            return code;
    }
    return CLI_EXIT_OK;
}

static int run(struct roll *r)
{
    int code = look(r);

    if (code == CLI_EXIT_OK)
        code = check_binaries(r);
    if (code == CLI_EXIT_OK)
        code = look_at_all(r);
    if (code != CLI_EXIT_OK)
        return code;
    say(r, "weldr %s is there; it runs on %u of %u nodes", r->version, count(r, ROLL_SKIPPED),
        r->node_n);
    return upgrade_all(r);
}

/* ---- how it ended ---- */

static void put_nodes(struct jtext *t, const struct roll *r, const char *key,
                      enum roll_mark mark)
{
    jtext_open(t, key, '[');
    for (unsigned i = 0; i < r->node_n; i++)
        if (r->nodes[i].mark == mark)
            jtext_str(t, NULL, r->nodes[i].id);
    jtext_close(t, ']');
}

static int print_json(const struct roll *r, int code, uint64_t took_ms)
{
    struct jtext t;

    jtext_init(&t);
    jtext_open(&t, NULL, '{');
    jtext_str(&t, "version", r->version);
    put_nodes(&t, r, "upgraded", ROLL_DONE);
    put_nodes(&t, r, "skipped", ROLL_SKIPPED);
    put_nodes(&t, r, "remaining", ROLL_TO_DO);
    if (r->ill != NULL)
        jtext_str(&t, "failed", r->ill->id);
    else
        jtext_null(&t, "failed");
    if (code != CLI_EXIT_OK)
        jtext_str(&t, "error", r->why);
    else
        jtext_null(&t, "error");
    jtext_number(&t, "ms", took_ms);
    jtext_close(&t, '}');
    char *text = jtext_take(&t);
    if (text != NULL)
        (void)fputs(text, stdout);
    free(text);
    return shown_end(text != NULL ? 0 : WERR_NOMEM);
}

static void print_end(const struct roll *r, uint64_t took_ms)
{
    if (count(r, ROLL_DONE) == 0)
        say(r, "nothing is to be done: --again upgrades them all the same");
    else
        say(r, "weldr %s runs on %u of %u nodes; it took %.1f s", r->version, r->node_n,
            r->node_n, (double)took_ms / 1000);
}

static void print_failure(const struct roll *r, int code)
{
    if (r->ill != NULL)
        (void)session_fail(code, "node %s: %s", r->ill->id, r->why);
    else
        (void)session_fail(code, "%s", r->why);
    if (count(r, ROLL_DONE) == 0) {
        (void)fputs("no node was upgraded\n", stderr);
        return;
    }
    (void)fprintf(stderr, "upgraded:");
    for (unsigned i = 0; i < r->node_n; i++)
        if (r->nodes[i].mark == ROLL_DONE)
            (void)fprintf(stderr, " %s", r->nodes[i].id);
    (void)fprintf(
        stderr, "\nthe others are as they were; when that node is well again, the same command "
                "goes on\n");
}

static int begin(struct roll *r, const struct args *args, char *const *env)
{
    if (args->flag[ARGS_BINARY] == NULL)
        return session_fail(CLI_EXIT_USAGE,
                            "--binary FILE is missing: which Weldr is it to be?");
    const int code = upgrade_make_absolute(args->flag[ARGS_BINARY], r->binary);
    if (code != CLI_EXIT_OK)
        return code;
    r->is_again = args->flag[ARGS_AGAIN] != NULL;
    r->is_json = args->flag[ARGS_JSON] != NULL;
    const int opened = session_open(&r->session, args, env);
    r->session.api.patience_s = ROLL_PATIENCE_S;
    return opened;
}

int roll_run(const struct args *args, char *const *env)
{
    static struct roll r;
    const uint64_t began_ms = roll_now_ms();
    int code = begin(&r, args, env);

    if (code != CLI_EXIT_OK)
        return code;
    progress_begin(0, "looking at all nodes");
    code = run(&r);
    progress_end();
    const uint64_t took_ms = roll_now_ms() - began_ms;
    if (code != CLI_EXIT_OK)
        print_failure(&r, code);
    else
        print_end(&r, took_ms);
    const int printed = r.is_json ? print_json(&r, code, took_ms) : shown_end(0);
    return code != CLI_EXIT_OK ? code : printed;
}
