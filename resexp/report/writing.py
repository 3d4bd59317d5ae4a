"""Writing a report: the page, and its figures in a folder beside it."""

from pathlib import Path

from resexp.config.errors import InputError
from resexp.record.files import write_bytes
from resexp.report.page import render, sections
from resexp.report.source import find_source


def write_report(path: Path | None, output: Path | None = None) -> tuple[Path, int]:
    """Write the report of a sweep, an outputs directory or a run.

    Args:
        path: what to report; None for the last sweep.
        output: the HTML file; by default report.html in the outputs directory.

    Returns:
        The path of the page, and the number of figures beside it.

    Raises:
        InputError: there is nothing to report, or the files cannot be written.

    """
    source = find_source(path)
    output = output or source.output
    if output.is_dir():
        raise InputError(f"{output}: is a directory; --output expects a file")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        parts = sections(source, output)
        files = {output: render(source, parts, output).encode("utf-8", "replace")}
        for section in parts:
            for figure in section.figures:
                files |= {output.parent / section.folder / name: data for name, data in figure.files().items()}
        for file, data in reversed(files.items()):  # the page last, since it links the figures
            file.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(file, data)
    except OSError as error:
        raise InputError(f"{output}: cannot write there ({error.strerror})") from None
    return output, sum(len(section.figures) for section in parts)
