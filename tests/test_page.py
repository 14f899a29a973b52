"""The report's page as a person uses it: clicked in headless Chromium, with hostile transcripts."""

import random
import re
import shutil
from pathlib import Path

import made_logs as logs
import pytest

from harness.report import page
from harness.report.alike import digits
from harness.screen.colours import COLOURS
from harness.states.recurrence import Heard, nearish

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
HOSTILE = [
    "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>",
    "</script><script>window.hacked = 3</script>",
    "</style></title></textarea><svg onload='window.hacked = 4'><!-- <script>",
    "\u202eright to left\u202c\u2066isolate\u2069 \u2028\u2029 \x00\x07\x1b[2J",
    "\ud800 lone \udfff surrogates \ud83d",
    "<a href='javascript:window.hacked = 5'>link</a> &lt;b&gt; &amp; <b>bold</b>",
]


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM or not DRIVER:
        pytest.skip("Chromium and its driver are not installed")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1000"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture
def opened(run, browser, tmp_path):
    """opened() -> the browser, showing the page of the folder `logs`."""

    def open_page(*arguments: str) -> object:
        result = run("report", "logs", "--html", "report.html", *arguments)
        assert (result.code, result.err) == (0, "")
        browser.get("about:blank")
        browser.get((tmp_path / "report.html").as_uri())
        return browser

    yield open_page
    severe = [
        entry["message"]
        for entry in browser.get_log("browser")
        if "Canvas2D" not in entry["message"]
    ]  # advice on how a test reads a picture
    assert not severe, f"the page complained: {severe}"


def all_of(browser, css: str) -> list:
    return browser.find_elements("css selector", css)


def click(browser, css: str) -> None:
    browser.find_element("css selector", css).click()


def wait_for(browser, css: str) -> None:
    for _ in range(200):
        if all_of(browser, css):
            return
        browser.execute_async_script("setTimeout(arguments[0], 20)")
    raise AssertionError(f"{css} never came")


def choose(browser, number: int) -> None:
    click(browser, f"#condition option:nth-child({number + 2})")


def test_a_condition_is_filtered_by_a_click_and_the_address_keeps_it(opened):
    logs.sweep(Path("logs"))
    browser = opened()
    assert len(all_of(browser, ".run")) == 12
    assert len(all_of(browser, "#matrix tbody tr")) == 2
    choose(browser, 0)
    assert len(all_of(browser, ".run")) == 6
    assert len(all_of(browser, "#matrix tbody tr")) == 1
    assert "6/6" in browser.find_element("id", "matrix").text
    assert "condition=0" in browser.current_url
    browser.refresh()
    assert len(all_of(browser, ".run")) == 6
    choose(browser, -1)
    assert len(all_of(browser, ".run")) == 12
    browser.back()
    assert len(all_of(browser, ".run")) == 6


def test_the_matrix_says_reach_interval_and_onset_and_filters_by_a_click(opened):
    logs.sweep(Path("logs"))
    browser = opened()
    rows = [row.text for row in all_of(browser, "#matrix tbody tr")]
    assert "6/6 [61–100%]" in rows[0] and "@8 [6, –]" in rows[0]
    assert "0/6 [0–39%]" in rows[1]
    head = browser.find_element("css selector", "#matrix thead").text
    assert "goodbye" in head and "verbatim (form)" in head and "bliss" not in head
    assert "censored" in browser.find_element("id", "reach").text
    ends = [row.text for row in all_of(browser, "#ending tbody tr")]
    assert "6/6" in ends[0] and "no theme" in browser.find_element("id", "ending").text
    click(browser, "#matrix tbody tr:nth-child(2) .pick")
    assert len(all_of(browser, ".run")) == 6 and "condition=1" in browser.current_url


def test_previous_and_next_run_stay_within_the_filter(opened):
    logs.sweep(Path("logs"), runs=3)
    browser = opened()
    choose(browser, 1)
    click(browser, ".run")
    titles = [browser.find_element("css selector", "#run h2").text]
    for _ in range(2):
        all_of(browser, ".step")[1].click()
        titles.append(browser.find_element("css selector", "#run h2").text)
    assert ["with" in title for title in titles] == [True] * 3 and len({*titles}) == 3
    assert all_of(browser, ".step")[1].get_attribute("disabled")
    all_of(browser, ".step")[0].click()
    assert browser.find_element("css selector", "#run h2").text == titles[1]


