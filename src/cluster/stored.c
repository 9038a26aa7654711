#include "cluster/stored.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/seal.h"
#include "cluster/member_file.h"
#include "cluster/node_key.h"
#include "cluster/segments.h"
#include "cluster/set_aside.h"

static void take_member(const struct member_file *f, struct stored *s)
{
    static const uint8_t none[ROSTER_UUID_BYTES];

    s->incarnation = f->incarnation;
    s->others_n = f->address_n;
    s->is_witness = f->is_witness;
    if (memcmp(f->uuid, none, sizeof(none)) == 0)
        return;
    for (unsigned i = 0; i < ROSTER_UUID_BYTES; i++)
        (void)snprintf(s->cluster + (size_t)2 * i, 3, "%02x", f->uuid[i]);
}

static int read_member(const struct data_dir *d, struct stored *s, struct strb *wrong)
{
    unsigned char *key = seal_memory_new(SEAL_KEY_BYTES);
    struct member_file f = {.certificate = NULL};

    if (key == NULL) {
        strb_addf(wrong, "%s: %s", d->path, werr_text(WERR_NOMEM));
        return WERR_NOMEM;
    }
    int rc = node_key_open(d, NULL, key, wrong);
    if (rc == 0)
        rc = member_file_open(d, key, &f, wrong);
    seal_memory_free(key);
    if (rc < 0)
        return rc;
    take_member(&f, s);
    member_file_fini(&f);
    return 0;
}

static int read_log(const struct data_dir *d, const struct high_water_mark *mark,
                    struct stored *s, struct strb *wrong)
{
    char path[DATA_DIR_WRONG_MAX];
    struct segments log;
    int fd;
    int rc = data_dir_enter(d, "log", &fd, wrong);

    if (rc < 0)
        return rc;
    (void)snprintf(path, sizeof(path), "%s/log", d->path);
    rc = segments_check(fd, path, mark, &log, wrong);
    (void)close(fd);
    s->term = log.last_term;
    s->index = log.last_index;
    return rc;
}

int stored_read(const struct data_dir *d, struct stored *s, struct strb *wrong)
{
    struct high_water_mark mark;

    *s = (struct stored){.id = data_dir_node_id(d),
                         .was_removed = data_dir_has(d, DATA_DIR_REMOVED)};
    int rc = read_member(d, s, wrong);
    if (rc == 0)
        rc = high_water_look(d, &mark, wrong);
    if (rc < 0)
        return rc;
    s->applied = mark.index;
    return read_log(d, &mark, s, wrong);
}

int stored_look(const char *path, struct stored *s, struct strb *wrong)
{
    struct data_dir d;
    int rc = set_aside_open(&d, path, wrong);

    if (rc < 0)
        return rc;
    rc = stored_read(&d, s, wrong);
    data_dir_close(&d);
    return rc;
}
