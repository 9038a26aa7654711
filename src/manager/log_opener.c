#include "manager/log_opener.h"

#include <errno.h>
#include <unistd.h>

#include "log/log.h"
#include "manager/publish.h"

/* errno, or 0. */
static int open_anew(struct log_opener *o)
{
    const enum line_sink_kind kind = line_sink_kind_of(o->to);
    uint8_t way;
    const int fd = line_sink_open(kind, kind == LINE_SINK_FILE ? o->to : NULL, &way);

    if (fd < 0)
        return errno;
    if (o->fd >= 0) {
        publish_forget_log(o->publish);
        (void)close(o->fd);
    }
    o->fd = fd;
    o->way = way;
    publish_log(o->publish, fd, way);
    return 0;
}

static bool is_syslog(const struct log_opener *o)
{
    return line_sink_kind_of(o->to) == LINE_SINK_SYSLOG;
}

int log_opener_start(struct log_opener *o, struct publish *p, const char *to)
{
    *o = (struct log_opener){.publish = p, .to = to, .fd = -1};
    if (to == NULL)
        return 0;
    const int error = open_anew(o);

    if (error == 0 || error == ENXIO)
        return 0;
    if (!is_syslog(o))
        return werr_from_errno(error);
    log_warn("can't open the access log", LOG_S("to", to),
             LOG_S("error", werr_text(werr_from_errno(error))));
    return 0;
}

void log_opener_reopen(struct log_opener *o)
{
    if (o->to == NULL || line_sink_kind_of(o->to) == LINE_SINK_STDOUT)
        return;
    const int error = open_anew(o);

    if (error != 0)
        log_warn("can't open the access log again: the old file stays in use",
                 LOG_S("error", werr_text(werr_from_errno(error))));
}

void log_opener_want(struct log_opener *o, uint64_t now_ms)
{
    if (o->to == NULL || now_ms < o->again_ms)
        return;
    o->again_ms = now_ms + LOG_OPENER_AGAIN_MS;
    (void)open_anew(o); /* the worker asks again, and tells of lines that are lost */
}

void log_opener_end(struct log_opener *o)
{
    if (o->fd >= 0)
        (void)close(o->fd);
    o->fd = -1;
}
