/*
 * What the programs of `make bench` (origin, load, relay) share: arguments written name=value,
 * sockets on the loopback, and the clock.
 *
 * Sockets get TCP_NODELAY, and the congestion control that words_read() found under cc=: the
 * machine's default may be one that paces, whose timers would be measured instead of the proxy.
 */
#ifndef WELDR_BENCH_COMMON_H
#define WELDR_BENCH_COMMON_H

#include <stdbool.h>
#include <stdint.h>

/* A word that a program knows: `value` is set to what follows the "=", or stays. */
struct word {
    const char *name;
    const char *value;
};

/* Reads all arguments; the list of words ends with an empty one. False, and a message, if one
 * isn't known or a value that was NULL still is. */
bool words_read(struct word *words, int argc, char **argv);
unsigned long word_number(const struct word *word);

/* Sockets of 127.0.0.1. `is_everywhere` listens on every address of the loopback device. All
 * return -1 and leave errno. */
int socket_listen(unsigned long port, bool is_everywhere);
int socket_connect(unsigned long port, bool is_nonblocking);

uint64_t now_ns(void);

#endif
