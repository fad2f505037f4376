/* SPDX-License-Identifier: MIT */
/* The switch on x86-64 (System V ABI). Contract: coro/coro.h.
 *
 * Both are reached by a jump, not a call, with the address to go on at in rdx (coro/coro.h),
 * and left by a jump. So the processor's stack of return addresses stays as deep as the
 * program's: it is what predicts every later `ret` of the flow that goes on, and the flows of
 * one program mostly wait at the same depth of the same functions. A call here without a `ret`
 * put one address too many on it, and each `ret` after a switch was predicted wrong: 18 ns
 * instead of 7.5 for a switch two functions deep (tests/coro/measure.c). A `ret` in turn is
 * wrong whenever two flows wait at different places.
 *
 * A suspended flow's `sp` points at (low to high)
 *      caught, uncaught (C++ exception globals)  r15 r14 r13 r12 rbx rbp
 *      the address to go on at  128 bytes of red zone
 * Call-frame information holds at every instruction: before and after the stacks are exchanged
 * the frame has the same shape, so the one description is right for either stack. `notrack`:
 * where we go on is no endbr64. */

#define SP 0         /* struct coro */
#define EXCEPTIONS 8

#define PUSH(register)           \
    pushq %register;             \
    .cfi_adjust_cfa_offset 8;    \
    .cfi_rel_offset register, 0
#define PUSH2(register, as)      \
    pushq %register;             \
    .cfi_adjust_cfa_offset 8;    \
    .cfi_rel_offset as, 0
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
    popq %rdx;                   \
    .cfi_adjust_cfa_offset -8;   \
    .cfi_register rip, rdx;      \
    leaq 128(%rsp), %rsp;        \
    .cfi_adjust_cfa_offset -128; \
    notrack jmp *%rdx

/* rsp points at such a frame. */
#define CFI_SUSPENDED            \
    .cfi_def_cfa rsp, 200;       \
    .cfi_rel_offset r15, 16;     \
    .cfi_rel_offset r14, 24;     \
    .cfi_rel_offset r13, 32;     \
    .cfi_rel_offset r12, 40;     \
    .cfi_rel_offset rbx, 48;     \
    .cfi_rel_offset rbp, 56;     \
    .cfi_rel_offset rip, 64

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

/* from in rdi, to in rsi */
FUNCTION(asyncio__coro_swap)
    .cfi_def_cfa_offset 0
    .cfi_register rip, rdx
    movq EXCEPTIONS(%rdi), %rax
    leaq -128(%rsp), %rsp
    .cfi_adjust_cfa_offset 128
    PUSH2(rdx, rip)
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

/* The same, but nothing of `from` is kept. */
FUNCTION(asyncio__coro_jump)
    .cfi_def_cfa_offset 0
    .cfi_register rip, rdx
    movq EXCEPTIONS(%rdi), %rax
    movq SP(%rsi), %rsp
    CFI_SUSPENDED
    RESUME
END(asyncio__coro_jump)

/* Where a flow starts: entry in rbx, its argument in r12. An undefined return address ends
 * every unwinding. The nop is for unwinders of a flow that never ran: they look up the byte
 * before a return address. A jump and no call, since it never returns: the processor pairs calls
 * with returns, and one call too many makes it mispredict each return of whoever runs next. */
FUNCTION(asyncio__coro_entry)
    .cfi_undefined rip
    .cfi_undefined rbp
    nop
.Lentry:
    endbr64
    xorl %ebp, %ebp
    movq %r12, %rdi
    leaq .Lover(%rip), %rax
    pushq %rax
    jmpq *%rbx
.Lover:
    ud2
END(asyncio__coro_entry)

/* void *asyncio__coro_prepare(void *top, void (*entry)(void *), void *argument): writes the
 * first frame below `top`, returns what `sp` shall be. 16 bytes of zero stay above it, for who
 * walks by frame pointers. */
FUNCTION(asyncio__coro_prepare)
    endbr64
    leaq -(16 + 200)(%rdi), %rax
    xorl %ecx, %ecx
    leaq .Lentry(%rip), %r8
    movq %rcx, -8(%rdi)
    movq %rcx, -16(%rdi)
    movq %rcx, (%rax)     /* caught */
    movq %rcx, 8(%rax)    /* uncaught */
    movq %rcx, 16(%rax)
    movq %rcx, 24(%rax)
    movq %rcx, 32(%rax)
    movq %rdx, 40(%rax)   /* r12 */
    movq %rsi, 48(%rax)   /* rbx */
    movq %rcx, 56(%rax)   /* rbp */
    movq %r8, 64(%rax)
    ret
END(asyncio__coro_prepare)

/* Runs on the stack of a suspended flow, just below its frame, as if called from where it waits:
 * the function in rbx with the argument in r12; then goes on with the flow in r15. */
FUNCTION(asyncio__coro_visitor)
    CFI_SUSPENDED
    nop
.Lvisitor:
    endbr64
    movq %rsp, %r14
    .cfi_def_cfa_register r14
    andq $-16, %rsp
    movq %r12, %rdi
    callq *%rbx
    movq %r14, %rsp
    .cfi_def_cfa_register rsp
    movq %r15, %rdi
    movq %r15, %rsi
    leaq 1f(%rip), %rdx
1:  jmp asyncio__coro_jump
END(asyncio__coro_visitor)

/* void *asyncio__coro_prepare_visit(void *sp, void (*visit)(void *), void *argument,
 * struct coro *back): writes the frame that lets asyncio__coro_visitor run, returns its `sp`. */
FUNCTION(asyncio__coro_prepare_visit)
    endbr64
    leaq -200(%rdi), %rax
    leaq .Lvisitor(%rip), %r8
    movq 56(%rdi), %r9
    movq $0, (%rax)
    movq $0, 8(%rax)
    movq %rcx, 16(%rax)   /* r15 */
    movq $0, 24(%rax)
    movq $0, 32(%rax)
    movq %rdx, 40(%rax)   /* r12 */
    movq %rsi, 48(%rax)   /* rbx */
    movq %r9, 56(%rax)    /* rbp: for who walks by frame pointers */
    movq %r8, 64(%rax)
    ret
END(asyncio__coro_prepare_visit)

    .section .note.GNU-stack, "", @progbits

/* Indirect branch tracking is kept; shadow stacks are not (each flow would need one), so that
 * bit stays unset. */
#if defined(__CET__) && (__CET__ & 1)
    .section .note.gnu.property, "a", @note
    .p2align 3
    .long 4, 16, 5
    .asciz "GNU"
    .long 0xc0000002, 4, 1, 0
#endif
