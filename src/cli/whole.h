/* whole.h - the whole description as one document: "weldr export" prints it, "weldr apply FILE"
 * makes it so.
 *
 * {"pools": [{…, "servers": [{…}]}], "vips": [{…}], "listeners": [{…, "rules": [{…}]}]}.
 * Members that the document leaves out stay as they are; objects that it leaves out are
 * removed, unless it leaves out their whole list. Certificates are not in it, for their keys
 * are never told. apply goes object by object and stops at the first refusal.
 */
#ifndef WELDR_CLI_WHOLE_H
#define WELDR_CLI_WHOLE_H

#include "cli/args.h"

struct doc;
struct session;

int export_run(const struct args *args, char *const *env);
int whole_apply(const struct args *args, char *const *env);
/* The same for a document that is there, and exported lists into one. They return exit codes.
 */
int whole_make(const struct session *s, const struct doc *whole, bool is_dry);
int export_fill(const struct session *s, struct doc *into);

/* The kinds of objects, children behind their parents. */
struct whole_kind {
    const char *noun, *list;
    const char *key;     /* the member that tells one from the other */
    const char *in_path; /* the member that stands in paths */
    const char *schema;  /* of /openapi.json */
    const char *method;  /* of changes */
    const struct whole_kind *child;
};
extern const struct whole_kind whole_pools, whole_vips, whole_listeners;

#endif
