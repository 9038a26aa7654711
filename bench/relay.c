/*
 * The floor of `make bench`: a relay of bytes that knows no HTTP. Each connection of a client
 * gets one of its own to the origin. What this costs a request is what the kernel takes for two
 * messages in and two out; a proxy can only come near (below it, where it saves the copy).
 *
 *   relay port=P origin=P [cc=NAME]
 *
 * One thread. A socket is registered once, edge-triggered, for both directions; reading and
 * sending are tried at once; a read that does not fill the buffer ends reading until the next
 * edge. All share one buffer of 256 KiB. What a peer does not take is kept for it on the heap,
 * and the other side is not read until it has gone. A FIN is passed on as a FIN.
 */
#include "common.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_N     128
#define BUFFER_BYTES 262144
#define ACCEPT_N     64

enum word_name { PORT, ORIGIN, CC, WORDS_N };

struct pair;

struct end {
    struct pair *pair;
    struct end *other;
    char *kept; /* bytes for this end that it did not take yet, or NULL */
    size_t kept_bytes;
    size_t kept_sent_bytes;
    int fd;
    bool is_readable; /* an edge came, and reading has not emptied the socket since */
    bool is_hung_up;  /* the edge told of a FIN: read to the end */
    bool is_ended;    /* the end was read; the other side gets a FIN */
};

struct pair {
    struct end client;
    struct end origin;
    struct pair *next_dead;
    bool is_dead;
};

static char buffer[BUFFER_BYTES];
static struct pair *dead_pairs; /* freed when no event of the batch can name them */
static int epoll_fd;
static unsigned long origin_port;

static void kill_pair(struct pair *pair)
{
    if (pair->is_dead)
        return;
    pair->is_dead = true;
    close(pair->client.fd);
    close(pair->origin.fd);
    pair->next_dead = dead_pairs;
    dead_pairs = pair;
}

static void free_dead_pairs(void)
{
    while (dead_pairs != NULL) {
        struct pair *pair = dead_pairs;
        dead_pairs = pair->next_dead;
        free(pair->client.kept);
        free(pair->origin.kept);
        free(pair);
    }
}

/* How much was taken, 0 when there is no room, -1 when the peer is gone. */
static ssize_t try_send(struct end *to, const char *bytes, size_t n)
{
    ssize_t sent = send(to->fd, bytes, n, MSG_NOSIGNAL);
    return sent < 0 && errno == EAGAIN ? 0 : sent;
}

static bool send_or_keep(struct end *to, const char *bytes, size_t n)
{
    ssize_t sent = try_send(to, bytes, n);
    if (sent < 0)
        return false;
    if ((size_t)sent == n)
        return true;
    to->kept_bytes = n - (size_t)sent;
    to->kept_sent_bytes = 0;
    to->kept = malloc(to->kept_bytes);
    if (to->kept == NULL)
        return false;
    memcpy(to->kept, bytes + sent, to->kept_bytes);
    return true;
}

/* False: the pair is finished or broken. */
static bool end_direction(struct end *from)
{
    from->is_ended = true;
    from->is_readable = false;
    return !from->other->is_ended && shutdown(from->other->fd, SHUT_WR) == 0;
}

/* Moves what there is from one end to the other. False: the pair is finished or broken. */
static bool pump(struct end *from)
{
    while (from->is_readable && from->other->kept == NULL) {
        ssize_t n = recv(from->fd, buffer, sizeof(buffer), 0);
        if (n == 0)
            return end_direction(from);
        if (n < 0) {
            from->is_readable = false;
            return errno == EAGAIN;
        }
        if ((size_t)n < sizeof(buffer) && !from->is_hung_up)
            from->is_readable = false;
        if (!send_or_keep(from->other, buffer, (size_t)n))
            return false;
    }
    return true;
}

static bool send_kept(struct end *to)
{
    ssize_t n =
        try_send(to, to->kept + to->kept_sent_bytes, to->kept_bytes - to->kept_sent_bytes);
    if (n < 0)
        return false;
    to->kept_sent_bytes += (size_t)n;
    if (to->kept_sent_bytes == to->kept_bytes) {
        free(to->kept);
        to->kept = NULL;
    }
    return true;
}

static void on_end(struct end *end, unsigned events)
{
    if (end->pair->is_dead)
        return;
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        end->is_hung_up = true;
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0 && !end->is_ended)
        end->is_readable = true;
    bool is_alive = true;
    if (end->kept != NULL)
        is_alive = send_kept(end) && pump(end->other);
    if (!is_alive || !pump(end))
        kill_pair(end->pair);
}

static bool watch(int fd, void *object, unsigned events)
{
    struct epoll_event event = {.events = events, .data.ptr = object};
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* The first bytes are there as a rule: they are moved before the pair is registered, whose
 * first edge then tells of what came since. */
static void open_pair(int fd)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    int origin_fd = pair != NULL ? socket_connect(origin_port, true) : -1;
    if (origin_fd < 0) {
        free(pair);
        close(fd);
        return;
    }
    pair->client =
        (struct end){.pair = pair, .other = &pair->origin, .fd = fd, .is_readable = true};
    pair->origin = (struct end){.pair = pair, .other = &pair->client, .fd = origin_fd};
    const unsigned events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    if (!pump(&pair->client) || !watch(fd, &pair->client, events) ||
        !watch(origin_fd, &pair->origin, events))
        kill_pair(pair);
}

static void accept_clients(int listen_fd)
{
    for (int i = 0; i < ACCEPT_N; i++) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return;
        open_pair(fd);
    }
}

int main(int argc, char **argv)
{
    struct word words[WORDS_N + 1] = {
        {"port", NULL}, {"origin", NULL}, {"cc", ""}, {NULL, NULL}};
    if (!words_read(words, argc, argv))
        return 2;
    origin_port = word_number(&words[ORIGIN]);
    int listen_fd = socket_listen(word_number(&words[PORT]), false);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (listen_fd < 0 || epoll_fd < 0 || !watch(listen_fd, NULL, EPOLLIN)) {
        fprintf(stderr, "relay: can't listen on port %s: %s\n", words[PORT].value,
                strerror(errno));
        return 1;
    }
    struct epoll_event events[EVENTS_N];
    for (;;) {
        int n = epoll_wait(epoll_fd, events, EVENTS_N, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                accept_clients(listen_fd);
            else
                on_end(events[i].data.ptr, events[i].events);
        }
        free_dead_pairs();
    }
}
