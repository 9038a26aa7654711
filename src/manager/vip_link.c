#include "manager/vip_link.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/children.h"
#include "base/clock.h"
#include "log/log.h"
#include "manager/handover.h"
#include "manager/privileges.h"
#include "net/rights.h"

enum { PACKETS_MAX = 256, END_STEPS = 200, END_STEP_MS = 10 };

static struct vip_link_row *find(struct vip_link *v, const struct addr *a)
{
    for (unsigned i = 0; i < v->row_n; i++)
        if (addr_is_equal(&v->rows[i].named.addr, a))
            return &v->rows[i];
    return NULL;
}

const struct vip_link_row *vip_link_find(const struct vip_link *v, const struct addr *a)
{
    for (unsigned i = 0; i < v->row_n; i++)
        if (addr_is_equal(&v->rows[i].named.addr, a))
            return &v->rows[i];
    return NULL;
}

const char *vip_link_word(const struct vip_link *v)
{
    static const char *const words[] = {
#define STATE(name, word) word,
#include "manager/vip_helper_states.def"
#undef STATE
    };

    return words[v->state];
}

static void move(struct vip_link *v, enum vip_helper_state next)
{
    if (v->state == next)
        return;
    v->state = (uint8_t)next;
    if (v->hooks.on_state != NULL)
        v->hooks.on_state(v->hooks.arg);
}

/* Once, and only to those who want some. */
static void warn_if_unable(struct vip_link *v)
{
    if (v->row_n == 0 || v->has_warned || v->fd >= 0)
        return;
    v->has_warned = true;
    if (v->state == VIP_HELPER_UNABLE)
        log_error("virtual IPs can't be held here: weldr was started without CAP_NET_ADMIN "
                  "and CAP_NET_RAW");
    else
        log_error("virtual IPs can't be held here until weldr is started again: their helper "
                  "has died");
}

/* ---- saying ---- */

