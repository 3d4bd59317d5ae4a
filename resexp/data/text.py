"""Text, for character-level modeling."""

import importlib
from pathlib import Path

import torch

from resexp.config.errors import InputError
from resexp.data.dataset import Split
from resexp.data.download import cached, fetch_checked

VALIDATION = 0.1
"""Share of a text, its end, that is held out."""


class Text:
    """The UTF-8 file `path`, or else the texts that `module` holds in its dictionary `topics`, in the order of keys.

    Samples are windows of `context` characters that do not overlap; the targets of a sample are its next characters.
    """

    def __init__(self, module: str | None = None, path: str | None = None, context: int = 64) -> None:
        self.module, self.path, self.context = module, path, context

    def load(self) -> tuple[Split, Split, int]:
        """Splits of windows (N, T) and next characters (N, T), int64, and the number of different characters."""
        text = self._text()
        symbols = sorted(set(text))
        number = {symbol: i for i, symbol in enumerate(symbols)}
        codes = torch.tensor([number[symbol] for symbol in text])
        cut = len(codes) - round(VALIDATION * len(codes))
        if min(cut, len(codes) - cut) <= self.context:
            raise InputError(f"dataset.context={self.context}: the text is too short, {len(codes)} characters")
        return self._windows(codes[:cut]), self._windows(codes[cut:]), len(symbols)

    def _windows(self, codes: torch.Tensor) -> Split:
        count = (len(codes) - 1) // self.context
        x, y = (codes[i : i + count * self.context].view(count, self.context) for i in (0, 1))
        return Split(x.contiguous(), y.contiguous())

    def _text(self) -> str:
        if self.path is None:
            topics: dict[str, str] = importlib.import_module(str(self.module)).topics
            return "".join(topics[key] for key in sorted(topics))
        file = Path(self.path).expanduser()
        try:
            return file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{file}: not UTF-8 (byte {error.start})") from None
        except OSError as error:
            raise InputError(f"{file}: {error.strerror}") from None


class TinyShakespeare(Text):
    """1,115,394 characters of Shakespeare's plays (Karpathy 2015), downloaded; or the file `path`."""

    URL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
    SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"

    def _text(self) -> str:
        if self.path is None:
            self.path = str(cached("tiny_shakespeare", self._download) / "input.txt")
        return super()._text()

    def _download(self, scratch: Path) -> Path:
        return fetch_checked(self.URL, scratch / "text" / "input.txt", self.SHA256).parent
