#include "manager/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/seal.h"

/* Non-blocking, for a pipe without a writer would hold up all else. */
static int read_all(int fd, struct secret_file *f)
{
    ssize_t n = 1;

    while (n > 0 && f->len <= SECRET_FILE_MAX) {
        n = read(fd, f->bytes + f->len, SECRET_FILE_MAX + 1 - f->len);
        if (n < 0 && errno != EINTR)
            return werr_from_errno(errno);
        f->len += n > 0 ? (size_t)n : 0;
        n = n < 0 ? 1 : n;
    }
    return f->len > SECRET_FILE_MAX ? WERR_TOO_BIG : 0;
}

int secret_file_read(const char *path, struct secret_file *f)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    *f = (struct secret_file){NULL, 0};
    if (fd < 0)
        return werr_from_errno(errno);
    f->bytes = seal_memory_new(SECRET_FILE_MAX + 1);
    const int rc = f->bytes != NULL ? read_all(fd, f) : WERR_NOMEM;

    (void)close(fd);
    if (rc < 0)
        secret_file_free(f);
    return rc;
}

void secret_file_free(struct secret_file *f)
{
    seal_memory_free(f->bytes);
    *f = (struct secret_file){NULL, 0};
}
