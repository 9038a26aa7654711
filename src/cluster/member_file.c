#include "cluster/member_file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/fault.h"
#include "cluster/small_file.h"

static const char file_name[] = "member";

/* ---- reading ---- */

static char *copy(struct span text)
{
    char *to = fault_malloc(text.len + 1);

    if (to == NULL)
        return NULL;
    memcpy(to, text.ptr, text.len);
    to[text.len] = '\0';
    return to;
}

/* Empty: NULL. */
static int take_text(struct span text, char **to)
{
    *to = text.len > 0 ? copy(text) : NULL;
    return text.len > 0 && *to == NULL ? WERR_NOMEM : 0;
}

static int open_secrets(const struct member_closed *closed, const unsigned char *node_key,
                        struct member_file *f)
{
    struct seal_opened opened;
    int rc = seal_open(node_key, closed->cluster_key, &opened);

    if (rc < 0)
        return rc;
    f->cluster_key = (unsigned char *)opened.ptr;
    if (opened.len != SEAL_KEY_BYTES)
        return WERR_CORRUPT;
    return closed->key.len > 0 ? seal_open(node_key, closed->key, &f->key) : 0;
}

static int take_closed(const struct member_closed *closed, const unsigned char *node_key,
                       struct member_file *f)
{
    int rc = open_secrets(closed, node_key, f);

    if (rc == 0)
        rc = take_text(closed->certificate, &f->certificate);
    return rc == 0 ? take_text(closed->authority, &f->authority) : rc;
}

static int say(const struct data_dir *d, int rc, const char *what, const char *way_out,
               struct strb *wrong)
{
    strb_addf(wrong, "%s/%s: %s%s%s", d->path, file_name, what, way_out[0] != '\0' ? "; " : "",
              way_out);
    return rc;
}

static int say_unread(const struct data_dir *d, int rc, struct strb *wrong)
{
    switch (rc) {
    case WERR_CORRUPT:
    case WERR_TOO_BIG:
        return say(d, WERR_CORRUPT, "is damaged", data_dir_way_out, wrong);
    case WERR_UNSUPPORTED:
        return say(d, rc, "was written by a later Weldr", "", wrong);
    case WERR_SYNTAX:
        return say(d, WERR_CORRUPT, "was closed with another node key",
                   "put that key back (node.key, or the file of --node-key-file), or let the "
                   "node begin with an empty directory",
                   wrong);
    default:
        return say(d, rc, werr_text(rc), "", wrong);
    }
}

/* What a first start that was cut off has left is of no use to anybody: its identity was never
 * written. */
static bool is_leftover(const struct data_dir *d, int rc, const struct member_closed *closed)
{
    return d->is_new &&
           (rc == WERR_CORRUPT || rc == WERR_TOO_BIG || rc == WERR_UNSUPPORTED ||
            (rc == 0 && memcmp(closed->identity, d->identity, sizeof(d->identity)) != 0));
}

static int read_whole(const struct data_dir *d, char *text, const unsigned char *node_key,
                      struct member_file *f, bool *is_there, struct strb *wrong)
{
    struct member_closed closed;
    size_t len = 0;
    int rc = small_file_read(d->fd, file_name, text, MEMBER_TEXT_MAX, &len);

    if (rc == WERR_NOT_FOUND)
        return 0;
    if (rc == 0)
        rc = member_text_read(span_from(text, len), f, &closed);
    if (is_leftover(d, rc, &closed))
        return 0;
    if (rc == 0 && memcmp(closed.identity, d->identity, sizeof(d->identity)) != 0)
        return say(d, WERR_CORRUPT, "is of another directory", data_dir_way_out, wrong);
    if (rc == 0)
        rc = take_closed(&closed, node_key, f);
    *is_there = rc == 0;
    return rc == 0 ? 0 : say_unread(d, rc, wrong);
}

int member_file_read(const struct data_dir *d, const unsigned char *node_key,
                     struct member_file *f, bool *is_there, struct strb *wrong)
{
    char *text = fault_malloc(MEMBER_TEXT_MAX);

    *f = (struct member_file){.certificate = NULL};
    *is_there = false;
    if (text == NULL)
        return say_unread(d, WERR_NOMEM, wrong);
    const int rc = read_whole(d, text, node_key, f, is_there, wrong);

    free(text);
    if (!*is_there)
        member_file_fini(f);
    return rc;
}

