"""Files written atomically."""

import os

import pytest

from resexp.record.files import write_atomically, write_bytes


@pytest.mark.parametrize("umask", [0o022, 0o007])
def test_files_follow_the_umask(umask, tmp_path):
    before = os.umask(umask)
    try:
        write_bytes(tmp_path / "file", b"content")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_file_whose_writing_fails_is_left_as_it_was(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"before")

    def fail(stream):
        stream.write(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(file, fail)
    assert [*tmp_path.iterdir()] == [file]
    assert file.read_bytes() == b"before"
