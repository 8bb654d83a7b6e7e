"""Makes the pictures of docs/annotate.md: light and dark, wide and narrow."""
import pathlib
import time

import devtools
from campaign import Campaign, ROOT
from test_page import READY, SAVED

GUIDELINES = """Rank the answers from most to least helpful.

Helpful means: right, to the point, and polite. Prefer a short right answer to a long one that says the same.
Tie two answers when you would not mind which of them you got.
Say "cannot be ranked" when the question makes no sense."""
TASKS = [
    ([{"role": "user", "content": "My sourdough does not rise. What can I do?"}],
     ["Give it more time and warmth. At 24-26 °C a healthy starter doubles the dough in four to six hours; in a cold kitchen it may take twelve."
      "\n\nCheck the starter first: fed, it should double within six hours. If it does not, feed it twice a day for three days before you bake.",
      "Buy yeast.",
      "There are many reasons why sourdough may not rise. It is important to understand that bread is a living thing! Sourdough has a long history, "
      "going back to ancient Egypt, where bakers noticed that dough left standing began to bubble. Since then people all over the world have made it. "
      "The most common reason is time. Another one is temperature. A third one is the flour: rye and whole grain ferment faster than white flour. "
      "Then there is the starter, which should be fed regularly, and the water, which should not be chlorinated. " * 4,
      "Use your starter at its peak, keep the dough at 25 °C, and wait until it has grown by half, however long that takes."]),
    ("Write a line of a poem about rain.", ["Rain taps the tin roof, counting what the summer owes.", "Rain is wet and falls down.", "It rains. It rains. It rains.",
                                            "The gutters hum what the clouds forgot."]),
] + [(f"What is {i} plus {i}?", [f"{2 * i}.", f"It is {2 * i + 1}.", f"{i} plus {i} makes {2 * i}.", "I do not know."]) for i in range(3, 41)]
IMAGES = ROOT / "docs/images"


def settle(page):
    page.wait(READY)
    page.wait(f"{SAVED} || document.querySelector('#connection').className === ''")
    time.sleep(0.5)


def shoot(page, name):
    settle(page)
    IMAGES.mkdir(exist_ok=True)
    path = pathlib.Path(IMAGES) / f"annotate-{name}.png"
    page.screenshot(path)
    print(path.relative_to(ROOT), path.stat().st_size // 1024, "kB")


def close_guidelines(page):
    page.wait("document.querySelector('#guidelines').open")
    page.click("#close-guidelines")
    page.wait(READY)


def work_a_little(campaign, browser):
    """Both answer some tasks, so that there is something to tell."""
    for name in ("Ann", "Björk"):
        page = browser.page(campaign.links[name])
        page.wait(READY)
        close_guidelines(page)
        for i in range(6):
            shown = page.text("#prompt")
            page.keys(("3=124", "1324", "1342")[(i + (name == "Ann")) % 3])
            page.key("Enter")
            page.wait(f"document.querySelector('#prompt').textContent !== {shown!r}")
        page.close()


def main():
    campaign = Campaign(TASKS[2:], annotators="Ann,Björk", k=4, overlap=2, guidelines=GUIDELINES)
    show = Campaign(TASKS, annotators="Ann,Björk", k=4, overlap=2, guidelines=GUIDELINES)
    browser = devtools.Browser()
    try:
        work_a_little(campaign, browser)
        wide = {"width": 1100, "height": 660}
        narrow = {"width": 390, "height": 780, "touch": True}

        page = browser.page(show.links["Ann"], **wide)
        close_guidelines(page)
        page.keys("31=")
        page.key("2")
        shoot(page, "light")
        page.drag("[data-response='3'] h3", "#placed li:last-child", above=True, drop=False)
        shoot(page, "drag")
        page.close()

        page = browser.page(campaign.links["Ann"], dark=True, **wide)
        close_guidelines(page)
        page.keys("21")
        shoot(page, "dark")
        page.close()

        page = browser.page(show.links["Björk"], **wide)
        close_guidelines(page)
        page.key("c")
        shoot(page, "pairs")
        page.key("c")
        page.close()

        page = browser.page(show.links["Björk"], **narrow)
        close_guidelines(page)
        page.wait(READY)
        shoot(page, "phone")
        page.click("[data-response='1'] .place")
        page.click("[data-response='0'] .place")
        page.eval("document.querySelector('aside').scrollIntoView()")
        shoot(page, "phone-ranking")
        page.close()

        page = browser.page(campaign.links["Björk"], dark=True, **narrow)
        close_guidelines(page)
        page.key("2")
        shoot(page, "phone-dark")
        page.close()
    finally:
        browser.close()
        campaign.close()
        show.close()


if __name__ == "__main__":
    main()
