"""From a path to files: the page, and its figures beside it."""

from pathlib import Path

from resexp.config.errors import InputError
from resexp.record.files import write_atomically
from resexp.report.page import parts, render
from resexp.report.source import source


def write(path: Path | None, output: Path | None = None) -> tuple[Path, int]:
    """Write the report of `path`, or of the last sweep; where it is, and how many figures lie beside it.

    Raises InputError where there is nothing to report, or where it cannot be written.
    """
    found = source(path)
    output = output or found.output
    if output.is_dir():
        raise InputError(f"{output}: is a directory; --output names a file")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        drawn = parts(found, output)
        files = {output: render(found, drawn, output).encode("utf-8", "replace")}
        for part in drawn:
            for drawing in part.figures:
                files |= {output.parent / part.folder / name: data for name, data in drawing.files().items()}
        for file, data in reversed(files.items()):  # the page, which shows them, last
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(file, lambda stream, data=data: stream.write(data))
    except OSError as error:
        raise InputError(f"{output}: cannot write there ({error.strerror})") from None
    return output, sum(len(part.figures) for part in drawn)
