#include "manager/binding.h"

#include <time.h>

#include "log/log.h"
#include "manager/holder.h"
#include "manager/manager.h"
#include "net/inherited.h"
#include "net/listen.h"
#include "net/passed.h"

enum { IN_USE_WAIT_MS = 3000, IN_USE_NAP_MS = 50 };

static void nap(void)
{
    static const struct timespec time = {.tv_nsec = IN_USE_NAP_MS * 1000000L};

    (void)nanosleep(&time, NULL);
}

int binding_open(const struct addr *at, struct addr *bound)
{
    const struct inherited_key key = {.use = INHERITED_API, .wanted = *at};
    int fd = inherited_take(&key, bound);

    if (fd >= 0)
        return fd;
    fd = passed_open(PASSED_API, at, 0);
    *bound = *at;
    if (fd != WERR_NOT_FOUND)
        return fd;
    fd = listen_open(at, false, false, bound);

    for (unsigned ms = 0; fd == WERR_ADDR_IN_USE && ms < IN_USE_WAIT_MS; ms += IN_USE_NAP_MS) {
        nap();
        fd = listen_open(at, false, false, bound);
    }
    return fd;
}

int binding_open_local(const char *path, struct local_file *file)
{
    const struct inherited_key key = {.use = INHERITED_LOCAL, .name = span_from_str(path)};
    struct addr none;
    int fd = inherited_take(&key, &none);

    if (fd >= 0) {
        local_find(path, file);
        return fd;
    }
    fd = local_listen(path, file);

    for (unsigned ms = 0; fd == WERR_ADDR_IN_USE && ms < IN_USE_WAIT_MS; ms += IN_USE_NAP_MS) {
        nap();
        fd = local_listen(path, file);
    }
    return fd;
}

int binding_bind(struct listening *l, const struct addr *at)
{
    int rc = listening_bind(l, at);

    for (unsigned ms = 0; rc == WERR_ADDR_IN_USE && ms < IN_USE_WAIT_MS; ms += IN_USE_NAP_MS) {
        nap();
        rc = listening_bind(l, at);
    }
    return rc;
}

bool binding_may_lack_ipv6(const struct addr *at, int rc)
{
    return at->family == AF_INET6 && rc != WERR_ADDR_IN_USE && rc != WERR_DENIED &&
           rc != WERR_NO_FD;
}

static void tell_failure(const char *address, uint16_t port, int rc)
{
    struct holder h;

    if (rc == WERR_ADDR_IN_USE && holder_find(port, &h))
        log_error("can't listen", LOG_S("address", address), LOG_S("error", werr_text(rc)),
                  LOG_I("held_by_pid", h.pid), LOG_S("held_by", h.command),
                  LOG_S("process_state", h.state));
    else
        log_error("can't listen", LOG_S("address", address), LOG_S("error", werr_text(rc)));
}

int binding_fail(const struct addr *at, int rc)
{
    char text[ADDR_TEXT_MAX];

    (void)addr_print(at, text);
    tell_failure(text, at->port, rc);
    return rc == WERR_NOMEM || rc == WERR_NO_FD ? manager_exit_code(rc) : MANAGER_EXIT_ADDRESS;
}

void binding_tell(const char *what, const struct addr *bound)
{
    char text[ADDR_TEXT_MAX];

    (void)addr_print(bound, text);
    log_info(what, LOG_S("address", text));
}
