#include "cli/top_fetch.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TARGET_BYTES = 4096 };

/* Before each body: native, since both sides are one program. */
struct head {
    int status;
    size_t len;
};

/* ---- the child ---- */

struct body {
    char *buf;
    size_t len, cap;
};

static int keep(void *arg, uint16_t status, struct span bytes)
{
    struct body *b = arg;

    (void)status;
    if (b->len + bytes.len > b->cap) {
        const size_t cap = 2 * (b->len + bytes.len);
        char *buf = cap <= TOP_FETCH_BYTES_MAX ? realloc(b->buf, cap) : NULL;

        if (buf == NULL)
            return WERR_NOMEM;
        b->buf = buf;
        b->cap = cap;
    }
    if (bytes.len > 0)
        memcpy(b->buf + b->len, bytes.ptr, bytes.len);
    b->len += bytes.len;
    return 0;
}

static bool send_all(int fd, const void *bytes, size_t n)
{
    const char *at = bytes;

    while (n > 0) {
        const ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);

        if (sent < 0 && errno != EINTR)
            return false;
        if (sent > 0) {
            at += sent;
            n -= (size_t)sent;
        }
    }
    return true;
}

/* A target comes in one piece: it is much less than a socket's buffer, and one at a time. Its
 * NUL ends it all the same. */
static bool read_target(int fd, char *target)
{
    size_t len = 0;

    do {
        const ssize_t n = recv(fd, target + len, TARGET_BYTES - len, 0);

        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
        len += n > 0 ? (size_t)n : 0;
    } while (len < TARGET_BYTES && (len == 0 || target[len - 1] != '\0'));
    return target[len - 1] == '\0';
}

static void serve(int fd, const struct call_api *api)
{
    struct body b = {NULL, 0, 0};
    char target[TARGET_BYTES];

    while (read_target(fd, target)) {
        const struct call_request request = {.method = "GET", .target = target};

        b.len = 0;
        const int status = call_run(api, &request, keep, &b);
        const struct head head = {status, status > 0 ? b.len : 0};
        if (!send_all(fd, &head, sizeof(head)) || !send_all(fd, b.buf, head.len))
            break;
    }
    free(b.buf);
}

/* Signals of the terminal are for the parent, which may be stopped and go on. */
static void be_child(int fd, const struct call_api *api)
{
    static const int passed[] = {SIGINT, SIGQUIT, SIGTSTP, SIGHUP, SIGWINCH};

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
        (void)signal(passed[i], SIG_IGN);
    for (int i = 0; i < 3; i++)
        (void)close(i);
    serve(fd, api);
    _exit(0);
}

/* ---- the parent ---- */

int top_fetch_start(struct top_fetch *f, const struct call_api *api)
{
    struct call_api patient = *api;
    int pair[2];

    *f = (struct top_fetch){.fd = -1, .child = -1};
    patient.patience_s = TOP_FETCH_PATIENCE_S;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return werr_from_errno(errno);
    f->child = fork();
    if (f->child == 0) {
        (void)close(pair[0]);
        be_child(pair[1], &patient);
    }
    const int rc = f->child < 0 ? WERR_NO_PROCESS : 0;
    (void)close(pair[1]);
    if (rc == 0)
        f->fd = pair[0];
    else
        (void)close(pair[0]);
    return rc;
}

void top_fetch_end(struct top_fetch *f)
{
    if (f->child > 0) {
        (void)kill(f->child, SIGKILL);
        while (waitpid(f->child, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (f->fd >= 0)
        (void)close(f->fd);
    free(f->buf);
    *f = (struct top_fetch){.fd = -1, .child = -1};
}

int top_fetch_ask(struct top_fetch *f, const char *target)
{
    MUST(!f->is_asking);
    const size_t n = strlen(target) + 1;

    if (n > TARGET_BYTES)
        return WERR_TOO_BIG;
    f->is_asking = true;
    f->len = 0;
    return send_all(f->fd, target, n) ? 0 : WERR_CLOSED;
}

/* How much the whole response is, as far as it is known. */
static size_t wanted(const struct top_fetch *f)
{
    struct head head;

    if (f->len < sizeof(head))
        return sizeof(head);
    memcpy(&head, f->buf, sizeof(head));
    return sizeof(head) + head.len;
}

static int make_room(struct top_fetch *f, size_t n)
{
    char *buf;

    if (n <= f->cap)
        return 0;
    buf = realloc(f->buf, n);
    if (buf == NULL)
        return WERR_NOMEM;
    f->buf = buf;
    f->cap = n;
    return 0;
}

int top_fetch_take(struct top_fetch *f, struct top_response *response)
{
    struct head head;

    for (;;) {
        const size_t want = wanted(f);

        if (f->len >= sizeof(head) && f->len == want)
            break;
        if (make_room(f, want) < 0)
            return WERR_NOMEM;
        const ssize_t n = recv(f->fd, f->buf + f->len, want - f->len, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (n <= 0)
            return WERR_CLOSED;
        f->len += (size_t)n;
    }
    memcpy(&head, f->buf, sizeof(head));
    f->is_asking = false;
    response->status = head.status;
    response->text = span_from(f->buf + sizeof(head), head.len);
    return 1;
}
