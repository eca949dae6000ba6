# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names that a directory can have and a program can trip over; every one is a legal name of an action. tests/unit/odd_names.h has the same
idea for the layers by themselves."""
import re

NAMES = {
    "plain": b"f3fb7c74c3b342a0",
    "a space": b"a b",
    "a leading space": b" a",
    "a trailing space": b"a ",
    "only a space": b" ",
    "a newline": b"new\nline",
    "only a newline": b"\n",
    "a tab": b"a\tb",
    "a carriage return": b"a\rb",
    "a backslash": b"back\\slash",
    "a trailing backslash": b"back\\",
    "two backslashes": b"\\\\",
    "an escape of ours, by letters": b"a\\x41b",
    "an escape of the kernel's, by letters": b"a\\040b",
    "a hash": b"#a",
    "a semicolon": b";a",
    "quotes": b"'\"`",
    "a shell's mischief": b"$(reboot);`id`&|<>*",
    "an SQL statement": b"a'); DROP TABLE actions;--",
    "a format": b"%s%n%99999d",
    "a pattern": b"[a-z]*?",
    "a section": b"[root x]",
    "a key": b"grace = 0s",
    "a layout": b"{action}",
    "a comma and a colon": b"a,b:c=d",
    "a terminal's escape": b"\x1b[31mred\x1b[0m",
    "a terminal's title": b"\x1b]0;title\x07",
    "every control byte": bytes(range(1, 0x20)) + b"\x7f",
    "a C1 control": "a\u0085b\u009b31m".encode(),
    "Latin-1": b"caf\xe9",
    "UTF-8": "café 日本語 🙂".encode(),
    "UTF-8 that is cut": "日本".encode()[:-1],
    "an overlong slash": b"a\xc0\xafb",
    "a surrogate": b"a\xed\xa0\x80b",
    "beyond Unicode": b"\xf5\x80\x80\x80",
    "no character at all": b"\xff\xfe\xfd",
    "every byte above ASCII": bytes(range(0x80, 0x100)),
    "a line separator": "a\u2028b\u2029c".encode(),
    "text turned round": "a\u202etxt.exe".encode(),
    "a byte order mark": "\ufeffa".encode(),
    "a combining mark": "\u0301a".encode(),
    "a dash": b"-",
    "two dashes": b"--",
    "a leading dash": b"-rf",
    "an option": b"--json",
    "an option with a value": b"--root=x",
    "a generation": b"x@3",
    "a generation, escaped by letters": b"x\\x403",
    "generation 0": b"x@0",
    "only a generation": b"@3",
    "two generations": b"x@1@2",
    "a generation too large": b"x@4294967296",
    "a trailing at": b"x@",
    "a mount's reference": b"mnt:5",
    "a mount's reference without a number": b"mnt:",
    "a number": b"4711",
    "zero": b"0",
    "null": b"null",
    "what the kernel appends to deleted names": b"a (deleted)",
    "a tilde": b"~",
    "255 bytes": b"n" * 255,
    "255 bytes that are no text": b"\xff" * 255,
    "255 bytes that are escaped by the kernel": b"\\ \n\t#" * 51,
    "a dot behind": b"a.",
    "a comma at the end": b"a,",
}


def escaped(data):
    """As output shows bytes, by another way than the programs under test go."""
    deceptive = {0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A), 0xFEFF}
    out = ""
    for char in data.decode("utf-8", "surrogateescape"):
        point = ord(char)
        if char == "\\":
            out += "\\\\"
        elif point < 0x20 or 0x7F <= point < 0xA0 or 0xD800 <= point < 0xE000 or point in deceptive:
            out += "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))
        else:
            out += char
    return out


def unescaped(text):
    """What an argument means."""
    return re.sub(rb"\\(\\|x[0-9a-f]{2})", lambda m: b"\\" if m[1] == b"\\" else bytes.fromhex(m[1][1:].decode()), text.encode())
