"""Pages in a real Chromium: they open, complain about nothing, load nothing, sort, and fit narrow and wide windows."""

import pytest

from campaign.analysis.pages import report
from campaign.engines.base import Failure
from campaign.store.folder import Store
from nnet.config import TrainConfig
from tests import browser
from tests.campaign.analysis.drawing import runs, stored

COLUMN = """(() => {
  const table = [...document.querySelectorAll("h3")].find(heading => heading.textContent === "results_per_run.csv")
    .nextElementSibling.querySelector("table");
  const header = [...table.tHead.rows[0].cells].find(cell => cell.textContent === "%s");
  %s
  const cells = [...table.tBodies[0].rows].map(row => row.cells[header.cellIndex].textContent);
  return [header.getAttribute("aria-sort"), cells];
})()"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "digits"
    made = [run | {"history": [{"epoch": epoch, "train_loss": 2.0 / epoch} for epoch in (1, 2)]} for run in runs()]
    stored(folder, [*made[:-1], made[-1] | {"train_loss": None}])
    Store(folder).fail(TrainConfig(seed=8), Failure("ValueError", "it is odd " * 40, "Traceback " * 200))
    return report.write(folder)


@pytest.fixture(scope="module")
def window():
    with browser.browser() as opened:
        yield opened


@pytest.mark.parametrize("width", [1280, 400])
def test_it_opens_complains_about_nothing_and_is_as_wide_as_the_window(page, window, width, tmp_path):
    window.open(page, width)
    assert window.evaluate("document.readyState") == "complete"
    assert window.complaints() == []
    assert {url.split(":")[0] for url in window.requests()} <= {"file", "data"} and page.as_uri() in window.requests()
    assert window.evaluate("innerWidth") == width
    assert window.evaluate("document.documentElement.scrollWidth") <= width
    blocks = "document.querySelectorAll('.drawing, p, pre, h1, h2, .scroll')"
    wide = f"[...{blocks}].map(it => it.getBoundingClientRect().right)"
    assert window.evaluate(f"Math.max(...{wide})") <= width
    # the letters of a smaller drawing could not be read: its box scrolls instead
    assert window.evaluate("Math.min(...[...document.querySelectorAll('svg')].map(it => it.clientWidth))") >= 640
    window.picture(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 10_000


def test_a_click_sorts_a_column_of_numbers_up_and_down_with_empty_cells_last(page, window):
    window.open(page, 1280)
    click = 'header.querySelector("button").click();'
    before = window.evaluate(COLUMN % ("acc_01", ""))
    order, cells = window.evaluate(COLUMN % ("acc_01", click))
    assert before[0] == "none" and order == "ascending"
    assert cells == sorted(before[1], key=float) != before[1]
    order, cells = window.evaluate(COLUMN % ("acc_01", click))
    assert order == "descending" and cells == sorted(before[1], key=float, reverse=True)
    for _ in range(2):
        _, cells = window.evaluate(COLUMN % ("train_loss", click))
        assert cells[-1] == "" and "" not in cells[:-1]
    assert window.evaluate(COLUMN % ("acc_01", ""))[0] == "none"
    _, cells = window.evaluate(COLUMN % ("run_id", click))
    assert cells == sorted(cells)
    assert window.complaints() == []


def test_the_keyboard_reaches_a_column_and_sorts_it(page, window):
    window.open(page, 1280)
    window.evaluate(COLUMN % ("run_id", 'header.querySelector("button").focus();'))
    window.press("Tab")
    assert window.evaluate("document.activeElement.textContent") == "dataset"
    window.press("Enter")
    assert window.evaluate(COLUMN % ("dataset", ""))[0] == "ascending"
    window.press("Enter")
    assert window.evaluate(COLUMN % ("dataset", ""))[0] == "descending"


def test_a_page_of_a_campaign_under_way_says_when_it_is_old(page, window):
    store = Store(page.parent)
    store.claims.take(TrainConfig(seed=77).run_id)
    try:
        live = report.write(page.parent)
        window.open(live, 1280)
        assert window.evaluate("document.getElementById('old').hidden") is True
        written = live.read_text().split('data-written="')[1].split('"')[0]
        live.write_text(
            live.read_text().replace(f'data-written="{written}"', f'data-written="{int(written) - 10_000}"')
        )
        window.open(live, 1280)
        assert window.evaluate("document.getElementById('old').hidden") is False
    finally:
        store.claims.release_all()
        report.write(page.parent)
