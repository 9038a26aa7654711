#include "manager/file_watch.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "log/log.h"

enum { EVENTS_BYTES = 4096 };

static void watch_directory(struct file_watch *w, const char *path)
{
    char directory[PATH_MAX];
    const char *end = strrchr(path, '/');
    const size_t len = end == NULL ? 1 : end == path ? 1 : (size_t)(end - path);

    if (len >= sizeof(directory))
        return;
    memcpy(directory, end == NULL ? "." : path, len);
    directory[len] = '\0';
    /* One that can't be watched is looked at now and then. */
    (void)inotify_add_watch(w->fd, directory,
                            IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE);
}

/* One that is watched already stays so. */
static void watch_path(struct file_watch *w, const char *path)
{
    char target[PATH_MAX];

    if (w->fd < 0)
        return;
    watch_directory(w, path);
    if (realpath(path, target) != NULL)
        watch_directory(w, target);
}

static void tell(struct file_watch *w)
{
    for (unsigned i = 0; i < w->path_n; i++)
        watch_path(w, w->paths[i]);
    w->on_change(w->arg);
}

static void on_settled(struct timer *t)
{
    tell((struct file_watch *)((char *)t - offsetof(struct file_watch, settle)));
}

static void on_poll(struct timer *t)
{
    struct file_watch *w = (struct file_watch *)((char *)t - offsetof(struct file_watch, poll));

    loop_timer_in(w->loop, &w->poll, FILE_WATCH_POLL_MS);
    tell(w);
}

/* What has happened does not matter. */
static void on_ready(struct loop_watch *watch, bool can_read, bool can_write)
{
    struct file_watch *w = (struct file_watch *)watch; /* its first member */
    char events[EVENTS_BYTES];

    (void)can_read;
    (void)can_write;
    while (read(w->fd, events, sizeof(events)) > 0)
        continue;
    if (!timer_is_set(&w->settle))
        loop_timer_in(w->loop, &w->settle, FILE_WATCH_SETTLE_MS);
}

static void begin(struct file_watch *w)
{
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    loop_timer_in(w->loop, &w->poll, FILE_WATCH_POLL_MS);
    if (w->fd < 0) {
        log_warn("files are looked at now and then: they can't be watched",
                 LOG_U("every_ms", FILE_WATCH_POLL_MS));
        return;
    }
    loop_watch_start(w->loop, &w->watch, w->fd);
    loop_watch_set(&w->watch, true, false);
}

void file_watch_add(struct file_watch *w, const char *path)
{
    if (path == NULL)
        return;
    MUST(w->path_n < FILE_WATCH_MAX); /* twice what the configuration may name, and three */
    if (w->path_n == 0)
        begin(w);
    w->paths[w->path_n++] = path;
    watch_path(w, path);
}

void file_watch_init(struct file_watch *w, struct loop *loop, void (*on_change)(void *arg),
                     void *arg)
{
    *w = (struct file_watch){.loop = loop, .fd = -1, .on_change = on_change, .arg = arg};
    w->watch.on_ready = on_ready;
    timer_init(&w->settle, on_settled);
    timer_init(&w->poll, on_poll);
}

void file_watch_fini(struct file_watch *w)
{
    if (w->loop == NULL)
        return;
    timer_stop(loop_timers(w->loop), &w->settle);
    timer_stop(loop_timers(w->loop), &w->poll);
    if (w->fd >= 0) {
        loop_watch_stop(&w->watch);
        (void)close(w->fd);
    }
    *w = (struct file_watch){.fd = -1};
}
