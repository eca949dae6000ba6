# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mounts, and the kernel's own table of them: by unique id where it has those."""
import ctypes
import functools
import os
import struct
from collections import namedtuple

LIBC = ctypes.CDLL(None, use_errno=True)
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_MOVE, MS_REC = 32, 4096, 8192, 16384
MS_UNBINDABLE, MS_PRIVATE, MS_SLAVE, MS_SHARED = 1 << 17, 1 << 18, 1 << 19, 1 << 20
MNT_DETACH, UMOUNT_NOFOLLOW = 2, 8
CLONE_NEWNS = 0x00020000


def mount(source, target, fstype, flags=0, data=None):
    def encode(text):
        return None if text is None else os.fsencode(text)
    if LIBC.mount(encode(source), encode(target), encode(fstype), ctypes.c_ulong(flags), encode(data)) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"mount {source} {fstype}: {os.strerror(error)}", target)


def umount(target, flags=UMOUNT_NOFOLLOW):
    if LIBC.umount2(os.fsencode(target), flags) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), target)


def bind(source, target, recursive=False):
    mount(source, target, None, MS_BIND | (MS_REC if recursive else 0))


Mount = namedtuple("Mount", "id parent id32 dev target root fstype options", defaults=(None,))

NR_STATMOUNT, NR_LISTMOUNT = 457, 458
LSMT_ROOT = 0xFFFFFFFFFFFFFFFF
STATMOUNT_SB_BASIC, STATMOUNT_MNT_BASIC, STATMOUNT_MNT_ROOT, STATMOUNT_MNT_POINT, STATMOUNT_FS_TYPE = 1, 2, 8, 16, 32


def syscall(*arguments):
    result = LIBC.syscall(*[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


@functools.cache
def has_listmount():
    try:
        listmount(1)
        return True
    except OSError:
        return False


def listmount(room=4096):
    ids, after = [], 0
    while True:
        request = struct.pack("=IIQQ", 24, 0, LSMT_ROOT, after)
        array = (ctypes.c_uint64 * room)()
        count = syscall(NR_LISTMOUNT, ctypes.create_string_buffer(request, 24), array, room, 0)
        ids += array[:count]
        if count < room or room == 1:
            return ids
        after = ids[-1]


def statmount(number):
    """None where the mount has gone."""
    wanted = STATMOUNT_SB_BASIC | STATMOUNT_MNT_BASIC | STATMOUNT_MNT_ROOT | STATMOUNT_MNT_POINT | STATMOUNT_FS_TYPE
    request = ctypes.create_string_buffer(struct.pack("=IIQQ", 24, 0, number, wanted), 24)
    answer = ctypes.create_string_buffer(20480)
    try:
        syscall(NR_STATMOUNT, request, answer, len(answer), 0)
    except OSError as error:
        if error.errno == 2:
            return None
        raise

    # struct statmount: the strings are offsets from byte 512 on.
    def text(offset):
        start = 512 + struct.unpack_from("=I", answer, offset)[0]
        return os.fsdecode(answer.raw[start:answer.raw.index(b"\0", start)])
    unique, parent, id32 = struct.unpack_from("=QQI", answer, 40)
    dev = os.makedev(*struct.unpack_from("=II", answer, 16))
    return Mount(unique, parent, id32, dev, text(108), text(104), text(36))


def mountinfo(pid="self"):
    def unescape(field):
        out, at = bytearray(), 0
        while at < len(field):
            if field[at:at + 1] == b"\\" and field[at + 1:at + 4].isdigit():
                out.append(int(field[at + 1:at + 4], 8))
                at += 4
            else:
                out.append(field[at])
                at += 1
        return os.fsdecode(bytes(out))
    found = []
    with open(f"/proc/{pid}/mountinfo", "rb") as table:
        for line in table.read().splitlines():
            fields = line.split(b" ")
            kind = fields[fields.index(b"-", 6) + 1].decode()
            dev = os.makedev(*map(int, fields[2].split(b":")))
            found.append(Mount(int(fields[0]), int(fields[1]), int(fields[0]), dev, unescape(fields[4]), unescape(fields[3]), kind, fields[5].decode()))
    return found


def mounts(under=None):
    """{id: Mount} of our namespace, with unique ids where the kernel has them; `under`: at or below that path only."""
    if has_listmount():
        found = [m for m in map(statmount, listmount()) if m]
    else:
        found = mountinfo()
    return {m.id: m for m in found if under is None or is_at_or_below(m.target, under)}


def is_at_or_below(path, directory):
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def ids(under=None):
    return set(mounts(under))


def count_under(directory):
    """Mounts at or below a directory by mountinfo alone: quick enough to be asked again and again."""
    return sum(1 for m in mountinfo() if is_at_or_below(m.target, directory))


def top_id(path):
    """The id of the topmost mount at a path that is well: this looks the path up."""
    status = ctypes.create_string_buffer(256)
    # statx: AT_FDCWD, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT; STATX_MNT_ID_UNIQUE, or the 32-bit id.
    if LIBC.statx(-100, os.fsencode(path), 0x900, 0x4000 if has_listmount() else 0x1000, status) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    return struct.unpack_from("=Q", status, 0x90)[0]


def gone(*numbers):
    """True once none of the mounts is in the table."""
    return not set(numbers) & (set(listmount()) if has_listmount() else ids())
