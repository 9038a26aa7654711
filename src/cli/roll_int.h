/* roll_int.h - what the files of "weldr cluster upgrade" share: roll.c (all nodes) and
 * roll_node.c (one of them). */
#ifndef WELDR_CLI_ROLL_INT_H
#define WELDR_CLI_ROLL_INT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/session.h"

enum {
    ROLL_NODES_MAX = 32,
    ROLL_NODE_MS = 120 * 1000,   /* from the order to a node that serves anew */
    ROLL_PASSING_MS = 30 * 1000, /* what is over soon: an election, a node that starts */
    ROLL_POLL_MS = 200,
    ROLL_PATIENCE_S = 30, /* for one response of the API */
    ROLL_ID_MAX = 17,
    ROLL_WORD_MAX = 24,
    ROLL_WHY_MAX = 512
};

enum roll_mark {
    ROLL_TO_DO,
    ROLL_SKIPPED, /* it runs that version already */
    ROLL_DONE
};

struct roll_node {
    char id[ROLL_ID_MAX], role[ROLL_WORD_MAX];
    bool is_self; /* of the API */
    uint8_t mark; /* enum roll_mark */
};

/* How a node says that it is (GET /cluster/members/ID/upgrade). */
struct roll_state {
    char phase[ROLL_WORD_MAX], version[ROLL_WORD_MAX], failure[ROLL_WHY_MAX / 2];
    bool is_ready, has_leader, is_halted;
    uint64_t applied, pid, failed_n;
};

struct roll {
    struct session session;
    bool is_again, is_json;
    char binary[PATH_MAX];       /* absolute */
    char version[ROLL_WORD_MAX]; /* of the binary */
    unsigned node_n;
    struct roll_node nodes[ROLL_NODES_MAX]; /* in the order of their ids */
    uint64_t applied;                       /* by the node of the API */
    const struct roll_node *ill;            /* NULL: none is */
    char why[ROLL_WHY_MAX],
        code[ROLL_WORD_MAX * 2]; /* of the last response that was no success */
};

/* ---- roll_node.c: each returns CLI_EXIT_OK, or a code, and r->why says why not ---- */

uint64_t roll_now_ms(void);
/* Asks until it is no passing problem any more, or for so long. binary: with a body that names
 * it. Returns the status, or WERR_*; *out as of session_try. */
int roll_ask(struct roll *r, const char *method, const char *target, bool binary,
             uint64_t limit_ms, struct doc **out) MUST_USE;
void roll_read_text(const struct doc *d, const char *key, char *text, size_t size);
uint64_t roll_read_number(const struct doc *d, const char *key);
bool roll_read_bool(const struct doc *d, const char *key);
/* Is it well, and with no upgrade under way? */
int roll_look_at(struct roll *r, const struct roll_node *node, struct roll_state *s) MUST_USE;
/* Which version the file is there; into a text of ROLL_WORD_MAX. */
int roll_check(struct roll *r, const struct roll_node *node, char *version) MUST_USE;
/* Begins its upgrade, and waits until it serves anew; pid: of its new manager. */
int roll_upgrade(struct roll *r, const struct roll_node *node, uint64_t *pid) MUST_USE;

#endif
