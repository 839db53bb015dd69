/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Runs a program that dies at once when it makes, opens for writing, renames or removes a file or directory:
 * without_files PROGRAM ARGUMENTS... io_uring, which could do so unseen, is denied.
 */

#ifndef __NR_io_uring_setup
#define __NR_io_uring_setup 425
#endif

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define DIE          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define DIE_AT(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1), DIE
/* Dies when argument `n` of the call says more than reading; 4 instructions to pass over. */
#define DIE_UNLESS_READING(call, n)                                                                                    \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 4), LOAD(args[n]),                                                    \
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC, 0, 1), DIE, LOAD(nr)

int main(int argc, char **argv)
{
    struct sock_filter filter[] = {
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
        DIE_UNLESS_READING(SYS_open, 1),
        DIE_UNLESS_READING(SYS_openat, 2),
        DIE_AT(SYS_creat),
        DIE_AT(SYS_mkdir),
        DIE_AT(SYS_mkdirat),
        DIE_AT(SYS_rename),
        DIE_AT(SYS_renameat),
        DIE_AT(SYS_renameat2),
        DIE_AT(SYS_unlink),
        DIE_AT(SYS_unlinkat),
        DIE_AT(SYS_truncate),
        DIE_AT(SYS_openat2),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    if (argc < 2) return 2;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("without_files: no filter can be set");
        return 77;
    }
    (void)execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 2;
}
