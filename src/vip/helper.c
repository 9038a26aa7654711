#include "vip/helper.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/syn_filter.h"
#include "log/log.h"
#include "vip/ether.h"
#include "vip/hear.h"
#include "vip/rtnl.h"
#include "vip/stray.h"
#include "vip/tell.h"
#include "vip/will.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, MESSAGES_MAX = 1024, LOOK_MS = 50, LOCK_MS = 50 };

/* As long as an address lives without us. */
#define END_NS (2500 * PLAN_MS)

enum { OF_MANAGER, OF_KEEPER, OF_KERNEL, OF_ARP, OF_NEIGHBOURS, OF_TIMER, POLLED };

struct helper {
    struct plan *plan;
    struct helper_ends ends;
    struct rtnl rtnl;
    struct ether ether;
    struct strays strays;
    struct will_sockets wills;
    int monitor, timer, lock; /* -1: closed */
    uint64_t look_ns;         /* when to look at the interfaces; 0: no need */
    uint64_t lock_ns;         /* when to try for the lock */
    bool has_manager;
    helper_orphaned_fn on_orphaned;
    void *arg;
};

/* ---- start ---- */

static int open_fds(struct helper *h)
{
    int rc = rtnl_open(&h->rtnl);

    if (rc == 0)
        rc = ether_open(&h->ether);
    if (rc < 0)
        return rc;
    will_open(&h->wills);
    h->monitor = rtnl_open_monitor();
    h->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    h->lock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return h->monitor < 0 || h->timer < 0 || h->lock < 0 ? WERR_NO_FD : 0;
}

static void close_fds(struct helper *h)
{
    rtnl_close(&h->rtnl);
    ether_close(&h->ether);
    strays_end(&h->strays);
    will_close(&h->wills);
    (void)close(h->monitor);
    (void)close(h->timer);
    (void)close(h->lock);
}

/* ---- the only one ---- */

/* The name is of the network namespace, as the addresses are, and ends with the process. */
static bool take_lock(const struct helper *h)
{
    static const char name[] = "weldr-vip-helper";
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    memcpy(at.sun_path + 1, name, sizeof(name) - 1);
    return bind(h->lock, (const struct sockaddr *)&at,
                offsetof(struct sockaddr_un, sun_path) + sizeof(name)) == 0;
}

static void try_lock(struct helper *h, uint64_t now)
{
    const bool is_first = h->lock_ns == 0;

    if (h->plan->is_alone || now < h->lock_ns)
        return;
    h->lock_ns = now + LOCK_MS * PLAN_MS;
    h->plan->is_alone = take_lock(h);
    if (h->plan->is_alone) {
        h->look_ns = now;
        if (!is_first)
            tell_busy(h->ends.manager, false);
    } else if (is_first) {
        log_warn("another helper of virtual IPs works here: none is taken");
        tell_busy(h->ends.manager, true);
    }
}

/* ---- what is heard ---- */

/* Of what is not held, or where no announcement would be heard, nothing is kept. */
static int part(struct helper *h, const struct addr *a, uint64_t now)
{
    const struct plan_row *row = plan_find(h->plan, a);

    if (row == NULL || !row->is_named)
        return WERR_NOT_FOUND;
    if (row->phase != PLAN_HELD || !row->place.has_mac)
        return 0;
    const int fd = stray_open(row);

    if (fd >= 0)
        strays_begin(&h->strays, row, fd, now);
    else
        log_warn("can't keep connections to a virtual IP that moves",
                 LOG_S("error", werr_text(fd)));
    return 0;
}

/* The filter is made here of addresses that are named, so no other one can be cut off. */
static int keep_out(struct helper *h, const struct vip_message *m, int fd)
{
    for (unsigned i = 0; i < m->named_n; i++) {
        const struct plan_row *row = plan_find(h->plan, &m->addrs[i]);

        if (row == NULL || !row->is_named)
            return WERR_NOT_FOUND;
    }
    return fd >= 0 ? syn_filter_set(fd, m->addrs, m->named_n) : WERR_NO_FD;
}

static void obey(struct helper *h, const struct vip_message *m, int fd, uint64_t now)
{
    int rc = 0;

    switch (m->type) {
    case VIP_CONFIGURE:
        plan_configure(h->plan, m->named, m->named_n, now);
        strays_follow(&h->strays, h->plan);
        h->look_ns = now;
        break;
    case VIP_HOLD:
        rc = plan_hold(h->plan, &m->addr, m->number, now);
        strays_held(&h->strays, &m->addr);
        break;
    case VIP_DROP:
        rc = plan_drop(h->plan, &m->addr, now);
        break;
    case VIP_PART:
        rc = part(h, &m->addr, now);
        break;
    case VIP_KEEP_OUT:
        tell_kept_out(h->ends.manager, keep_out(h, m, fd));
        break;
    case VIP_WILL:
        h->plan->will = m->will;
        break;
    default:
        log_warn("the manager says what a helper does not know", LOG_U("type", m->type));
    }
    if (rc < 0)
        tell_not_named(h->ends.manager, &m->addr);
}

