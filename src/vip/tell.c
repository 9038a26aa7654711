#include "vip/tell.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* False: it did not go; a manager that is gone counts as told. */
static bool say(int manager, const struct vip_message *m)
{
    char buf[VIP_MESSAGE_MAX];
    const size_t n = vip_message_put(buf, m);

    return send(manager, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno != EAGAIN;
}

void tell_hello(int manager)
{
    const struct vip_message m = {.type = VIP_HELLO, .number = (uint64_t)getpid()};

    (void)say(manager, &m);
}

void tell_busy(int manager, bool is_busy)
{
    const struct vip_message m = {.type = VIP_BUSY, .is_busy = is_busy};

    (void)say(manager, &m);
}

void tell_kept_out(int manager, int error)
{
    const struct vip_message m = {.type = VIP_KEPT_OUT, .error = error};

    (void)say(manager, &m);
}

void tell_not_named(int manager, const struct addr *a)
{
    const struct vip_message m = {.type = VIP_DROPPED, .addr = *a, .why = VIP_DROP_NOT_NAMED};

    (void)say(manager, &m);
}

static void fill(struct vip_message *m, const struct plan_row *row, unsigned tell)
{
    *m = (struct vip_message){.addr = row->named.addr};
    switch (tell) {
    case PLAN_TELL_LINK:
        m->type = VIP_LINK;
        m->link = row->place.link;
        memcpy(m->ifname, row->place.ifname, sizeof(m->ifname));
        break;
    case PLAN_TELL_DROPPED:
        m->type = VIP_DROPPED;
        m->why = row->told_why;
        m->error = row->told_error;
        break;
    case PLAN_TELL_HELD:
        m->type = VIP_HELD;
        memcpy(m->ifname, row->place.ifname, sizeof(m->ifname));
        break;
    case PLAN_TELL_CONFLICT:
        m->type = VIP_CONFLICT;
        memcpy(m->mac, row->stranger, sizeof(m->mac));
        break;
    default:
        m->type = VIP_ANNOUNCED;
        m->number = row->announced_n;
    }
}

static bool tell_row(int manager, struct plan_row *row)
{
    struct vip_message m;

    for (unsigned tell = PLAN_TELL_LINK; tell <= PLAN_TELL_ANNOUNCED; tell <<= 1) {
        if ((row->tell & tell) == 0)
            continue;
        fill(&m, row, tell);
        if (!say(manager, &m))
            return false;
        row->tell &= (uint8_t)~tell;
    }
    return true;
}

bool tell_all(int manager, struct plan *p)
{
    for (unsigned i = 0; i < PLAN_ROWS; i++)
        if (!tell_row(manager, &p->rows[i]))
            return false;
    return true;
}
