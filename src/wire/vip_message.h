/* vip_message.h - the language between the manager and the helper that holds virtual IPs
 * (vip/, manager/vip_link.c): one message a packet over a private SOCK_SEQPACKET pair.
 *
 * Message: u8 type, then the fields of its struct, little-endian. A packet that is no message
 * is WERR_CORRUPT; either end ignores it, for both are the same program and the next one is
 * whole again.
 *
 * Each message to the helper stands for itself and may be sent again at any time, so one that
 * is lost (a full socket, a helper that was killed) is repeated. CONFIGURE names all addresses
 * that may be taken; no other one is ever touched. HOLD asks for an address until a time of
 * CLOCK_BOOTTIME, and counts for VIP_HOLD_MAX_NS from when it is read at the most: a manager
 * that hangs can't have promised more. So whoever may hold for good repeats it. Pure.
 */
#ifndef WELDR_WIRE_VIP_MESSAGE_H
#define WELDR_WIRE_VIP_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/span.h"
#include "base/werr.h"

enum {
    VIP_ADDRS_MAX = 64,    /* virtual IPs of a description */
    VIP_IFNAME_MAX = 16,   /* IFNAMSIZ, the NUL included */
    VIP_WILL_TO_MAX = 64,  /* nodes that a will is sent to */
    VIP_WILL_BYTES = 512,  /* of a will, at the most */
    VIP_MAC_BYTES = 6,     /* of the link layers that announcements know */
    VIP_MESSAGE_MAX = 4096 /* bytes of a packet */
};
#define VIP_HOLD_MAX_NS UINT64_C(10000000000)

enum vip_message_type {
    VIP_CONFIGURE = 1, /* → helper: struct vip_named, each */
    VIP_HOLD = 2,      /* → helper: addr, until */
    VIP_DROP = 3,      /* → helper: addr */
    VIP_WILL = 4,      /* → helper: struct vip_will; takes the place of the one before */
    VIP_HELLO = 5,   /* ← helper: pid: a new one works, CONFIGURE and HOLD shall come again */
    VIP_HELD = 6,    /* ← helper: addr, ifname: is on that interface now */
    VIP_DROPPED = 7, /* ← helper: addr, why, error: is not, or not any more */
    VIP_CONFLICT = 8,  /* ← helper: addr, mac: somebody else claims it */
    VIP_ANNOUNCED = 9, /* ← helper: addr, count since it was taken */
    VIP_LINK = 10, /* ← helper: addr, link, ifname: its interface, at first and on change */
    VIP_BUSY = 11, /* ← helper: is_busy: another helper works in this network namespace */
    /* → helper: addrs, and beside them (SCM_RIGHTS) a listening socket, at which no connection
       to these is to begin (base/syn_filter.h). Not repeated: without an answer it was not. */
    VIP_KEEP_OUT = 13,
    VIP_KEPT_OUT = 14, /* ← helper: error: 0, or the socket is as it was */
    VIP_PART = 12,     /* → helper: addr: a DROP follows soon, keep who calls until then */
};

enum vip_drop {
#define DROP(name, word) VIP_DROP_##name,
#include "wire/vip_drops.def"
#undef DROP
    VIP_DROPS
};

enum vip_link_state { VIP_LINK_NONE, VIP_LINK_DOWN, VIP_LINK_UP, VIP_LINK_STATES };

/* What to do when a stranger claims an address that is held. */
enum vip_policy {
    VIP_POLICY_HOLD,     /* announce it again */
    VIP_POLICY_BACK_OFF, /* let it go, until it is dropped and held anew */
    VIP_POLICIES
};

/* An address that may be taken. */
struct vip_named {
    struct addr addr;            /* port 0 */
    uint8_t prefix;              /* 1 to 32 or 128 */
    uint8_t policy;              /* enum vip_policy */
    char ifname[VIP_IFNAME_MAX]; /* "": the interface whose subnet contains the address */
};

/* What is sent to other nodes when the manager has died and no address is held any more. */
struct vip_will {
    unsigned to_n; /* 0: none */
    struct addr to[VIP_WILL_TO_MAX];
    size_t len;
    char bytes[VIP_WILL_BYTES];
};

/* One that was read. Which members count says the type. */
struct vip_message {
    uint8_t type; /* enum vip_message_type */
    uint8_t why;  /* enum vip_drop */
    uint8_t link; /* enum vip_link_state */
    bool is_busy;
    struct addr addr;
    uint64_t number; /* until (ns), count, pid */
    int error;       /* 0 or WERR_* */
    unsigned named_n;
    union {
        struct vip_named named[VIP_ADDRS_MAX];
        struct addr addrs[VIP_ADDRS_MAX]; /* named_n, too */
        struct vip_will will;
        char ifname[VIP_IFNAME_MAX];
        uint8_t mac[VIP_MAC_BYTES];
    };
};

/* Writes the members that count to buf (VIP_MESSAGE_MAX) and returns the length. What is
 * written can be read (MUST: numbers within their limits). */
size_t vip_message_put(char *buf, const struct vip_message *m);
/* WERR_CORRUPT: *m is not to be used then. */
int vip_message_get(struct span packet, struct vip_message *m) MUST_USE;
/* Of a drop: "lease over". */
const char *vip_drop_word(enum vip_drop why);

#endif
