"""Becomes another program that ends when its parent does, however the parent ends.

    python -I -S child.py SIGNAL [--unprivileged] PROGRAM [ARGUMENT ...]

SIGNAL is sent to the program when its parent dies (Linux; elsewhere nothing is). ``--unprivileged`` is for PostgreSQL,
which refuses to run as root: root becomes an ordinary user in the eyes of the program alone, by a user namespace in
which its files are still its own. Where the kernel forbids that, the program runs as ``nobody``.

A program of its own, since what it does between fork and exec is not safe in a process with threads.
"""

import ctypes
import os
import pwd
import signal
import sys
from pathlib import Path

_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1


def drop_privileges() -> None:
    if os.geteuid() != 0:
        return
    uid, gid = os.getuid(), os.getgid()
    unshare = getattr(ctypes.CDLL(None, use_errno=True), "unshare", None)
    if unshare is not None and unshare(_CLONE_NEWUSER) == 0:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"1000 {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"1000 {gid} 1", encoding="ascii")
        return
    nobody = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)


def main() -> None:
    parent = os.getppid()
    number, *command = sys.argv[1:]
    if command[0] == "--unprivileged":
        command = command[1:]
        drop_privileges()
    if sys.platform == "linux":
        # After the change of user, which clears it.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
