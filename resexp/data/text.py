"""Text for character-level language models."""

import importlib
from pathlib import Path

import torch
from typing_extensions import override

from resexp.config.errors import InputError
from resexp.data.dataset import Split
from resexp.data.download import cached, fetch_checked

VALIDATION = 0.1
"""Share of a text that is held out, at its end."""


class Text:
    """Windows of characters, each with the next character as its target; a token is a character.

    Windows do not overlap. The vocabulary is the set of characters of the whole text.

    Args:
        module: a Python module with texts in its dictionary `topics`, read in the order of keys.
        path: a UTF-8 file, read in place of `module`.
        context: characters T of a window.

    """

    def __init__(self, module: str | None = None, path: str | None = None, context: int = 64) -> None:
        self.module, self.path, self.context = module, path, context

    def load(self) -> tuple[Split, Split, int]:
        """Return splits of windows (N, T) and next characters (N, T), int64, and the size of the vocabulary.

        Raises:
            InputError: the file cannot be read, or a split is shorter than a window.

        """
        text = self._text()
        vocabulary = sorted(set(text))
        token_of = {character: token for token, character in enumerate(vocabulary)}
        tokens = torch.tensor([token_of[character] for character in text])
        cut = len(tokens) - round(VALIDATION * len(tokens))
        if min(cut, len(tokens) - cut) <= self.context:
            raise InputError(f"dataset.context={self.context}: the text is too short, {len(tokens)} characters")
        return self._windows(tokens[:cut]), self._windows(tokens[cut:]), len(vocabulary)

    def _windows(self, tokens: torch.Tensor) -> Split:
        count = (len(tokens) - 1) // self.context
        x, y = (tokens[i : i + count * self.context].view(count, self.context) for i in (0, 1))
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
    """Windows of 1,115,394 characters of Shakespeare's plays, downloaded. Karpathy 2015.

    Args: as those of `Text`; `path` is read in place of the download.
    """

    URL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
    SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"

    @override
    def _text(self) -> str:
        if self.path is None:
            self.path = str(cached("tiny_shakespeare", self._download) / "input.txt")
        return super()._text()

    def _download(self, scratch: Path) -> Path:
        return fetch_checked(self.URL, scratch / "text" / "input.txt", self.SHA256).parent