int member_file_directory(const struct data_dir *d, uint8_t identity[DATA_DIR_IDENTITY_BYTES],
                          struct strb *wrong)
{
    char *text = fault_malloc(MEMBER_TEXT_MAX);
    struct member_closed closed;
    struct member_file f;
    size_t len = 0;

    if (text == NULL)
        return say_unread(d, WERR_NOMEM, wrong);
    int rc = small_file_read(d->fd, file_name, text, MEMBER_TEXT_MAX, &len);
    if (rc == 0)
        rc = member_text_read(span_from(text, len), &f, &closed);
    if (rc == 0)
        memcpy(identity, closed.identity, sizeof(closed.identity));
    free(text);
    if (rc == WERR_NOT_FOUND)
        return say(d, WERR_CORRUPT, "is missing", data_dir_way_out, wrong);
    return rc < 0 ? say_unread(d, rc, wrong) : 0;
}

/* ---- writing ---- */

static int close_one(const unsigned char *node_key, struct span plain, char **closed)
{
    unsigned char nonce[SEAL_NONCE_BYTES];

    if (plain.len > SEAL_PLAIN_MAX)
        return WERR_TOO_BIG;
    if (getrandom(nonce, sizeof(nonce), 0) != sizeof(nonce))
        return WERR_IO;
    *closed = seal_close(node_key, nonce, plain);
    return *closed != NULL ? 0 : WERR_NOMEM;
}

static struct span span_of(const char *text)
{
    return text != NULL ? span_from_str(text) : SPAN_NONE;
}

static int make_text(const struct data_dir *d, const struct member_file *f,
                     const char *cluster_key, const char *key, char **text, size_t *len)
{
    struct member_closed closed = {.cluster_key = span_of(cluster_key),
                                   .key = span_of(key),
                                   .certificate = span_of(f->certificate),
                                   .authority = span_of(f->authority)};

    memcpy(closed.identity, d->identity, sizeof(closed.identity));
    return member_text_write(f, &closed, text, len);
}

int member_file_encode(const struct data_dir *d, const unsigned char *node_key,
                       const struct member_file *f, char **bytes, size_t *len)
{
    char *cluster_key = NULL, *key = NULL;

    MUST(f->cluster_key != NULL);
    int rc = close_one(node_key, span_from(f->cluster_key, SEAL_KEY_BYTES), &cluster_key);
    if (rc == 0 && f->key.len > 0)
        rc = close_one(node_key, span_from(f->key.ptr, f->key.len), &key);
    if (rc == 0)
        rc = make_text(d, f, cluster_key, key, bytes, len);
    free(cluster_key);
    free(key);
    return rc;
}

int member_file_put(const struct data_dir *d, struct span bytes)
{
    return small_file_write(d->fd, file_name, bytes);
}

int member_file_write(const struct data_dir *d, const unsigned char *node_key,
                      const struct member_file *f, struct strb *wrong)
{
    char *bytes;
    size_t len;
    int rc = member_file_encode(d, node_key, f, &bytes, &len);

    if (rc == 0) {
        rc = member_file_put(d, span_from(bytes, len));
        free(bytes);
    }
    if (rc < 0)
        strb_addf(wrong, "%s/%s: can't write it: %s", d->path, file_name, werr_text(rc));
    return rc;
}

/* ---- life ---- */

static int make(const struct data_dir *d, const unsigned char *node_key, struct member_file *f,
                struct strb *wrong)
{
    f->cluster_key = seal_memory_new(SEAL_KEY_BYTES);
    if (f->cluster_key == NULL)
        return say_unread(d, WERR_NOMEM, wrong);
    if (getrandom(f->cluster_key, SEAL_KEY_BYTES, 0) != SEAL_KEY_BYTES)
        return say_unread(d, WERR_IO, wrong);
    return member_file_write(d, node_key, f, wrong);
}

int member_file_open(const struct data_dir *d, const unsigned char *node_key,
                     struct member_file *f, struct strb *wrong)
{
    bool is_there;
    int rc = member_file_read(d, node_key, f, &is_there, wrong);

    if (rc == 0 && !is_there)
        rc = d->is_new ? make(d, node_key, f, wrong)
                       : say(d, WERR_CORRUPT, "is missing", data_dir_way_out, wrong);
    if (rc < 0)
        member_file_fini(f);
    return rc;
}

void member_file_fini(struct member_file *f)
{
    seal_memory_free(f->cluster_key);
    seal_opened_free(&f->key);
    free(f->certificate);
    free(f->authority);
    memset(f, 0, sizeof(*f));
}
