#include "cli/top_keys.h"

enum { ESC = 0x1b, NUMBER_MAX = 1000 };

void top_keys_init(struct top_keys *k)
{
    *k = (struct top_keys){.state = TOP_KEYS_PLAIN};
}

bool top_keys_is_waiting(const struct top_keys *k)
{
    return k->state != TOP_KEYS_PLAIN;
}

/* The last byte of a sequence that names a key; TOP_KEY_CHAR: none. */
static enum top_key key_of_letter(unsigned char c)
{
    switch (c) {
    case 'A':
        return TOP_KEY_UP;
    case 'B':
        return TOP_KEY_DOWN;
    case 'C':
        return TOP_KEY_RIGHT;
    case 'D':
        return TOP_KEY_LEFT;
    case 'H':
        return TOP_KEY_HOME;
    case 'F':
        return TOP_KEY_END;
    case 'M':
        return TOP_KEY_ENTER; /* of the number pad */
    case 'Z':
        return TOP_KEY_BACK_TAB;
    default:
        return TOP_KEY_CHAR;
    }
}

/* "ESC [ NUMBER ~"; xterm, rxvt and the Linux console number differently. */
static enum top_key key_of_number(unsigned number)
{
    switch (number) {
    case 1:
    case 7:
        return TOP_KEY_HOME;
    case 4:
    case 8:
        return TOP_KEY_END;
    case 5:
        return TOP_KEY_PAGE_UP;
    case 6:
        return TOP_KEY_PAGE_DOWN;
    default:
        return TOP_KEY_CHAR;
    }
}

static void end_sequence(struct top_keys *k, enum top_key key, top_key_fn fn, void *arg)
{
    k->state = TOP_KEYS_PLAIN;
    if (key != TOP_KEY_CHAR)
        fn(arg, key, 0);
}

/* Parameters and intermediate bytes (ECMA-48 section 5.4) stand before the final one. */
static void feed_csi(struct top_keys *k, unsigned char c, top_key_fn fn, void *arg)
{
    if (c == ESC) { /* it was cut off; another one begins */
        k->state = TOP_KEYS_ESC;
        return;
    }
    if (c >= '0' && c <= '9' && k->is_first && k->number < NUMBER_MAX)
        k->number = 10 * k->number + (c - '0');
    else if (c < '0' || c > '9')
        k->is_first = false;
    if (c >= 0x40 && c <= 0x7e)
        end_sequence(k, c == '~' ? key_of_number(k->number) : key_of_letter(c), fn, arg);
}

static void begin_utf8(struct top_keys *k, unsigned char c)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};

    if (c < 0xc2 || c > 0xf4)
        return;
    k->left = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    k->c = c & (0x3fU >> k->left);
    k->least = least[k->left];
    k->state = TOP_KEYS_UTF8;
}

static void feed_plain(struct top_keys *k, unsigned char c, top_key_fn fn, void *arg)
{
    if (c >= 0x20 && c < 0x7f) {
        fn(arg, TOP_KEY_CHAR, c);
        return;
    }
    switch (c) {
    case ESC:
        k->state = TOP_KEYS_ESC;
        return;
    case '\t':
        fn(arg, TOP_KEY_TAB, 0);
        return;
    case '\r':
    case '\n':
        fn(arg, TOP_KEY_ENTER, 0);
        return;
    case 0x7f:
    case '\b':
        fn(arg, TOP_KEY_BACKSPACE, 0);
        return;
    case 0x15:
        fn(arg, TOP_KEY_CLEAR, 0);
        return;
    case 0x0c:
        fn(arg, TOP_KEY_REDRAW, 0);
        return;
    default:
        begin_utf8(k, c);
    }
}

/* A character that is cut off by something else is dropped; the other counts. */
static void feed_utf8(struct top_keys *k, unsigned char c, top_key_fn fn, void *arg)
{
    if ((c & 0xc0U) != 0x80) {
        k->state = TOP_KEYS_PLAIN;
        feed_plain(k, c, fn, arg);
        return;
    }
    k->c = k->c << 6 | (c & 0x3fU);
    if (--k->left > 0)
        return;
    k->state = TOP_KEYS_PLAIN;
    if (k->c >= k->least && k->c >= 0xa0 && k->c <= 0x10ffff &&
        (k->c < 0xd800 || k->c > 0xdfff))
        fn(arg, TOP_KEY_CHAR, k->c);
}

/* Behind an ESC: a sequence, or a key by itself, with Alt in some terminals. */
static void feed_esc(struct top_keys *k, unsigned char c, top_key_fn fn, void *arg)
{
    k->number = 0;
    k->is_first = true;
    if (c == '[') {
        k->state = TOP_KEYS_CSI;
    } else if (c == 'O') {
        k->state = TOP_KEYS_SS3;
    } else {
        end_sequence(k, TOP_KEY_ESCAPE, fn, arg);
        feed_plain(k, c, fn, arg);
    }
}

void top_keys_feed(struct top_keys *k, struct span bytes, top_key_fn fn, void *arg)
{
    for (size_t i = 0; i < bytes.len; i++) {
        const unsigned char c = (unsigned char)bytes.ptr[i];

        switch (k->state) {
        case TOP_KEYS_PLAIN:
            feed_plain(k, c, fn, arg);
            break;
        case TOP_KEYS_ESC:
            feed_esc(k, c, fn, arg);
            break;
        case TOP_KEYS_CSI:
            feed_csi(k, c, fn, arg);
            break;
        case TOP_KEYS_SS3:
            end_sequence(k, key_of_letter(c), fn, arg);
            break;
        case TOP_KEYS_UTF8:
            feed_utf8(k, c, fn, arg);
            break;
        }
    }
}

void top_keys_rest(struct top_keys *k, top_key_fn fn, void *arg)
{
    end_sequence(k, k->state == TOP_KEYS_ESC ? TOP_KEY_ESCAPE : TOP_KEY_CHAR, fn, arg);
}
