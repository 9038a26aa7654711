#include "cluster/node_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/seal.h"
#include "cluster/marked_line.h"
#include "cluster/small_file.h"

enum { NAME_MAX_BYTES = 4096 };

static const char key_word[] = "weldr-node-key";

/* Of node.key nobody else may know; a credential of systemd is shown to us by an access list,
 * whose mask looks like the group's right to read. */
static int check_is_private(int fd, bool is_named, const char *name, struct strb *wrong)
{
    const mode_t others = is_named ? S_IRWXO | S_IWGRP : S_IRWXO | S_IRWXG;
    struct stat st;

    if (fstat(fd, &st) < 0) {
        strb_addf(wrong, "%s: can't stat it: %s", name, strerror(errno));
        return werr_from_errno(errno);
    }
    if ((st.st_mode & others) == 0)
        return 0;
    strb_addf(wrong, "%s: others can get at it (mode %04o); chmod it to 0600", name,
              st.st_mode & 07777U);
    return WERR_DENIED;
}

/* text: secret memory of MARKED_LINE_MAX. */
static int read_key(int fd, bool is_named, const char *name, char *text, unsigned char *key,
                    struct strb *wrong)
{
    size_t len;
    int rc = check_is_private(fd, is_named, name, wrong);

    if (rc < 0)
        return rc;
    rc = small_file_read_at(fd, text, MARKED_LINE_MAX, 0, &len);
    if (rc == 0 && is_named && len == SEAL_KEY_BYTES)
        memcpy(key, text, SEAL_KEY_BYTES);
    else if (rc == 0)
        rc = marked_line_read(span_from(text, len), key_word, key, SEAL_KEY_BYTES);
    if (rc == WERR_CORRUPT)
        strb_addf(wrong, "%s: is no key, or damaged%s", name,
                  is_named ? " (32 bytes, or the line of a node.key)" : "; put a copy back");
    else if (rc < 0)
        strb_addf(wrong, "%s: %s", name, werr_text(rc));
    return rc;
}

static int make_key(const struct data_dir *d, const char *name, char *text, unsigned char *key,
                    struct strb *wrong)
{
    int rc = getrandom(key, SEAL_KEY_BYTES, 0) == SEAL_KEY_BYTES ? 0 : WERR_IO;

    if (rc == 0) {
        const size_t len = marked_line_make(key_word, key, SEAL_KEY_BYTES, text);

        rc = small_file_write(d->fd, "node.key", span_from(text, len));
    }
    if (rc < 0)
        strb_addf(wrong, "%s: can't make it: %s", name, werr_text(rc));
    return rc;
}

static int open_or_make(const struct data_dir *d, const char *file, char *text,
                        unsigned char *key, struct strb *wrong)
{
    char own[NAME_MAX_BYTES];
    const char *name = file != NULL ? file : own;
    const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;

    (void)snprintf(own, sizeof(own), "%s/node.key", d->path);
    const int fd =
        file != NULL ? open(file, flags) : openat(d->fd, "node.key", flags | O_NOFOLLOW);
    if (fd >= 0) {
        const int rc = read_key(fd, file != NULL, name, text, key, wrong);

        (void)close(fd);
        return rc;
    }
    if (file == NULL && errno == ENOENT && d->is_new)
        return make_key(d, name, text, key, wrong);
    if (file == NULL && errno == ENOENT) {
        strb_addf(wrong,
                  "%s: is missing; put it back, or name the file that holds it with "
                  "--node-key-file",
                  name);
        return WERR_CORRUPT;
    }
    const int rc = werr_from_errno(errno);
    strb_addf(wrong, "%s: can't open it: %s", name, strerror(errno));
    return rc;
}

int node_key_open(const struct data_dir *d, const char *file, unsigned char *key,
                  struct strb *wrong)
{
    char *text = seal_memory_new(MARKED_LINE_MAX);

    if (text == NULL) {
        strb_addf(wrong, "%s: %s", file != NULL ? file : d->path, werr_text(WERR_NOMEM));
        return WERR_NOMEM;
    }
    const int rc = open_or_make(d, file, text, key, wrong);

    seal_memory_free(text);
    return rc;
}
