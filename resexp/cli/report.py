"""The command `report`: the page of a sweep."""

from argparse import Namespace

from resexp.formats import plural
from resexp.report.writing import write_report


def run(args: Namespace) -> int:
    """Write the page and its figures; return the exit code."""
    page, figures = write_report(args.path, args.output)
    print(f"report    {page} ({plural(figures, 'figure')} in {page.with_suffix('')}/)")
    return 0
