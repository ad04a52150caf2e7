"""Constants of bytes as the text of a module."""


def as_module(about: str, values: dict[str, bytes]) -> str:
    """The text of a module with the docstring `about` and the constants."""
    parts = [f'"""{about}"""\n\n# fmt: off\n']
    for name, value in values.items():
        rows = [value[i : i + 24] for i in range(0, len(value), 24)]
        lines = ['    b"' + "".join(f"\\x{byte:02x}" for byte in row) + '"' for row in rows]
        parts.append(f"{name} = (\n" + "\n".join(lines) + "\n)\n")
    return "".join(parts)
