/* roster_int.h - what a roster is made of, for the files that make up the roster: roster.c
 * (what it holds), roster_apply.c (how it changes), roster_command.c and roster_code.c (bytes).
 *
 * All of it has limits, so it is one piece of memory: a change never lacks any, and a copy is
 * an assignment.
 */
#ifndef WELDR_CLUSTER_ROSTER_INT_H
#define WELDR_CLUSTER_ROSTER_INT_H

#include "cluster/bytes.h"
#include "cluster/roster.h"

struct roster_pem {
    size_t len;
    char bytes[ROSTER_PEM_MAX];
};

struct roster {
    uint8_t uuid[ROSTER_UUID_BYTES];
    uint32_t incarnation; /* 0: not made */
    uint8_t profile;
    uint8_t level;
    struct roster_pem authority, authority_key;
    unsigned member_n;
    struct roster_member members[ROSTER_MEMBERS_MAX]; /* by id */
    unsigned removed_n;
    uint64_t removed[ROSTER_REMOVED_MAX]; /* the oldest first */
    unsigned token_n;
    struct roster_token tokens[ROSTER_TOKENS_MAX]; /* the oldest first */
    unsigned vip_n;
    struct roster_vip vips[ROSTER_VIPS_MAX]; /* in the order of their first assignment */
    uint64_t forgotten_epoch;                /* the highest of an address that was forgotten */
};

/* What each type of command wants, and nothing else. */
bool roster_command_is_valid(const struct roster_command *c);
/* Others can call it: an IP of one host, with a port. */
bool roster_address_is_valid(const struct addr *a);
/* What a member that is placed tells, as far as it was heard. */
bool roster_told_is_valid(const struct roster_member *m);
/* It takes a roster of format 2, which older Weldrs can't read. */
bool roster_has_places(const struct roster *r);
/* … of format 3. */
bool roster_has_vips(const struct roster *r);
bool roster_vip_is_valid(const struct roster_vip *v);
/* A zero within, and before it only printable characters without spaces. */
bool roster_version_is_valid(const char *version);
bool roster_is_zero(const uint8_t *bytes, size_t n);
/* n u8 and the characters. */
void roster_put_version(struct bytes_out *o, const char *version);
void roster_get_version(struct bytes_in *in, char *version);

#endif
