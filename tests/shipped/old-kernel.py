"""Runs a program as a kernel would that ends at a system call: old-kernel.py LAST PROGRAM…

Every call of x86_64 with a higher number is answered "no such call" (ENOSYS), as an older kernel
does. The program takes the place of this process.
"""
import ctypes
import errno
import os
import struct
import sys

ARCHITECTURE_X86_64 = 0xC000003E
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, JUMP_IF_EQUAL, JUMP_IF_GREATER, ANSWER = 0x20, 0x15, 0x25, 0x06
ALLOW, ERROR = 0x7FFF0000, 0x00050000


def steps(last):
    """A filter: code, where to jump if so and if not, operand."""
    yield LOAD, 0, 0, 4
    yield JUMP_IF_EQUAL, 0, 3, ARCHITECTURE_X86_64
    yield LOAD, 0, 0, 0
    yield JUMP_IF_GREATER, 0, 1, last
    yield ANSWER, 0, 0, ERROR | errno.ENOSYS
    yield ANSWER, 0, 0, ALLOW


def main():
    last, program = int(sys.argv[1]), sys.argv[2:]
    code = b"".join(struct.pack("HBBI", *step) for step in steps(last))
    buffer = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    call = ctypes.CDLL(None, use_errno=True).prctl
    if call(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or call(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, head):
        sys.exit(f"old-kernel.py: {os.strerror(ctypes.get_errno())}")
    os.execvp(program[0], program)


if __name__ == "__main__":
    main()
