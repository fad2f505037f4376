/* SPDX-License-Identifier: MIT */
/* The limit of switch2 and switch10k: a FIFO of N flows on stacks of their own, and nothing else.
 * No loop, no task.
 *
 *   switch N SWITCHES [STRIDE [COLOURS]]     each puts itself at the end and switches to the first
 *
 * A stack is a slot of STRIDE bytes (64 KiB) in one mapping without huge pages, as a runtime's
 * would be; its top is moved down by one of COLOURS multiples of 64 bytes: found to change nothing
 * beyond noise here, so 1 by default. */
#include "../common.h"

#include <sys/mman.h>

/* Saves a resume address and the frame pointer on the stack, stores the stack pointer in *save,
 * takes `to`. Inline, and every other register is declared lost: the compiler saves what lives,
 * and here nothing does. No switch is cheaper. */
static inline __attribute__((always_inline)) void give(void *save, void *to)
{
#if defined(__x86_64__)
    __asm__ volatile(
        "leaq 1f(%%rip), %%rax\n\tpushq %%rbp\n\tpushq %%rax\n\tmovq %%rsp, (%%rdi)\n\t"
        "movq %%rsi, %%rsp\n\tpopq %%rax\n\tpopq %%rbp\n\tjmp *%%rax\n1:"
        : "+D"(save), "+S"(to)
        :
        : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0",
          "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
          "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc");
#elif defined(__aarch64__)
    register void *x0 __asm__("x0") = save, *x1 __asm__("x1") = to;
    __asm__ volatile("adr x9, 1f\n\tstp x9, x29, [sp, -16]!\n\tmov x10, sp\n\tstr x10, [x0]\n\t"
                     "mov sp, x1\n\tldp x9, x29, [sp], 16\n\tbr x9\n1:"
                     : "+r"(x0), "+r"(x1)
                     :
                     : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
                       "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24",
                       "x25", "x26", "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6",
                       "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17",
                       "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28",
                       "v29", "v30", "v31", "memory", "cc");
#else
#error "no bare switch for this processor"
#endif
}

/* Where a new flow starts: the call aligns the stack and nothing returns to it. */
void bare_entry(void);
#if defined(__x86_64__)
__asm__(".text\nbare_entry:\n\tcall bare_flow\n\thlt\n");
#else
__asm__(".text\nbare_entry:\n\tbl bare_flow\n\tbrk 0\n");
#endif

static void **queue;          /* stack pointers, in the order they will run */
static uint64_t head, tail, mask;
static int64_t left;
static void *main_sp;

void bare_flow(void);
void __attribute__((used)) bare_flow(void)
{
    for (;;) {
        void *next = left-- > 0 ? queue[head++ & mask] : main_sp;
        give(&queue[tail++ & mask], next);
    }
}

int main(int argc, char **argv)
{
    size_t count = (size_t)argument(argc, argv, 1, 2),
           stride = (size_t)argument(argc, argv, 3, 65536);
    long switches = argument(argc, argv, 2, 20000000), colours = argument(argc, argv, 4, 1);
    char *slab = mmap(NULL, count * stride, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    for (mask = 1; mask < count; mask *= 2)
        ;
    queue = calloc(mask, sizeof *queue);
    mask--;
    if (slab == MAP_FAILED || !queue || colours < 1)
        die("mmap", errno);
    madvise(slab, count * stride, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < count; i++) {
        void **top = (void **)(slab + (i + 1) * stride - 64 * (i % (size_t)colours));
        void **sp = top - 2;         /* what give() pops: an address and a frame pointer */
        sp[0] = (void *)bare_entry;
        queue[tail++] = sp;
    }
    left = (int64_t)count; /* every flow runs once before the clock starts */
    give(&main_sp, queue[head++ & mask]);
    left = switches;
    int64_t begin = wall();
    give(&main_sp, queue[head++ & mask]);
    figure("ns", (double)(wall() - begin) / (double)switches);
    return 0;
}