def test_a_word_is_found_in_all_runs_and_opened_where_it_stands(opened):
    logs.sweep(Path("logs"), runs=2)
    odd = logs.talk(4)
    around = " ".join(logs.WORDS) + " "
    odd[2]["response"] = f"{around}Only here: <b>Zanzibar</b>, zanzibar. {around * 2}"
    logs.write(Path("logs/odd.jsonl"), logs.config(tools=["y"]), *odd)
    browser = opened()
    browser.find_element("id", "find").send_keys("ZANZIBAR")
    wait_for(browser, ".hit")
    (hit,) = all_of(browser, ".hit")
    assert "message 2" in hit.text and "1 message, in 1 of 5 runs" in browser.page_source
    words = hit.find_element("css selector", ".words").text
    assert words[0] == words[-1] == "…" and "Zanzibar" in words
    assert f" {words[1:].partition(' ')[0]} " in f" {around}"  # a whole word, not its end
    hit.click()
    here = browser.find_element("css selector", ".message.here")
    assert here.get_attribute("id") == "m2"
    assert [mark.text.lower() for mark in here.find_elements("css selector", "mark")] == [
        "zanzibar",
        "zanzibar",
    ]


def test_what_the_models_were_told_is_in_the_page(opened):
    tool = {"type": "function", "function": {"name": "stop", "description": "Stops. Costs a lot."}}
    more = {"tools": ["stop"], "tool_schemas": [tool], "seed": "Hello there"}
    for number in range(2):
        about = logs.config(**more, params_a={"top_p": 1}, versions={"attractor": f"9.{number}"})
        logs.write(Path(f"logs/{number}.jsonl"), about, *logs.talk(4))
    browser = opened()
    told = browser.find_element("css selector", "table.told").text
    for words in (
        "You help.",
        "Hello there",
        "Stops. Costs a lot.",
        "top_p 1",
        "2 runs, $4.00",
        "1 of 2 runs: attractor 9.0",
    ):
        assert words in told


def test_evidence_is_marked_to_the_end_of_the_span_and_a_repetition_links_back(opened):
    logs.write(Path("logs/a.jsonl"), logs.config(), *logs.talk(30, bye=6))
    browser = opened()
    click(browser, ".run")
    for index in (6, 15, 28):
        marks = browser.find_elements("css selector", f"#m{index} mark")
        assert any("evidence of goodbye" in mark.get_attribute("title") for mark in marks)
    link = browser.find_element("css selector", "#m20 .repeats")
    assert link.text == "repeats message 19"
    link.click()
    assert browser.find_element("css selector", ".message.here").get_attribute("id") == "m19"


def test_a_branch_stands_beside_its_parent_and_where_they_part_is_marked(opened):
    logs.write(Path("logs/parent.jsonl"), logs.config(), *logs.talk(12, bye=6))
    logs.write(Path("logs/sweep/parent.jsonl"), logs.config(), *logs.talk(2))  # of the same name
    branch = logs.talk(14)
    branch[8] |= {"interjected": True, "source": "script", "response": "Stop it."}
    parent = {"log": "parent.jsonl", "turn": 4}
    shared = logs.talk(12, bye=6)[:8]
    logs.write(Path("logs/branch.jsonl"), logs.config(parent=parent), *shared, *branch[8:])
    browser = opened()
    ids = [r.get_attribute("data-run") for r in all_of(browser, ".run") if "branch" in r.text]
    click(browser, f".run[data-run='{ids[0]}']")
    assert "a branch of parent.jsonl before turn 4" in browser.find_element("id", "run").text
    assert "its parent" in browser.find_element("css selector", ".other option").text
    click(browser, ".beside")
    assert browser.find_element("css selector", ".part").text == "they part at message 8"
    assert len(all_of(browser, "#beside > .pair")) == 1 + 6  # titles, messages 8 to 13
    assert "messages 0–7 are the same in both" in browser.find_element("id", "beside").text
    assert "(this run has stopped)" in all_of(browser, "#beside > .pair")[-1].text
    browser.refresh()
    assert all_of(browser, ".part")


def test_what_went_wrong_is_seen_at_the_run_and_counted(opened):
    events = logs.talk(8)
    events[3]["flags"] = ["truncated", "retried"]
    events[6] |= {"flags": ["refused"], "refusal": "blocked by a filter", "response": ""}
    slide = {"type": "slide", "turn": 2, "label": "Model A", "from_message": 2}
    cut = {"type": "aborted", "label": "Model B", "turn": 2, "partial": "half a", "why": "stalled"}
    odd = [*events[:4], slide, events[4], cut, *events[5:], b"pasted\n"]
    logs.write(Path("logs/a.jsonl"), logs.config(), *odd)
    browser = opened()
    assert [mark.text for mark in all_of(browser, ".mark")] == ["✂", "↻", "⇤", "≠", "⊘"]
    tables = browser.find_element("id", "tables").text
    for what in (
        "truncated 1 1/1",
        "slid 1 1/1",
        "broken off 1 1/1",
        "line of the log skipped 1 1/1",
    ):
        assert what in tables
    click(browser, ".run")
    assert "no longer sees what came before message 2" in browser.find_element("id", "m4").text
    assert "1 line of the log could not be read" in browser.find_element("id", "run").text
    refused = browser.find_element("id", "m6").text
    assert "refused: blocked by a filter" in refused and "⟨silence⟩" not in refused
    half = browser.find_element("id", "m5").get_attribute("textContent")
    assert "broken off before this message: stalledhalf a" in half


