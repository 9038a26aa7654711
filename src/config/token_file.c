#include "config/token_file.h"

#include <stdbool.h>

#include "base/ascii.h"

void token_file_init(struct token_file *f, struct span text)
{
    *f = (struct token_file){.rest = text};
}

static bool is_name(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_alnum(s.ptr[i]) && strchr("-._", s.ptr[i]) == NULL)
            return false;
    return s.len > 0 && s.len <= TOKEN_NAME_MAX && memchr(s.ptr, '\0', s.len) == NULL;
}

static bool is_token(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] > '~')
            return false;
    return s.len > 0;
}

/* What is wrong with it, or NULL. */
static const char *read_line(struct span text, struct token_line *line)
{
    line->name = span_cut(&text, ':');
    line->token = span_cut(&text, ':');
    if (text.ptr == NULL || span_find(text, ':') < text.len)
        return "must be NAME:TOKEN:ROLE";
    if (!is_name(line->name))
        return "the name must have 1 to 64 letters, digits, hyphens, dots or underscores";
    if (!is_token(line->token))
        return "the token must hold visible ASCII characters only";
    if (!span_is_equal(text, SPAN("admin")) && !span_is_equal(text, SPAN("read")))
        return "the role must be admin or read";
    line->role = span_is_equal(text, SPAN("admin")) ? TOKEN_ADMIN : TOKEN_READ;
    return NULL;
}

int token_file_next(struct token_file *f, struct token_line *line)
{
    while (f->rest.len > 0) {
        const struct span text = span_trim_lines(span_cut(&f->rest, '\n'));

        f->line_n++;
        if (text.len == 0 || text.ptr[0] == '#')
            continue;
        f->wrong = read_line(text, line);
        return f->wrong == NULL ? 1 : WERR_SYNTAX;
    }
    return 0;
}
