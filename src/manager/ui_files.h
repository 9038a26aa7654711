/* ui_files.h - the files of the dashboard, as they are embedded in the program.
 *
 * ui/embed.py makes their table when Weldr is built: of each file its bytes as they are and
 * compressed, with the tag of either (api_tag.h). Nothing is read from a disk at run time.
 */
#ifndef WELDR_MANAGER_UI_FILES_H
#define WELDR_MANAGER_UI_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ui_body {
    const char *type; /* its Content-Type */
    const unsigned char *bytes;
    size_t len;
    uint64_t tag;
    bool is_gzip;
};

struct ui_file {
    const char *name; /* behind /ui/; empty: the page itself */
    struct ui_body plain, gzip;
};

extern const struct ui_file ui_files[];
extern const size_t ui_files_n;

#endif
