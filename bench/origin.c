/*
 * The origin of `make bench`: answers every request with the same canned response and nothing
 * else, so that it costs as little as possible beside the proxy that is measured.
 *
 *   origin port=P answer=BYTES [everywhere=1] [cc=NAME] [certificate=FILE key=FILE]
 *
 * One thread, level-triggered epoll. Of a request it reads Content-Length and where the head
 * ends; the answer goes out when the body is complete. Answers that the socket does not take
 * are owed, and sent when it can. With a certificate it speaks TLS (wire.h).
 */
#include "common.h"
#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_N      128
#define SCRATCH_BYTES 262144
#define BATCH_N       16
#define PEERS_N       65536 /* by descriptor */

enum word_name { PORT, ANSWER, EVERYWHERE, CC, CERTIFICATE, KEY, WORDS_N };

struct peer {
    size_t sent_bytes;      /* of the answer being sent */
    size_t body_bytes;      /* what the head said */
    size_t body_left_bytes; /* of a request whose head is complete */
    struct wire wire;
    unsigned owed_n;
    unsigned end_bytes;  /* matched of the empty line that ends a head */
    unsigned name_bytes; /* matched of the length field's name; all of it: its digits follow */
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

static void end_head(struct peer *peer)
{
    peer->end_bytes = 0;
    peer->body_left_bytes = peer->body_bytes;
    peer->body_bytes = 0;
    if (peer->body_left_bytes == 0)
        peer->owed_n++;
}

/* One byte of a head: of the empty line, of the name of the length field, or of its digits. */
static void take_head_byte(struct peer *peer, char byte)
{
    static const char end[] = "\r\n\r\n";
    static const char name[] = "\ncontent-length:";
    if (byte == end[peer->end_bytes])
        peer->end_bytes++;
    else
        peer->end_bytes = byte == '\r' ? 1 : 0;
    if (byte == '\n')
        peer->name_bytes = 1;
    else if (peer->name_bytes == sizeof(name) - 1 && byte >= '0' && byte <= '9')
        peer->body_bytes = peer->body_bytes * 10 + (size_t)(byte - '0');
    else if (peer->name_bytes > 0 && peer->name_bytes < sizeof(name) - 1)
        /* Only letters and two signs are in that name: 0x20 makes them lower case or leaves
         * them. */
        peer->name_bytes = (byte | 0x20) == name[peer->name_bytes] ? peer->name_bytes + 1 : 0;
    if (peer->end_bytes == 4)
        end_head(peer);
}

static void take_bytes(struct peer *peer, const char *bytes, size_t n)
{
    size_t i = 0;
    while (i < n) {
        if (peer->body_left_bytes == 0) {
            take_head_byte(peer, bytes[i++]);
            continue;
        }
        size_t taken = n - i < peer->body_left_bytes ? n - i : peer->body_left_bytes;
        peer->body_left_bytes -= taken;
        i += taken;
        if (peer->body_left_bytes == 0)
            peer->owed_n++;
    }
}

static void watch(int epoll_fd, struct peer *peer, int operation, unsigned events)
{
    struct epoll_event event = {.events = events, .data.ptr = peer};
    (void)epoll_ctl(epoll_fd, operation, peer->wire.fd, &event);
}

/* Sends up to BATCH_N answers in one call, with TLS one. */
static ssize_t send_batch(struct peer *peer)
{
    if (peer->wire.ssl != NULL)
        return wire_send(&peer->wire, answer + peer->sent_bytes,
                         answer_bytes - peer->sent_bytes);
    struct iovec parts[BATCH_N];
    unsigned parts_n = peer->owed_n < BATCH_N ? peer->owed_n : BATCH_N;
    for (unsigned i = 0; i < parts_n; i++)
        parts[i] = (struct iovec){.iov_base = answer, .iov_len = answer_bytes};
    parts[0].iov_base = answer + peer->sent_bytes;
    parts[0].iov_len = answer_bytes - peer->sent_bytes;
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = parts_n};
    return sendmsg(peer->wire.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
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
    do {
        ssize_t n = wire_recv(&peer->wire, scratch, sizeof(scratch));
        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0)
            return false;
        take_bytes(peer, scratch, (size_t)n);
    } while (wire_has_more(&peer->wire));
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
    peers[fd] = (struct peer){.owed_n = 0};
    if (!wire_open(&peers[fd].wire, fd)) {
        wire_close(&peers[fd].wire);
        return;
    }
    watch(epoll_fd, &peers[fd], EPOLL_CTL_ADD, EPOLLIN);
}

int main(int argc, char **argv)
{
    struct word words[WORDS_N + 1] = {{"port", NULL}, {"answer", NULL},    {"everywhere", "0"},
                                      {"cc", ""},     {"certificate", ""}, {"key", ""},
                                      {NULL, NULL}};
    if (!words_read(words, argc, argv) || !make_answer(word_number(&words[ANSWER])))
        return 2;
    if (*words[CERTIFICATE].value != '\0' &&
        !wire_use_server(words[CERTIFICATE].value, words[KEY].value))
        return 2;
    struct peer listener = {.wire.fd = socket_listen(word_number(&words[PORT]),
                                                     word_number(&words[EVERYWHERE]) != 0)};
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (listener.wire.fd < 0 || epoll_fd < 0) {
        fprintf(stderr, "origin: can't listen on port %s: %s\n", words[PORT].value,
                strerror(errno));
        return 1;
    }
    watch(epoll_fd, &listener, EPOLL_CTL_ADD, EPOLLIN);
    struct epoll_event events[EVENTS_N];
    for (;;) {
        int n = epoll_wait(epoll_fd, events, EVENTS_N, -1);
        for (int i = 0; i < n; i++) {
            struct peer *peer = events[i].data.ptr;
            if (peer == &listener) {
                accept_peer(epoll_fd, listener.wire.fd);
            } else if (!on_peer(epoll_fd, peer)) {
                wire_close(&peer->wire);
            }
        }
    }
}
