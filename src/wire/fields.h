/* fields.h - integers and addresses in the messages between our own processes: little-endian.
 *
 * A writer is given the place and returns the next one; a reader moves on. Neither knows of an
 * end: the messages of this room have known lengths, which are looked at first. Only for this
 * room's .c files.
 */
#ifndef WELDR_WIRE_FIELDS_H
#define WELDR_WIRE_FIELDS_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/addr.h"
#include "base/werr.h"

static inline size_t put_u16(char *buf, size_t at, uint16_t n)
{
    uint16_t little = htole16(n);
    memcpy(buf + at, &little, sizeof(little));
    return at + sizeof(little);
}

static inline size_t put_u32(char *buf, size_t at, uint32_t n)
{
    uint32_t little = htole32(n);
    memcpy(buf + at, &little, sizeof(little));
    return at + sizeof(little);
}

static inline size_t put_u64(char *buf, size_t at, uint64_t n)
{
    uint64_t little = htole64(n);
    memcpy(buf + at, &little, sizeof(little));
    return at + sizeof(little);
}

static inline uint16_t get_u16(const char **at)
{
    uint16_t little = 0;
    memcpy(&little, *at, sizeof(little));
    *at += sizeof(little);
    return le16toh(little);
}

static inline uint32_t get_u32(const char **at)
{
    uint32_t little = 0;
    memcpy(&little, *at, sizeof(little));
    *at += sizeof(little);
    return le32toh(little);
}

static inline uint64_t get_u64(const char **at)
{
    uint64_t little = 0;
    memcpy(&little, *at, sizeof(little));
    *at += sizeof(little);
    return le64toh(little);
}

static inline size_t put_addr(char *buf, size_t at, const struct addr *a)
{
    at = put_u32(buf, at, (uint32_t)a->family << 16 | a->port);
    memcpy(buf + at, a->ip, sizeof(a->ip));
    return at + sizeof(a->ip);
}

static inline int get_addr(const char **at, struct addr *a)
{
    uint32_t family_port = get_u32(at);
    a->family = (uint16_t)(family_port >> 16);
    a->port = (uint16_t)family_port;
    memcpy(a->ip, *at, sizeof(a->ip));
    *at += sizeof(a->ip);
    return a->family == AF_INET || a->family == AF_INET6 ? 0 : WERR_CORRUPT;
}

#endif
