"""Small file systems of our own: one in memory that is soon full, one on a disk whose end can be taken away."""

import fcntl
import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Final

from tests.faults.trial import NotHereError, Trial

_MIB: Final = 1 << 20
_IMAGE_BYTES: Final = 32 * _MIB
_BLOCK_BYTES: Final = 4096
_FIBMAP: Final = 1


def mount_small(trial: Trial, folder: Path, size_bytes: int) -> None:
    """Put a file system of so many bytes in place of a folder, until the trial is closed."""
    folder.mkdir(parents=True, exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "watchbook-faults", str(folder))
    trial.at_close.callback(_unmount, folder)


def fill(folder: Path) -> Path:
    """Fill a file system to its last block and return the file that does."""
    ballast = folder / "ballast"
    with ballast.open("ab", buffering=0) as file:
        while True:
            try:
                file.write(bytes(_BLOCK_BYTES))
            except OSError:
                return ballast


class Image:
    """An ext4 file system in a file, mounted in place of a folder until the trial is closed."""

    def __init__(self, trial: Trial, folder: Path) -> None:
        self._folder = folder
        self._path = trial.stand.folder / "image"
        self._tail: tuple[int, bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        with self._path.open("wb") as file:
            file.truncate(_IMAGE_BYTES)
        _run("mkfs.ext4", "-q", "-b", str(_BLOCK_BYTES), str(self._path))
        self.mount()
        trial.at_close.callback(self.unmount)

    def mount(self) -> None:
        """Mount it."""
        _run("mount", "-o", "loop,errors=remount-ro", str(self._path), str(self._folder))

    def unmount(self) -> None:
        """Unmount it; nothing may use it any more."""
        _unmount(self._folder)

    def repair(self) -> None:
        """Check it as an administrator would, while it is not mounted."""
        done = subprocess.run(["e2fsck", "-fy", str(self._path)], capture_output=True, text=True, check=False)
        if done.returncode > 1:
            raise AssertionError(f"e2fsck: {done.stdout}{done.stderr}")

    def fail(self) -> None:
        """Let the kernel find an error: it makes the file system read-only under whoever uses it."""
        trigger = Path("/sys/fs/ext4") / self._device() / "trigger_fs_error"
        try:
            trigger.write_text("1")
        except OSError as error:
            raise NotHereError(f"{trigger} cannot be used: {error.strerror}") from error

    def _device(self) -> str:
        for line in Path("/proc/mounts").read_text().splitlines():
            device, folder = line.split()[:2]
            if folder == str(self._folder):
                return Path(device).name
        raise AssertionError(f"{self._folder} is not mounted")

    def take_away(self, path: Path, offset: int) -> None:
        """Take away the disk from the block on that holds an offset of a file: reading it gives EIO."""
        os.sync()
        with path.open("rb") as file, self._path.open("r+b") as image:
            os.fsync(file.fileno())
            number = struct.pack("i", offset // _BLOCK_BYTES)
            (block,) = struct.unpack("i", fcntl.ioctl(file.fileno(), _FIBMAP, number))
            begin = block * _BLOCK_BYTES
            image.seek(begin)
            self._tail = begin, image.read()
            image.truncate(begin)
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def give_back(self) -> None:
        """Give back what was taken away."""
        assert self._tail is not None
        begin, content = self._tail
        with self._path.open("r+b") as image:
            image.seek(begin)
            image.write(content)


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", str(folder)], capture_output=True, check=False)


def _run(*command: str) -> None:
    program = shutil.which(command[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        raise NotHereError(f"there is no {command[0]} here")
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotHereError(f"{command[0]} is not permitted here: {done.stderr.strip()}")
