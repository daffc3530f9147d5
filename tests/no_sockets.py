"""Runs a program that the kernel ends with SIGSYS at its first socket, C code and child processes included.

Sockets of the machine itself (AF_UNIX) are let be: to ask for a user's home folder takes one.

``python no_sockets.py SCRIPT …`` sets a seccomp filter (Linux, x86-64 and ARM64), then runs the script.
"""

from __future__ import annotations

import ctypes
import platform
import runpy
import struct
import sys

# Audit's name of the machine, and the number of the system call ``socket``.
MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
_SET_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2
_UNIX = 1
_ALLOW, _KILL_PROCESS = 0x7FFF0000, 0x80000000
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def forbid() -> None:
    """Forbid sockets to this process and all that it starts, for good."""
    machine, number = MACHINES[platform.machine()]
    instructions = (
        (_LOAD, 0, 0, 4),  # the machine
        (_JUMP_IF_EQUAL, 0, 4, machine),
        (_LOAD, 0, 0, 0),  # the system call
        (_JUMP_IF_EQUAL, 0, 2, number),
        (_LOAD, 0, 0, 16),  # its first argument: the family
        (_JUMP_IF_EQUAL, 0, 1, _UNIX),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _KILL_PROCESS),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *i) for i in instructions))
    program = _Program(len(instructions), ctypes.cast(code, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in (
        (_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0),
    ):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "the filter can't be set")


if __name__ == "__main__":
    forbid()
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
