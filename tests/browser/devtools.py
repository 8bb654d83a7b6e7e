"""A headless Chromium driven over the DevTools protocol through a pipe: the standard library is all it needs.

https://chromedevtools.github.io/devtools-protocol/
"""
import base64
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

PATIENCE = 60.0  # seconds until something on a page must be so
KEYS = {"Enter": ("Enter", 13, "\r"), "Escape": ("Escape", 27, ""), "Backspace": ("Backspace", 8, ""), "Tab": ("Tab", 9, ""),
        "ArrowLeft": ("ArrowLeft", 37, ""), "ArrowUp": ("ArrowUp", 38, ""), "ArrowRight": ("ArrowRight", 39, ""), "ArrowDown": ("ArrowDown", 40, "")}


def find_chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise FileNotFoundError("no Chromium: tests/browser/run.sh installs it")


class Browser:
    """One process with a profile of its own; pages live in contexts that share nothing, as two people's browsers."""

    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="rlhf-chromium-")
        down_read, self._write = os.pipe()
        self._read, up_write = os.pipe()

        def pass_pipes():  # Chromium reads commands from descriptor 3 and writes to 4
            first, second = os.dup(down_read), os.dup(up_write)
            os.dup2(first, 3)
            os.dup2(second, 4)

        flags = ["--headless=new", "--remote-debugging-pipe", f"--user-data-dir={self.profile}", "--no-first-run", "--disable-gpu",
                 "--disable-dev-shm-usage", "--disable-background-networking", "--hide-scrollbars", "--force-device-scale-factor=1"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")
        self._process = subprocess.Popen([find_chromium(), *flags, "about:blank"], preexec_fn=pass_pipes, close_fds=False,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(down_read)
        os.close(up_write)
        self._buffer = b""
        self._last_id = 0
        self.events = []

    def close(self):
        self._process.terminate()
        self._process.wait(10)
        os.close(self._write)
        os.close(self._read)
        shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method, session=None, **params):
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data):]
        while True:
            reply = self._receive()
            if reply.get("id") == self._last_id:
                if "error" in reply:
                    raise RuntimeError(f"{method}: {reply['error']['message']}")
                return reply["result"]
            self.events.append(reply)

    def _receive(self):
        while b"\0" not in self._buffer:
            data = os.read(self._read, 1 << 20)
            if not data:
                raise RuntimeError("Chromium ended")
            self._buffer += data
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def context(self):
        return self.call("Target.createBrowserContext")["browserContextId"]

    def page(self, url, context=None, **look):
        return Page(self, url, context or self.context(), **look)


class Page:
    def __init__(self, browser, url, context, width=1280, height=860, dark=False, touch=False):
        self.browser = browser
        self.context = context
        target = browser.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        self.target = target
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch)
        self.call("Emulation.setTouchEmulationEnabled", enabled=touch)
        media = {"prefers-color-scheme": "dark" if dark else "light", "hover": "none" if touch else "hover", "pointer": "coarse" if touch else "fine"}
        self.call("Emulation.setEmulatedMedia", features=[{"name": name, "value": value} for name, value in media.items()])
        self.open(url)

    def call(self, method, **params):
        return self.browser.call(method, session=self.session, **params)

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def reload(self):
        self.eval("window.isOld = true")
        self.call("Page.reload")
        self.wait("!window.isOld && document.readyState === 'complete'")

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)

    def eval(self, script):
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{script}: {result['exceptionDetails'].get('exception', {}).get('description')}")
        return result["result"].get("value")

    def wait(self, condition):
        """Until the expression is true; fails with what the page says when it does not become so."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if self.eval(condition):
                    return
            except RuntimeError as error:
                if "context" not in str(error) and "navigat" not in str(error):
                    raise
            time.sleep(0.02)
        raise AssertionError(f"never so: {condition}\n{self.eval('document.body.innerText')}\n{self.complaints()}")

    def text(self, selector):
        return self.eval(f"document.querySelector({json.dumps(selector)}).textContent")

    def key(self, key, ctrl=False):
        code, number, text = KEYS.get(key, (key, ord(key.upper()[0]), key))
        base = {"key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": 2 if ctrl else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown", **({"text": text} if text and not ctrl else {}), **base)
        self.call("Input.dispatchKeyEvent", type="keyUp", **base)

    def keys(self, keys):
        for key in keys:
            self.key(key)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def box(self, selector, scroll=True):
        """x, y, width, height on the screen, scrolled to its middle where the page is long enough."""
        return self.eval(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); if ({json.dumps(scroll)}) e.scrollIntoView({{block: 'center'}});"
                         " const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; })()")

    def middle(self, selector, scroll=True):
        x, y, width, height = self.box(selector, scroll)
        return x + width / 2, y + height / 2

    def click(self, selector):
        x, y = self.middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def drag(self, source, target, above=False, finger=False, drop=True):
        """Drags the middle of `source` onto the middle of `target`, or to its upper edge."""
        begin = self.middle(source)
        x, y, width, height = self.box(target, scroll=False)
        end = (x + width / 2, y + 3 if above else y + height / 2)
        path = [(begin[0] + (end[0] - begin[0]) * i / 8, begin[1] + (end[1] - begin[1]) * i / 8) for i in range(9)]
        if finger:
            self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": begin[0], "y": begin[1]}])
            for point in path:
                self.call("Input.dispatchTouchEvent", type="touchMove", touchPoints=[{"x": point[0], "y": point[1]}])
            self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
            return
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=begin[0], y=begin[1], button="left", clickCount=1)
        for point in path:
            self.call("Input.dispatchMouseEvent", type="mouseMoved", x=point[0], y=point[1], button="left", buttons=1)
        if drop:
            self.call("Input.dispatchMouseEvent", type="mouseReleased", x=end[0], y=end[1], button="left", clickCount=1)

    def offline(self, off):
        self.call("Network.emulateNetworkConditions", offline=off, latency=0, downloadThroughput=-1, uploadThroughput=-1)

    def screenshot(self, path):
        data = self.call("Page.captureScreenshot", format="png", optimizeForSpeed=False)["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))

    def complaints(self):
        """Exceptions, console errors and refusals of the content security policy, in words."""
        found = []
        for event in self.browser.events:
            if event.get("sessionId") != self.session:
                continue
            params = event.get("params", {})
            if event["method"] == "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                found.append(details.get("exception", {}).get("description", details["text"]))
            elif event["method"] == "Log.entryAdded" and params["entry"]["level"] == "error":
                found.append(params["entry"]["text"])
        return found