def test_what_broke_off_after_the_last_message_is_listed_and_jumped_to(opened):
    cut = {"type": "aborted", "label": "Model A", "turn": 4, "partial": "half a", "why": "stopped"}
    logs.write(Path("logs/a.jsonl"), logs.config(), *logs.talk(8), cut)
    browser = opened()
    click(browser, ".run")
    (jump,) = (one for one in all_of(browser, ".jump") if one.text == "≠ 8 broken off: stopped")
    jump.click()
    here = browser.find_element("css selector", ".message.here")
    assert here.get_attribute("id") == "m7"
    told = here.get_attribute("textContent")
    assert told.index(" 7") < told.index("broken off after this message: stoppedhalf a")


def test_paper_has_the_figures_tables(opened):
    logs.sweep(Path("logs"))
    browser = opened()
    assert not all_of(browser, "#tables table")
    browser.execute_script("""
        addEventListener("beforeprint", () => { window.printed = [...document.querySelectorAll(
            "#tables details[open] caption")].map((caption) => caption.textContent); });""")
    browser.execute_cdp_cmd("Page.printToPDF", {})
    assert browser.execute_script("return window.printed").count("why runs stopped") == 2
    assert not all_of(browser, "#tables details[open]")


def test_on_paper_nothing_beside_a_number_is_larger_than_it(opened):
    logs.sweep(Path("logs"), runs=2)
    browser = opened()
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    sizes = browser.execute_script(
        "return ['#matrix td', '#matrix td small', '#matrix .from'].map((css) =>"
        " parseFloat(getComputedStyle(document.querySelector(css)).fontSize))"
    )
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert sizes == sorted(sizes, reverse=True)


def test_a_run_opens_and_a_state_is_jumped_to(opened):
    logs.sweep(Path("logs"))
    browser = opened()
    click(browser, ".run")
    assert not all_of(browser, "#overview:not([hidden])")
    assert len(all_of(browser, ".message")) == 20
    assert len(all_of(browser, ".message.A")) == len(all_of(browser, ".message.B")) == 10
    assert any(mark.text.strip() for mark in all_of(browser, "mark"))
    jump = next(one for one in all_of(browser, ".jump") if one.text.startswith("goodbye 6"))
    before = browser.execute_script("return scrollY")
    jump.click()
    here = browser.find_element("css selector", ".message.here")
    assert here.get_attribute("id") == "m6"
    assert browser.execute_script("return scrollY") > before
    top = browser.execute_script("return arguments[0].getBoundingClientRect().top", here)
    assert 0 <= top < 1000
    browser.execute_script("scrollTo(0, 0)")
    click(browser, ".back")
    assert all_of(browser, "#overview:not([hidden])")


def test_forms_that_hold_at_once_hide_none_of_each_other(opened):
    sparks = [*logs.talk(4), *(logs.turn(index, "🌀✨🌀✨🌀✨") for index in range(4, 16))]
    logs.write(Path("logs/sparks.jsonl"), logs.config(), *sparks)
    strips = all_of(opened(), ".strip")
    assert {strip.get_attribute("title").split()[0] for strip in strips} == {"verbatim", "emoji"}
    one, other = (strip.rect for strip in strips)
    assert one["x"] < other["x"] + other["width"] and other["x"] < one["x"] + one["width"]
    assert abs(one["y"] - other["y"]) >= one["height"]


def test_the_timeline_has_the_consoles_colours_and_marks(opened):
    events = logs.talk(20, bye=6)
    events[4] |= {"interjected": True, "source": "live"}
    events[8] |= {"interjected": True, "source": "puppet"}
    events[5]["tool_attempts"] = [{"tool": "stop", "reason": "bored", "outcome": "refused"}]
    logs.write(Path("logs/a.jsonl"), logs.config(), *events)
    browser = opened()
    segment = next(s for s in all_of(browser, ".seg") if s.text == "goodbye")
    wanted = tuple(bytes.fromhex(COLOURS["goodbye_loop"][1:]))
    assert f"rgba{(*wanted, 1)}" == segment.value_of_css_property("background-color")
    assert [mark.text for mark in all_of(browser, ".mark")] == ["▼", "▽", "✖"]
    assert "▽ scripted, a puppeteer's, or not recorded" in browser.find_element("id", "keys").text
    click(browser, ".run")
    assert "bored" in browser.find_element("css selector", ".attempt").text
    assert "typed by a person" in browser.find_element("id", "m4").text


