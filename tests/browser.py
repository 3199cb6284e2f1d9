"""A real Chromium without a window, driven over its debugging protocol."""

import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from base64 import b64decode
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
START_S = 60


class Browser:
    """One page of a browser."""

    def __init__(self, connection):
        self.connection, self.numbers = connection, itertools.count(1)
        self.events: list[dict] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters) -> dict:
        """The answer of the browser to a command; what it tells meanwhile is kept in `events`."""
        number = next(self.numbers)
        self.connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            told = json.loads(self.connection.recv())
            if told.get("id") == number:
                assert "error" not in told, told
                return told["result"]
            self.events.append(told)

    def evaluate(self, script: str):
        """The value of an expression in the page."""
        found = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def open(self, path: Path, width: int, height: int = 900) -> None:
        """Load a file in a window of this size."""
        self.events.clear()
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.ask("Page.navigate", url=path.resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(json.loads(self.connection.recv()))

    def press(self, key: str) -> None:
        """Press and release a key, such as Tab or Enter."""
        about = {"key": key, "code": key, "windowsVirtualKeyCode": {"Tab": 9, "Enter": 13}[key]}
        text = {"text": "\r"} if key == "Enter" else {}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **about, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **about)

    def complaints(self) -> list[str]:
        """What the console shows, and uncaught exceptions, since the page was opened."""
        self.evaluate("0")  # what was told before the answer is there now
        bad = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [json.dumps(event) for event in self.events if event.get("method") in bad]

    def requests(self) -> list[str]:
        """The addresses that the page has loaded."""
        asked = [event["params"] for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [request["request"]["url"] for request in asked]

    def picture(self, path: Path) -> None:
        """Write what the window shows as PNG."""
        path.write_bytes(b64decode(self.ask("Page.captureScreenshot", captureBeyondViewport=True)["data"]))


@contextmanager
def browser():
    """A browser of its own; the test is skipped where no Chromium is installed."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    websocket = pytest.importorskip("websocket", reason="websocket-client is not installed")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = ["--headless", "--disable-gpu", "--no-first-run", f"--user-data-dir={profile}"]
        flags += ["--no-sandbox"] if os.getuid() == 0 else []
        silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen([program, *flags, "--remote-debugging-port=0", "about:blank"], **silent)
        try:
            address = _address(Path(profile), process)
            with closing(websocket.create_connection(address, timeout=START_S, suppress_origin=True)) as connection:
                yield Browser(connection)
        finally:
            process.terminate()
            process.wait()


def _address(profile: Path, process: subprocess.Popen) -> str:
    """Where the first page of the browser is driven."""
    from urllib.request import urlopen

    begun = time.monotonic()
    while time.monotonic() - begun < START_S and process.poll() is None:
        try:
            port = int((profile / "DevToolsActivePort").read_text().split()[0])
            with urlopen(f"http://127.0.0.1:{port}/json") as answer:
                pages = [target for target in json.loads(answer.read()) if target["type"] == "page"]
            return pages[0]["webSocketDebuggerUrl"]
        except (OSError, IndexError, ValueError):
            time.sleep(0.1)
    raise AssertionError("Chromium did not start")
