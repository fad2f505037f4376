/* SPDX-License-Identifier: MIT */
/* What tasks share: an event starts them together, a semaphore lets two in at a time, and a lock
 * keeps what one reads, awaits and writes in one piece. */
#include <asyncio.h>
#include <stdio.h>

static asyncio_event opened;
static asyncio_semaphore tills;
static asyncio_lock account;
static int balance = 100;

/* Between reading and writing it awaits: without the lock another would change it meanwhile. */
static int withdraw(int amount)
{
    int r = asyncio_lock_enter(&account);        /* async with account: */
    if (r < 0)
        return r;
    int before = balance;
    r = asyncio_sleep(0.01);
    if (r >= 0 && before < amount)
        r = asyncio_raise(-EINVAL, "there are only %d left", before);
    if (r >= 0)
        balance = before - amount;
    return asyncio_lock_exit(&account, r);       /* released, whatever happened */
}

static int customer(int number, int amount)
{
    int r = asyncio_event_wait(&opened);
    if (r < 0)
        return r;
    ASYNCIO_SEMAPHORE(&tills, r)                 /* the same with a scope macro: a return, too, */
    {                                            /* would give the till back */
        printf("customer %d: at a till\n", number);
        r = withdraw(amount);
        printf("customer %d: %s\n", number, r < 0 ? asyncio_last_error(r)->text : "served");
    }
    return r == -EINVAL ? 0 : r;
}

static int open_later(void)
{
    int r = asyncio_sleep(0.05);
    puts("open");
    asyncio_event_set(&opened);
    return r;
}

static int program(void)
{
    /* all in memory of one's own, and without malloc */
    asyncio_event_init(&opened);
    asyncio_lock_init(&account);
    int r = asyncio_semaphore_init(&tills, 2);
    if (r >= 0)
        r = asyncio_gather(asyncio_coro(customer, 1, 60), asyncio_coro(customer, 2, 70),
                           asyncio_coro(customer, 3, 40), asyncio_coro(open_later));
    printf("left: %d\n", balance);
    return r;
}

int main(void)
{
    return asyncio_print_exception(asyncio_run(asyncio_coro(program)));
}
