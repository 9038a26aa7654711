/* secret_file.h - a file whose bytes no core file shall show: a certificate's, which may hold
 * its private key. Owner: whoever reads it, and gives it back soon. */
#ifndef WELDR_MANAGER_SECRET_FILE_H
#define WELDR_MANAGER_SECRET_FILE_H

#include <stddef.h>

#include "base/span.h"
#include "base/werr.h"

enum { SECRET_FILE_MAX = 256 * 1024 };

struct secret_file {
    char *bytes; /* of base/seal.h */
    size_t len;
};

/* WERR_NOT_FOUND, WERR_DENIED …; WERR_TOO_BIG: over SECRET_FILE_MAX; WERR_NOMEM. Nothing is to
 * be given back then. */
int secret_file_read(const char *path, struct secret_file *f) MUST_USE;
void secret_file_free(struct secret_file *f); /* zeroed is allowed */
static inline struct span secret_file_span(const struct secret_file *f)
{
    return span_from(f->bytes, f->len);
}

#endif
