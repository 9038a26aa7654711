#include "cli/completion.h"

#include <stdio.h>
#include <string.h>

#include "cli/exits.h"
#include "cli/help.h"
#include "cli/session.h"

static const char *const daemon_flags[] = {
#define SETTING(name, flag, env, word, standard, help, read) flag,
#include "config/settings.def"
#undef SETTING
    "--help",
    "--version",
};
enum { DAEMON_FLAGS = sizeof(daemon_flags) / sizeof(daemon_flags[0]), USAGE_BYTES = 128 };

/* A noun's rows stand together in commands.def. */
static bool is_first(const struct args_command *all, const struct args_command *c)
{
    return c == all || strcmp(c[-1].noun, c->noun) != 0;
}

static void print_first_words(const struct args_command *all)
{
    for (const struct args_command *c = all; c->noun != NULL; c++)
        if (is_first(all, c))
            (void)printf("%s ", c->noun);
    for (unsigned i = 0; i < DAEMON_FLAGS; i++)
        if (daemon_flags[i] != NULL)
            (void)printf("%s ", daemon_flags[i]);
}

static void print_flags(const struct args_command *c)
{
    for (unsigned i = 0; i < ARGS_FLAGS; i++)
        if (args_takes(c, (enum args_flag)i))
            (void)printf("%s ", args_flags[i].flag);
}

/* What follows each noun: its verbs, or the flags of a command of one word. */
static void print_nouns(const struct args_command *all)
{
    for (const struct args_command *c = all; c->noun != NULL; c++) {
        if (is_first(all, c))
            (void)printf("    %s) list=\"", c->noun);
        if (c->verb[0] != '\0')
            (void)printf("%s ", c->verb);
        else
            print_flags(c);
        if (c[1].noun == NULL || is_first(all, c + 1))
            (void)puts("\" ;;");
    }
}

static void print_literals(const struct args_command *c)
{
    struct span rest = span_from_str(c->words), name, member;

    while (args_next_word(&rest, &name, &member))
        if (args_is_literal(name))
            (void)printf("%.*s ", (int)name.len, name.ptr);
}

static void print_verbs(const struct args_command *all)
{
    for (const struct args_command *c = all; c->noun != NULL; c++) {
        (void)printf("    \"%s %s\") list=\"", c->noun, c->verb[0] != '\0' ? c->verb : "\"*\"");
        print_literals(c);
        print_flags(c);
        (void)puts("\" ;;");
    }
}

/* The same in both shells: noun, verb and n, the number of the word, give the words. */
static void print_cases(const struct args_command *all)
{
    (void)fputs("    local list=\n    case $n in\n    1) list=\"", stdout);
    print_first_words(all);
    (void)fputs("\" ;;\n    2) case $noun in\n", stdout);
    print_nouns(all);
    (void)fputs("    esac ;;\n    *) case \"$noun $verb\" in\n", stdout);
    print_verbs(all);
    (void)fputs("    esac ;;\n    esac\n", stdout);
}

static void print_bash(const struct args_command *all)
{
    (void)fputs("# bash completion of weldr; made by \"weldr completion bash\".\n_weldr()\n{\n"
                "    local n=$COMP_CWORD noun=${COMP_WORDS[1]} verb=${COMP_WORDS[2]}\n"
                "    local current=${COMP_WORDS[COMP_CWORD]}\n",
                stdout);
    print_cases(all);
    (void)fputs("    COMPREPLY=($(compgen -W \"$list\" -- \"$current\"))\n}\n"
                "complete -o default -F _weldr weldr\n",
                stdout);
}

static void print_zsh(const struct args_command *all)
{
    (void)fputs("#compdef weldr\n# Made by \"weldr completion zsh\".\n_weldr()\n{\n"
                "    local n=$((CURRENT - 1)) noun=${words[2]} verb=${words[3]}\n",
                stdout);
    print_cases(all);
    (void)fputs("    compadd -- ${=list}\n    _files\n}\n_weldr \"$@\"\n", stdout);
}

/* ---- the manual page ---- */

/* With what roff would take for itself escaped. */
static void print_roff(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text == '-')
            (void)fputs("\\-", stdout);
        else if (*text == '\\')
            (void)fputs("\\e", stdout);
        else
            (void)fputc(*text, stdout);
}

static void print_item(const char *head, const char *text)
{
    (void)fputs(".TP\n.B ", stdout);
    print_roff(head);
    (void)fputc('\n', stdout);
    print_roff(text);
    (void)fputs(".\n", stdout);
}

static void print_man_commands(const struct args_command *all)
{
    char usage[USAGE_BYTES];

    (void)fputs(".SH COMMANDS\n", stdout);
    for (const struct args_command *c = all; c->noun != NULL; c++) {
        help_usage(c, usage, sizeof(usage));
        print_item(usage, c->help);
    }
}

static void print_man_flags(void)
{
    char head[USAGE_BYTES];

    (void)fputs(".SH OPTIONS\n", stdout);
    for (unsigned i = 0; i < ARGS_FLAGS; i++) {
        const struct args_flag_row *f = &args_flags[i];

        (void)snprintf(head, sizeof(head), "%s%s%s%s%s", f->letter,
                       f->letter[0] != '\0' ? ", " : "", f->flag, f->word[0] != '\0' ? " " : "",
                       f->word);
        print_item(head, f->help);
    }
}

static void print_man(const struct args_command *all)
{
    (void)fputs(".TH WELDR 1 \"\" \"weldr " WELDR_VERSION "\" \"User Commands\"\n"
                ".SH NAME\nweldr \\- commands for the management API of a weldr that runs\n"
                ".SH SYNOPSIS\n.B weldr\n.I NOUN\n[\n.I VERB\n] [\n.I WORD ...\n] [\n"
                ".I KEY=VALUE ...\n] [\n.I flags\n]\n",
                stdout);
    print_man_commands(all);
    print_man_flags();
    (void)fputs(".SH ENVIRONMENT\n", stdout);
    print_item("WELDR_API", "Where the API is, without --api");
    print_item("WELDR_TOKEN", "The bearer token, without --token-file");
    (void)fputs(".SH EXIT STATUS\n", stdout);
    print_item("0", "Done");
    print_item("1", "Refused by the API, or out of memory");
    print_item("2", "Bad command, flag or value");
    print_item("3", "The API can't be reached");
    (void)fputs(".SH SEE ALSO\n.BR weldr (8)\n", stdout);
}

int completion_run(const struct args *args, char *const *env)
{
    (void)env;
    if (strcmp(args->word[0], "bash") == 0)
        print_bash(args->commands);
    else if (strcmp(args->word[0], "zsh") == 0)
        print_zsh(args->commands);
    else if (strcmp(args->word[0], "man") == 0)
        print_man(args->commands);
    else
        return session_fail(CLI_EXIT_USAGE, "%s: there are bash, zsh and man", args->word[0]);
    return fflush(stdout) == 0 ? CLI_EXIT_OK : CLI_EXIT_FAILURE;
}
