#include "manager/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int reserve_fill(struct reserve *r, unsigned n)
{
    MUST(n <= RESERVE_MAX);
    while (r->n < n) {
        const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        if (fd < 0)
            return werr_from_errno(errno);
        r->fds[r->n++] = fd;
    }
    return 0;
}

void reserve_lend(struct reserve *r, unsigned n)
{
    while (n-- > 0 && r->n > 0)
        (void)close(r->fds[--r->n]);
}
