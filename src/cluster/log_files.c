#include "cluster/log_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "cluster/small_file.h"

enum { LIST_STEP = 32 };

static int add_file(struct log_files *l, const char *name)
{
    struct log_file f;

    log_file_name(name, &f);
    if (f.kind == LOG_FILE_OTHER)
        return 0;
    if (l->n % LIST_STEP == 0) {
        struct log_file *more = reallocarray(l->files, l->n + LIST_STEP, sizeof(*l->files));

        if (more == NULL)
            return WERR_NOMEM;
        l->files = more;
    }
    l->files[l->n++] = f;
    return 0;
}

int log_files_list(struct log_files *l)
{
    const int fd = openat(l->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    int rc = 0;

    if (list == NULL) {
        rc = werr_from_errno(errno);
        if (fd >= 0)
            (void)close(fd);
        return rc;
    }
    for (struct dirent *e = readdir(list); e != NULL && rc == 0; e = readdir(list))
        rc = add_file(l, e->d_name);
    (void)closedir(list);
    if (rc == 0 && l->n > 0)
        qsort(l->files, l->n, sizeof(*l->files), log_file_compare);
    return rc;
}

/* The files are of 8 MiB, most of it zeros: pages that are there already cost no fault each. */
static bool make_room(struct log_files *l, size_t bytes)
{
    if (l->room >= bytes)
        return true;
    free(l->bytes);
    l->bytes = fault_malloc(bytes);
    l->room = l->bytes != NULL ? bytes : 0;
    return l->bytes != NULL;
}

int log_files_read(struct log_files *l, const char *name, size_t *len)
{
    const int fd = openat(l->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    int rc = WERR_NOMEM;

    if (fd < 0 || fstat(fd, &st) < 0) {
        rc = werr_from_errno(errno);
        if (fd >= 0)
            (void)close(fd);
        return rc;
    }
    if (make_room(l, (size_t)st.st_size + 1))
        rc = small_file_read_at(fd, l->bytes, (size_t)st.st_size, 0, len);
    (void)close(fd);
    return rc;
}

const struct log_file *log_files_other(const struct log_files *l, const struct log_file *f)
{
    const enum log_file_kind kind =
        f->kind == LOG_FILE_META ? LOG_FILE_SNAPSHOT : LOG_FILE_META;

    for (size_t i = 0; i < l->n; i++)
        if (l->files[i].kind == kind &&
            memcmp(l->files[i].numbers, f->numbers, sizeof(f->numbers)) == 0)
            return &l->files[i];
    return NULL;
}

void log_files_free(struct log_files *l)
{
    free(l->files);
    free(l->bytes);
    *l = (struct log_files){.dir_fd = l->dir_fd};
}
