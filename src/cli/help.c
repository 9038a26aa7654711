#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "base/strb.h"
#include "cli/exits.h"

enum { HELP_WIDTH = 46 };

static void print_padded(const char *text, int width, const char *help)
{
    (void)printf("  %-*s  %s\n", width, text, help);
}

void help_usage(const struct args_command *c, char *buf, size_t size)
{
    struct span rest = span_from_str(c->words), name, member;
    struct strb b;

    strb_init(&b, buf, size);
    strb_addf(&b, "weldr %s", c->noun);
    if (c->verb[0] != '\0')
        strb_addf(&b, " %s", c->verb);
    while (args_next_word(&rest, &name, &member)) {
        const bool is_optional = name.ptr[name.len - 1] == '?';

        strb_addf(&b, is_optional ? " [%.*s]" : " %.*s", (int)(name.len - is_optional),
                  name.ptr);
    }
    if (args_takes_pairs(c))
        strb_add_str(&b, " [KEY=VALUE...]");
}

static void print_flag(enum args_flag flag)
{
    const struct args_flag_row *row = &args_flags[flag];
    char text[64];

    (void)snprintf(text, sizeof(text), "%s%s%s%s%s", row->letter,
                   row->letter[0] != '\0' ? ", " : "", row->flag,
                   row->word[0] != '\0' ? " " : "", row->word);
    print_padded(text, 18, row->help);
}

void help_print_command(const struct args_command *c)
{
    char text[128];

    help_usage(c, text, sizeof(text));
    (void)printf("%s [flags]\n  %s\n\nFlags:\n", text, c->help);
    for (unsigned i = 0; i < ARGS_FLAGS; i++)
        if (args_takes(c, (enum args_flag)i))
            print_flag((enum args_flag)i);
}

void help_print_noun(const struct args_command *commands, const char *noun)
{
    char text[128];

    for (const struct args_command *c = commands; c->noun != NULL; c++)
        if (noun == NULL || strcmp(noun, c->noun) == 0) {
            help_usage(c, text, sizeof(text));
            print_padded(text, HELP_WIDTH, c->help);
        }
}

int help_all(const struct args *args, char *const *env)
{
    (void)env;
    (void)fputs("Commands for the management API of a weldr that runs:\n", stdout);
    help_print_noun(args->commands, NULL);
    (void)fputs("\nFlags (\"weldr NOUN VERB --help\" says which go with a command):\n", stdout);
    for (unsigned i = 0; i < ARGS_FLAGS; i++)
        print_flag((enum args_flag)i);
    (void)fputs(
        "\nThe API is at --api, else WELDR_API, else the socket /run/weldr/api.sock if it "
        "is there,\nelse http://localhost:8687. The token is in --token-file, else in "
        "WELDR_TOKEN.\n"
        "\nExit codes:\n"
        "  0  done\n"
        "  1  refused by the API, or out of memory\n"
        "  2  bad command, flag or value\n"
        "  3  the API can't be reached\n",
        stdout);
    return fflush(stdout) == 0 ? CLI_EXIT_OK : CLI_EXIT_FAILURE;
}
