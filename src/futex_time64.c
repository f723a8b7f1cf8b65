/* `syscall` of the C library, for 32-bit ARM with 64-bit time.
 *
 * Rust's std waits for a futex through `syscall(SYS_futex, …)` with libc's timespec. With 64-bit
 * time that timespec is 16 bytes, but the call of this number reads one of 8: the kernel takes
 * the upper half of the seconds for the nanoseconds, every wait with a limit ends at the full
 * second before it, and the thread spins until its time has really come. So the call is made
 * under the number that reads 64-bit times; kernels before 5.1 do not have it and get the time
 * in 32 bits, which is all the time they know.
 *
 * Linked before the C library, this takes the place of its `syscall`; all other calls go through
 * as they are.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <time.h>

#define CALL_FUTEX 240
#define CALL_FUTEX_TIME64 422
#define FUTEX_COMMAND 0x7f
#define FUTEX_WAIT 0
#define FUTEX_WAIT_BITSET 9

struct timespec32 {
    int32_t seconds;
    int32_t nanoseconds;
};

static long enter(long number, const long *a)
{
    register long r7 __asm__("r7") = number;
    register long r0 __asm__("r0") = a[0];
    register long r1 __asm__("r1") = a[1];
    register long r2 __asm__("r2") = a[2];
    register long r3 __asm__("r3") = a[3];
    register long r4 __asm__("r4") = a[4];
    register long r5 __asm__("r5") = a[5];
    __asm__ volatile("svc 0"
                     : "+r"(r0)
                     : "r"(r7), "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5)
                     : "memory");
    return r0;
}

static long wait_before_time64(long *a)
{
    const struct timespec *until = (const struct timespec *)a[3];
    struct timespec32 short_until = {
        until->tv_sec > INT32_MAX ? INT32_MAX : (int32_t)until->tv_sec,
        (int32_t)until->tv_nsec,
    };
    a[3] = (long)&short_until;
    return enter(CALL_FUTEX, a);
}

static long futex(long *a)
{
    long command = a[1] & FUTEX_COMMAND;
    if (a[3] == 0 || (command != FUTEX_WAIT && command != FUTEX_WAIT_BITSET))
        return enter(CALL_FUTEX, a);
    long result = enter(CALL_FUTEX_TIME64, a);
    return result == -ENOSYS ? wait_before_time64(a) : result;
}

long syscall(long number, ...)
{
    long a[6];
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    long result = number == CALL_FUTEX ? futex(a) : enter(number, a);
    if (result < 0 && result > -4096) {
        errno = (int)-result;
        return -1;
    }
    return result;
}
