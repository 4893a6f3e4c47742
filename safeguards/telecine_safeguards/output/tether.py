"""Starts a check's program so that it cannot outlive who started it: `tether.py PID COMMAND…`.

A replica that is killed runs no clean-up, and a check that is stopped reads no end of its input. So
the kernel is asked to kill the program when its parent dies (Linux: PR_SET_PDEATHSIG, which stays
set over exec; the parent is the thread that started it). Run as a file with `-I -S`: it starts in
milliseconds and imports nothing of ours.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then become the program."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:  # it died before the kernel knew
        sys.exit("the parent is gone")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
