#include "base/strb.h"
#include "config/config.h"

struct help_line {
    const char *flag, *env, *word, *standard, *help;
};

static const struct help_line lines[] = {
#define SETTING(name, flag, env, word, standard, help, read) {flag, env, word, standard, help},
#include "config/settings.def"
#undef SETTING
};
enum { LINE_N = sizeof(lines) / sizeof(lines[0]), HELP_BYTES = 8192, INDENT = 2, GAP = 2 };

static const char head[] =
    "weldr - HTTP reverse proxy and load balancer, managed by an API\n"
    "\n"
    "Usage:\n"
    "  weldr [flags]         start the manager, which starts the workers\n"
    "  weldr worker --id N   a worker; started by the manager only\n"
    "  weldr help            commands for the API of a weldr that runs: server, pool, ...\n"
    "\n"
    "Flags (as --flag value or --flag=value; each also as the variable under it):\n";

static const char tail[] = "\n"
                           "Exit codes:\n"
                           "  0  ended well\n"
                           "  1  failed\n"
                           "  2  bad flag or setting\n"
                           "  3  an address can't be bound\n"
                           "  4  out of descriptors or memory\n"
                           "\n"
                           "Examples:\n"
                           "  weldr server add http://127.0.0.1:12345   add a server\n"
                           "  weldr server rm 127.0.0.1:12345           remove it\n";

static void add_padded(struct strb *b, size_t used, size_t width)
{
    for (; used < width; used++)
        strb_add_char(b, ' ');
}

/* Width of "--flag WORD" or of the variable, whichever is longer. */
static size_t width_of(const struct help_line *line)
{
    size_t flag = line->flag != NULL ? strlen(line->flag) + 1 + strlen(line->word) : 0;
    size_t env = strlen(line->env) + (line->flag != NULL ? 0 : 1 + strlen(line->word));
    return flag > env ? flag : env;
}

/* Two lines: flag and help, variable and default. A setting without a flag has its variable in
 * the first line. */
static void add_setting(struct strb *b, const struct help_line *line, size_t width)
{
    size_t start = b->len;
    const char *first = line->flag != NULL ? line->flag : line->env;
    strb_addf(b, "%*s%s %s", INDENT, "", first, line->word);
    add_padded(b, b->len - start, INDENT + width + GAP);
    strb_addf(b, "%s\n", line->help);
    start = b->len;
    strb_addf(b, "%*s%s", INDENT, "", line->flag != NULL ? line->env : "");
    add_padded(b, b->len - start, INDENT + width + GAP);
    strb_addf(b, "(default: %s)\n", line->standard);
}

static void add_action(struct strb *b, const char *flag, const char *help, size_t width)
{
    strb_addf(b, "%*s%s", INDENT, "", flag);
    add_padded(b, strlen(flag), width + GAP);
    strb_addf(b, "%s\n", help);
}

const char *config_help(void)
{
    static char text[HELP_BYTES];
    size_t width = 0;
    for (unsigned i = 0; i < LINE_N; i++)
        width = width_of(&lines[i]) > width ? width_of(&lines[i]) : width;
    struct strb b;
    strb_init(&b, text, sizeof(text));
    strb_add_str(&b, head);
    for (unsigned i = 0; i < LINE_N; i++)
        add_setting(&b, &lines[i], width);
    add_action(&b, "--version", "print the version; --verbose after it: of the libraries too",
               width);
    add_action(&b, "--help", "print this text", width);
    strb_add_str(&b, tail);
    return text;
}
