/* vip_link.h - the manager's end of the process that holds virtual IPs (vip/): starts it, says
 * what shall be held, and hears what is.
 *
 * Started before the manager gives up CAP_NET_ADMIN and CAP_NET_RAW (privileges.h), for it
 * could not be started later; it is a process that sleeps until the first configure. A helper
 * that dies is replaced there within milliseconds and told everything again from here. If both
 * of its processes are killed at once, none can be held until weldr is started again: LOST.
 *
 * What was said is repeated every VIP_LINK_REPEAT_MS until it is confirmed, and so is a hold,
 * which counts VIP_HOLD_MAX_NS at the most: a manager that hangs, may it hold for good or not,
 * holds nothing 10 s later. The helper drops all when this end is closed, whatever closes it.
 *
 * States: OFF → READY (it may hold) ⇄ BUSY (another helper works in this network namespace);
 * UNABLE: not permitted, from the start; LOST. Owner: the manager. Callbacks may call anything
 * here but vip_link_stop.
 */
#ifndef WELDR_MANAGER_VIP_LINK_H
#define WELDR_MANAGER_VIP_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/loop.h"
#include "wire/vip_message.h"

enum { VIP_LINK_REPEAT_MS = 250 };

enum vip_helper_state {
#define STATE(name, word) VIP_HELPER_##name,
#include "manager/vip_helper_states.def"
#undef STATE
    VIP_HELPER_STATES
};

/* An address that is named. */
struct vip_link_row {
    struct vip_named named;
    uint64_t until_ns; /* wished for, of CLOCK_BOOTTIME; 0: not */
    bool is_held;
    bool is_dropping;            /* a drop is not confirmed yet: it may still stand there */
    uint8_t link;                /* enum vip_link_state, of its interface */
    char ifname[VIP_IFNAME_MAX]; /* of its interface; "": none */
    uint64_t announced_n;        /* since it was taken */
};

struct vip_link_hooks {
    void (*on_held)(void *arg, const struct vip_link_row *row);
    /* It is not held, or not any more; comes after each drop. error: WERR_* or 0. */
    void (*on_dropped)(void *arg, const struct vip_link_row *row, enum vip_drop why, int error);
    /* A stranger of this MAC (VIP_MAC_BYTES) claims it; at most once a second. */
    void (*on_conflict)(void *arg, const struct vip_link_row *row, const uint8_t *mac);
    void (*on_announced)(void *arg, const struct vip_link_row *row);
    void (*on_link)(void *arg, const struct vip_link_row *row);
    /* The state is another one. LOST: what was held is not refreshed any more, and may stand
     * there for 2.3 s from now on. */
    void (*on_state)(void *arg);
    void *arg;
};

struct vip_link {
    struct loop_watch watch;
    struct loop *loop;
    struct vip_link_hooks hooks;
    int fd;    /* -1: closed */
    pid_t pid; /* the keeper's; 0: none, or collected */
    uint8_t state;
    bool has_spoken; /* the helper has, ever */
    bool has_warned; /* that none can be held */
    unsigned row_n;
    struct vip_link_row rows[VIP_ADDRS_MAX];
    struct vip_will will;
    struct timer repeat;
    uint64_t helpers_n; /* that have begun */
    unsigned owed_n;    /* sockets at which it has yet to keep somebody out */
};

/* Hooks that are NULL are not called. */
void vip_link_init(struct vip_link *v, struct loop *loop, const struct vip_link_hooks *hooks);
/* exe_fd: this program. Not permitted, or impossible, is no error: the state tells. */
void vip_link_start(struct vip_link *v, int exe_fd);
/* Speaks to whoever has the other end of this packet socket, which it takes: a predecessor's
 * helper, which holds already what it held for that one. */
void vip_link_open(struct vip_link *v, int fd);
/* All addresses are dropped, and its process has ended, when this returns (2 s at the most):
 * when weldr ends, or when it is known that this node is a witness, which never holds any.
 * Zeroed is allowed. */
void vip_link_stop(struct vip_link *v);
/* A successor has the other copy of the socket: nothing is said or heard here any more, and
 * what is held stays. The process is not waited for. */
void vip_link_yield(struct vip_link *v);
/* SIGCHLD. */
void vip_link_reap(struct vip_link *v);

/* Exactly these may be held from now on, VIP_ADDRS_MAX at the most. One that is held and not
 * described so any more is let go (on_dropped comes unless it is not named any more), and held
 * anew if it is wished for. */
void vip_link_configure(struct vip_link *v, const struct vip_named *named, unsigned n);
/* Named. Until then, or, with another call, until another time; UINT64_MAX: for good. One that
 * has backed off from a stranger (VIP_DROP_CONFLICT) is not taken until it was dropped. */
void vip_link_hold(struct vip_link *v, const struct addr *a, uint64_t until_ns);
/* Named. on_dropped tells when it is gone, but not without a helper: nothing is held then. */
void vip_link_drop(struct vip_link *v, const struct addr *a);
/* Named and held; a drop follows within 10 s. The first packets of those who call from now on
 * are kept, and sent on to whoever announces the address after the drop (vip/stray.h): so this
 * is said just before the workers leave them alone. It is said but once. Meanwhile the address
 * is held on as before; if it stays after all, nothing need be said. */
void vip_link_part(struct vip_link *v, const struct addr *a);
/* At this listening socket no connection to these named addresses (SYN_FILTER_MAX at the most;
 * 0: all come in) is to begin (base/syn_filter.h): the helper may do what this process may not.
 * WERR_*: it is not asked. */
int vip_link_keep_out(struct vip_link *v, int fd, const struct addr *addrs,
                      unsigned n) MUST_USE;
/* It has done all that it was asked for, as well as it could. */
bool vip_link_has_kept_out(const struct vip_link *v);
/* Sent by the helper when this process has died; to_n 0: there is none any more. */
void vip_link_leave_will(struct vip_link *v, const struct vip_will *will);

/* NULL: not named. */
const struct vip_link_row *vip_link_find(const struct vip_link *v, const struct addr *a);
/* Of the state, for views. */
const char *vip_link_word(const struct vip_link *v);

#endif
