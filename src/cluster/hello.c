#include "cluster/hello.h"

#include <string.h>

enum {
    AT_VERSION = 8,
    AT_FAMILY = 10,
    AT_FAREWELL = 11,
    AT_INCARNATION = 12,
    AT_UUID = 16,
    AT_ID = 32,
    AT_MEANT = 40,
    AT_IP = 48,
    AT_PORT = 64,
    AT_ZEROS = 66,
    FAMILY_4 = 4,
    FAMILY_6 = 6
};

static const char magic[AT_VERSION] = {'w', 'e', 'l', 'd', 'r', '-', 'h', 'i'};

static void put(char *at, uint64_t value, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        at[i] = (char)(value >> (8 * i));
}

static uint64_t get(const char *at, unsigned n)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < n; i++)
        value |= (uint64_t)(uint8_t)at[i] << (8 * i);
    return value;
}

static uint8_t family_byte(uint16_t family)
{
    if (family == AF_INET)
        return FAMILY_4;
    return family == AF_INET6 ? FAMILY_6 : 0;
}

void hello_write(const struct hello *h, char bytes[HELLO_BYTES])
{
    memset(bytes, 0, HELLO_BYTES);
    memcpy(bytes, magic, sizeof(magic));
    put(bytes + AT_VERSION, HELLO_VERSION, 2);
    put(bytes + AT_INCARNATION, h->incarnation, 4);
    memcpy(bytes + AT_UUID, h->uuid, ROSTER_UUID_BYTES);
    put(bytes + AT_ID, h->id, 8);
    put(bytes + AT_MEANT, h->meant, 8);
    bytes[AT_FAREWELL] = h->is_farewell ? 1 : 0;
    bytes[AT_FAMILY] = (char)family_byte(h->address.family);
    if (bytes[AT_FAMILY] == 0)
        return;
    memcpy(bytes + AT_IP, h->address.ip,
           bytes[AT_FAMILY] == FAMILY_4 ? 4 : sizeof(h->address.ip));
    put(bytes + AT_PORT, h->address.port, 2);
}

static int read_address(const char *bytes, struct addr *a)
{
    const uint8_t family = (uint8_t)bytes[AT_FAMILY];

    *a = (struct addr){.family = 0};
    if (family == 0)
        return 0;
    if (family != FAMILY_4 && family != FAMILY_6)
        return WERR_INVALID;
    a->family = family == FAMILY_4 ? AF_INET : AF_INET6;
    a->port = (uint16_t)get(bytes + AT_PORT, 2);
    memcpy(a->ip, bytes + AT_IP, family == FAMILY_4 ? 4 : sizeof(a->ip));
    return a->port == 0 ? WERR_INVALID : 0;
}

int hello_read(struct span bytes, struct hello *h)
{
    const char *p = bytes.ptr;

    if (bytes.len != HELLO_BYTES || memcmp(p, magic, sizeof(magic)) != 0)
        return WERR_SYNTAX;
    if (get(p + AT_VERSION, 2) != HELLO_VERSION || (uint8_t)p[AT_FAREWELL] > 1 ||
        get(p + AT_ZEROS, 2) != 0)
        return WERR_UNSUPPORTED;
    h->incarnation = (uint32_t)get(p + AT_INCARNATION, 4);
    memcpy(h->uuid, p + AT_UUID, ROSTER_UUID_BYTES);
    h->is_farewell = p[AT_FAREWELL] != 0;
    h->id = get(p + AT_ID, 8);
    h->meant = get(p + AT_MEANT, 8);
    if (h->id == 0 || h->meant == 0)
        return WERR_INVALID;
    return read_address(p, &h->address);
}
