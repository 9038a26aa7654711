/*
 * The origin of `make bench`: answers every request head with the same canned response and
 * nothing else, so that it costs as little as possible beside the proxy that is measured.
 *
 *   origin PORT BODY_BYTES        listens on 127.0.0.1
 *
 * One thread, level-triggered epoll. It counts empty lines instead of reading requests: only
 * for requests without body. Answers that the socket does not take are owed, and sent when it
 * can.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_N      128
#define SCRATCH_BYTES 65536
#define BATCH_N       16
#define PEERS_N       8192 /* by descriptor */

struct peer {
    size_t sent_bytes; /* of the answer being sent */
    int fd;
    unsigned matched_bytes; /* of the empty line that ends a head */
    unsigned owed_n;
    bool is_waiting;
};

static struct peer peers[PEERS_N];
static char *answer;
static size_t answer_bytes;
static char scratch[SCRATCH_BYTES];

static bool make_answer(size_t body_bytes)
{
    char head[128];
    int n =
        snprintf(head, sizeof(head),
                 "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
                 body_bytes);
    answer_bytes = (size_t)n + body_bytes;
    answer = malloc(answer_bytes);
    if (answer == NULL)
        return false;
    memcpy(answer, head, (size_t)n);
    memset(answer + n, 'x', body_bytes);
    return true;
}

/* Counts the heads that end in these bytes; a head may have begun in bytes before. */
static void count_heads(struct peer *peer, const char *bytes, size_t n)
{
    static const char end[] = "\r\n\r\n";
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == end[peer->matched_bytes])
            peer->matched_bytes++;
        else
            peer->matched_bytes = bytes[i] == '\r' ? 1 : 0;
        if (peer->matched_bytes == 4) {
            peer->matched_bytes = 0;
            peer->owed_n++;
        }
    }
}

static void watch(int epoll_fd, struct peer *peer, int operation, unsigned events)
{
    struct epoll_event event = {.events = events, .data.ptr = peer};
    (void)epoll_ctl(epoll_fd, operation, peer->fd, &event);
}

/* Sends up to BATCH_N answers in one call. */
static ssize_t send_batch(const struct peer *peer)
{
    struct iovec parts[BATCH_N];
    unsigned parts_n = peer->owed_n < BATCH_N ? peer->owed_n : BATCH_N;
    for (unsigned i = 0; i < parts_n; i++)
        parts[i] = (struct iovec){.iov_base = answer, .iov_len = answer_bytes};
    parts[0].iov_base = answer + peer->sent_bytes;
    parts[0].iov_len = answer_bytes - peer->sent_bytes;
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = parts_n};
    return sendmsg(peer->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool pay(int epoll_fd, struct peer *peer)
{
    while (peer->owed_n > 0) {
        ssize_t n = send_batch(peer);
        if (n < 0 && errno == EAGAIN) {
            if (!peer->is_waiting)
                watch(epoll_fd, peer, EPOLL_CTL_MOD, EPOLLOUT);
            peer->is_waiting = true;
            return true;
        }
        if (n < 0)
            return false;
        size_t done_bytes = peer->sent_bytes + (size_t)n;
        peer->owed_n -= (unsigned)(done_bytes / answer_bytes);
        peer->sent_bytes = done_bytes % answer_bytes;
    }
    if (peer->is_waiting)
        watch(epoll_fd, peer, EPOLL_CTL_MOD, EPOLLIN);
    peer->is_waiting = false;
    return true;
}

static bool on_peer(int epoll_fd, struct peer *peer)
{
    if (peer->is_waiting)
        return pay(epoll_fd, peer);
    ssize_t n = recv(peer->fd, scratch, sizeof(scratch), MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN;
    if (n == 0)
        return false;
    count_heads(peer, scratch, (size_t)n);
    return pay(epoll_fd, peer);
}

static void accept_peer(int epoll_fd, int listen_fd)
{
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (fd >= PEERS_N) {
        close(fd);
        return;
    }
    peers[fd] = (struct peer){.fd = fd};
    watch(epoll_fd, &peers[fd], EPOLL_CTL_ADD, EPOLLIN);
}

static int open_listener(const char *port)
{
    int on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 1024) == 0)
        return fd;
    close(fd);
    return -1;
}

int main(int argc, char **argv)
{
    if (argc != 3 || !make_answer(strtoul(argv[2], NULL, 10))) {
        fprintf(stderr, "usage: origin PORT BODY_BYTES\n");
        return 2;
    }
    struct peer listener = {.fd = open_listener(argv[1])};
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (listener.fd < 0 || epoll_fd < 0) {
        fprintf(stderr, "origin: can't listen on port %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    watch(epoll_fd, &listener, EPOLL_CTL_ADD, EPOLLIN);
    struct epoll_event events[EVENTS_N];
    for (;;) {
        int n = epoll_wait(epoll_fd, events, EVENTS_N, -1);
        for (int i = 0; i < n; i++) {
            struct peer *peer = events[i].data.ptr;
            if (peer == &listener) {
                accept_peer(epoll_fd, listener.fd);
            } else if (!on_peer(epoll_fd, peer)) {
                close(peer->fd);
            }
        }
    }
}
