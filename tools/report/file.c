/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/report/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum slc_status slc_report_open(struct slc_report_file *file, const char *path, struct slc_error *error)
{
    *file = (struct slc_report_file){.path = path, .fd = -1};
    if (path == NULL) return SLC_OK;
    if (strcmp(path, "-") == 0) {
        file->fd = dup(STDOUT_FILENO);
    } else {
        file->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        file->created = file->fd >= 0;
        if (file->fd < 0 && errno == EEXIST) file->fd = open(path, O_WRONLY | O_CLOEXEC);
    }
    if (file->fd >= 0) return SLC_OK;
    enum slc_status status = errno == EACCES || errno == EPERM || errno == EROFS ? SLC_DENIED : SLC_IO;
    return slc_fail(error, status, "%s: the report cannot be written there: %s", path, strerror(errno));
}

/* Only now does the old content go; what is no regular file has nothing to cut. */
static FILE *begin(struct slc_report_file *file)
{
    struct stat what;
    bool regular = fstat(file->fd, &what) == 0 && S_ISREG(what.st_mode) && strcmp(file->path, "-") != 0;
    if (regular && ftruncate(file->fd, 0) != 0) return NULL;
    FILE *out = fdopen(file->fd, "w");
    if (out != NULL) file->fd = -1;
    return out;
}

static enum slc_status finish(struct slc_report_file *file, FILE *out, bool written, struct slc_error *error)
{
    int why = errno;
    if (out != NULL && written && fflush(out) != 0) {
        written = false;
        why = errno;
    }
    if (out != NULL && fclose(out) != 0 && written) {
        written = false;
        why = errno;
    }
    file->created = false;
    const char *path = strcmp(file->path, "-") == 0 ? "standard output" : file->path;
    file->path = NULL;
    if (written) return SLC_OK;
    return slc_fail(error, SLC_IO, "%s: the report could not be written: %s", path, strerror(why));
}

enum slc_status slc_report_write(struct slc_report_file *file, slc_page_fn *content, const void *what,
                                 struct slc_error *error)
{
    if (file->path == NULL) return SLC_OK;
    FILE *out = begin(file);
    bool written = out != NULL && content(out, what);
    return finish(file, out, written, error);
}

/* A run is not repeated for its report: the reader has the summary. */
static enum slc_status write_report(struct slc_report_file *file, slc_page_fn *content, const struct slc_report *report,
                                    struct slc_error *error)
{
    struct slc_error why = {0};
    enum slc_status status = slc_report_write(file, content, report, &why);
    return status == SLC_OK ? SLC_OK : slc_fail(error, status, "%s; the totals above are all there is", why.text);
}

static bool json_content(FILE *out, const void *report)
{
    char *json = slc_report_json(report, false);
    if (json == NULL) errno = ENOMEM;
    bool written = json != NULL && fputs(json, out) >= 0 && fputc('\n', out) != EOF;
    free(json);
    return written;
}

static bool html_content(FILE *out, const void *report)
{
    return slc_report_html(report, out);
}

enum slc_status slc_report_write_json(struct slc_report_file *file, const struct slc_report *report,
                                      struct slc_error *error)
{
    return write_report(file, json_content, report, error);
}

enum slc_status slc_report_write_html(struct slc_report_file *file, const struct slc_report *report,
                                      struct slc_error *error)
{
    return write_report(file, html_content, report, error);
}

void slc_report_abandon(struct slc_report_file *file)
{
    if (file->fd >= 0) (void)close(file->fd);
    if (file->created) (void)unlink(file->path);
    *file = (struct slc_report_file){.fd = -1};
}
