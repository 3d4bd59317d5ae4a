"""A headless Chromium, driven through a pair of pipes: the text of a page, and screenshots."""

import base64
import contextlib
import itertools
import json
import os
import subprocess
import time
from pathlib import Path

CHROMIUM = Path("/usr/bin/chromium")

TEXTS = """
(function texts(root) {
    let all = root.nodeType === Node.TEXT_NODE ? [root.data.trim()] : [];
    if (["STYLE", "SCRIPT", "TEMPLATE"].includes(root.nodeName)) return [];
    if (root.shadowRoot) all = all.concat(texts(root.shadowRoot));
    for (const child of root.childNodes) all = all.concat(texts(child));
    return all.filter(Boolean);
})(document.body)
"""
"""All texts of a page, with those inside web components, which `--dump-dom` leaves out."""

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
"""Click the first element with this text; true if there is one."""


class Browser:
    """Chromium with one tab, 1600 × 1200; a context manager."""

    def __init__(self, profile: Path) -> None:
        self.profile, self.ids, self.session = profile, itertools.count(1), {}

    def __enter__(self) -> "Browser":
        read_end, self.send = os.pipe()
        self.receive, write_end = os.pipe()
        flags = "--headless --no-sandbox --disable-gpu --disable-background-networking --window-size=1600,1200"
        flags += f" --user-data-dir={self.profile} --remote-debugging-pipe"
        line = f"exec {CHROMIUM} {flags} 3<&{read_end} 4>&{write_end}"
        self.process = subprocess.Popen(["bash", "-c", line], pass_fds=(read_end, write_end), stderr=subprocess.DEVNULL)
        os.close(read_end)
        os.close(write_end)
        self.buffer = b""
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
        """Send a command of the DevTools protocol; return its result."""
        number = next(self.ids)
        command = {"id": number, "method": method, "params": params, **self.session}
        os.write(self.send, json.dumps(command).encode() + b"\0")
        while True:
            message, end, self.buffer = self.buffer.partition(b"\0")
            if not end:
                part = os.read(self.receive, 1 << 20)
                if not part:
                    raise OSError("the browser has exited")
                self.buffer = message + part
            elif (answer := json.loads(message)).get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def open(self, address: str) -> None:
        """Load a page."""
        self("Page.navigate", url=address)

    def click(self, label: str) -> bool:
        """Click the first element with this text; return whether there is one."""
        expression = CLICK % json.dumps(label)
        return self("Runtime.evaluate", expression=expression, returnByValue=True)["result"]["value"]

    def missing(self, words: list[str], screenshot: Path, seconds: float = 60) -> list[str]:
        """Wait until the page shows all `words`, save a screenshot, and return the words it does not show."""
        deadline = time.monotonic() + seconds
        missing = words
        while missing and time.monotonic() < deadline:
            time.sleep(0.5)
            texts = self("Runtime.evaluate", expression=TEXTS, returnByValue=True)["result"].get("value") or []
            missing = [word for word in words if not any(word in text for text in texts)]
        time.sleep(2)  # animations end
        screenshot.write_bytes(base64.b64decode(self("Page.captureScreenshot")["data"]))
        return missing
