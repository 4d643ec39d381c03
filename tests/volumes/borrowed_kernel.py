"""Runs the script once more below a kernel that is a program: Debian's user-mode-linux.

That kernel sees this machine's files, read-only, and has disks in its own memory; nothing that
happens below it can touch a volume of this machine.
"""

import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

_SKIPPED = 77
_MODULES = "/usr/lib/uml/modules"
_ROOT = Path(__file__).parents[2]
_MEMORY = "1024M"
_ENDED = "ended with exit code"

#: The first process below that kernel. Its own files are in memory; what needs attributes and
#: loop devices lies on an ext4 there.
_INIT = """\
#!/bin/bash
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C
export PYTHONDONTWRITEBYTECODE=1 TMPDIR=/mnt
mount -t proc proc /proc
mount -t sysfs sysfs /sys
for place in /run /tmp /etc/lvm; do mount -t tmpfs memory $place; done
# There is no udev to make the names below /dev.
echo 'activation {{ udev_sync = 0 udev_rules = 0 }}' >/etc/lvm/lvm.conf
mount -o size=900m -t tmpfs memory /mnt
mkdir -p /tmp/modules/lib /run/sshd /run/lvm /run/lock/lvm
ln -s {modules} /tmp/modules/lib/modules
for module in loop dm-mod dm-snapshot dm-thin-pool xfs btrfs; do
    modprobe -q -d /tmp/modules $module
done
ip link set lo up
truncate -s 800M /mnt/disk
mkfs.ext4 -q /mnt/disk
mkdir /mnt/work
mount -o loop /mnt/disk /mnt/work
export TMPDIR=/mnt/work
cd {root}
{command} 2>&1
echo "{ended} $?"
echo o >/proc/sysrq-trigger
sleep 9
"""


def run_borrowed(kinds: Sequence[str]) -> int:
    """Try these kinds below the other kernel; returns the script's exit code there."""
    program = shutil.which("linux.uml")
    if program is None:
        print("skipped: linux.uml is missing (apt-get install user-mode-linux kmod)")
        return _SKIPPED
    command = shlex.join([sys.executable, "-m", "tests.volumes", *kinds])
    with tempfile.TemporaryDirectory(prefix="lapseguard-kernel-") as folder:
        init = Path(folder) / "init"
        init.write_text(_INIT.format(modules=_MODULES, root=_ROOT, command=command, ended=_ENDED))
        init.chmod(0o755)
        return _boot(program, init)


def _boot(program: str, init: Path) -> int:
    argv = [
        *(program, f"mem={_MEMORY}", "rootfstype=hostfs", "rootflags=/", "ro", "quiet"),
        *(f"init={init}", "con=null", "con0=null,fd:1"),
    ]
    code = 1
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, cwd=init.parent
    ) as kernel:
        assert kernel.stdout is not None
        for line in kernel.stdout:
            if line.startswith(_ENDED):
                code = int(line.split()[-1])
            else:
                print(line, end="", flush=True)
    return code
