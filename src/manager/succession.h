/* succession.h - what a manager and its successor tell each other in an upgrade: messages as
 * bytes.
 *
 * They go over a socket pair that keeps message boundaries; a descriptor may go beside one
 * (succession.def). Both ends may be of different versions: the successor's HELLO says which
 * protocol it speaks, and only the same one is answered. So what is here changes only together
 * with SUCCESSION_PROTOCOL. Pure; upgrade.c and heir.c send and receive. Integers are
 * little-endian.
 */
#ifndef WELDR_MANAGER_SUCCESSION_H
#define WELDR_MANAGER_SUCCESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/span.h"
#include "base/werr.h"

enum {
    SUCCESSION_PROTOCOL = 1,
    SUCCESSION_FD = 3, /* at which the successor finds the socket */
    SUCCESSION_TEXT_MAX = 512,
    SUCCESSION_MAX_BYTES = 1024 /* of any message */
};
/* That this start is a successor's: its value is SUCCESSION_FD. */
#define SUCCESSION_VARIABLE "WELDR_SUCCESSION"

enum succession_type {
#define MESSAGE(name, descriptor, says) SUCCESSION_##name,
#include "manager/succession.def"
#undef MESSAGE
    SUCCESSION_TYPES
};

struct succession_node {
    uint32_t pid;              /* of the predecessor's manager */
    uint32_t workers;          /* as wanted now; 0: a witness */
    uint32_t slots;            /* that have sockets; at least as many */
    uint32_t log_level;        /* enum log_level */
    uint64_t queue_bytes;      /* of a worker */
    uint64_t done_n, failed_n; /* upgrades so far */
    char version[24];          /* of the predecessor */
};

struct succession_listener {
    uint8_t use; /* enum inherited_use */
    uint32_t slot;
    struct addr wanted, bound;
    struct span name; /* borrowed */
};

/* A message: of its type's members those that are its own. Spans are borrowed. */
struct succession {
    uint8_t type;      /* enum succession_type */
    uint32_t protocol; /* HELLO */
    uint64_t index;    /* SNAPSHOT: of the last entry in it */
    struct span text;  /* HELLO: the version; TOKEN: the token; KEYS: own keys of tickets */
    struct span seal;  /* KEYS: the key of the description; empty: the directory has it */
    struct succession_node node;
    struct succession_listener listener;
};

/* Writes it to buf (SUCCESSION_MAX_BYTES); returns the length. */
size_t succession_put(char *buf, const struct succession *s);
/* WERR_CORRUPT: it is no message. HELLO of another protocol is read, with its number alone. */
int succession_get(struct span bytes, struct succession *s) MUST_USE;
/* Does a descriptor go with it? */
bool succession_has_fd(enum succession_type type);
const char *succession_word(enum succession_type type); /* "HELLO" */

#endif
