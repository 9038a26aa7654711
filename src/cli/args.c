#include "cli/args.h"

#include <string.h>

const struct args_flag_row args_flags[ARGS_FLAGS] = {
#define FLAG(name, flag, letter, word, query, help) \
    [ARGS_##name] = {flag, letter, word, query, help},
#include "cli/flags.def"
#undef FLAG
};

static bool has_word(const char *words, const char *word)
{
    struct span rest = span_from_str(words);

    while (rest.len > 0)
        if (span_is_equal(span_cut(&rest, ' '), span_from_str(word)))
            return true;
    return false;
}

bool args_takes(const struct args_command *command, enum args_flag flag)
{
    MUST(flag < ARGS_FLAGS);
    const char *name = args_flags[flag].flag + 2;

    return flag <= ARGS_HELP || has_word(command->flags, name);
}

bool args_takes_pairs(const struct args_command *command)
{
    return has_word(command->flags, "=");
}

bool args_next_word(struct span *rest, struct span *name, struct span *member)
{
    if (rest->len == 0)
        return false;
    *member = span_cut(rest, ' ');
    *name = span_cut(member, ':');
    return true;
}

bool args_is_literal(struct span name)
{
    return name.len > 0 && name.ptr[0] >= 'a' && name.ptr[0] <= 'z';
}

bool args_is_noun(const struct args_command *commands, const char *text)
{
    for (; commands->noun != NULL; commands++)
        if (strcmp(commands->noun, text) == 0)
            return true;
    return false;
}

static const struct args_command *find_command(const struct args_command *commands,
                                               const char *noun, const char *verb)
{
    for (; commands->noun != NULL; commands++)
        if (strcmp(commands->noun, noun) == 0 &&
            (commands->verb[0] == '\0' || (verb != NULL && strcmp(commands->verb, verb) == 0)))
            return commands;
    return NULL;
}

/* "there are add, set and so on". */
static void say_verbs(struct strb *b, const struct args_command *commands, const char *noun)
{
    const char *before = "";

    for (; commands->noun != NULL; commands++)
        if (strcmp(commands->noun, noun) == 0) {
            strb_addf(b, "%s%s", before, commands->verb);
            before = ", ";
        }
}

static int find_flag(const char *text, size_t len)
{
    const struct span given = span_from(text, len);

    for (int i = 0; i < ARGS_FLAGS; i++)
        if (span_is_equal(given, span_from_str(args_flags[i].flag)) ||
            span_is_equal(given, span_from_str(args_flags[i].letter)))
            return i;
    return -1;
}

struct reader {
    struct args *args;
    int argc, at;
    char *const *argv;
    struct strb *error;
};

static int read_flag(struct reader *r)
{
    const char *text = r->argv[r->at];
    const size_t len = strcspn(text, "=");
    const int flag = find_flag(text, len);

    if (flag < 0 ||
        (r->args->command != NULL && !args_takes(r->args->command, (enum args_flag)flag))) {
        strb_addf(r->error, "%.*s: %s", (int)len, text,
                  flag < 0 ? "there is no such flag" : "does not go with this command");
        return WERR_INVALID;
    }
    const bool has_value = text[len] == '=';
    const bool takes_value = args_flags[flag].word[0] != '\0';
    if (has_value && !takes_value) {
        strb_addf(r->error, "%.*s takes no value", (int)len, text);
        return WERR_INVALID;
    }
    if (takes_value && !has_value && r->at + 1 >= r->argc) {
        strb_addf(r->error, "%s needs a value: %s", text, args_flags[flag].word);
        return WERR_INVALID;
    }
    if (!takes_value)
        r->args->flag[flag] = "";
    else
        r->args->flag[flag] = has_value ? text + len + 1 : r->argv[++r->at];
    return 0;
}

static unsigned words_n(const struct args_command *command)
{
    struct span rest = span_from_str(command->words), name, member;
    unsigned n = 0;

    while (args_next_word(&rest, &name, &member))
        n++;
    return n;
}

static int read_word(struct reader *r)
{
    struct args *a = r->args;
    const char *text = r->argv[r->at];

    if (a->word_n < words_n(a->command)) {
        MUST(a->word_n < ARGS_WORDS_MAX);
        a->word[a->word_n++] = text;
        return text[0] != '\0' ? 0 : WERR_INVALID;
    }
    if (!args_takes_pairs(a->command)) {
        strb_addf(r->error, "%s: too many words", text);
        return WERR_INVALID;
    }
    const char *sign = strchr(text, '=');
    if (sign == NULL || sign == text) {
        strb_addf(r->error, "%s is no KEY=VALUE", text);
        return WERR_INVALID;
    }
    if (a->pair_n == ARGS_PAIRS_MAX) {
        strb_addf(r->error, "more than %d pairs", ARGS_PAIRS_MAX);
        return WERR_INVALID;
    }
    a->pair[a->pair_n++] = text;
    return 0;
}

static int check_words(struct reader *r)
{
    struct span rest = span_from_str(r->args->command->words), name, member;

    for (unsigned i = 0; args_next_word(&rest, &name, &member); i++) {
        const char *word = i < r->args->word_n ? r->args->word[i] : "";
        const bool is_wrong = args_is_literal(name) && word[0] != '\0' &&
                              !span_is_equal(span_from_str(word), name);

        if (word[0] == '\0' && i >= r->args->word_n && name.ptr[name.len - 1] == '?')
            continue;
        if (word[0] != '\0' && !is_wrong)
            continue;
        if (is_wrong)
            strb_addf(r->error, "%s: there is %.*s", word, (int)name.len, name.ptr);
        else
            strb_addf(r->error, "%.*s is missing", (int)strcspn(name.ptr, "?: "), name.ptr);
        return WERR_INVALID;
    }
    return 0;
}

static int read_rest(struct reader *r)
{
    for (; r->at < r->argc; r->at++) {
        const bool is_flag = r->argv[r->at][0] == '-' && r->argv[r->at][1] != '\0';
        const int rc = is_flag ? read_flag(r) : read_word(r);

        if (rc < 0 && r->error->len == 0)
            break; /* an empty word: check_words names it */
        if (rc < 0)
            return rc;
    }
    return r->args->flag[ARGS_HELP] != NULL ? 0 : check_words(r);
}

int args_read(struct args *a, const struct args_command *commands, int argc, char *const *argv,
              char *error, size_t error_size)
{
    const char *verb = argc > 2 ? argv[2] : NULL;
    struct strb b;
    struct reader r = {.args = a, .argc = argc, .argv = argv, .error = &b};

    strb_init(&b, error, error_size);
    memset(a, 0, sizeof(*a));
    a->commands = commands;
    MUST(argc > 1 && args_is_noun(commands, argv[1]));
    a->command = find_command(commands, argv[1], verb);
    if (a->command == NULL && verb != NULL && find_flag(verb, strlen(verb)) == ARGS_HELP) {
        a->flag[ARGS_HELP] = "";
        return 0;
    }
    if (a->command == NULL) {
        strb_addf(&b, verb == NULL ? "weldr %s: what? There are " : "weldr %s %s: there are ",
                  argv[1], verb);
        say_verbs(&b, commands, argv[1]);
        return WERR_INVALID;
    }
    r.at = a->command->verb[0] != '\0' ? 3 : 2;
    return read_rest(&r);
}

/* ---- the target ---- */

void args_add_escaped(struct strb *b, const char *text)
{
    static const char plain[] = "-._~:[]";

    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++)
        if ((*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z') ||
            (*at >= 'a' && *at <= 'z') || strchr(plain, *at) != NULL)
            strb_add_char(b, (char)*at);
        else
            strb_addf(b, "%%%02X", *at);
}

/* The words without a member, in their order. */
static const char *next_path_word(const struct args *a, struct span *rest, unsigned *at)
{
    struct span name, member;

    while (args_next_word(rest, &name, &member)) {
        const char *word = a->word[(*at)++];

        if (member.len == 0)
            return word;
    }
    MUST(false); /* commands.def */
    return "";
}

static void add_path(const struct args *a, struct strb *b)
{
    struct span rest = span_from_str(a->command->words);
    unsigned word = 0;

    if (a->flag[ARGS_POOL] != NULL) {
        strb_add_str(b, "/pools/");
        args_add_escaped(b, a->flag[ARGS_POOL]);
    }
    for (const char *at = a->command->path; *at != '\0'; at++)
        if (*at == '%')
            args_add_escaped(b, next_path_word(a, &rest, &word));
        else
            strb_add_char(b, *at);
}

void args_add_pair(struct strb *b, char sign, const char *pair)
{
    const size_t key = strcspn(pair, "=");

    strb_add_char(b, sign);
    strb_add(b, span_from(pair, key + 1));
    args_add_escaped(b, pair + key + 1);
}

/* Of a command that takes no server out, --wait is not for a drain. */
static bool is_in_query(const struct args_command *command, int flag)
{
    if (flag == ARGS_WAIT && !args_takes(command, ARGS_DRAIN))
        return false;
    return args_flags[flag].query != NULL;
}

void args_target(const struct args *a, struct strb *b)
{
    char sign = '?';

    add_path(a, b);
    for (int i = 0; i < ARGS_FLAGS; i++)
        if (a->flag[i] != NULL && is_in_query(a->command, i)) {
            strb_addf(b, "%c%s", sign, args_flags[i].query);
            args_add_escaped(b, a->flag[i]);
            sign = '&';
        }
    for (unsigned i = 0; strcmp(a->command->method, "GET") == 0 && i < a->pair_n; i++) {
        args_add_pair(b, sign, a->pair[i]);
        sign = '&';
    }
}
