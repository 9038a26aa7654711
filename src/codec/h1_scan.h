/* h1_scan.h - where a run of allowed bytes ends: the inner loop of every head.
 *
 * Three classes: field names and methods (token), request targets, field values. A plain twin
 * over a table is the definition; SSE4.2 and AVX2 variants of the same functions are chosen
 * when the processor has them. The twins are tested equal. No variant reads a byte outside the
 * span that it is given. Used by h1_line, h1_fields and h1_read only.
 */
#ifndef WELDR_CODEC_H1_SCAN_H
#define WELDR_CODEC_H1_SCAN_H

#include <stddef.h>

struct msg_field;

/* Index of the first byte of p[0..n) that is not of the class; n when all are. */
typedef size_t (*h1_scan_fn)(const char *p, size_t n);

/* Field lines that are written as nearly all are, "Name: value" with no more space around the
 * value and something in it, from *at on: into fields[], n at most. Returns how many; *at is
 * then where the first line begins that is another, or not whole, or finds no room. */
typedef unsigned (*h1_scan_lines_fn)(const char *base, const char **at, const char *end,
                                     struct msg_field *fields, unsigned n);

struct h1_scan {
    const char *name; /* "plain", "sse4.2", "avx2" */
    h1_scan_fn token;
    h1_scan_fn target;
    h1_scan_fn value;
    h1_scan_lines_fn lines;
};

/* The variant in use: the plain one until h1_scan_choose(). */
extern const struct h1_scan *h1_scan;
/* Takes the best variant of this machine; may be called again and again. */
void h1_scan_choose(void);
/* The variants that run on this machine, the plain one first; NULL when i is past the last. For
 * tests. */
const struct h1_scan *h1_scan_variant(unsigned i);

#endif
