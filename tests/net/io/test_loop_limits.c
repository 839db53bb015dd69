/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/io/loop_rig.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/*
 * What the system may refuse: descriptors, and io_uring. Each in a child process, since neither a limit nor a filter
 * can be taken back. A child answers by its exit status: 0 is well, 77 has nothing to test, else the failed line.
 */

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                            \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

static void in_a_child(void (*body)(enum slc_loop_backend), enum slc_loop_backend backend)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(30);
        body(backend);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- descriptors ---- */

static size_t take(struct slc_loop *loop, slc_time timeout, slc_conn *accepted, size_t *count)
{
    struct slc_loop_event events[16];
    size_t n = slc_loop_wait(loop, timeout, events, 16);
    for (size_t i = 0; i < n; i++) {
        if (events[i].kind == SLC_LOOP_ACCEPTED) accepted[(*count)++] = events[i].conn;
    }
    return n;
}

static void accept_with_two_descriptors_left(enum slc_loop_backend backend)
{
    enum { PEERS = 5 };
    struct slc_loop *loop;
    if (slc_loop_new(&loop, backend, 16, NULL) != SLC_OK) _exit(77);
    struct slc_address any = rig_loopback(0), at;
    slc_conn listener, accepted[PEERS];
    size_t count = 0;
    CHECK(slc_loop_listen(loop, &any, NULL, 0, &listener, &at, NULL) == SLC_OK);
    int peer[PEERS];
    for (unsigned i = 0; i < PEERS; i++) {
        peer[i] = peer_connect(&at);
    }
    struct rlimit limit = {(rlim_t)peer[PEERS - 1] + 3, (rlim_t)peer[PEERS - 1] + 3};
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);

    slc_time until = rig_now() + RIG_PATIENCE;
    while ((count < 2 || slc_loop_accept_pauses(loop) == 0) && rig_now() < until) {
        (void)take(loop, SLC_MILLISECOND, accepted, &count);
    }
    CHECK(count == 2 && slc_loop_accept_pauses(loop) > 0);
    slc_conn conn;
    CHECK(slc_loop_connect(loop, &at, NULL, NULL, SLC_SECOND, 0, &conn) == SLC_FULL);

    /* The backlog stays readable; the loop must not spin on it. */
    uint64_t calls = slc_loop_system_calls(loop);
    for (slc_time end = rig_now() + 250 * SLC_MILLISECOND; rig_now() < end;) {
        (void)take(loop, 50 * SLC_MILLISECOND, accepted, &count);
    }
    CHECK(slc_loop_system_calls(loop) - calls < 60);
    CHECK(count == 2);

    /* One of ours goes: its descriptor is the next one's at once. */
    slc_loop_close(loop, accepted[0], true);
    while (count < 3 && rig_now() < until) {
        (void)take(loop, SLC_MILLISECOND, accepted, &count);
    }
    CHECK(count == 3);
    /* One of somebody else's in the process goes: found by asking again. */
    close(peer[0]);
    while (count < 4 && rig_now() < until) {
        (void)take(loop, SLC_MILLISECOND, accepted, &count);
    }
    CHECK(count == 4);
    slc_loop_free(loop);
}

static void without_descriptors_accepting_pauses_and_resumes(void **state)
{
    in_a_child(accept_with_two_descriptors_left, *(const enum slc_loop_backend *)*state);
}

/* ---- io_uring ---- */

static void deny(long call, uint32_t system_error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | system_error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) _exit(77);
}

static void expect_refusal(long call, uint32_t system_error, enum slc_status expected, const char *words)
{
    struct slc_loop *loop;
    struct slc_error error = {0};
    if (slc_loop_new(&loop, SLC_LOOP_URING, 4, NULL) != SLC_OK) _exit(77);
    slc_loop_free(loop);
    deny(call, system_error);
    CHECK(slc_loop_new(&loop, SLC_LOOP_URING, 4, &error) == expected);
    CHECK(loop == NULL);
    CHECK(error.status == expected && strstr(error.text, words) != NULL);
    CHECK(slc_loop_new(&loop, SLC_LOOP_AUTO, 4, &error) == SLC_OK);
    CHECK(strncmp(slc_loop_name(loop), "poll (io_uring", 14) == 0);
    CHECK(strstr(slc_loop_name(loop), words) != NULL);

    /* And it works. */
    struct slc_address any = rig_loopback(0), at;
    slc_conn listener, accepted[1];
    size_t count = 0;
    CHECK(slc_loop_listen(loop, &any, NULL, 0, &listener, &at, NULL) == SLC_OK);
    int peer = peer_connect(&at);
    for (slc_time until = rig_now() + RIG_PATIENCE; count == 0 && rig_now() < until;) {
        (void)take(loop, SLC_MILLISECOND, accepted, &count);
    }
    CHECK(count == 1);
    close(peer);
    slc_loop_free(loop);
}

static void setup_denied(enum slc_loop_backend backend)
{
    (void)backend;
    expect_refusal(SYS_io_uring_setup, EPERM, SLC_DENIED, "io_uring denied: io_uring_setup");
}

static void enter_denied(enum slc_loop_backend backend)
{
    (void)backend;
    expect_refusal(SYS_io_uring_enter, EPERM, SLC_DENIED, "io_uring denied: io_uring_enter");
}

static void register_denied(enum slc_loop_backend backend)
{
    (void)backend;
    expect_refusal(SYS_io_uring_register, EACCES, SLC_DENIED, "io_uring denied: io_uring_register");
}

static void setup_missing(enum slc_loop_backend backend)
{
    (void)backend;
    expect_refusal(SYS_io_uring_setup, ENOSYS, SLC_UNSUPPORTED, "io_uring missing");
}

static void memory_missing(enum slc_loop_backend backend)
{
    (void)backend;
    expect_refusal(SYS_io_uring_setup, ENOMEM, SLC_DENIED, "ulimit -l");
}

static void io_uring_denied_is_told_and_poll_takes_over(void **state)
{
    (void)state;
    in_a_child(setup_denied, SLC_LOOP_URING);
    in_a_child(enter_denied, SLC_LOOP_URING);
    in_a_child(register_denied, SLC_LOOP_URING);
    in_a_child(setup_missing, SLC_LOOP_URING);
    in_a_child(memory_missing, SLC_LOOP_URING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_BOTH(without_descriptors_accepting_pauses_and_resumes),
        cmocka_unit_test(io_uring_denied_is_told_and_poll_takes_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
