// SPDX-License-Identifier: Apache-2.0
/* Counts the instructions that a program executes under qemu user emulation: in all, by class
 * (AArch64), by function.
 *
 *   apt-get install qemu-user            # not qemu-user-static, which has no plugins
 *   gcc -O2 -shared -fPIC insn_count.c -o insn_count.so
 *   env -i qemu-aarch64 -L /usr/aarch64-linux-gnu -cpu cortex-a72 \
 *       -plugin ./insn_count.so -d plugin -D counts.txt PROGRAM ARGS
 *   ... -plugin ./insn_count.so,sym=on   # per function too
 *
 * One inference = (count of 3 runs - count of 1 run) / 2: start-up falls out. Counts are exact and
 * repeatable (env -i: the environment shifts start-up). -cpu cortex-a53/-a72: no dotprod;
 * cortex-a76/neoverse-n1: dotprod; max,pauth-impdef=on: i8mm. A count of instructions is not a
 * count of cycles.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The plugin interface of qemu 7.2 (API version 1); Debian does not ship its header. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t,
                                           void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int op, void *counter,
                                                uint64_t add);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
const char *qemu_plugin_insn_symbol(const struct qemu_plugin_insn *);
void qemu_plugin_outs(const char *);
#define EXPORT __attribute__((visibility("default")))
#define ADD_U64 0

EXPORT int qemu_plugin_version = 1;

enum { ALL, SIMD, MULL8, MULL16, SDOT, SMMLA, LOAD, STORE, BRANCH, CLASSES };
static const char *const class_name[CLASSES] = {"all",   "simd", "mull8", "mull16", "sdot",
                                                "smmla", "load", "store", "branch"};
static uint64_t count[CLASSES];

static struct function {
    const char *name;
    uint64_t count;
} *functions[65536];
static unsigned function_count;
static bool by_function;

static void add(struct qemu_plugin_insn *insn, uint64_t *counter)
{
    qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD_U64, counter, 1);
}

static uint64_t *counter_of(const char *name)
{
    static uint64_t overflow;

    if (!name) name = "?";
    for (unsigned i = 0; i < function_count; i++)
        if (!strcmp(functions[i]->name, name)) return &functions[i]->count;
    if (function_count == sizeof functions / sizeof functions[0]) return &overflow;
    functions[function_count] = calloc(1, sizeof *functions[0]);
    functions[function_count]->name = strdup(name);
    return &functions[function_count++]->count;
}

static void classify_simd(struct qemu_plugin_insn *insn, uint32_t w)
{
    uint32_t opcode = (w >> 12) & 15, size = (w >> 22) & 3;

    if ((w & 0x9f200c00) == 0x0e200000) { /* three different: smull, smlal */
        if ((opcode == 8 || opcode == 12) && size < 2) add(insn, &count[size ? MULL16 : MULL8]);
    } else if ((w & 0x9f000400) == 0x0f000000) { /* by element */
        if ((opcode == 2 || opcode == 10) && size == 1) add(insn, &count[MULL16]);
        else if (opcode == 14 && size == 2) add(insn, &count[SDOT]);
    } else if ((w & 0xbfe0fc00) == 0x0e809400) {
        add(insn, &count[SDOT]);
    } else if ((w & 0xffe0fc00) == 0x4e80a400) {
        add(insn, &count[SMMLA]);
    }
}

static int is_load(uint32_t w)
{
    uint32_t group = (w >> 28) & 3, opc = (w >> 22) & 3;

    if (group == 1) return 1; /* literal */
    if (group == 0 || group == 2) return (w >> 22) & 1;
    return (w >> 26) & 1 ? (int)(opc & 1) : opc != 0;
}

static void on_block(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0, n = qemu_plugin_tb_n_insns(tb); i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint32_t w, op0;

        memcpy(&w, qemu_plugin_insn_data(insn), sizeof w);
        op0 = (w >> 25) & 15;
        add(insn, &count[ALL]);
        if (by_function) add(insn, counter_of(qemu_plugin_insn_symbol(insn)));
        if ((op0 & 7) == 7) {
            add(insn, &count[SIMD]);
            classify_simd(insn, w);
        } else if ((op0 & 5) == 4) {
            add(insn, &count[is_load(w) ? LOAD : STORE]);
        } else if ((op0 & 14) == 10) {
            add(insn, &count[BRANCH]);
        }
    }
}

static int busiest_first(const void *a, const void *b)
{
    uint64_t x = (*(struct function *const *)a)->count, y = (*(struct function *const *)b)->count;

    return x < y ? 1 : x > y ? -1 : 0;
}

static void on_end(qemu_plugin_id_t id, void *user)
{
    char line[512];

    (void)id;
    (void)user;
    for (int c = 0; c < CLASSES; c++) {
        snprintf(line, sizeof line, "%s=%" PRIu64 "%c", class_name[c], count[c],
                 c + 1 < CLASSES ? ' ' : '\n');
        qemu_plugin_outs(line);
    }
    qsort(functions, function_count, sizeof functions[0], busiest_first);
    for (unsigned i = 0; i < function_count; i++) {
        snprintf(line, sizeof line, "%14" PRIu64 " %s\n", functions[i]->count, functions[i]->name);
        qemu_plugin_outs(line);
    }
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc,
                               char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++)
        if (!strcmp(argv[i], "sym=on")) by_function = true;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
    qemu_plugin_register_atexit_cb(id, on_end, NULL);
    return 0;
}
