/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum slc_status failed(struct slc_error *error, const char *path)
{
    enum slc_status status = errno == EACCES || errno == EPERM ? SLC_DENIED : errno == ENOENT ? SLC_NOT_FOUND : SLC_IO;
    return slc_fail(error, status, "%s: %s", path, strerror(errno));
}

enum slc_status slc_file_read(const char *path, size_t max, char **text, struct slc_error *error)
{
    *text = NULL;
    FILE *file = fopen(path, "rbe");
    if (file == NULL) return failed(error, path);
    char *data = malloc(max + 2);
    size_t len = data == NULL ? 0 : fread(data, 1, max + 1, file);
    bool broken = ferror(file) != 0;
    enum slc_status status = SLC_OK;
    if (data == NULL) {
        status = slc_fail(error, SLC_NO_MEMORY, "%s: no memory", path);
    } else if (broken) {
        status = failed(error, path);
    } else if (len > max) {
        status = slc_fail(error, SLC_TOO_LONG, "%s: longer than %zu bytes", path, max);
    }
    (void)fclose(file);
    if (status != SLC_OK) {
        free(data);
        return status;
    }
    data[len] = 0;
    *text = data;
    return SLC_OK;
}

static bool write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        data += n;
        len -= (size_t)n;
    }
    return fsync(fd) == 0 || errno == EINVAL;
}

enum slc_status slc_file_write(const char *path, const void *data, size_t len, unsigned mode, struct slc_error *error)
{
    char beside[4096];
    if (snprintf(beside, sizeof beside, "%s.new.%ld", path, (long)getpid()) >= (int)sizeof beside) {
        return slc_fail(error, SLC_TOO_LONG, "%s: path too long", path);
    }
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) return failed(error, path);
    bool written = write_all(fd, data, len);
    int why = errno;
    written &= close(fd) == 0;
    if (written && rename(beside, path) == 0) return SLC_OK;
    if (written) why = errno;
    (void)unlink(beside);
    errno = why;
    return failed(error, path);
}
