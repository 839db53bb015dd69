/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/oracle.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

void slc_oracle_start(struct slc_oracle *o)
{
    const char *path = getenv("SLUICE_ORACLE"), *ci = getenv("CI");
    if (path == NULL) {
        bool wanted = ci != NULL && strcmp(ci, "true") == 0;
        (void)printf("%s: SLUICE_ORACLE is not set; tests/peers/build.sh oracle builds it\n",
                     wanted ? "FAILED" : "skipped");
        exit(wanted ? 1 : 77);
    }
    int to[2], from[2];
    *o = (struct slc_oracle){0};
    (void)signal(SIGPIPE, SIG_IGN);
    pid_t pid = pipe(to) == 0 && pipe(from) == 0 ? fork() : -1;
    if (pid == 0) {
        (void)dup2(to[0], STDIN_FILENO);
        (void)dup2(from[1], STDOUT_FILENO);
        (void)close(to[1]);
        (void)close(from[0]);
        (void)execl(path, path, (char *)NULL);
        perror(path);
        _exit(127);
    }
    if (pid < 0) {
        perror("starting the oracle");
        exit(1);
    }
    (void)close(to[0]);
    (void)close(from[1]);
    o->to = to[1];
    o->from = from[0];
    o->pid = pid;
}

void slc_oracle_stop(struct slc_oracle *o)
{
    int status = -1;
    (void)close(o->to);
    (void)close(o->from);
    (void)waitpid((pid_t)o->pid, &status, 0);
    free(o->ask.data);
    free(o->answer.data);
    if (status != 0) {
        (void)fprintf(stderr, "the oracle ended with status %d\n", status);
        exit(1);
    }
}

static void make_room(struct slc_buffer *b, size_t len)
{
    if (b->cap - b->len >= len) return;
    while (b->cap - b->len < len) {
        b->cap = b->cap == 0 ? 1 << 16 : 2 * b->cap;
    }
    b->data = realloc(b->data, b->cap);
    assert_non_null(b->data);
}

static void write_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n <= 0) fail_msg("the oracle does not read: it ended, or its words above say why");
        data += n;
        len -= (size_t)n;
    }
}

static void read_all(int fd, uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = read(fd, data, len);
        if (n <= 0) fail_msg("the oracle did not answer: its words above say why");
        data += n;
        len -= (size_t)n;
    }
}

struct slc_reader slc_oracle_ask(struct slc_oracle *o)
{
    uint8_t length[4];
    struct slc_writer w = slc_writer(length, sizeof length);
    slc_write_u32(&w, (uint32_t)o->ask.len);
    write_all(o->to, length, sizeof length);
    write_all(o->to, o->ask.data, o->ask.len);
    o->ask.len = 0;
    read_all(o->from, length, sizeof length);
    struct slc_reader r = slc_reader(slc_bytes(length, sizeof length));
    o->answer.len = 0;
    size_t len = slc_read_u32(&r);
    make_room(&o->answer, len + 1);
    read_all(o->from, o->answer.data, len);
    o->answer.len = len;
    return slc_reader(slc_bytes(o->answer.data, len));
}

void slc_oracle_done(const struct slc_reader *answer)
{
    assert_true(slc_reader_ok(answer));
    assert_int_equal(slc_reader_left(answer), 0);
}

void slc_ask_raw(struct slc_oracle *o, const void *bytes, size_t len)
{
    make_room(&o->ask, len + 1);
    if (len > 0) memcpy(o->ask.data + o->ask.len, bytes, len);
    o->ask.len += len;
}

static void ask_be(struct slc_oracle *o, uint64_t value, unsigned width)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < width; i++) {
        bytes[i] = (uint8_t)(value >> 8 * (width - 1 - i));
    }
    slc_ask_raw(o, bytes, width);
}

void slc_ask_u8(struct slc_oracle *o, unsigned value)
{
    ask_be(o, value, 1);
}

void slc_ask_u16(struct slc_oracle *o, unsigned value)
{
    ask_be(o, value, 2);
}

void slc_ask_u32(struct slc_oracle *o, size_t value)
{
    ask_be(o, value, 4);
}

void slc_ask_u64(struct slc_oracle *o, uint64_t value)
{
    ask_be(o, value, 8);
}

void slc_ask_bytes(struct slc_oracle *o, struct slc_bytes bytes)
{
    slc_ask_u32(o, bytes.len);
    slc_ask_raw(o, bytes.data, bytes.len);
}

struct slc_bytes slc_answer_bytes(struct slc_reader *answer)
{
    return slc_read_bytes(answer, slc_read_u32(answer));
}
