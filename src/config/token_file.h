/* token_file.h - the file of --admin-tokens-file: who may use the management API.
 *
 * A line for each token, NAME:TOKEN:ROLE, as "deploy:6f1c…:admin". The name (letters, digits,
 * hyphens, dots, underscores, at most 64 bytes) stands in the log for whoever shows the token,
 * the token is visible ASCII without a colon, the role says what it may do. Empty lines and
 * those that begin with # say nothing; blanks around a line do not count. No complaint quotes a
 * line, for it may hold a token. Pure: the text is given and borrowed.
 */
#ifndef WELDR_CONFIG_TOKEN_FILE_H
#define WELDR_CONFIG_TOKEN_FILE_H

#include "base/span.h"
#include "base/werr.h"

enum { TOKEN_NAME_MAX = 64 };
enum token_role { TOKEN_READ /* GET and HEAD */, TOKEN_ADMIN };

struct token_line {
    struct span name, token;
    enum token_role role;
};

struct token_file {
    struct span rest;
    unsigned line_n;   /* of the line that was read last, from 1 */
    const char *wrong; /* after WERR_SYNTAX: what is wrong with it */
};

void token_file_init(struct token_file *f, struct span text);
/* The next token: 1; 0 at the end; WERR_SYNTAX: then f->line_n and f->wrong tell. */
int token_file_next(struct token_file *f, struct token_line *line) MUST_USE;

#endif
