/* SPDX-License-Identifier: MIT */
/* The switch on x86-64 (System V ABI). Contract: coro/coro.h.
 *
 * A suspended flow's `sp` points at (low to high)
 *      caught, uncaught (C++ exception globals)  r15 r14 r13 r12 rbx rbp  return address
 * The return is a jump through a register: a `ret` would consult the processor's return stack, which predicts the
 * caller on the stack just left and is wrong at every switch. `notrack`: return addresses carry no endbr64.
 * Call-frame information holds at every instruction: before and after the stacks are exchanged the frame has the
 * same shape, so the one description is right for either stack. */

#define SP 0         /* struct coro */
#define EXCEPTIONS 8

#define PUSH(register)           \
    pushq %register;             \
    .cfi_adjust_cfa_offset 8;    \
    .cfi_rel_offset register, 0
#define POP(register)            \
    popq %register;              \
    .cfi_adjust_cfa_offset -8;   \
    .cfi_restore register

/* From a frame as drawn above, with rax = the exception globals, to the flow's own code. */
#define RESUME                   \
    popq (%rax);                 \
    .cfi_adjust_cfa_offset -8;   \
    popq 8(%rax);                \
    .cfi_adjust_cfa_offset -8;   \
    POP(r15);                    \
    POP(r14);                    \
    POP(r13);                    \
    POP(r12);                    \
    POP(rbx);                    \
    POP(rbp);                    \
    popq %rcx;                   \
    .cfi_adjust_cfa_offset -8;   \
    .cfi_register rip, rcx;      \
    notrack jmp *%rcx

#define FUNCTION(name)           \
    .globl name;                 \
    .hidden name;                \
    .type name, @function;       \
    .p2align 5;                  \
name:                            \
    .cfi_startproc
#define END(name)                \
    .cfi_endproc;                \
    .size name, . - name

    .text

/* void asyncio__coro_swap(struct coro *from, struct coro *to) */
FUNCTION(asyncio__coro_swap)
    endbr64
    movq EXCEPTIONS(%rdi), %rax
    PUSH(rbp)
    PUSH(rbx)
    PUSH(r12)
    PUSH(r13)
    PUSH(r14)
    PUSH(r15)
    pushq 8(%rax)
    .cfi_adjust_cfa_offset 8
    pushq (%rax)
    .cfi_adjust_cfa_offset 8
    movq %rsp, SP(%rdi)
    movq SP(%rsi), %rsp
    RESUME
END(asyncio__coro_swap)

/* void asyncio__coro_jump(struct coro *from, struct coro *to): as above, but nothing of `from` is kept */
FUNCTION(asyncio__coro_jump)
    endbr64
    movq EXCEPTIONS(%rdi), %rax
    movq SP(%rsi), %rsp
    .cfi_def_cfa_offset 72
    .cfi_offset rbp, -16
    .cfi_offset rbx, -24
    .cfi_offset r12, -32
    .cfi_offset r13, -40
    .cfi_offset r14, -48
    .cfi_offset r15, -56
    RESUME
END(asyncio__coro_jump)

/* Where a flow starts: entry in rbx, its argument in r12. An undefined return address ends every unwinding. The
 * nop is for unwinders of a flow that never ran: they look up the byte before a return address. */
FUNCTION(asyncio__coro_entry)
    .cfi_undefined rip
    .cfi_undefined rbp
    nop
.Lentry:
    endbr64
    xorl %ebp, %ebp
    movq %r12, %rdi
    callq *%rbx
    ud2
END(asyncio__coro_entry)

/* void *asyncio__coro_prepare(void *top, void (*entry)(void *), void *argument): writes the first frame below
 * `top`, returns what `sp` shall be. 16 bytes of zero stay above it, for who walks by frame pointers. */
FUNCTION(asyncio__coro_prepare)
    endbr64
    xorl %ecx, %ecx
    leaq .Lentry(%rip), %r8
    movq %rcx, -8(%rdi)
    movq %rcx, -16(%rdi)
    movq %r8, -24(%rdi)
    movq %rcx, -32(%rdi)  /* rbp */
    movq %rsi, -40(%rdi)  /* rbx */
    movq %rdx, -48(%rdi)  /* r12 */
    movq %rcx, -56(%rdi)
    movq %rcx, -64(%rdi)
    movq %rcx, -72(%rdi)
    movq %rcx, -80(%rdi)  /* uncaught */
    movq %rcx, -88(%rdi)  /* caught */
    leaq -88(%rdi), %rax
    ret
END(asyncio__coro_prepare)

    .section .note.GNU-stack, "", @progbits

/* Indirect branch tracking is kept; shadow stacks are not (each flow would need one), so that bit stays unset. */
#if defined(__CET__) && (__CET__ & 1)
    .section .note.gnu.property, "a", @note
    .p2align 3
    .long 4, 16, 5
    .asciz "GNU"
    .long 0xc0000002, 4, 1, 0
#endif
