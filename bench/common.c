#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG_N 4096

static const char *congestion = ""; /* "": what the system says */

static struct word *find_word(struct word *words, const char *text, size_t name_bytes)
{
    for (struct word *word = words; word->name != NULL; word++) {
        if (strlen(word->name) == name_bytes && memcmp(word->name, text, name_bytes) == 0)
            return word;
    }
    return NULL;
}

bool words_read(struct word *words, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        size_t name_bytes = strcspn(argv[i], "=");
        struct word *word = find_word(words, argv[i], name_bytes);
        if (argv[i][name_bytes] != '=' || word == NULL) {
            fprintf(stderr, "%s: unknown argument %s\n", argv[0], argv[i]);
            return false;
        }
        word->value = argv[i] + name_bytes + 1;
        if (strcmp(word->name, "cc") == 0)
            congestion = word->value;
    }
    for (const struct word *word = words; word->name != NULL; word++) {
        if (word->value == NULL) {
            fprintf(stderr, "%s: needs %s=\n", argv[0], word->name);
            return false;
        }
    }
    return true;
}

unsigned long word_number(const struct word *word)
{
    return strtoul(word->value, NULL, 10);
}

static int open_socket(int flags)
{
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (*congestion != '\0')
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, (socklen_t)strlen(congestion));
    return fd;
}

static int close_keeping_errno(int fd)
{
    int number = errno;
    close(fd);
    errno = number;
    return -1;
}

int socket_listen(unsigned long port, bool is_everywhere)
{
    int on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(is_everywhere ? INADDR_ANY : INADDR_LOOPBACK),
    };
    int fd = open_socket(SOCK_NONBLOCK);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    /* 127.0.0.0/8 can't be bound as a whole, so everything is, but only on that device. */
    if (is_everywhere && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) != 0)
        return close_keeping_errno(fd);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, BACKLOG_N) != 0)
        return close_keeping_errno(fd);
    return fd;
}

int socket_connect(unsigned long port, bool is_nonblocking)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = open_socket(is_nonblocking ? SOCK_NONBLOCK : 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 && errno != EINPROGRESS)
        return close_keeping_errno(fd);
    return fd;
}

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
