/* member_text.h - the text of the file `member` (member_file.h). Pure: nothing is opened here.
 *
 *     weldr-member 1
 *     directory <identity of the data directory>
 *     cluster <id>
 *     incarnation 1
 *     node <id>
 *     profile lan
 *     witness no
 *     joined no
 *     address 10.0.0.1:8688
 *     cluster-key <closed, base64>
 *     key <closed, base64>
 *     known 1
 *     at 10.0.0.2:8688
 *     certificate <bytes>
 *     <PEM>
 *     authority <bytes>
 *     <PEM>
 *     checksum <XXH3 of all before it>
 *
 * Ids are hexadecimal; what is not there is "-", of texts 0 bytes. People can look at it, and
 * one changed character is refused.
 */
#ifndef WELDR_CLUSTER_MEMBER_TEXT_H
#define WELDR_CLUSTER_MEMBER_TEXT_H

#include "base/seal.h"
#include "cluster/data_dir.h"
#include "cluster/roster.h"

enum { MEMBER_TEXT_MAX = 32 * 1024 };

struct member_file {
    uint8_t uuid[ROSTER_UUID_BYTES];
    uint32_t incarnation;
    uint64_t id;
    uint8_t profile; /* enum roster_profile */
    bool is_witness;
    bool has_joined;            /* false: it made the cluster */
    struct addr address;        /* at which the others find it; family 0: none yet */
    unsigned char *cluster_key; /* SEAL_KEY_BYTES of seal_memory_new */
    struct seal_opened key;     /* PEM; empty: none yet (a single node) */
    char *certificate;          /* PEM; NULL: none yet */
    char *authority;            /* PEM; NULL: none yet */
    unsigned address_n;         /* where members were last known to be */
    struct addr addresses[ROSTER_MEMBERS_MAX];
};

/* What stands in the text in place of the secrets and texts above. Borrowed. */
struct member_closed {
    uint8_t identity[DATA_DIR_IDENTITY_BYTES];
    struct span cluster_key, key;       /* key: empty: none */
    struct span certificate, authority; /* empty: none */
};

/* Malloc'd. WERR_NOMEM; WERR_TOO_BIG: longer than MEMBER_TEXT_MAX. */
int member_text_write(const struct member_file *facts, const struct member_closed *closed,
                      char **text, size_t *len) MUST_USE;
/* *closed borrows from the text; of *facts the secrets and texts stay as they are. Both are of
 * use on success only. WERR_CORRUPT: it is not what member_text_write wrote; WERR_UNSUPPORTED:
 * it is whole and of a later format. */
int member_text_read(struct span text, struct member_file *facts,
                     struct member_closed *closed) MUST_USE;

#endif
