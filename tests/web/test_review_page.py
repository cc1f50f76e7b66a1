"""The page in the system's Chromium: what people do on it, from opening a folder to the files that they take home."""

import io
import json
import zipfile

import pytest
from axe_playwright_python.sync_playwright import Axe
from job_tools import job
from playwright.sync_api import expect, sync_playwright
from web_server import chromium

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser():
    path = chromium()
    if path is None:
        pytest.skip("no chromium on this machine; install it, on Debian: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, server):
    """A page whose four photos have been searched; nothing may land in its console."""
    context = browser.new_context(viewport=DESK, accept_downloads=True)
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(server)
    expect(page.locator("#list li")).to_have_count(4, timeout=60_000)
    expect(page.locator("#list li.waiting")).to_have_count(0, timeout=60_000)
    yield page
    context.close()
    assert [text for text in said if "422" not in text] == []


def choose(page, name):
    page.get_by_role("button", name=name).first.click()
    expect(page.locator("#name")).to_have_text(name)


def downloaded(page, button):
    with page.expect_download() as download:
        page.locator(button).click()
    with open(download.value.path(), "rb") as file:
        return download.value.suggested_filename, file.read()


def draw_box(page, left, top, right, bottom):
    """Draw a box, in parts of the photo."""
    page.get_by_role("button", name="Add box").click()
    frame = page.locator("#stage .frame").bounding_box()
    x, y = frame["x"], frame["y"]
    page.mouse.move(x + left * frame["width"], y + top * frame["height"])
    page.mouse.down()
    page.mouse.move(x + right * frame["width"], y + bottom * frame["height"], steps=3)
    page.mouse.up()


def test_reject_one_add_one_run_slide_download(page, reviewed, tmp_path):
    choose(page, "a.png")
    boxes = page.locator("#stage .box")
    expect(boxes).to_have_count(2)
    boxes.first.click(position={"x": 6, "y": 6})
    expect(boxes.first).to_have_attribute("aria-pressed", "false")
    draw_box(page, 0.02, 0.05, 0.12, 0.4)
    expect(boxes).to_have_count(3)
    page.locator("#run").click()
    slider = page.locator("#slider")
    expect(page.locator("#compare .frame")).to_be_visible(timeout=60_000)
    slider.focus()
    page.keyboard.press("End")
    assert slider.input_value() == "100"
    name, content = downloaded(page, "#download")
    choose(page, "street/b.jpg")
    page.locator("#run").click()
    expect(page.locator("#list li", has_text="done")).to_have_count(2, timeout=60_000)
    _, archive = downloaded(page, "#download-all")
    _, plan = downloaded(page, "#save-plan")
    (tmp_path / "plan.json").write_bytes(plan)
    assert [row["accepted"] for row in json.loads(plan)["annotations"]].count(False) == 1
    photos = [str(reviewed / "a.png"), str(reviewed / "street" / "b.jpg")]
    job(photos, tmp_path / "out", plan=str(tmp_path / "plan.json"))
    assert name == "a.png" and content == (tmp_path / "out" / "a.png").read_bytes()
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        assert sorted(files.namelist()) == ["a.png", "street/b.jpg"] and files.testzip() is None
        assert files.read("a.png") == content
        assert files.read("street/b.jpg") == (tmp_path / "out" / "b.jpg").read_bytes()


def test_what_can_be_read_still_is_told_and_not_in_the_archive(page):
    """Both digits are deleted by mistake; the look at the result finds them again."""
    choose(page, "a.png")
    page.get_by_role("button", name="Delete 36").click()
    page.locator("#run").click()
    expect(page.locator("#warning")).to_contain_text("still legible", timeout=60_000)
    expect(page.locator("#list li").first).to_contain_text("still legible")
    expect(page.locator("#download-all")).to_be_disabled()
    page.get_by_role("button", name="Add boxes for what can be read").click()
    expect(page.locator("#stage .box")).to_have_count(2)
    page.locator("#run").click()
    expect(page.locator("#list li", has_text="a.png")).to_contain_text("done", timeout=60_000)


def test_keys_alone(page):
    choose(page, "a.png")
    box = page.locator("#stage .box").first
    box.focus()
    label = box.get_attribute("aria-label")
    page.keyboard.press("Space")
    expect(box).to_have_attribute("aria-label", label.replace("will be removed", "stays"))
    before = box.bounding_box()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Alt+ArrowDown")
    page.wait_for_timeout(100)
    after = box.bounding_box()
    assert after["x"] > before["x"] and after["height"] > before["height"]
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    expect(box).to_have_attribute("aria-label", label)
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    expect(page.locator("#stage .box")).to_have_count(3)
    expect(page.locator("#stage .box").last).to_be_focused()
    page.keyboard.press("Delete")
    expect(page.locator("#stage .box")).to_have_count(2)
    page.keyboard.press("n")
    expect(page.locator("#name")).not_to_have_text("a.png")


def test_fingers_on_a_phone(browser, server):
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(server)
    expect(page.locator("#list li.waiting")).to_have_count(0, timeout=60_000)
    page.locator("#list li button", has_text="a.png").tap()
    boxes = page.locator("#stage .box")
    boxes.first.tap(position={"x": 6, "y": 10})
    expect(boxes.first).to_have_attribute("aria-pressed", "false")
    before = boxes.first.bounding_box()
    x, y = before["x"] + before["width"] / 2, before["y"] + before["height"] / 2
    swipe(page, (x, y), (x - 20, y - 10))
    page.wait_for_timeout(200)
    assert boxes.first.bounding_box()["x"] < before["x"] - 10
    page.locator("[data-tool=box]").tap()
    frame = page.locator("#stage .frame").bounding_box()
    swipe(page, (frame["x"] + 8, frame["y"] + 8), (frame["x"] + 40, frame["y"] + 60))
    expect(boxes).to_have_count(3)
    context.close()


def swipe(page, first, last):
    """Move one finger over the screen."""
    client = page.context.new_cdp_session(page)
    for kind, share in (("touchStart", 0), ("touchMove", 0.5), ("touchMove", 1), ("touchEnd", None)):
        places = [a + share * (b - a) for a, b in zip(first, last, strict=True)] if share is not None else []
        points = [{"x": places[0], "y": places[1]}] if places else []
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_paint_and_how_it_works(page):
    choose(page, "plain.png")
    page.keyboard.press("m")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.locator("#run").click()
    expect(page.locator("#compare .frame")).to_be_visible(timeout=60_000)
    page.get_by_text("Mask", exact=True).click()
    expect(page.locator(".cover.mask")).to_be_visible()
    page.get_by_text("Magnifier").click()
    expect(page.locator(".lens")).to_be_visible()
    name, content = downloaded(page, "#save-plan")
    (area,) = [row for row in json.loads(content)["annotations"] if row["source"] == "painted"]
    assert name == "plan.json" and area["area"] >= 9
    choose(page, "a.png")
    page.get_by_role("tab", name="How it works").click()
    expect(page.locator(".panels figure")).to_have_count(10, timeout=60_000)


def test_dropped_photos_and_a_damaged_one(page, reviewed):
    page.locator("#files").set_input_files([reviewed / "plain.png"])
    expect(page.locator("#list li")).to_have_count(5)
    expect(page.locator("#list li b", has_text="plain-2.png")).to_have_count(1)
    first = page.locator("#list li").first
    expect(first).to_contain_text("broken.png")
    expect(first.locator(".bad")).to_be_visible()


@pytest.mark.parametrize(("scheme", "size"), [("light", DESK), ("dark", DESK), ("light", PHONE)])
def test_everybody_can_use_it(page, scheme, size):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(size)
    choose(page, "street/b.jpg")
    assert violations(page) == []
    page.locator("#run").click()
    expect(page.locator("#compare .frame")).to_be_visible(timeout=60_000)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def violations(page):
    page.wait_for_timeout(200)  # until colours have changed
    return [(row["id"], row["nodes"][0]["html"][:90]) for row in Axe().run(page).response["violations"]]


def with_doubt(route):
    """Let the server's answers say that perhaps there is an 8 in a photo without a number."""
    answer = route.fetch()
    found = answer.json()
    if found.get("photo") == "plain.png":
        digit = {"label": 8, "confidence": 0.4, "box": [10, 8, 22, 30]}
        found |= {"unsure": [{"text": "8", "confidence": 0.4, "box": digit["box"], "digits": [digit]}]}
    route.fulfill(response=answer, json=found)


def test_where_perhaps_a_digit_is_people_decide(page):
    page.route("**/api/find", with_doubt)
    page.reload()
    row = page.locator("#list li", has_text="plain.png")
    expect(row).to_contain_text("doubtful: perhaps a digit", timeout=60_000)
    choose(page, "plain.png")
    expect(page.locator("#stage .perhaps")).to_have_count(1)
    expect(page.locator("#warning")).to_contain_text("Perhaps there is a digit")
    page.get_by_role("button", name="No digit there").click()
    expect(row).to_contain_text("nothing found")
    page.locator("#undo").click()
    page.locator("#run").click()
    expect(page.locator("#compare .frame")).to_be_visible(timeout=60_000)
    expect(page.locator("#download-all")).to_be_disabled()  # nobody has decided
    expect(row).to_contain_text("doubtful: perhaps a digit")
    page.get_by_role("button", name="Add boxes there").click()
    expect(page.locator("#stage .box")).to_have_count(1)
    page.locator("#run").click()
    expect(row).to_contain_text("done", timeout=60_000)
    expect(page.locator("#download-all")).to_be_enabled()
