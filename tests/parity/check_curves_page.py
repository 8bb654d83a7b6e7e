"""Opens a page of `rlhf curves --html` in headless Chromium and checks what only a browser can tell.

    python tests/parity/check_curves_page.py PAGE.html [SCREENSHOT.png]        (needs: chromium)

The page runs without an error on the console, loads nothing, draws its charts, and shows its samples as text.
"""
import html
import json
import pathlib
import re
import subprocess
import sys

page = pathlib.Path(sys.argv[1]).resolve()
browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--window-size=1400,2400",
           "--virtual-time-budget=5000"]
done = subprocess.run(browser + ["--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120, check=True)

console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
assert not console, console
dom = done.stdout
data = json.loads(re.search(r'<script id="data"[^>]*>(.*?)</script>', page.read_text(), re.S).group(1))
assert html.escape(data["title"], quote=False) in dom
drawn = re.findall(r'<canvas[^>]*aria-label="([^"]*) over [^"]*from', dom)
assert drawn, "no chart was drawn"
body = re.sub(r"<script.*?</script>", "", dom, flags=re.S)
shown = 0
for run in data["runs"]:
    for sample in run["samples"]:
        shown += html.escape(sample["response"], quote=False) in body
assert shown or not any(run["samples"] for run in data["runs"]), "no sample is shown"
assert len(re.findall(r"<script", dom)) == 3, "a script came in with the data"
print(f"{page.name}: {len(drawn)} charts drawn ({drawn[0]} ...), {shown} samples shown as text, console clean")

if len(sys.argv) > 2:
    subprocess.run(browser + ["--hide-scrollbars", f"--screenshot={pathlib.Path(sys.argv[2]).resolve()}", page.as_uri()],
                   capture_output=True, timeout=120, check=True)
