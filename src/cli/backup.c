#include "cli/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/seal.h"
#include "cli/roles.h"
#include "cli/session.h"
#include "cli/shown.h"
#include "cli/waiting.h"
#include "cli/whole.h"
#include "log/progress.h"

enum { ERROR_BYTES = 512 };

static int no_memory(void)
{
    return session_fail(CLI_EXIT_FAILURE, "%s", werr_text(WERR_NOMEM));
}

/* ---- export ---- */

static int write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        const ssize_t n = write(fd, text, len);

        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
    }
    return fsync(fd);
}

/* What is there already may be an older backup: it stays. */
static int save(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return session_fail(CLI_EXIT_FAILURE, "%s: it can't be made: %s", path,
                            strerror(errno));
    const int rc = write_all(fd, text, strlen(text));
    const int error = errno;
    if (close(fd) == 0 && rc == 0)
        return CLI_EXIT_OK;
    (void)unlink(path);
    return session_fail(CLI_EXIT_FAILURE, "%s: it can't be written: %s", path, strerror(error));
}

int backup_export(const struct args *args, char *const *env)
{
    struct session s;
    struct doc *d = NULL;
    int code = session_open(&s, args, env);

    if (code == CLI_EXIT_OK)
        code = session_ask(&s, "POST", "/cluster/export", NULL, &d);
    if (code == CLI_EXIT_OK)
        code = export_fill(&s, d);
    progress_end();
    if (code == CLI_EXIT_OK) {
        char *text = doc_json(d, true);

        code = text != NULL ? save(args->word[0], text) : no_memory();
        free(text);
    }
    doc_free(d);
    return code;
}

/* ---- import ---- */

struct importer {
    const struct session *session;
    const unsigned char *cluster_key;
    bool is_dry;
};

/* seal_opened_free what it gives. */
static bool open_text(const unsigned char *key, const struct doc *closed,
                      struct seal_opened *opened)
{
    char *text = doc_text(closed);
    const bool is_open = text != NULL && seal_open(key, span_from_str(text), opened) == 0;

    free(text);
    return is_open;
}

static int copy(struct doc *to, const struct doc *from, const char *key)
{
    const struct doc *value = doc_get(from, key);

    return value != NULL ? doc_put(to, key, doc_copy(value)) : 0;
}

static int make_body(const struct importer *im, const struct doc *certificate, struct doc *body)
{
    char why[ERROR_BYTES];
    struct seal_opened key = {NULL, 0};
    int rc = WERR_SYNTAX;

    if (open_text(im->cluster_key, doc_get(certificate, "key"), &key))
        rc = doc_set(body, SPAN("key"), key.ptr, why, sizeof(why));
    seal_opened_free(&key);
    if (rc == 0)
        rc = copy(body, certificate, "chain");
    return rc == 0 ? copy(body, certificate, "ocsp") : rc;
}

static int send_certificate(const struct importer *im, const char *name, const struct doc *body)
{
    char target[SESSION_TARGET_BYTES];
    struct doc *d = NULL;
    struct strb b;

    strb_init(&b, target, sizeof(target));
    strb_add_str(&b, "/certificates/");
    args_add_escaped(&b, name);
    const int code = session_ask(im->session, "PUT", target, body, &d);
    doc_free(d);
    return code;
}

static void warn(const char *text)
{
    progress_hide();
    (void)fprintf(stderr, "warning: %s\n", text);
}

static int say_certificate(const char *name)
{
    progress_hide();
    return printf("+ certificate %s\n", name);
}

static int import_one(const struct importer *im, const struct doc *certificate)
{
    char *name = doc_text(doc_get(certificate, "name"));
    struct doc *body = doc_new();
    int code = CLI_EXIT_OK;
    const int rc = name != NULL && body != NULL ? make_body(im, certificate, body) : WERR_NOMEM;

    if (rc == WERR_NOMEM)
        code = no_memory();
    else if (rc < 0)
        code = session_fail(CLI_EXIT_FAILURE, "certificate %s: its key can't be opened", name);
    else if (strcmp(name, "-") == 0)
        warn("a certificate without a name is left out");
    else if (say_certificate(name) > 0 && !im->is_dry)
        code = send_certificate(im, name, body);
    doc_free(body);
    free(name);
    return code;
}

static int import_certificates(const struct importer *im, const struct doc *backup)
{
    const struct doc *list = doc_get(backup, "certificates");
    int code = CLI_EXIT_OK;

    for (size_t i = 0; code == CLI_EXIT_OK && i < doc_size(list); i++)
        code = import_one(im, doc_at(list, i));
    return code;
}

static int import(const struct args *args, char *const *env, const struct doc *backup,
                  const unsigned char *node_key)
{
    struct session s;
    struct seal_opened key = {NULL, 0};
    const bool is_dry = args->flag[ARGS_DRY_RUN] != NULL;
    int code = session_open(&s, args, env);

    if (code == CLI_EXIT_OK &&
        (!open_text(node_key, doc_get(backup, "key"), &key) || key.len != SEAL_KEY_BYTES))
        code = session_fail(CLI_EXIT_USAGE,
                            "%s is not closed with the key in %s: it must be that of the node "
                            "which made the export",
                            args->word[0], args->flag[ARGS_NODE_KEY_FILE]);
    if (code == CLI_EXIT_OK) {
        waiting_say(&s, "importing by the API at @");
        const struct importer im = {&s, (const unsigned char *)key.ptr, is_dry};

        code = import_certificates(&im, backup);
    }
    seal_opened_free(&key);
    return code == CLI_EXIT_OK ? whole_make(&s, backup, is_dry) : code;
}

int backup_import(const struct args *args, char *const *env)
{
    const char *file = args->flag[ARGS_NODE_KEY_FILE];
    char why[ERROR_BYTES];

    if (file == NULL)
        return session_fail(CLI_EXIT_USAGE,
                            "--node-key-file is missing: private keys are "
                            "closed with that of the node which made the export");
    struct doc *backup = doc_read(args->word[0], why, sizeof(why));
    if (backup == NULL)
        return session_fail(CLI_EXIT_USAGE, "%s: %s", args->word[0], why);
    unsigned char *node_key = seal_memory_new(SEAL_KEY_BYTES);
    int code = node_key != NULL ? args->roles->open_node_key(file, node_key) : no_memory();

    if (code == CLI_EXIT_OK)
        code = import(args, env, backup, node_key);
    if (code == CLI_EXIT_OK)
        code = shown_end(0);
    seal_memory_free(node_key);
    doc_free(backup);
    return code;
}
