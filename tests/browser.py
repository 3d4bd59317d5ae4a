"""A real browser, headless, driven through a pair of pipes: what a page shows, as words and as a picture."""

import base64
import contextlib
import itertools
import json
import os
import subprocess
import time
from pathlib import Path

CHROMIUM = Path("/usr/bin/chromium")

WORDS = """
(function words(root) {
    let found = root.nodeType === Node.TEXT_NODE ? [root.data.trim()] : [];
    if (["STYLE", "SCRIPT", "TEMPLATE"].includes(root.nodeName)) return [];
    if (root.shadowRoot) found = found.concat(words(root.shadowRoot));
    for (const child of root.childNodes) found = found.concat(words(child));
    return found.filter(Boolean);
})(document.body)
"""
"""All text of a page, that of its components included, which no dump of it holds."""

CLICK = """
(function click(root, label) {
    if ([...root.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim() === label)) {
        root.click();
        return true;
    }
    if (root.shadowRoot && click(root.shadowRoot, label)) return true;
    return [...root.children].some(child => click(child, label));
})(document.body, %s)
"""
"""Click on the first part of a page that has this text; whether there is one."""


class Browser:
    """Chromium with one tab, 1600 × 1200; a context manager."""

    def __init__(self, profile: Path) -> None:
        self.profile, self.ids, self.session = profile, itertools.count(1), {}

    def __enter__(self) -> "Browser":
        theirs, self.send = os.pipe()
        self.receive, answers = os.pipe()
        flags = "--headless --no-sandbox --disable-gpu --disable-background-networking --window-size=1600,1200"
        flags += f" --user-data-dir={self.profile} --remote-debugging-pipe"
        line = f"exec {CHROMIUM} {flags} 3<&{theirs} 4>&{answers}"
        self.process = subprocess.Popen(["bash", "-c", line], pass_fds=(theirs, answers), stderr=subprocess.DEVNULL)
        os.close(theirs)
        os.close(answers)
        self.rest = b""
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self.session = {"sessionId": self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
        return self

    def __exit__(self, *_: object) -> None:
        self.session = {}
        with contextlib.suppress(OSError):
            self("Browser.close")
        self.process.wait(30)
        os.close(self.send)
        os.close(self.receive)

    def __call__(self, method: str, **params: object) -> dict:
        """The answer to a command of the DevTools protocol."""
        number = next(self.ids)
        command = {"id": number, "method": method, "params": params, **self.session}
        os.write(self.send, json.dumps(command).encode() + b"\0")
        while True:
            message, found, self.rest = self.rest.partition(b"\0")
            if not found:
                part = os.read(self.receive, 1 << 20)
                if not part:
                    raise OSError("the browser has gone")
                self.rest = message + part
            elif (answer := json.loads(message)).get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def click(self, label: str) -> bool:
        """Click on what has this text; whether there is such a thing."""
        expression = CLICK % json.dumps(label)
        return self("Runtime.evaluate", expression=expression, returnByValue=True)["result"]["value"]

    def shows(self, address: str, words: list[str], picture: Path, seconds: float = 60) -> list[str]:
        """What is missing on a page of `words`, once all are there or the time is over; its picture goes to a file."""
        self("Page.navigate", url=address)
        return self.missing(words, picture, seconds)

    def missing(self, words: list[str], picture: Path, seconds: float = 60) -> list[str]:
        """The same of the page that is there."""
        deadline = time.monotonic() + seconds
        missing = words
        while missing and time.monotonic() < deadline:
            time.sleep(0.5)
            text = self("Runtime.evaluate", expression=WORDS, returnByValue=True)["result"].get("value") or []
            missing = [word for word in words if not any(word in line for line in text)]
        time.sleep(2)  # what moves comes to rest
        picture.write_bytes(base64.b64decode(self("Page.captureScreenshot")["data"]))
        return missing
