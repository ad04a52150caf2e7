"""Images and slots as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ophion.cli.output import line_width

_BAR = 40
_BAR_LEAST = 8
_NOTE_AT = 45  # the column in which notes on a part begin
_PERCENT = 6
_SLOT_BAR = 28
_WIDTH = 74
_FRAME = 4


def picture(name: str, image: dict[str, Any]) -> str:
    """What `ophion.package.description` returned, drawn from the first byte to the last."""
    header, payload = image["header"], image["payload"]
    lines = [
        f"{name}: version {image['version']}, {image['size']} bytes",
        f"hash     {image['hash'] or '(none)'}",
        f"key      {image['keyhash'] or '(none)'}",
        "",
        _part(header["offset"], header["size"], "header", _flags(header)),
        _part(payload["offset"], payload["size"], "payload", _bar(payload["size"], image["size"])),
        *_encrypted(image["encrypted"]),
        *[_part(file["offset"], file["size"], f"  {file['path']}") for file in image["files"]],
    ]
    if image["files_error"]:
        lines.append(f"          {image['files_error']}")
    elif not image["files"] and not image["encrypted"]["aes_bits"]:
        lines.append("          (no ROMFS)")
    for key, title in (("protected", "protected TLVs"), ("tlvs", "TLVs")):
        area = image[key]
        if area["size"]:
            lines.append(_part(area["offset"], area["size"], title))
            lines += [_tlv(entry) for entry in area["entries"]]
    rest = image["file_size"] - image["size"]
    if rest:
        lines.append(_part(image["size"], rest, "after the image", "not sent to devices"))
    if image["unsigned"]:
        lines += ["", f"no device takes this image: {image['unsigned']}"]
    return "\n".join(lines)


def slots(images: list[dict[str, Any]], rooms: Sequence[dict[str, Any]] = ()) -> str:
    """The slots of a device drawn below each other, what runs, and what the next boot does.

    `images` is its image list; `rooms` says of slots (image, slot) how many bytes they take (size) and have
    (used), None where nobody knows.
    """
    numbers = sorted({image.get("image") or 0 for image in images} | {0})
    return "\n".join(
        _component(
            number,
            {image["slot"]: image for image in images if (image.get("image") or 0) == number},
            {room["slot"]: room for room in rooms if room["image"] == number},
        )
        for number in numbers
    )


def _component(number: int, held: dict[int, dict[str, Any]], rooms: dict[int, dict[str, Any]]) -> str:
    width = min(_WIDTH, line_width() - _FRAME)
    lines = [f"+-- {'runtime' if number else 'application'} ".ljust(width + 3, "-") + "+"]
    for slot in sorted({0, 1} | set(held)):
        texts = [*_slot(slot, held.get(slot)), *_room(rooms.get(slot, {}))]
        lines += [f"| {_cut(text, width):<{width}} |" for text in texts]
        lines.append("+" + "-" * (width + 2) + "+")
    images = list(held.values())
    return "\n".join([*lines, f"runs now:  {_runs(images)}", f"next boot: {_next_boot(images)}"])


def _slot(slot: int, image: dict[str, Any] | None) -> list[str]:
    if image is None:
        return [f"slot {slot}  (empty)"]
    words = [word for word in ("active", "confirmed", "pending", "permanent") if image[word]]
    if image["active"] and not image["confirmed"]:
        words.append("on trial")
    first = f"slot {slot}  {image['version']:<12} {', '.join(words)}".rstrip()
    return [first, f"        {image['hash'] or '(no hash: flashed over a cable)'}"]


def _room(room: dict[str, Any]) -> list[str]:
    """How large the slot is, and how full: a line, or none where the device did not say."""
    size, used = room.get("size"), room.get("used")
    if not size:
        return []
    if used is None:
        return [f"        takes {size} bytes"]
    filled = min(_SLOT_BAR, -(-_SLOT_BAR * used // size))
    bar = "#" * filled + "." * (_SLOT_BAR - filled)
    return [f"        {bar} {used} of {size} bytes, {100 * used / size:.1f} %"]


def _runs(images: list[dict[str, Any]]) -> str:
    return next((str(image["version"]) for image in images if image["active"]), "recovery")


def _next_boot(images: list[dict[str, Any]]) -> str:
    """What the flags of the image list say, in words."""
    active = next((image for image in images if image["active"]), None)
    for image in images:
        if image["pending"] and image["confirmed"]:  # recovery: what it had waits
            return str(image["version"])
        if image["pending"]:
            return f"{image['version']} {'for good' if image['permanent'] else 'on trial'}"
    if active is None:
        return "recovery"
    if not active["confirmed"]:
        return f"{active['version']}, as long as its trial lasts: confirm it, or it goes back"
    return str(active["version"])


def _part(offset: int, size: int, title: str, note: str = "") -> str:
    return f"{offset:#08x}  {size:>8}  {title:<24} {note}".rstrip()


def _tlv(entry: dict[str, Any]) -> str:
    short = _cut(entry["meaning"], _note_width())
    return _part(entry["offset"], entry["size"], f"  {entry['name']} {entry['type']:#06x}", short)


def _note_width() -> int:
    """How many characters a note may have, for a line to stay one."""
    return max(_BAR_LEAST, min(_BAR, line_width() - _NOTE_AT))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def _flags(header: dict[str, Any]) -> str:
    words = [f"flags {header['flags']:#x}"] if header["flags"] else []
    if header["load_addr"]:
        words.append(f"load address {header['load_addr']:#x}")
    return ", ".join(words)


def _encrypted(encrypted: dict[str, Any]) -> list[str]:
    if not encrypted["aes_bits"]:
        return []
    words = [f"{one['type']} {one['key_id']}".strip() for one in encrypted["recipients"]]
    text = f"encrypted, AES-{encrypted['aes_bits']}, for {', '.join(words) or '(nobody)'}"
    return [f"          {text}"]


def _bar(size: int, total: int) -> str:
    width = max(_BAR_LEAST, min(_BAR, line_width() - _NOTE_AT - _PERCENT))
    filled = max(1, round(width * size / total))
    return "#" * filled + "." * (width - filled) + f" {100 * size // total} %"


def trust_text(value: dict[str, Any]) -> str:
    """What a device trusts (`ophion device trust`), as lines."""
    lines = [f"plain keys    {value['keys']}"]
    if value["roots"]:
        roots = f"version {value['roots']}, {value['threshold']} of {len(value['rootkeys'])}"
        lines.append(f"roots         {roots}: {' '.join(value['rootkeys'])}")
    else:
        lines.append("roots         none")
    for number, floor in enumerate(value["images"]):
        least = f"security counter {floor['counter']}, intermediate statement {floor['intermediate']}"
        lines.append(f"image {number}       at least {least}")
    for floor in value["issuers"]:
        text = f"signing statement {floor['signing']} for image {floor['image']}"
        lines.append(f"issuer        {floor['issuer'][:16]}: at least {text}")
    return "\n".join([*lines, f"revoked keys  {value['revoked']}"])


def counter_text(group: str, name: str, value: int) -> str:
    """A counter (`ophion device counters`); the cause of the last reset in words, too."""
    from ophion_boot.core import sanity

    causes = {
        sanity.POWER_ON: "power-on",
        sanity.HARD: "hard reset",
        sanity.WATCHDOG: "watchdog",
        sanity.DEEP_SLEEP: "deep sleep",
        sanity.SOFT: "soft reset",
    }
    word = causes.get(value, "unknown") if (group, name) == ("boot", "cause") else ""
    return f"{value} ({word})" if word else str(value)
