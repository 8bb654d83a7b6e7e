"""The page of `rlhf annotate --listen` in a real browser, used as people use it."""
import signal
import time
import unittest

import devtools
from campaign import Campaign

K4 = ["first answer", "second answer", "third answer", "fourth answer"]
READY = "!document.querySelector('#work').hidden"
RESTING = "!document.querySelector('#rest').hidden"
SAVED = "document.querySelector('#connection').className === 'kept'"
ORDER = "document.querySelector('#order').textContent"


def tasks(number, responses=K4):
    return [(f"Question {i}?", [f"{text} to {i}" for text in responses]) for i in range(number)]


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = devtools.Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()

    def campaign(self, *args, **options):
        campaign = Campaign(*args, **options)
        self.addCleanup(campaign.close)
        return campaign

    def page(self, url, until=READY, **look):
        page = self.browser.page(url, **look)
        self.addCleanup(page.close)
        page.wait(until)
        return page

    def submit(self, page):
        """Enter, and the next task is there."""
        shown = page.text("#prompt")
        page.key("Enter")
        page.wait(f"{RESTING} || document.querySelector('#prompt').textContent !== {shown!r}")

    def test_ranking_by_keyboard(self):
        campaign = self.campaign(tasks(3))
        page = self.page(campaign.links["ann"])
        page.keys("31=2")
        self.assertEqual(page.eval(ORDER), "3 > 1 = 2")
        page.key("Enter")  # places the last
        self.assertEqual(page.eval(ORDER), "3 > 1 = 2 > 4")
        self.submit(page)
        self.assertEqual(campaign.last_ranks(), [2, 2, 1, 3])
        self.assertIn("Kept: 3 > 1 = 2 > 4", page.text("#message"))
        page.keys("99")
        self.assertIn("no response 9", page.text("#message"))
        page.key("Enter")
        self.assertIn("4 responses have no place yet", page.text("#message"))
        self.assertEqual(page.complaints(), [])

    def test_ranking_by_drag(self):
        campaign = self.campaign(tasks(2))
        page = self.page(campaign.links["ann"])
        page.drag("[data-response='1'] h3", "#placed")
        self.assertEqual(page.eval(ORDER), "2")
        page.drag("[data-response='3'] h3", "#placed li", above=True)
        self.assertEqual(page.eval(ORDER), "4 > 2")
        page.drag(".chip .snippet", "#placed li:last-child")  # onto it: a tie
        self.assertEqual(page.eval(ORDER), "4 > 2 = 1")
        page.drag("[data-response='2'] .grip", "#placed li:last-child", above=True)
        self.assertEqual(page.eval(ORDER), "4 > 3 > 2 = 1")
        page.drag("[data-control='row 0'] .snippet", "#placed li:first-child", above=True)  # out of its tie, to the top
        self.assertEqual(page.eval(ORDER), "1 > 4 > 3 > 2")
        page.drag("[data-response='0'] h3", "#prompt")  # nowhere
        self.assertEqual(page.eval(ORDER), "1 > 4 > 3 > 2")
        page.click("#submit")
        page.wait("document.querySelector('#message').textContent.startsWith('Kept')")
        self.assertEqual(campaign.last_ranks(), [1, 4, 3, 2])
        self.assertEqual(page.complaints(), [])

    def test_ranking_by_finger_on_a_phone(self):
        campaign = self.campaign(tasks(1, K4[:3]))
        page = self.page(campaign.links["ann"], width=390, height=800, touch=True)
        page.click("[data-response='2'] .place")
        page.click("[data-response='0'] .place")
        page.click("[data-response='1'] .place")
        self.assertEqual(page.eval(ORDER), "3 > 1 > 2")
        page.drag("[data-control='row 1'] .grip", "#placed li:first-child", above=True, finger=True)
        self.assertEqual(page.eval(ORDER), "2 > 3 > 1")
        self.assertLessEqual(page.eval("document.documentElement.scrollWidth"), 390)
        page.click("#bar-submit")
        page.wait(RESTING)
        self.assertEqual(campaign.last_ranks(), [3, 1, 2])

    def test_two_at_a_time(self):
        campaign = self.campaign(tasks(1))
        page = self.page(campaign.links["ann"])
        page.key("c")
        self.assertEqual(page.eval("[...document.querySelectorAll('.card:not([hidden])')].length"), 2)
        comparisons = 0
        while page.eval("!document.querySelector('#choice').hidden"):  # the higher number is better, always
            page.key("ArrowRight")
            comparisons += 1
        self.assertEqual(page.eval(ORDER), "4 > 3 > 2 > 1")
        self.assertLessEqual(comparisons, 5)
        page.key("u")
        page.wait("!document.querySelector('#choice').hidden")
        page.key("=")
        self.assertIn("=", page.eval(ORDER))
        while page.eval("!document.querySelector('#choice').hidden"):
            page.click("#choose-tie")
        page.key("Enter")
        page.wait(RESTING)
        self.assertEqual(campaign.count("submitted"), 1)
        self.assertEqual(page.complaints(), [])

    def test_buttons_of_the_ranking_do_what_drag_does(self):
        campaign = self.campaign(tasks(1, K4[:3]))
        page = self.page(campaign.links["ann"])
        page.keys("123")
        page.click("[data-control='up 2']")
        self.assertEqual(page.eval(ORDER), "1 > 3 > 2")
        self.assertEqual(page.eval("document.activeElement.dataset.control"), "up 2")
        page.key("Tab")
        page.eval("document.querySelector('[data-control=\"up 2\"]').focus()")
        page.key("Enter")  # of a person without a mouse: the button, not a submission
        self.assertEqual(page.eval(ORDER), "3 > 1 > 2")
        page.click("[data-control='tie 1']")
        self.assertEqual(page.eval(ORDER), "3 > 1 = 2")
        page.eval("document.querySelector('[data-control=\"row 2\"]').focus()")
        page.key("ArrowDown")
        self.assertEqual(page.eval(ORDER), "1 = 2 > 3")
        page.click("[data-control='out 1']")
        self.assertEqual(page.eval(ORDER), "1 > 3")

    def test_undo_step_by_step_and_then_the_last_answer(self):
        campaign = self.campaign(tasks(3))
        page = self.page(campaign.links["ann"])
        page.keys("12=3u")
        self.assertEqual(page.eval(ORDER), "1 > 2 =")
        page.keys("u34")
        self.assertEqual(page.eval(ORDER), "1 > 2 > 3 > 4")
        first = page.text("#prompt")
        self.submit(page)
        page.keys("2u")
        self.assertEqual(page.eval(ORDER), "–")
        page.key("u")
        page.wait(f"document.querySelector('#prompt').textContent === {first!r}")
        self.assertEqual(page.eval(ORDER), "1 > 2 > 3 > 4")
        self.assertEqual(campaign.count("submitted"), 0)
        page.click("[data-control='up 3']")
        self.submit(page)  # Enter after a click is not another click
        self.assertEqual(campaign.last_ranks(), [1, 2, 4, 3])
        self.assertEqual(campaign.count("superseded"), 1)

    def test_a_draft_is_there_after_a_reload_and_in_another_browser(self):
        campaign = self.campaign(tasks(2))
        page = self.page(campaign.links["ann"])
        page.keys("24=")
        page.key("3")
        page.key("n")
        page.type("not sure about <b>this</b>")
        page.key("Escape")
        page.wait(SAVED)
        prompt = page.text("#prompt")
        page.reload()
        page.wait(READY)
        self.assertEqual(page.eval(ORDER), "2 > 3 = 4")  # a tie has no order of its own
        self.assertEqual(page.eval("document.querySelector('#note').value"), "not sure about <b>this</b>")
        other = self.page(campaign.links["ann"])
        self.assertEqual(other.text("#prompt"), prompt)
        self.assertEqual(other.eval(ORDER), "2 > 3 = 4")
        other.keys("1")
        self.submit(other)
        self.assertEqual(campaign.last_ranks(), [3, 1, 2, 2])

    def test_a_tab_closed_at_once_loses_nothing(self):
        campaign = self.campaign(tasks(2))
        context = self.browser.context()
        page = self.browser.page(campaign.links["ann"], context)
        page.wait(READY)
        page.keys("31")
        page.close()
        again = self.page(campaign.links["ann"], context=context)
        self.assertEqual(again.eval(ORDER), "3 > 1")

    def test_a_lost_connection_loses_nothing(self):
        campaign = self.campaign(tasks(3))
        page = self.page(campaign.links["ann"])
        page.offline(True)
        page.keys("4321")
        page.wait("document.querySelector('#connection').className === 'waiting'")
        page.key("Enter")
        self.assertEqual(campaign.count("submitted"), 0)
        page.offline(False)
        page.eval("dispatchEvent(new Event('online'))")
        page.wait("document.querySelector('#message').textContent.startsWith('Kept')")
        self.assertEqual(campaign.last_ranks(), [4, 3, 2, 1])
        page.wait(SAVED)
        # The server is killed with an answer on its way; the tab is closed; a new server has the same address.
        campaign.stop(signal.SIGKILL)
        page.keys("1234")
        page.key("Enter")
        context = page.context
        page.wait("document.querySelector('#connection').className === 'waiting'")
        old = campaign.links["ann"]
        campaign.start()
        again = self.page(old, context=context)  # the old link holds
        again.wait("document.querySelector('#figures').textContent.includes('2 by you')")
        self.assertEqual(campaign.count("submitted"), 2)
        self.assertEqual(campaign.last_ranks(), [1, 2, 3, 4])

    def test_a_refused_answer_is_shown_until_it_is_read(self):
        campaign = self.campaign(tasks(2))
        first = self.page(campaign.links["ann"])
        second = self.page(campaign.links["ann"])
        first.keys("1234")
        self.submit(first)
        second.keys("4321")
        second.key("Enter")
        second.wait("document.querySelector('#refused').textContent.includes('submitted already')")
        self.assertIn("4 > 3 > 2 > 1", second.text("#refused"))
        second.wait(f"document.querySelector('#prompt').textContent === {first.text('#prompt')!r}")  # and it goes on
        self.assertEqual(campaign.count("submitted"), 1)
        second.click("#refused button")
        self.assertEqual(second.text("#refused"), "")

    def test_skip_and_cannot_be_ranked_ask_first(self):
        campaign = self.campaign(tasks(3))
        page = self.page(campaign.links["ann"])
        prompt = page.text("#prompt")
        page.key("s")
        page.wait("document.querySelector('#confirm').open")
        page.key("Escape")
        self.assertEqual(campaign.count("skipped"), 0)
        page.key("s")
        page.key("Enter")
        page.wait(f"document.querySelector('#prompt').textContent !== {prompt!r}")
        self.assertEqual(campaign.count("skipped"), 1)
        prompt = page.text("#prompt")
        page.key("x")
        page.click("#confirm-yes")
        page.wait(f"document.querySelector('#prompt').textContent !== {prompt!r}")
        self.assertEqual(campaign.count("not_rankable"), 1)
        self.assertEqual(campaign.count("submitted"), 0)

    def test_two_annotators_at_once(self):
        campaign = self.campaign(tasks(20, K4[:2]), annotators="Ann Lee,李小龙")
        pages = {name: self.page(link) for name, link in campaign.links.items()}
        self.assertEqual(pages["李小龙"].text("#annotator"), "李小龙")
        done = 0
        while any(page.eval(READY) for page in pages.values()):
            for page in pages.values():
                if page.eval(READY):
                    self.assertNotEqual(*[other.text("#prompt") if other.eval(READY) else name for name, other in pages.items()])
                    page.keys("1" if done % 2 else "2")
                    page.key("Enter") if page.eval("document.querySelector('#mode-all').ariaPressed === 'true'") else None
                    self.submit(page)
                    done += 1
        self.assertEqual(done, 20)
        self.assertEqual(campaign.count("submitted"), 20)
        self.assertEqual(campaign.count("submitted", "李小龙"), 10)

    def test_200_tasks_to_the_end(self):
        campaign = self.campaign(tasks(200, K4[:3]))
        page = self.page(campaign.links["ann"])
        begin = time.monotonic()
        for i in range(200):
            page.keys(("123", "3=12", "213")[i % 3])
            self.submit(page)
        self.assertTrue(page.eval(RESTING))
        self.assertIn("200 of 200 done", page.text("#figures"))
        self.assertIn("No task is left", page.text("#rest"))
        self.assertEqual(campaign.count("submitted"), 200)
        self.assertEqual(page.complaints(), [])
        print(f"200 tasks in {time.monotonic() - begin:.1f} s", end=" ", flush=True)
        page.key("p")
        page.wait(READY)
        self.assertEqual(campaign.count("submitted"), 199)
        self.assertIn("tasks_done\":199", campaign.stop())

    def test_scripts_in_texts_are_shown_as_text(self):
        evil = "<script>window.evil = 1</script><img src=x onerror='window.evil = 2'><b>bold</b>"
        page = self.page(self.campaign([(evil, [evil + "1", evil + "2 javascript:alert(1)"])], annotators="<b>ann</b>",
                                       guidelines=evil).links["<b>ann</b>"])
        page.wait("document.querySelector('#guidelines').open")  # on the first visit
        self.assertEqual(page.text("#guidelines-text"), evil)
        page.click("#close-guidelines")
        self.assertEqual(page.text("#prompt .text"), evil)
        self.assertIn(evil, page.text("#cards"))
        self.assertEqual(page.text("#annotator"), "<b>ann</b>")
        page.keys("12")
        self.assertEqual(page.eval("document.querySelectorAll('main b, main img, main script, header b').length"), 0)
        self.assertIsNone(page.eval("window.evil ?? null"))
        with self.assertRaises(RuntimeError):  # nor can the page be made to parse markup
            page.eval("document.body.innerHTML = '<p>x</p>'")
        self.assertTrue(all("TrustedHTML" in words for words in page.complaints()))

    def test_long_texts_fold_and_a_huge_one_is_loaded_in_pieces(self):
        long_text = "\n".join(f"line {i}" for i in range(300))
        huge = "wide " * 800_000
        campaign = self.campaign([("Say a lot.", [long_text, huge, "short"])])
        page = self.page(campaign.links["ann"])
        page.wait("document.querySelectorAll('.text.cut').length === 2")
        self.assertLess(page.eval("document.querySelector('#cards').getBoundingClientRect().height"), 900)
        page.key("f")
        page.wait("document.querySelectorAll('.text.folded').length === 0 || document.querySelectorAll('.text.cut').length === 0")
        self.assertIn("line 299", page.eval("document.querySelector('#cards').innerText"))
        while page.eval("[...document.querySelectorAll('.fold')].some((b) => !b.hidden && b.textContent.startsWith('Load more'))"):
            page.eval("[...document.querySelectorAll('.fold')].find((b) => !b.hidden && b.textContent.startsWith('Load more')).click()")
            page.wait("![...document.querySelectorAll('.fold')].some((b) => b.disabled)")
        self.assertTrue(page.eval(f"[...document.querySelectorAll('.card .text')].some((t) => t.textContent.length === {len(huge)})"))

    def test_what_a_screen_reader_is_told(self):
        campaign = self.campaign(tasks(2))
        page = self.page(campaign.links["ann"])
        self.assertEqual(page.eval("document.activeElement.id"), "title")
        page.call("Accessibility.enable")
        nodes = page.call("Accessibility.getFullAXTree")["nodes"]
        named = {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"] and "role" in node}
        for role, name in [("main", ""), ("complementary", "Your ranking best first"), ("article", "Response 2"), ("progressbar", "Tasks done"),
                           ("heading", "Rank these 4 responses"), ("button", "Best: response 3"), ("textbox", "Note N")]:
            self.assertTrue(any(role == r and name in n for r, n in named), (role, name, sorted(named)))
        unnamed = [node for node in nodes if not node["ignored"] and node["role"]["value"] in ("button", "textbox", "checkbox")
                   and not node.get("name", {}).get("value")]
        self.assertEqual(unnamed, [])
        self.assertEqual(page.eval("document.querySelector('#message').getAttribute('role')"), "status")
        page.keys("2")
        self.assertIn("2. 3 not placed yet", page.text("#message"))

    def test_a_forged_link_says_so(self):
        campaign = self.campaign(tasks(1))
        page = self.page(campaign.links["ann"][:-4] + "AAAA", until="document.readyState === 'complete'")
        self.assertIn("not known here", page.text("body"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
