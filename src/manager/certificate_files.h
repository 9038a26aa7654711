/* certificate_files.h - the certificates of --certificate: read at the start, and again when
 * their files change.
 *
 * Each pair of files is a certificate of the description, whose name is the first that the
 * certificate is for; it keeps that name whatever the files say later, and the API does not
 * change it. Files that are not right leave the certificate as it was, and the log says why.
 * What has changed is found out by the contents (file_watch.h says when to look). Owner: the
 * manager.
 */
#ifndef WELDR_MANAGER_CERTIFICATE_FILES_H
#define WELDR_MANAGER_CERTIFICATE_FILES_H

#include "config/config.h"
#include "pool/pool_command.h"

struct change;
struct file_watch;
struct keyring;
struct manager;

struct certificate_file {
    struct certificate_files *owner;
    const char *chain_path, *key_path;
    char name[POOL_NAME_MAX + 1]; /* of the certificate */
    uint64_t hash;                /* of what was read last, right or not */
    struct change *change;        /* under way; NULL: none */
};

struct certificate_files {
    struct manager *m;
    const struct keyring *keyring;
    unsigned n;
    struct certificate_file list[CONFIG_LIST_MAX];
};

void certificate_files_init(struct certificate_files *f, struct manager *m,
                            const struct keyring *keyring);
void certificate_files_fini(struct certificate_files *f); /* zeroed is allowed */
/* At the start, before anything listens: 0 or the exit code, told to the caller. */
int certificate_files_check(struct certificate_files *f);
/* The i-th as a command that adds it, or puts it in the place of what is there. WERR_INVALID
 * and others: it can't be read any more; told in the log. */
int certificate_files_command(struct certificate_files *f, unsigned i,
                              struct pool_command *c) MUST_USE;
void certificate_files_watch(const struct certificate_files *f, struct file_watch *w);
/* Those that say something else than the last time. */
void certificate_files_look(struct certificate_files *f);
/* All of them, whatever they said (SIGHUP). */
void certificate_files_reload(struct certificate_files *f);
/* Does a file of this node stand behind the certificate of this name? */
bool certificate_files_have(const struct certificate_files *f, const char *name);

#endif
