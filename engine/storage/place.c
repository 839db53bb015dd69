/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/storage/storage_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum slc_status failed(struct slc_error *error, const char *path)
{
    int why = errno;
    bool denied = why == EACCES || why == EPERM || why == EROFS;
    bool full = why == ENOSPC || why == EDQUOT;
    return slc_fail(error,
                    denied          ? SLC_DENIED
                    : full          ? SLC_FULL
                    : why == ENOENT ? SLC_NOT_FOUND
                                    : SLC_IO,
                    "%s: %s%s", path, strerror(why), full ? "; make room there" : "");
}

static enum slc_status path_of(char path[STORAGE_PATH_BYTES], const char *dir, const char *name,
                               struct slc_error *error)
{
    if (snprintf(path, STORAGE_PATH_BYTES, "%s/%s", dir, name) < STORAGE_PATH_BYTES) return SLC_OK;
    return slc_fail(error, SLC_TOO_LONG, "%.200s...: path too long", dir);
}

/* ---- the directory and its lock ---- */

/* Who may write a directory may put other files in the place of ours. */
static enum slc_status make_dir(const char *dir, struct slc_error *error)
{
    struct stat st;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) return failed(error, dir);
    if (stat(dir, &st) != 0) return failed(error, dir);
    if (!S_ISDIR(st.st_mode)) return slc_fail(error, SLC_BAD_ARGUMENT, "%s: not a directory", dir);
    if ((st.st_mode & 022) != 0) {
        return slc_fail(error, SLC_DENIED, "%s: others may write there (mode %03o); chmod 700 it", dir,
                        (unsigned)st.st_mode & 0777);
    }
    return access(dir, R_OK | W_OK | X_OK) == 0 ? SLC_OK : failed(error, dir);
}

static enum slc_status in_use(int fd, const char *dir, struct slc_error *error)
{
    char text[32] = "";
    ssize_t len = pread(fd, text, sizeof text - 1, 0);
    long pid = len > 0 ? strtol(text, NULL, 10) : 0;
    if (pid > 0) return slc_fail(error, SLC_DUPLICATE, "%s: in use by process %ld", dir, pid);
    return slc_fail(error, SLC_DUPLICATE, "%s: in use by another process", dir);
}

enum slc_status slc_place_take(const char *dir, int *lock, struct slc_error *error)
{
    char path[STORAGE_PATH_BYTES], pid[32];
    enum slc_status status = make_dir(dir, error);
    if (status == SLC_OK) status = path_of(path, dir, "lock", error);
    if (status != SLC_OK) return status;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return failed(error, path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        status = errno == EWOULDBLOCK ? in_use(fd, dir, error) : failed(error, path);
        (void)close(fd);
        return status;
    }
    /* The lock is what counts; on a full disk only the words of whoever comes second suffer. */
    int len = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    (void)!ftruncate(fd, 0);
    (void)!pwrite(fd, pid, (size_t)len, 0);
    *lock = fd;
    return SLC_OK;
}

void slc_place_leave(int lock)
{
    if (lock >= 0) (void)close(lock);
}

/* ---- the database file ---- */

static uint32_t be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Before sqlite sees it, which would recover, or overwrite, what it takes for its own. */
static enum slc_status check_head(int fd, const char *path, struct slc_error *error)
{
    enum { HEAD = 100, MODE_AT = 18, VERSION_AT = 60, APPLICATION_AT = 68, MODE_WAL = 2 };
    uint8_t head[HEAD];
    ssize_t len = pread(fd, head, sizeof head, 0);
    if (len < 0) return failed(error, path);
    if (len < HEAD || memcmp(head, "SQLite format 3", 16) != 0) {
        return slc_fail(error, SLC_MALFORMED, "%s: damaged: no sqlite database; bring back a copy of it", path);
    }
    if (be32(head + APPLICATION_AT) != APPLICATION_ID) {
        return slc_fail(error, SLC_MALFORMED, "%s: a database of another program; name another directory", path);
    }
    if (be32(head + VERSION_AT) == 0 || head[MODE_AT] != MODE_WAL || head[MODE_AT + 1] != MODE_WAL) {
        return slc_fail(error, SLC_MALFORMED, "%s: damaged: its head is not as we write it; bring back a copy of it",
                        path);
    }
    if (be32(head + VERSION_AT) > SCHEMA_VERSION) {
        return slc_fail(error, SLC_UNSUPPORTED, "%s: made by a newer sluice (tables %u, here %d); use that one", path,
                        be32(head + VERSION_AT), SCHEMA_VERSION);
    }
    return SLC_OK;
}

static bool log_of(const char *path)
{
    char log[STORAGE_PATH_BYTES + 8];
    struct stat st;
    (void)snprintf(log, sizeof log, "%s-wal", path);
    return stat(log, &st) == 0 && st.st_size > 0;
}

enum slc_status slc_place_look(const char *path, bool *has_log, struct slc_error *error)
{
    struct stat st;
    *has_log = log_of(path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) {
        if (!*has_log) return SLC_NOT_FOUND;
        return slc_fail(error, SLC_MALFORMED, "%s: gone, but its log %s-wal is there; bring back a copy of it", path,
                        path);
    }
    if (fd < 0 || fstat(fd, &st) != 0) {
        enum slc_status status = failed(error, path);
        if (fd >= 0) (void)close(fd);
        return status;
    }
    enum slc_status status;
    if ((st.st_mode & 077) != 0) {
        status = slc_fail(error, SLC_DENIED, "%s: others may read its keys (mode %03o); chmod 600 it, if nobody did",
                          path, (unsigned)st.st_mode & 0777);
    } else {
        status = check_head(fd, path, error);
    }
    (void)close(fd);
    return status;
}

enum slc_status slc_place_make(const char *path, struct slc_error *error)
{
    char log[STORAGE_PATH_BYTES + 8];
    (void)snprintf(log, sizeof log, "%s-wal", path);
    (void)unlink(log);
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return failed(error, path);
    (void)close(fd);
    return SLC_OK;
}

static enum slc_status sync_path(const char *path, struct slc_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return failed(error, path);
    /* Some file systems cannot sync a directory, and need not. */
    bool synced = fsync(fd) == 0 || errno == EINVAL;
    enum slc_status status = synced ? SLC_OK : failed(error, path);
    (void)close(fd);
    return status;
}

enum slc_status slc_place_move(const char *from, const char *to, struct slc_error *error)
{
    enum slc_status status = sync_path(from, error);
    if (status != SLC_OK) return status;
    if (rename(from, to) != 0) return failed(error, to);
    char dir[STORAGE_PATH_BYTES];
    (void)snprintf(dir, sizeof dir, "%s", to);
    char *slash = strrchr(dir, '/');
    if (slash != NULL) *slash = 0;
    return sync_path(slash != NULL ? dir : ".", error);
}
