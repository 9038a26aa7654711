/* top_keys.h - bytes of a terminal as keys. Pure.
 *
 * Sequences of VT100 and xterm (ESC [ ... and ESC O ...) may come in pieces: what is not whole
 * waits for the next bytes. A lone ESC is the key Escape when nothing follows for a moment:
 * whoever feeds calls top_keys_rest then. Sequences that are not known are passed over whole,
 * whatever their length, so that no part of one is taken for a key.
 */
#ifndef WELDR_CLI_TOP_KEYS_H
#define WELDR_CLI_TOP_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum top_key {
    TOP_KEY_CHAR, /* a printable character: c */
    TOP_KEY_UP,
    TOP_KEY_DOWN,
    TOP_KEY_LEFT,
    TOP_KEY_RIGHT,
    TOP_KEY_PAGE_UP,
    TOP_KEY_PAGE_DOWN,
    TOP_KEY_HOME,
    TOP_KEY_END,
    TOP_KEY_ENTER,
    TOP_KEY_ESCAPE,
    TOP_KEY_TAB,
    TOP_KEY_BACK_TAB,
    TOP_KEY_BACKSPACE,
    TOP_KEY_CLEAR, /* Ctrl-U: the whole input */
    TOP_KEY_REDRAW /* Ctrl-L */
};

/* c: the character of TOP_KEY_CHAR (Unicode), else 0. */
typedef void (*top_key_fn)(void *arg, enum top_key key, uint32_t c);

struct top_keys {
    enum { TOP_KEYS_PLAIN, TOP_KEYS_ESC, TOP_KEYS_CSI, TOP_KEYS_SS3, TOP_KEYS_UTF8 } state;
    unsigned number;   /* of a CSI: its first parameter */
    bool is_first;     /* that is still being read */
    unsigned left;     /* bytes that a character of UTF-8 lacks */
    uint32_t c, least; /* it, and the least that so many bytes may stand for */
};

void top_keys_init(struct top_keys *k);
void top_keys_feed(struct top_keys *k, struct span bytes, top_key_fn fn, void *arg);
/* Does a sequence wait for its rest? */
bool top_keys_is_waiting(const struct top_keys *k);
/* No rest came: an ESC was the key, anything else is dropped. */
void top_keys_rest(struct top_keys *k, top_key_fn fn, void *arg);

#endif
