#include "vip/will.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUNDS_N = 3, PAUSE_MS = 20 };

void will_open(struct will_sockets *s)
{
    const int type = SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

    s->ip4 = socket(AF_INET, type, 0);
    s->ip6 = socket(AF_INET6, type, 0);
}

void will_close(struct will_sockets *s)
{
    if (s->ip4 >= 0)
        (void)close(s->ip4);
    if (s->ip6 >= 0)
        (void)close(s->ip6);
}

static void send_to(const struct will_sockets *s, const struct addr *to,
                    const struct vip_will *w)
{
    struct sockaddr_storage at;
    const socklen_t n = addr_to_sockaddr(to, &at);

    (void)sendto(to->family == AF_INET ? s->ip4 : s->ip6, w->bytes, w->len, MSG_NOSIGNAL,
                 (const struct sockaddr *)&at, n);
}

void will_send(const struct will_sockets *s, const struct vip_will *w)
{
    for (unsigned round = 0; w->to_n > 0 && round < ROUNDS_N; round++) {
        if (round > 0)
            (void)poll(NULL, 0, PAUSE_MS);
        for (unsigned i = 0; i < w->to_n; i++)
            send_to(s, &w->to[i], w);
    }
}
