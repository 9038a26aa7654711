/* views_message.h - what a node tells the others of the health of its servers, as bytes.
 *
 * `u64 life, u8 asks`, then for each server `u64 id, u8 view, u64 since_us`: little-endian, up
 * to VIEWS_MESSAGE_MAX_N servers. life is of the sender's process; asks: the sender knows
 * nothing yet, and the others tell everything. A message is one part of what its sender sees,
 * and stands for itself. Read within its bounds, for its sender may be broken. Pure.
 */
#ifndef WELDR_MANAGER_VIEWS_MESSAGE_H
#define WELDR_MANAGER_VIEWS_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "cluster/bytes.h"
#include "health/agree.h"

enum {
    VIEWS_MESSAGE_MAX_N = 500,
    VIEWS_MESSAGE_HEAD_BYTES = 9,
    VIEWS_MESSAGE_ITEM_BYTES = 17,
    VIEWS_MESSAGE_BYTES_MAX =
        VIEWS_MESSAGE_HEAD_BYTES + VIEWS_MESSAGE_MAX_N * VIEWS_MESSAGE_ITEM_BYTES
};

struct views_message_item {
    uint64_t id;
    uint64_t since_us; /* wall clock of the sender */
    uint8_t view;      /* enum health_view */
};

/* One that is being written. */
struct views_message_out {
    struct bytes_out out;
    char buf[VIEWS_MESSAGE_BYTES_MAX];
};

void views_message_begin(struct views_message_out *m, uint64_t life, bool asks);
bool views_message_is_full(const struct views_message_out *m);
/* It is not full. */
void views_message_add(struct views_message_out *m, const struct views_message_item *item);
/* Borrowed until the next begin. */
struct span views_message_bytes(const struct views_message_out *m);

/* One that has come; borrows. */
struct views_message {
    uint64_t life;
    bool asks;
    struct bytes_in items;
};

/* WERR_CORRUPT: not whole, too long, or a value in it can't be. */
int views_message_read(struct span bytes, struct views_message *m) MUST_USE;
/* The next item; false: there is none. */
bool views_message_next(struct views_message *m, struct views_message_item *item);

#endif
