/*
 * Prints what Weldr would send for each input of the corpora named on the command line, for a
 * parser that is not ours (node_oracle.js). A record is one line of words and numbers, then the
 * bytes sent, then the body that must be found in them:
 *
 *   FILE KIND METHOD STATUS FRAMING IS_WHOLE INTERIM_N SENT_BYTES BODY_BYTES
 *
 * KIND is request, response or response10 (to an HTTP/1.0 client); METHOD that of the request,
 * also where it was answered; STATUS 0 for requests.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emit.h"

enum { INPUT_BYTES_MAX = 1 << 20, PATH_BYTES = 4096 };

static void print_message(const struct emit_message *m, void *hook)
{
    static const char *const framings[] = {
        [STRICT_BARE] = "bare",
        [STRICT_LENGTH] = "length",
        [STRICT_CHUNKED] = "chunked",
        [STRICT_CLOSE] = "close",
    };
    const char *file = hook;
    const char *kind = m->answers == NULL ? "request" : m->is_to_10 ? "response10" : "response";
    printf("%s %s %s %u %s %d %u %zu %zu\n", file, kind,
           m->answers != NULL ? m->answers : m->method, m->status, framings[m->framing],
           m->is_whole, m->info_n, m->sent_bytes, m->body_bytes);
    fwrite(m->sent, 1, m->sent_bytes, stdout);
    fwrite(m->body_bytes > 0 ? m->body : "", 1, m->body_bytes, stdout);
}

static void emit_file(const char *path, const char *name)
{
    static char data[INPUT_BYTES_MAX];
    static const char *const methods[] = {"GET", "HEAD"};
    char label[PATH_BYTES];
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        exit(1);
    struct span in = span_from(data, fread(data, 1, sizeof(data), file));
    fclose(file);
    snprintf(label, sizeof(label), "%s", name);
    emit_requests(in, print_message, label);
    for (unsigned i = 0; i < 2; i++) {
        emit_response(in, methods[i], false, print_message, label);
        emit_response(in, methods[i], true, print_message, label);
    }
}

static int emit_directory(const char *directory)
{
    struct dirent **entries = NULL;
    int found_n = scandir(directory, &entries, NULL, alphasort);
    for (int i = 0; i < found_n; i++) {
        char path[PATH_BYTES];
        int length = snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && length > 0 && length < PATH_BYTES)
            emit_file(path, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return found_n;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (emit_directory(argv[i]) < 0) {
            fprintf(stderr, "emit: can't read %s\n", argv[i]);
            return 1;
        }
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
