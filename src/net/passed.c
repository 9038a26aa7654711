#include "net/passed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/listen.h"

static struct passed all[PASSED_MAX];
static unsigned all_n;

/* ---- what is said of them ---- */

void passed_forget_variables(void)
{
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDNAMES");
    (void)unsetenv("LISTEN_PIDFDID");
}

/* ---- what they are ---- */

static int option(int fd, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, name, &value, &len) < 0 ? -1 : value;
}

/* NULL: it can be used. */
static const char *find_fault(int fd)
{
    if (fcntl(fd, F_GETFD) < 0)
        return "is not open";
    if (option(fd, SO_TYPE) < 0)
        return "is no socket";
    if (option(fd, SO_DOMAIN) != AF_INET && option(fd, SO_DOMAIN) != AF_INET6)
        return "is of another family than IPv4 and IPv6";
    if (option(fd, SO_TYPE) != SOCK_STREAM || option(fd, SO_PROTOCOL) != IPPROTO_TCP)
        return "is no TCP socket";
    if (option(fd, SO_ACCEPTCONN) != 1)
        return "does not listen; a socket unit needs Accept=no";
    return NULL;
}

static void find_address(int fd, struct addr *at)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof(sa);

    MUST(getsockname(fd, (struct sockaddr *)&sa, &len) == 0); /* it was found to be one */
    addr_from_sockaddr((const struct sockaddr *)&sa, at);
}

int passed_add(struct span name, const struct addr *bound, int fd)
{
    if (all_n == PASSED_MAX)
        return WERR_NO_FD;
    struct passed *p = &all[all_n];

    *p = (struct passed){.fd = fd, .bound = *bound};
    if (span_to_str(name, p->name, sizeof(p->name)) < 0)
        return WERR_INVALID;
    p->is_admin = strcmp(p->name, PASSED_ADMIN_NAME) == 0;
    p->use = p->is_admin ? PASSED_API : PASSED_FREE;
    all_n++;
    return 0;
}

static int receive_one(int fd, struct span name, char *error, size_t size)
{
    const char *fault = find_fault(fd);
    struct addr bound;

    if (fault != NULL) {
        (void)snprintf(error, size, "LISTEN_FDS: descriptor %d, named \"%.*s\", %s", fd,
                       (int)name.len, name.ptr, fault);
        return WERR_INVALID;
    }
    find_address(fd, &bound);
    listen_adopt(fd);
    return passed_add(name, &bound, fd);
}

int passed_receive(char *error, size_t size)
{
    const struct listen_fds_texts texts = {getenv("LISTEN_FDS"), getenv("LISTEN_PID"),
                                           getenv("LISTEN_FDNAMES")};
    const char *bad, *why;
    struct listen_fds fds;
    int rc = listen_fds_read(&texts, (uint64_t)getpid(), &fds, &bad, &why);

    if (rc < 0)
        (void)snprintf(error, size, "%s: %s", bad, why);
    for (unsigned i = 0; rc == 0 && i < fds.n; i++)
        rc = receive_one(LISTEN_FDS_FIRST + (int)i, listen_fds_name(&fds, i), error, size);
    passed_forget_variables();
    return rc;
}

/* ---- whoever asks ---- */

const struct passed *passed_at(unsigned i)
{
    return i < all_n ? &all[i] : NULL;
}

static bool may_be(const struct passed *p, enum passed_use use, const struct addr *at)
{
    return (p->use == PASSED_FREE || p->use == use) && addr_is_equal(&p->bound, at);
}

unsigned passed_count(enum passed_use use, const struct addr *at)
{
    unsigned n = 0;

    for (unsigned i = 0; i < all_n; i++)
        n += may_be(&all[i], use, at);
    return n;
}

static struct passed *find(enum passed_use use, const struct addr *at, unsigned number)
{
    for (unsigned i = 0; i < all_n; i++)
        if (may_be(&all[i], use, at) && number-- == 0)
            return &all[i];
    return NULL;
}

int passed_open(enum passed_use use, const struct addr *at, unsigned i)
{
    const unsigned n = passed_count(use, at);
    struct passed *p = n > 0 ? find(use, at, i % n) : NULL;

    if (p == NULL)
        return WERR_NOT_FOUND;
    const int fd = fcntl(p->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return errno == EMFILE || errno == EINVAL ? WERR_NO_FD : werr_from_errno(errno);
    p->use = (uint8_t)use;
    return fd;
}

unsigned passed_most(void)
{
    unsigned most = 0;

    for (unsigned i = 0; i < all_n; i++) {
        const unsigned n = passed_count(PASSED_PROXY, &all[i].bound);

        most = n > most ? n : most;
    }
    return most;
}

void passed_end(void)
{
    for (unsigned i = 0; i < all_n; i++)
        (void)close(all[i].fd);
    all_n = 0;
}
