/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crypto/ct/paths.h"

#include "crypto/base/cpu.h"
#include "crypto/base/random.h"
#include "crypto/base/secret.h"

#include <link.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

/*
 * Constant time on the CPU itself, for the levels that valgrind cannot run: every path runs twice, with different
 * secrets, one instruction at a time (the trap flag). Both runs must take the same instructions and, in each, the
 * registers that make an address must hold the same. usage: steps LEVEL; 77 when this machine cannot.
 *
 * What this does not show: a branch that both runs happen to take alike (valgrind and objects.sh look for those), and
 * addresses inside the C library and libsodium, of whose instructions only the order is compared.
 */

enum { SKIPPED = 77, REGISTERS = 16, STEPS_MAX = 1 << 24 };

static const struct {
    const char *name;
    int at;
} registers[REGISTERS] = {
    {"ax", REG_RAX},  {"bx", REG_RBX},  {"cx", REG_RCX},  {"dx", REG_RDX},  {"si", REG_RSI},  {"di", REG_RDI},
    {"bp", REG_RBP},  {"sp", REG_RSP},  {"r8", REG_R8},   {"r9", REG_R9},   {"r10", REG_R10}, {"r11", REG_R11},
    {"r12", REG_R12}, {"r13", REG_R13}, {"r14", REG_R14}, {"r15", REG_R15},
};

/* Of the instruction at each address of the program's code: which registers make its address. */
static uint16_t *address_registers;
static uintptr_t code_start, code_bytes, load_bias;

static uint64_t *steps;
static size_t step_count, steps_wanted;
static bool comparing;
static uintptr_t last, differs_after;

void slc_ct_classify(const void *bytes, size_t len)
{
    (void)bytes;
    (void)len;
}

void slc_ct_must(int good, const char *what)
{
    if (good) return;
    (void)fprintf(stderr, "%s: failed\n", what);
    exit(1);
}

static void step(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)info;
    greg_t *gregs = ((ucontext_t *)context)->uc_mcontext.gregs;
    uintptr_t pc = (uintptr_t)gregs[REG_RIP];
    uint64_t seen = pc * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)gregs[REG_RSP];
    uintptr_t offset = pc - load_bias - code_start;
    if (offset < code_bytes) {
        for (unsigned mask = address_registers[offset]; mask != 0; mask &= mask - 1) {
            seen = (seen << 7 | seen >> 57) ^ (uint64_t)gregs[registers[__builtin_ctz(mask)].at];
            seen *= UINT64_C(0xd6e8feb86659fd93);
        }
    }
    bool differs = step_count >= STEPS_MAX || (comparing && (step_count >= steps_wanted || steps[step_count] != seen));
    if (differs) {
        differs_after = last;
        gregs[REG_EFL] &= ~0x100L;
        return;
    }
    if (!comparing) steps[step_count] = seen;
    step_count++;
    last = pc;
}

static __attribute__((noinline)) void run_in_steps(const struct slc_ct_path *path, const uint8_t *secret)
{
    step_count = 0;
    differs_after = 0;
    __asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq" : : : "memory", "cc");
    path->run(secret);
    __asm__ volatile("pushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq" : : : "memory", "cc");
}

/* Registers named between the parentheses of an operand; all ones when it is not a plain address (a gather). */
static unsigned registers_in(const char *operand, const char *end)
{
    unsigned mask = 0;
    for (const char *at = operand; (at = memchr(at, '%', (size_t)(end - at))) != NULL;) {
        at++;
        if (strncmp(at, "rip", 3) == 0) continue;
        const char *name = *at == 'e' || (at[0] == 'r' && (at[1] < '0' || at[1] > '9')) ? at + 1 : at;
        unsigned found = REGISTERS;
        for (unsigned i = 0; i < REGISTERS; i++) {
            size_t len = strlen(registers[i].name);
            if (strncmp(name, registers[i].name, len) == 0 && !(name[len] >= '0' && name[len] <= '9')) found = i;
        }
        if (found == REGISTERS) return UINT16_MAX + 1U;
        mask |= 1U << found;
    }
    return mask;
}

static int first_object(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    load_bias = info->dlpi_addr;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_LOAD || !(info->dlpi_phdr[i].p_flags & PF_X)) continue;
        code_start = info->dlpi_phdr[i].p_vaddr;
        code_bytes = info->dlpi_phdr[i].p_memsz;
    }
    return 1;
}