def test_the_recurrence_plot_is_dark_where_messages_are_alike(opened):
    logs.write(Path("logs/a.jsonl"), logs.config(), *logs.talk(20, bye=10))
    browser = opened()
    click(browser, ".run")
    ink = browser.execute_script("""
        const canvas = document.querySelector("canvas"), pen = canvas.getContext("2d");
        const at = (i, j) => pen.getImageData(j, canvas.height - 1 - i, 1, 1).data[0];
        return [at(19, 10), at(12, 17), at(15, 5), at(19, 2)];""")
    assert ink[0] == ink[1] < 30
    assert min(ink[2:]) > 120


def test_a_hostile_transcript_is_shown_and_does_nothing(opened):
    events = [
        event
        | {
            "response": text,
            "thinking": text,
            "model": text,
            "tool_attempts": [{"tool": text, "reason": text, "outcome": text}],
        }
        for event, text in zip(logs.talk(len(HOSTILE)), HOSTILE, strict=True)
    ]
    about = logs.config(
        model_a=HOSTILE[1], system_a=HOSTILE[2], seed=HOSTILE[0], condition={HOSTILE[1]: HOSTILE[3]}
    )
    logs.write(Path("logs/<img src=x>.jsonl"), about, *events, logs.end(HOSTILE[1]))
    logs.write(Path("logs/b.jsonl"), logs.config(), *logs.talk(4))
    browser = opened("--by", "model")
    click(browser, ".run[data-run='0']")
    if len(all_of(browser, ".message")) != len(HOSTILE):
        browser.back()
        click(browser, ".run[data-run='1']")
    shown = [words.get_attribute("textContent") for words in all_of(browser, ".said > .words")]
    assert shown[:3] + shown[5:] == HOSTILE[:3] + HOSTILE[5:]
    assert shown[3].startswith("⟨U+202E⟩right to left⟨U+202C⟩")
    assert "⟨U+0000⟩" in shown[3]
    assert shown[4] == "⟨U+D800⟩ lone ⟨U+DFFF⟩ surrogates ⟨U+D83D⟩"
    assert browser.execute_script("return window.hacked") is None
    assert not all_of(browser, "img, a, iframe, [onload], [onerror]")
    assert len(all_of(browser, "script")) == 4  # three of data, one of ours


def test_the_page_asks_the_network_for_nothing(opened):
    logs.sweep(Path("logs"), runs=1)
    browser = opened()
    browser.get_log("performance")
    browser.refresh()
    sent = [
        entry["message"]
        for entry in browser.get_log("performance")
        if '"Network.requestWillBeSent"' in entry["message"]
    ]
    urls = {re.search(r'"url":"([^"]*)"', message)[1] for message in sent}
    assert all(url.startswith("file:") for url in urls)
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    text = Path("report.html").read_text(encoding="utf-8")
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", text)


def test_nothing_is_wider_than_a_telephone(opened):
    logs.sweep(Path("logs"), runs=2)
    browser = opened("--compare", "tools")
    size = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 400
        click(browser, ".run")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 400
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_embedded_data_cannot_end_its_element_and_comes_back_whole():
    import json

    text = page.embed({"<": "</script>\u2028&\u2029", "n": [1, float("nan")]})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {"<": "</script>⟨U+2028⟩&⟨U+2029⟩", "n": [1, None]}


def test_a_page_that_cannot_be_written_is_a_usage_error(run):
    logs.write(Path("logs/a.jsonl"), logs.config(), *logs.talk(2))
    result = run("report", "logs", "--html", "no/such/folder.html")
    assert (result.code, result.err.count("\n")) == (2, 1)


def test_the_plot_of_a_long_run_is_capped_and_shows_both_speakers():
    found = page.alike([f"{i}" for i in range(600)])
    assert found["step"] % 2 == 1
    assert len(found["rows"]) <= page.CAP


def test_the_plot_is_the_likeness_of_all_pairs():
    rng = random.Random(7)
    words = ["the river ", "I am ", "a loop ", "✨🌊 ", "what is said ", "perhaps ", "goodbye 42 "]
    texts = ["", "…", "🌀" * 300, "again and again " * 40]
    for size in [1, 3, 10, 20, 40, 60, 90] * 4:  # below and above LONG, and edited a little or more
        said = rng.choices(words, k=size)
        for edits in (0, size // 8, size // 4, size // 2):
            for place in rng.sample(range(size), edits):
                said[place] = rng.choice(words)
            texts.append("".join(said))
    rng.shuffle(texts)
    heard = [Heard(text) for text in texts]
    rows = [[nearish(one, other) for other in heard[:i]] for i, one in enumerate(heard)]
    expected = ["".join(f"{round(15 * like):x}" for like in row) for row in rows]
    assert len({*"".join(expected)}) > 8  # from hardly to wholly
    assert page.alike(texts)["rows"] == digits(heard) == expected
