/* will.h - the manager's will: a datagram that the helper sends to the other nodes when the
 * manager has died and all addresses are let go, so that whoever takes them waits no longer.
 *
 * The manager's engine has made and sealed it; here it is bytes. Sent three times, for a
 * datagram may be lost: whoever gets it takes it but once.
 */
#ifndef WELDR_VIP_WILL_H
#define WELDR_VIP_WILL_H

#include "wire/vip_message.h"

struct will_sockets {
    int ip4, ip6; /* -1: there is none */
};

void will_open(struct will_sockets *s);
void will_close(struct will_sockets *s);
/* Takes 40 ms if there is one. */
void will_send(const struct will_sockets *s, const struct vip_will *w);

#endif