/* All that waits: what was said last counts, also after a stop of seconds. */
static void hear_manager(struct helper *h)
{
    static struct vip_message m;
    char buf[VIP_MESSAGE_MAX];

    for (unsigned i = 0; i < MESSAGES_MAX; i++) {
        int fd;
        const ssize_t n = hear_packet(h->ends.manager, buf, sizeof(buf), &fd);

        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0 || (n < 0 && errno != EAGAIN))
            h->has_manager = false;
        if (n <= 0)
            return;
        if ((size_t)n <= sizeof(buf) && vip_message_get(span_from(buf, (size_t)n), &m) == 0)
            obey(h, &m, fd, clock_boot_ns());
        else
            log_warn("the manager says what is no message", LOG_I("bytes", n));
        if (fd >= 0)
            (void)close(fd);
    }
}

static void look(struct helper *h, uint64_t now)
{
    static struct where where;

    if (h->look_ns == 0 || now < h->look_ns || !h->plan->is_alone)
        return;
    const int rc = rtnl_look(&h->rtnl, &where, h->plan, now);

    h->look_ns = rc < 0 ? now + LOOK_MS * PLAN_MS : 0;
    if (rc < 0)
        log_warn("can't list the interfaces", LOG_S("error", werr_text(rc)));
}

static void hear_kernel(struct helper *h, uint64_t now)
{
    if (rtnl_hear(h->monitor, h->plan, now) && h->look_ns == 0)
        h->look_ns = now + LOOK_MS * PLAN_MS; /* more may follow */
}

static void on_claim(void *arg, const struct ether_claim *c)
{
    struct helper *h = arg;
    struct plan_row *row = plan_find(h->plan, &c->addr);

    if (row != NULL && row->ifindex == c->ifindex &&
        memcmp(c->mac, row->place.mac, VIP_MAC_BYTES) != 0)
        plan_conflict(row, c->mac, clock_boot_ns());
    strays_claimed(&h->strays, c);
}

/* ---- what is done ---- */

static void log_step(const struct plan_row *row, const char *what, int rc)
{
    char text[ADDR_TEXT_MAX];

    (void)addr_print_ip(&row->named.addr, text);
    if (rc < 0)
        log_warn(what, LOG_S("address", text), LOG_S("interface", row->place.ifname),
                 LOG_S("error", werr_text(rc)));
    else
        log_info(what, LOG_S("address", text), LOG_S("interface", row->place.ifname),
                 LOG_S("why", vip_drop_word((enum vip_drop)row->why)));
}

static void put(struct helper *h, struct plan_row *row)
{
    const bool was_held = row->phase == PLAN_HELD;
    const int rc =
        rtnl_put_address(&h->rtnl, row->ifindex, &row->named.addr, row->prefix, PLAN_LIFE_S);

    plan_put(row, rc, clock_boot_ns());
    if (rc < 0) {
        log_step(row, "can't take a virtual IP", rc);
    } else if (!was_held) {
        ether_listen(&h->ether);
        (void)send(h->ends.keeper, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT); /* it looks anew */
    }
}

static void delete (struct helper *h, struct plan_row *row)
{
    const int rc = rtnl_delete_address(&h->rtnl, row->ifindex, &row->named.addr, row->prefix);

    plan_deleted(row, rc, clock_boot_ns());
    if (rc == 0 || rc == WERR_NOT_FOUND)
        strays_left(&h->strays, &row->named.addr, row->why == VIP_DROP_TOLD, clock_boot_ns());
    if (rc == 0)
        log_step(row, "a virtual IP is let go", 0);
    else if (rc != WERR_NOT_FOUND)
        log_step(row, "can't let a virtual IP go", rc);
}

static void take_step(struct helper *h, const struct plan_step *step)
{
    switch (step->act) {
    case PLAN_PUT:
        put(h, step->row);
        break;
    case PLAN_DELETE:
        delete (h, step->row);
        break;
    case PLAN_ANNOUNCE:
        plan_announced(step->row, ether_announce(&h->ether, step->row), clock_boot_ns());
        break;
    case PLAN_WAIT:
        break;
    }
}

/* Each step with the time of its own moment. Returns when there is more to do. */
static uint64_t work(struct helper *h)
{
    struct plan_step step;

    do {
        step = plan_next(h->plan, clock_boot_ns());
        take_step(h, &step);
    } while (step.act != PLAN_WAIT);
    return step.wake_ns;
}

