/*
 * The file of --admin-tokens-file. What is read lies within the text, each name, token and role
 * is as the file's header says, and a line that is written anew from them is read as the same.
 */
#include <stdint.h>
#include <stdio.h>

#include "config/token_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINE_BYTES = 1024 };

static void check_again(const struct token_line *line)
{
    static const char *const roles[] = {[TOKEN_READ] = "read", [TOKEN_ADMIN] = "admin"};
    char text[LINE_BYTES];
    struct token_file f;
    struct token_line again;
    const int n =
        snprintf(text, sizeof(text), "%.*s:%.*s:%s\n", (int)line->name.len, line->name.ptr,
                 (int)line->token.len, line->token.ptr, roles[line->role]);

    if (n >= LINE_BYTES)
        return;
    token_file_init(&f, span_from(text, (size_t)n));
    MUST(token_file_next(&f, &again) == 1);
    MUST(span_is_equal(again.name, line->name) && span_is_equal(again.token, line->token));
    MUST(again.role == line->role && token_file_next(&f, &again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span text = span_from(data, size);
    struct token_file f;
    struct token_line line;
    int rc;

    token_file_init(&f, text);
    while ((rc = token_file_next(&f, &line)) > 0) {
        MUST(line.name.len > 0 && line.name.len <= TOKEN_NAME_MAX && line.token.len > 0);
        MUST(line.name.ptr >= text.ptr && line.token.ptr + line.token.len <= text.ptr + size);
        check_again(&line);
    }
    MUST(rc == 0 || f.wrong != NULL);
    MUST(f.line_n <= size);
    return 0;
}
