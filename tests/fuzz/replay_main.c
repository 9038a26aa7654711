/*
 * Replays a corpus without a fuzzer: every file of the directories (or files) named on the
 * command line goes once through LLVMFuzzerTestOneInput, so that a bug once found can't come
 * back unseen. Built with the sanitizers, a finding ends the program. An empty or missing
 * corpus is a failure: it would prove nothing.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PATH_BYTES 4096

/* The input gets a block of exactly its size, so that one byte read too far is seen. */
static int replay_bytes(FILE *file, size_t size)
{
    uint8_t *data = malloc(size > 0 ? size : 1);
    if (data == NULL)
        return -1;
    int result = fread(data, 1, size, file) == size ? 0 : -1;
    if (result == 0)
        (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    return result;
}

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return -1;
    struct stat st;
    int result = fstat(fileno(file), &st);
    if (result == 0)
        result = replay_bytes(file, (size_t)st.st_size);
    fclose(file);
    if (result != 0)
        fprintf(stderr, "replay: can't read %s\n", path);
    return result;
}

static int is_regular(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Sorted, so that two runs take the same way. Returns the number of inputs, or -1. */
static int replay_directory(const char *directory)
{
    struct dirent **entries = NULL;
    int found_n = scandir(directory, &entries, is_regular, alphasort);
    if (found_n < 0) {
        fprintf(stderr, "replay: can't open %s\n", directory);
        return -1;
    }
    int done_n = 0;
    for (int i = 0; i < found_n; i++) {
        char path[PATH_BYTES];
        int length = snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
        if (length > 0 && length < PATH_BYTES && replay_file(path) == 0)
            done_n++;
        free(entries[i]);
    }
    free(entries);
    return done_n == found_n ? done_n : -1;
}

static int replay_path(const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
        return replay_file(path) == 0 ? 1 : -1;
    return replay_directory(path);
}

int main(int argc, char **argv)
{
    int total_n = 0;
    for (int i = 1; i < argc; i++) {
        int replayed_n = replay_path(argv[i]);
        if (replayed_n < 0)
            return 1;
        total_n += replayed_n;
    }
    if (total_n == 0) {
        fprintf(stderr, "replay: no input found\n");
        return 1;
    }
    printf("replayed %d inputs\n", total_n);
    return 0;
}