/* ---- the loop ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return b != 0 && b < a ? b : a;
}

/* By a timer of CLOCK_BOOTTIME: a machine that was suspended looks at its leases at once. */
static void set_timer(const struct helper *h, uint64_t wake_ns)
{
    struct itimerspec at = {.it_value = {0, 0}};

    if (!h->plan->is_alone)
        wake_ns = earlier(wake_ns, h->lock_ns);
    else
        wake_ns = earlier(wake_ns, h->look_ns);
    wake_ns = earlier(wake_ns, strays_due_ns(&h->strays));
    if (wake_ns != UINT64_MAX) {
        at.it_value.tv_sec = (time_t)(wake_ns / 1000000000);
        at.it_value.tv_nsec = (long)(wake_ns % 1000000000) + (wake_ns == 0);
    }
    (void)timerfd_settime(h->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void wait_for(struct helper *h, struct pollfd *fds)
{
    fds[OF_MANAGER] = (struct pollfd){h->ends.manager, POLLIN, 0};
    fds[OF_KEEPER] = (struct pollfd){h->ends.keeper, 0, 0};
    fds[OF_KERNEL] = (struct pollfd){h->monitor, POLLIN, 0};
    fds[OF_ARP] = (struct pollfd){h->ether.arp, POLLIN, 0};
    fds[OF_NEIGHBOURS] = (struct pollfd){h->ether.neighbour, POLLIN, 0};
    fds[OF_TIMER] = (struct pollfd){h->timer, POLLIN, 0};
    if (poll(fds, POLLED + strays_poll(&h->strays, fds + POLLED), -1) < 0)
        for (unsigned i = 0; i < POLLED; i++)
            fds[i].revents = 0;
}

static void turn(struct helper *h)
{
    struct pollfd fds[POLLED + VIP_ADDRS_MAX];
    uint64_t now;

    wait_for(h, fds);
    now = clock_boot_ns();
    if (fds[OF_KEEPER].revents != 0)
        h->on_orphaned(h->arg, &h->ends.keeper);
    if (fds[OF_MANAGER].revents != 0)
        hear_manager(h);
    if (fds[OF_KERNEL].revents != 0)
        hear_kernel(h, now);
    if (fds[OF_ARP].revents != 0 || fds[OF_NEIGHBOURS].revents != 0)
        ether_hear(&h->ether, on_claim, h);
    strays_pass(&h->strays, now);
}

/* The will says that nothing is held here any more: it is sent only if that is certain. */
static void end(struct helper *h)
{
    const uint64_t limit_ns = clock_boot_ns() + END_NS;

    strays_end(&h->strays);
    plan_drop_all(h->plan, VIP_DROP_MANAGER_GONE, clock_boot_ns());
    for (;;) {
        (void)work(h);
        if (plan_is_clear(h->plan) || clock_boot_ns() >= limit_ns)
            break;
        (void)poll(NULL, 0, PLAN_AGAIN_NS / PLAN_MS);
    }
    if (plan_is_clear(h->plan))
        will_send(&h->wills, &h->plan->will);
    memset(h->plan, 0, sizeof(*h->plan));
}

static void run(struct helper *h)
{
    uint64_t wake_ns;

    tell_hello(h->ends.manager);
    plan_take_over(h->plan, clock_boot_ns());
    h->look_ns = clock_boot_ns();
    hear_manager(h);
    while (h->has_manager && !plan_is_idle(h->plan)) {
        try_lock(h, clock_boot_ns());
        look(h, clock_boot_ns());
        wake_ns = work(h);
        if (!tell_all(h->ends.manager, h->plan))
            wake_ns = earlier(wake_ns, clock_boot_ns() + PLAN_AGAIN_NS);
        set_timer(h, wake_ns);
        turn(h);
    }
    if (!h->has_manager)
        end(h);
}

int helper_run(struct plan *plan, struct helper_ends ends, helper_orphaned_fn on_orphaned,
               void *arg)
{
    struct helper h = {.plan = plan,
                       .ends = ends,
                       .rtnl = {.fd = -1},
                       .ether = {.arp = -1, .neighbour = -1},
                       .monitor = -1,
                       .timer = -1,
                       .lock = -1,
                       .has_manager = true,
                       .on_orphaned = on_orphaned,
                       .arg = arg};
    const int rc = open_fds(&h);

    plan->is_alone = false; /* its predecessor may have been */
    if (rc == 0)
        run(&h);
    else
        log_error("the helper of virtual IPs can't start", LOG_S("error", werr_text(rc)));
    close_fds(&h);
    return rc == 0 ? EXIT_DONE : EXIT_FAILED;
}