/* 0, SKIPPED without objdump, 1 for an address made by a vector register. */
static int read_code(const char *program)
{
    char command[4200], line[512];
    (void)snprintf(command, sizeof command, "objdump -d -w --no-show-raw-insn '%s' 2>/dev/null", program);
    (void)dl_iterate_phdr(first_object, NULL);
    address_registers = calloc(code_bytes, sizeof *address_registers);
    FILE *objdump = popen(command, "r");
    if (address_registers == NULL || objdump == NULL) return SKIPPED;
    size_t instructions = 0;
    int result = 0;
    while (fgets(line, sizeof line, objdump) != NULL) {
        char *end;
        uintptr_t at = strtoull(line, &end, 16);
        if (end == line || end[0] != ':' || end[1] != '\t' || at - code_start >= code_bytes) continue;
        instructions++;
        const char *text = end + 2, *open = strrchr(text, '('), *close = strrchr(text, ')');
        bool no_access = strncmp(text, "lea", 3) == 0 || strstr(text, "nop") != NULL;
        if (open == NULL || close == NULL || no_access) continue;
        unsigned mask = registers_in(open, close);
        if (mask > UINT16_MAX) {
            (void)fprintf(stderr, "a vector makes addresses: %s", line);
            result = 1;
        }
        address_registers[at - code_start] = (uint16_t)mask;
    }
    (void)pclose(objdump);
    return instructions > 10000 ? result : SKIPPED;
}

/* A table look-up and a branch by a secret, so that an instrument that sees nothing is found out. */
static void leak_address(const uint8_t *secret)
{
    static const volatile uint8_t table[256];
    (void)table[secret[0]];
}

static void leak_branch(const uint8_t *secret)
{
    static volatile unsigned count;
    if ((secret[0] & 1) != 0) count = count + 1;
}

static bool same_steps(const struct slc_ct_path *path, uint8_t (*secret)[SLC_CT_SECRET_BYTES])
{
    static uint8_t here[SLC_CT_SECRET_BYTES]; /* both at the same addresses */
    path->run(secret[0]);                     /* symbols are bound, tables made, by now */
    comparing = false;
    memcpy(here, secret[0], sizeof here);
    run_in_steps(path, here);
    steps_wanted = step_count;
    comparing = true;
    memcpy(here, secret[1], sizeof here);
    run_in_steps(path, here);
    return differs_after == 0 && step_count == steps_wanted;
}

static int check_paths(uint8_t (*secret)[SLC_CT_SECRET_BYTES])
{
    int leaks = 0;
    for (size_t i = 0; i < slc_ct_path_count; i++) {
        if (slc_ct_paths[i].memory_only) continue;
        bool same = same_steps(&slc_ct_paths[i], secret);
        (void)printf("%-40s %8zu steps, %s\n", slc_ct_paths[i].name, step_count, same ? "the same" : "THEY DIFFER");
        (void)fflush(stdout);
        if (!same) {
            (void)printf("  after the instruction at %#lx\n", (unsigned long)(differs_after - load_bias));
            leaks++;
        }
    }
    return leaks;
}

int main(int argc, char **argv)
{
    static uint8_t secret[2][SLC_CT_SECRET_BYTES];
    struct slc_error error = {0};
    if (sodium_init() < 0 || argc != 2) return 2;
    if (slc_cpu_force_name(argv[1], &error) != SLC_OK) {
        (void)printf("SKIPPED: %s\n", error.text);
        return SKIPPED;
    }
    int status = read_code(argv[0]);
    if (status != 0) {
        if (status == SKIPPED) (void)printf("SKIPPED: objdump (binutils) is missing\n");
        return status;
    }
    steps = mmap(NULL, STEPS_MAX * sizeof *steps, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct sigaction action = {.sa_sigaction = step, .sa_flags = SA_SIGINFO};
    if (steps == MAP_FAILED || sigaction(SIGTRAP, &action, NULL) != 0 || slc_ct_set_up(true) != 0) return 2;

    struct slc_random random;
    slc_random_from_number(&random, 3, 0);
    slc_random_bytes(&random, secret, sizeof secret);
    secret[0][0] &= 0xfe;
    secret[1][0] |= 1;
    const struct slc_ct_path leaks[] = {{"address", leak_address, false}, {"branch", leak_branch, false}};
    for (size_t i = 0; i < 2; i++) {
        if (same_steps(&leaks[i], secret)) {
            (void)fprintf(stderr, "a leak by %s, made on purpose, is not seen\n", leaks[i].name);
            return 2;
        }
    }
    return check_paths(secret) == 0 ? 0 : 1;
}