/* A full socket is no matter: all is repeated. */
static void say(const struct vip_link *v, const struct vip_message *m)
{
    char buf[VIP_MESSAGE_MAX];

    if (v->fd >= 0)
        (void)send(v->fd, buf, vip_message_put(buf, m), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void say_configure(const struct vip_link *v)
{
    struct vip_message m = {.type = VIP_CONFIGURE, .named_n = v->row_n};

    for (unsigned i = 0; i < v->row_n; i++)
        m.named[i] = v->rows[i].named;
    say(v, &m);
}

static void say_will(const struct vip_link *v)
{
    struct vip_message m = {.type = VIP_WILL};

    m.will = v->will;
    say(v, &m);
}

static void say_wish(const struct vip_link *v, const struct vip_link_row *row)
{
    const struct vip_message m = {.type = row->until_ns > 0 ? VIP_HOLD : VIP_DROP,
                                  .addr = row->named.addr,
                                  .number = row->until_ns};

    say(v, &m);
}

/* True: there is more to repeat. */
static bool say_wishes(struct vip_link *v)
{
    const uint64_t now = clock_boot_ns();
    bool is_any = false;

    for (unsigned i = 0; i < v->row_n; i++) {
        struct vip_link_row *row = &v->rows[i];

        if (row->until_ns <= now)
            row->until_ns = 0;
        if (row->until_ns == 0 && !row->is_dropping)
            continue;
        say_wish(v, row);
        is_any = true;
    }
    return is_any;
}

static void on_repeat(struct timer *t)
{
    struct vip_link *v = (struct vip_link *)((char *)t - offsetof(struct vip_link, repeat));

    if (v->fd >= 0 && say_wishes(v))
        loop_timer_in(v->loop, &v->repeat, VIP_LINK_REPEAT_MS);
}

static void repeat_soon(struct vip_link *v)
{
    if (v->fd >= 0 && !timer_is_set(&v->repeat))
        loop_timer_in(v->loop, &v->repeat, VIP_LINK_REPEAT_MS);
}

/* Rows that stay keep what is known of them. */
void vip_link_configure(struct vip_link *v, const struct vip_named *named, unsigned n)
{
    static struct vip_link_row before[VIP_ADDRS_MAX];
    const unsigned before_n = v->row_n;

    MUST(n <= VIP_ADDRS_MAX);
    memcpy(before, v->rows, sizeof(before));
    v->row_n = 0;
    for (unsigned i = 0; i < n; i++) {
        struct vip_link_row row = {.named = named[i]};

        for (unsigned k = 0; k < before_n; k++)
            if (addr_is_equal(&before[k].named.addr, &named[i].addr))
                row = before[k];
        row.named = named[i];
        v->rows[v->row_n++] = row;
    }
    warn_if_unable(v);
    if (n > 0 || before_n > 0)
        say_configure(v);
}

void vip_link_hold(struct vip_link *v, const struct addr *a, uint64_t until_ns)
{
    struct vip_link_row *row = find(v, a);

    MUST(row != NULL && until_ns > 0);
    row->until_ns = until_ns;
    row->is_dropping = false;
    say_wish(v, row);
    repeat_soon(v);
}

void vip_link_drop(struct vip_link *v, const struct addr *a)
{
    struct vip_link_row *row = find(v, a);

    MUST(row != NULL);
    row->until_ns = 0;
    row->is_dropping = v->fd >= 0;
    say_wish(v, row);
    repeat_soon(v);
}

void vip_link_part(struct vip_link *v, const struct addr *a)
{
    const struct vip_message m = {.type = VIP_PART, .addr = *a};

    MUST(find(v, a) != NULL);
    say(v, &m);
}

int vip_link_keep_out(struct vip_link *v, int fd, const struct addr *addrs, unsigned n)
{
    struct vip_message m = {.type = VIP_KEEP_OUT, .named_n = n};
    char buf[VIP_MESSAGE_MAX];

    MUST(n <= VIP_ADDRS_MAX);
    if (v->fd < 0)
        return WERR_CLOSED;
    if (n > 0)
        memcpy(m.addrs, addrs, n * sizeof(addrs[0]));
    const struct iovec iov = {buf, vip_message_put(buf, &m)};
    const int64_t sent = rights_send(v->fd, &iov, 1, fd);
    if (sent < 0)
        return (int)sent;
    v->owed_n++;
    return 0;
}

bool vip_link_has_kept_out(const struct vip_link *v)
{
    return v->owed_n == 0;
}

void vip_link_leave_will(struct vip_link *v, const struct vip_will *will)
{
    MUST(will->to_n <= VIP_WILL_TO_MAX && will->len <= VIP_WILL_BYTES);
    v->will = *will;
    say_will(v);
}

/* ---- hearing ---- */

/* One that has just begun may know nothing, or all that the one before it knew. */
static void on_hello(struct vip_link *v, const struct vip_message *m)
{
    log_debug("the helper of virtual IPs works", LOG_U("pid", m->number));
    v->owed_n = 0; /* of one before: it will not answer */
    v->has_spoken = true;
    v->helpers_n++;
    if (v->row_n > 0)
        say_configure(v);
    if (v->will.to_n > 0)
        say_will(v);
    if (say_wishes(v))
        repeat_soon(v);
}

static void on_kept_out(struct vip_link *v, const struct vip_message *m)
{
    if (m->error < 0)
        log_warn("can't keep new connections from an address that leaves",
                 LOG_S("error", werr_text(m->error)));
    v->owed_n -= v->owed_n > 0;
}

static void on_held(struct vip_link *v, struct vip_link_row *row, const struct vip_message *m)
{
    const bool was_held = row->is_held;

    row->is_held = true;
    memcpy(row->ifname, m->ifname, sizeof(row->ifname));
    if (!was_held && v->hooks.on_held != NULL)
        v->hooks.on_held(v->hooks.arg, row);
}

static void on_dropped(struct vip_link *v, struct vip_link_row *row,
                       const struct vip_message *m)
{
    row->is_held = false;
    row->announced_n = 0;
    if (row->until_ns == 0)
        row->is_dropping = false;
    if (m->why == VIP_DROP_CONFLICT)
        row->until_ns = 0;
    if (v->hooks.on_dropped != NULL)
        v->hooks.on_dropped(v->hooks.arg, row, (enum vip_drop)m->why, m->error);
}

static void on_conflict(struct vip_link *v, const struct vip_link_row *row,
                        const struct vip_message *m)
{
    if (v->hooks.on_conflict != NULL)
        v->hooks.on_conflict(v->hooks.arg, row, m->mac);
}

static void on_announced(struct vip_link *v, struct vip_link_row *row,
                         const struct vip_message *m)
{
    row->announced_n = m->number;
    if (v->hooks.on_announced != NULL)
        v->hooks.on_announced(v->hooks.arg, row);
}

static void on_link(struct vip_link *v, struct vip_link_row *row, const struct vip_message *m)
{
    row->link = m->link;
    memcpy(row->ifname, m->ifname, sizeof(row->ifname));
    if (v->hooks.on_link != NULL)
        v->hooks.on_link(v->hooks.arg, row);
}

static void hear_of_row(struct vip_link *v, struct vip_link_row *row,
                        const struct vip_message *m)
{
    switch (m->type) {
    case VIP_HELD:
        on_held(v, row, m);
        break;
    case VIP_DROPPED:
        on_dropped(v, row, m);
        break;
    case VIP_CONFLICT:
        on_conflict(v, row, m);
        break;
    case VIP_ANNOUNCED:
        on_announced(v, row, m);
        break;
    case VIP_LINK:
        on_link(v, row, m);
        break;
    default:
        log_warn("the helper of virtual IPs says what a manager does not know",
                 LOG_U("type", m->type));
    }
}

/* What is said of an address that is not named any more is old. */
static void hear(struct vip_link *v, const struct vip_message *m)
{
    if (m->type == VIP_HELLO) {
        on_hello(v, m);
    } else if (m->type == VIP_BUSY) {
        move(v, m->is_busy ? VIP_HELPER_BUSY : VIP_HELPER_READY);
    } else if (m->type == VIP_KEPT_OUT) {
        on_kept_out(v, m);
    } else {
        struct vip_link_row *row = find(v, &m->addr);

        if (row != NULL)
            hear_of_row(v, row, m);
    }
}

static void close_end(struct vip_link *v)
{
    if (v->fd < 0)
        return;
    loop_watch_stop(&v->watch);
    timer_stop(loop_timers(v->loop), &v->repeat);
    (void)close(v->fd);
    v->fd = -1;
    v->owed_n = 0;
}

static void on_lost(struct vip_link *v)
{
    close_end(v);
    for (unsigned i = 0; i < v->row_n; i++)
        v->rows[i].is_held = v->rows[i].is_dropping = false;
    move(v, v->has_spoken ? VIP_HELPER_LOST : VIP_HELPER_UNABLE);
    warn_if_unable(v);
}

static void on_ready(struct loop_watch *w, bool can_read, bool can_write)
{
    struct vip_link *v = (struct vip_link *)w; /* its first member */
    static struct vip_message m;
    char buf[VIP_MESSAGE_MAX];

    (void)can_read;
    (void)can_write;
    for (unsigned i = 0; v->fd >= 0 && i < PACKETS_MAX; i++) {
        const ssize_t n = recv(v->fd, buf, sizeof(buf), MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0)
            on_lost(v);
        else if (vip_message_get(span_from(buf, (size_t)n), &m) == 0)
            hear(v, &m);
    }
}

/* ---- life ---- */

void vip_link_init(struct vip_link *v, struct loop *loop, const struct vip_link_hooks *hooks)
{
    memset(v, 0, sizeof(*v));
    v->loop = loop;
    v->hooks = *hooks;
    v->fd = -1;
    v->watch.on_ready = on_ready;
    timer_init(&v->repeat, on_repeat);
}

void vip_link_open(struct vip_link *v, int fd)
{
    MUST(v->fd < 0);
    v->fd = fd;
    loop_watch_start(v->loop, &v->watch, fd);
    loop_watch_set(&v->watch, true, false);
    move(v, VIP_HELPER_READY);
    if (v->row_n > 0)
        say_configure(v);
}

static void run_child(int fd, int exe_fd)
{
    char name[] = "weldr", role[] = "vip-helper";
    char *argv[] = {name, role, NULL};

    handover_run(&fd, 1, exe_fd, argv);
}

static int start_process(struct vip_link *v, int exe_fd)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return werr_from_errno(errno);
    v->pid = handover_fork();
    if (v->pid == 0)
        run_child(pair[1], exe_fd);
    (void)close(pair[1]);
    if (v->pid < 0) {
        v->pid = 0;
        (void)close(pair[0]);
        return WERR_NO_PROCESS;
    }
    vip_link_open(v, pair[0]);
    return 0;
}

void vip_link_start(struct vip_link *v, int exe_fd)
{
    if (!privileges_allow_addresses()) {
        move(v, VIP_HELPER_UNABLE);
        warn_if_unable(v);
        return;
    }
    const int rc = start_process(v, exe_fd);

    if (rc == 0)
        return;
    log_error("can't start the helper of virtual IPs", LOG_S("error", werr_text(rc)));
    move(v, VIP_HELPER_LOST);
}

void vip_link_reap(struct vip_link *v)
{
    int status;

    if (v->pid == 0 || children_wait(v->pid, &status, WNOHANG) != v->pid)
        return;
    log_debug("the first keeper of virtual IPs has ended", LOG_I("pid", v->pid));
    v->pid = 0;
}

void vip_link_yield(struct vip_link *v)
{
    close_end(v);
    v->pid = 0;
}

void vip_link_stop(struct vip_link *v)
{
    if (v->loop == NULL)
        return;
    close_end(v);
    for (unsigned i = 0; v->pid != 0 && i < END_STEPS; i++) {
        vip_link_reap(v);
        if (v->pid != 0)
            (void)poll(NULL, 0, END_STEP_MS);
    }
    if (v->pid != 0)
        (void)kill(v->pid, SIGKILL); /* it hangs; the kernel ends the addresses */
    vip_link_reap(v);
    v->state = VIP_HELPER_OFF;
    v->loop = NULL;
}
