"""Opens a page of `rlhf evaluate reward --html` in headless Chromium and checks what only a browser can tell.

    python tests/parity/check_card_page.py PAGE.html        (needs: chromium)

The page runs without an error on the console, draws its charts, and shows texts of the data as text.
"""
import html
import json
import pathlib
import re
import subprocess
import sys

page = pathlib.Path(sys.argv[1]).resolve()
browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--window-size=1400,2400", "--virtual-time-budget=5000"]
done = subprocess.run(browser + ["--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120, check=True)

console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
assert not console, console
dom = done.stdout
data = json.loads(re.search(r'<script id="data"[^>]*>(.*?)</script>', page.read_text(), re.S).group(1))
assert len(re.findall(r"<script", dom)) == 3, "a script came in with the data"
body = re.sub(r"<script.*?</script>", "", dom, flags=re.S)
for chart in ("Reliability", "Scores"):
    assert re.search(rf'aria-label="{chart} over [^"]* from ', body), f"{chart} was not drawn"
texts = [data["model"], data["data"], *(mistake[side] for mistake in data["mistakes"] for side in ("chosen", "rejected"))]
texts += [group["name"] for groups in data["by"].values() for group in groups]
for text in texts:
    assert html.escape(text, quote=False) in body, text
print(f"{page.name}: charts drawn, {len(texts)} texts shown as text, console clean")
