/* SPDX-License-Identifier: MIT */
/* The switch on AArch64 (AAPCS64). Contract: coro/coro.h.
 *
 * Both are reached by a branch, not a call, with the address to go on at in x30 (coro/coro.h),
 * and left by a branch: switch_x86_64.S tells why. d8 to d15 are saved by the compiler around
 * the switch, which names them as changed.
 *
 * A suspended flow's `sp` points at (low to high)
 *      x29 x30  x19 .. x28  caught, uncaught (C++ exception globals)
 * Nothing is signed across the switch: functions built with pac-ret authenticate their own
 * frames. */

#define SP 0         /* struct coro */
#define EXCEPTIONS 8
#define FRAME 112

#define BTI_C hint #34
#define BTI_JC hint #38

#define SAVE(a, b, offset)       \
    stp a, b, [sp, offset];     \
    .cfi_rel_offset a, offset;   \
    .cfi_rel_offset b, offset + 8
#define LOAD(a, b, offset)       \
    ldp a, b, [sp, offset];     \
    .cfi_restore a;              \
    .cfi_restore b

/* From a frame as drawn above, with x2 = the exception globals, to the flow's own code. */
#define RESUME                   \
    ldp x3, x4, [sp, #96];       \
    stp x3, x4, [x2];            \
    LOAD(x27, x28, 80);          \
    LOAD(x25, x26, 64);          \
    LOAD(x23, x24, 48);          \
    LOAD(x21, x22, 32);          \
    LOAD(x19, x20, 16);          \
    LOAD(x29, x30, 0);           \
    add sp, sp, #FRAME;          \
    .cfi_def_cfa_offset 0;       \
    br x30

/* sp points at such a frame. */
#define CFI_SUSPENDED            \
    .cfi_def_cfa sp, FRAME;      \
    .cfi_rel_offset x29, 0;      \
    .cfi_rel_offset x30, 8;      \
    .cfi_rel_offset x19, 16;     \
    .cfi_rel_offset x20, 24;     \
    .cfi_rel_offset x21, 32;     \
    .cfi_rel_offset x22, 40;     \
    .cfi_rel_offset x23, 48;     \
    .cfi_rel_offset x24, 56;     \
    .cfi_rel_offset x25, 64;     \
    .cfi_rel_offset x26, 72;     \
    .cfi_rel_offset x27, 80;     \
    .cfi_rel_offset x28, 88

#define FUNCTION(name)           \
    .globl name;                 \
    .hidden name;                \
    .type name, %function;       \
    .p2align 5;                  \
name:                            \
    .cfi_startproc
#define END(name)                \
    .cfi_endproc;                \
    .size name, . - name

    .text

/* from in x0, to in x1 */
FUNCTION(asyncio__coro_swap)
    ldr x2, [x0, #EXCEPTIONS]
    sub sp, sp, #FRAME
    .cfi_def_cfa_offset FRAME
    SAVE(x29, x30, 0)
    SAVE(x19, x20, 16)
    SAVE(x21, x22, 32)
    SAVE(x23, x24, 48)
    SAVE(x25, x26, 64)
    SAVE(x27, x28, 80)
    ldp x3, x4, [x2]
    stp x3, x4, [sp, #96]
    mov x5, sp
    str x5, [x0, #SP]
    ldr x6, [x1, #SP]
    mov sp, x6
    RESUME
END(asyncio__coro_swap)

/* The same, but nothing of `from` is kept. */
FUNCTION(asyncio__coro_jump)
    ldr x2, [x0, #EXCEPTIONS]
    ldr x6, [x1, #SP]
    mov sp, x6
    CFI_SUSPENDED
    RESUME
END(asyncio__coro_jump)

/* Where a flow starts: entry in x19, its argument in x20. An undefined return address ends
 * every unwinding. The nop is for unwinders of a flow that never ran: they look up the
 * instruction before a return address. A jump and no call: see switch_x86_64.S; by x16, from
 * where it may land where only calls may. */
FUNCTION(asyncio__coro_entry)
    .cfi_undefined x30
    .cfi_undefined x29
    nop
.Lentry:
    BTI_JC
    mov x29, #0
    mov x0, x20
    mov x16, x19
    adr x30, .Lover
    br x16
.Lover:
    brk #1
END(asyncio__coro_entry)

/* void *asyncio__coro_prepare(void *top, void (*entry)(void *), void *argument): writes the
 * first frame below `top`, returns what `sp` shall be. 16 bytes of zero stay above it, for who
 * walks by frame pointers. */
FUNCTION(asyncio__coro_prepare)
    BTI_C
    stp xzr, xzr, [x0, #-16]
    sub x0, x0, #(FRAME + 16)
    adr x3, .Lentry
    stp xzr, x3, [x0]            /* x29, x30 */
    stp x1, x2, [x0, #16]        /* x19, x20 */
    stp xzr, xzr, [x0, #32]
    stp xzr, xzr, [x0, #48]
    stp xzr, xzr, [x0, #64]
    stp xzr, xzr, [x0, #80]
    stp xzr, xzr, [x0, #96]
    ret
END(asyncio__coro_prepare)

/* Runs on the stack of a suspended flow, just below its frame, as if called from where it waits:
 * the function in x19 with the argument in x20; then goes on with the flow in x21. */
FUNCTION(asyncio__coro_visitor)
    CFI_SUSPENDED
    nop
.Lvisitor:
    BTI_JC
    mov x0, x20
    blr x19
    mov x0, x21
    mov x1, x21
    adr x30, 1f
1:  b asyncio__coro_jump
END(asyncio__coro_visitor)

/* void *asyncio__coro_prepare_visit(void *sp, void (*visit)(void *), void *argument,
 * struct coro *back): writes the frame that lets asyncio__coro_visitor run, returns its `sp`. */
FUNCTION(asyncio__coro_prepare_visit)
    BTI_C
    ldr x5, [x0]                 /* x29: for who walks by frame pointers */
    sub x0, x0, #FRAME
    adr x4, .Lvisitor
    stp x5, x4, [x0]             /* x29, x30 */
    stp x1, x2, [x0, #16]        /* x19, x20 */
    stp x3, xzr, [x0, #32]       /* x21 */
    stp xzr, xzr, [x0, #48]
    stp xzr, xzr, [x0, #64]
    stp xzr, xzr, [x0, #80]
    stp xzr, xzr, [x0, #96]
    ret
END(asyncio__coro_prepare_visit)

    .section .note.GNU-stack, "", %progbits

#if defined(__ARM_FEATURE_BTI_DEFAULT)
    .section .note.gnu.property, "a", %note
    .p2align 3
    .word 4, 16, 5
    .asciz "GNU"
    .word 0xc0000000, 4, 1, 0
#endif
