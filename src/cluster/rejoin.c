#include "cluster/rejoin.h"

#include <string.h>

#include "cluster/marked_line.h"
#include "cluster/small_file.h"

static const char word[] = "weldr-token";

int rejoin_note_token(const struct data_dir *d, const struct token *t)
{
    char text[MARKED_LINE_MAX];
    const size_t len = marked_line_make(word, t->id, sizeof(t->id), text);

    return small_file_write(d->fd, DATA_DIR_TOKEN, span_from(text, len));
}

/* Of a node that has made its cluster there is none. */
static bool has_used(const struct data_dir *d, const struct token *t)
{
    char text[MARKED_LINE_MAX];
    uint8_t id[ROSTER_TOKEN_ID_BYTES];
    size_t len;

    return small_file_read(d->fd, DATA_DIR_TOKEN, text, sizeof(text), &len) == 0 &&
           marked_line_read(span_from(text, len), word, id, sizeof(id)) == 0 &&
           memcmp(id, t->id, sizeof(id)) == 0;
}

bool rejoin_is_wanted(const struct data_dir *d, struct span token)
{
    struct token t;

    return !d->is_new && data_dir_has(d, DATA_DIR_REMOVED) && token_read(token, &t) == 0 &&
           !has_used(d, &t);
}

int rejoin_begin(struct data_dir *d, uint64_t now_s, char name[SET_ASIDE_NAME_MAX],
                 struct strb *wrong)
{
    const int rc = set_aside_move(d, now_s, name, wrong);

    return rc == 0 ? data_dir_begin(d, wrong) : rc;
}
