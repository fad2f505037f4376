/* SPDX-License-Identifier: MIT */
/* See look.h. Top-level assembly for both processors: the instructions are a call and nothing
 * else, the information for the unwinder is what counts. */
#include "inspect/look.h"

#define FUNCTION                                                                                   \
    "    .text\n"                                                                                  \
    "    .globl asyncio__look\n"                                                                   \
    "    .hidden asyncio__look\n"                                                                  \
    "    .p2align 4\n"                                                                             \
    "asyncio__look:\n"                                                                             \
    "    .cfi_startproc\n"
#define END                                                                                        \
    "    .cfi_endproc\n"                                                                           \
    "    .size asyncio__look, . - asyncio__look\n"

#if defined(__x86_64__)
__asm__("    .type asyncio__look, @function\n" FUNCTION
        "    pushq %r14\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    .cfi_rel_offset r14, 0\n"
        "    movq %rdi, %r14\n"
        "    movq %rdx, %rdi\n"
        "    .cfi_remember_state\n"
        "    .cfi_def_cfa r14, 200\n"
        "    .cfi_rel_offset r15, 16\n"
        "    .cfi_rel_offset r14, 24\n"
        "    .cfi_rel_offset r13, 32\n"
        "    .cfi_rel_offset r12, 40\n"
        "    .cfi_rel_offset rbx, 48\n"
        "    .cfi_rel_offset rbp, 56\n"
        "    .cfi_rel_offset rip, 64\n"
        "    callq *%rsi\n"
        "    .cfi_restore_state\n"
        "    popq %r14\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    .cfi_restore r14\n"
        "    ret\n" END);
#elif defined(__aarch64__)
__asm__("    .type asyncio__look, %function\n" FUNCTION
        "    stp x29, x30, [sp, #-32]!\n"
        "    .cfi_def_cfa_offset 32\n"
        "    .cfi_rel_offset x29, 0\n"
        "    .cfi_rel_offset x30, 8\n"
        "    str x19, [sp, #16]\n"
        "    .cfi_rel_offset x19, 16\n"
        "    mov x29, sp\n"
        "    mov x19, x0\n"
        "    mov x0, x2\n"
        "    .cfi_remember_state\n"
        "    .cfi_def_cfa x19, 112\n"
        "    .cfi_rel_offset x29, 0\n"
        "    .cfi_rel_offset x30, 8\n"
        "    .cfi_rel_offset x19, 16\n"
        "    .cfi_rel_offset x20, 24\n"
        "    .cfi_rel_offset x21, 32\n"
        "    .cfi_rel_offset x22, 40\n"
        "    .cfi_rel_offset x23, 48\n"
        "    .cfi_rel_offset x24, 56\n"
        "    .cfi_rel_offset x25, 64\n"
        "    .cfi_rel_offset x26, 72\n"
        "    .cfi_rel_offset x27, 80\n"
        "    .cfi_rel_offset x28, 88\n"
        "    blr x1\n"
        "    .cfi_restore_state\n"
        "    ldr x19, [sp, #16]\n"
        "    .cfi_restore x19\n"
        "    ldp x29, x30, [sp], #32\n"
        "    .cfi_restore x29\n"
        "    .cfi_restore x30\n"
        "    .cfi_def_cfa_offset 0\n"
        "    ret\n" END);
#endif
