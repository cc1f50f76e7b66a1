"""The API: the command line's results and words, and nothing that nobody asked for."""

import base64
import io
import json

import httpx
import numpy as np
import pytest
from job_tools import job
from PIL import Image

from svhn.errors import InputError
from svhn.jobs import JobConfig, inpaint_photo
from svhn.jobs.single import AskedPhoto, PhotoDesk
from svhn.photos.photo import encode_mask
from svhn.web import create_app
from svhn.web.work import Find, answer_order

JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def api(server):
    with httpx.Client(base_url=server, timeout=120) as client:
        yield client


@pytest.fixture(scope="module")
def found(api, reviewed):
    answer = api.post("/api/find", files={"photo": ("a.png", (reviewed / "a.png").read_bytes())})
    assert answer.status_code == 200
    return answer.json()


def digits_of(found, accepted=True):
    digits = [digit for number in found["numbers"] for digit in number["digits"]]
    return [{**digit, "source": "found", "accepted": accepted} for digit in digits]


def post(api, path, reviewed, boxes=None, headers=None, **more):
    data = {} if boxes is None else {"boxes": json.dumps(boxes)}
    return api.post(
        path, files={"photo": ("a.png", (reviewed / "a.png").read_bytes()), **more}, data=data, headers=headers
    )


def test_finding_says_what_a_dry_run_says(api, found, reviewed):
    assert [number["text"] for number in found["numbers"]] == ["36"]
    assert (found["photo"], found["status"], found["boxes"]) == ("a.png", "planned", "found")
    assert Image.open(reviewed / "a.png").size == tuple(found["size"])
    assert "view" not in found
    assert api.post("/api/read", data={"name": "a.png"}).json()["numbers"][0]["text"] == "36"


def test_accepting_all_gives_the_files_of_the_job(api, found, reviewed, tmp_path):
    job(reviewed / "a.png", tmp_path / "out")
    expected = (tmp_path / "out" / "a.png").read_bytes()
    answer = post(api, "/api/remove", reviewed, digits_of(found))
    assert answer.headers["content-type"] == "image/png" and answer.content == expected
    assert post(api, "/api/remove", reviewed).content == expected
    line = post(api, "/api/remove", reviewed, headers=JSON).json()
    assert base64.b64decode(line["content"]) == expected and line["status"] == "ok" and line["error"] is None


def test_rejecting_all_changes_no_pixel(api, found, reviewed):
    answer = post(api, "/api/remove", reviewed, digits_of(found, accepted=False))
    assert np.array_equal(np.array(Image.open(io.BytesIO(answer.content))), np.array(Image.open(reviewed / "a.png")))


def test_a_plan_of_the_page_is_followed_by_the_command_line(api, found, reviewed, tmp_path):
    first, second = digits_of(found)
    reviewed_photo = {"photo": "a.png", "size": found["size"], "digits": [first, second | {"accepted": False}]}
    plan = api.post("/api/plan", json={"photos": [reviewed_photo | {"numbers": found["numbers"]}]})
    (tmp_path / "plan.json").write_bytes(plan.content)
    summary = job(reviewed / "a.png", tmp_path / "out", plan=str(tmp_path / "plan.json"))
    assert summary.counts == {"ok": 1}
    answer = post(api, "/api/remove", reviewed, reviewed_photo["digits"], JSON).json()
    assert base64.b64decode(answer["content"]) == (tmp_path / "out" / "a.png").read_bytes()


def test_a_plan_holds_what_was_painted(api, found, reviewed, tmp_path):
    width, height = found["size"]
    mask = np.zeros((height, width), bool)
    mask[2:8, 3:12] = True
    digits = digits_of(found)
    reviewed_photo = {"photo": "a.png", "size": found["size"], "digits": digits}
    reviewed_photo |= {"painted": base64.b64encode(encode_mask(mask)).decode()}
    plan = api.post("/api/plan", json={"photos": [reviewed_photo]})
    (tmp_path / "plan.json").write_bytes(plan.content)
    job(reviewed / "a.png", tmp_path / "out", plan=str(tmp_path / "plan.json"))
    answer = post(api, "/api/remove", reviewed, digits, JSON, mask=("mask.png", encode_mask(mask))).json()
    assert base64.b64decode(answer["content"]) == (tmp_path / "out" / "a.png").read_bytes()
    desk, asked = PhotoDesk(JobConfig(plan=str(tmp_path / "plan.json"))), AskedPhoto("a.png", path=reviewed / "a.png")
    shown = answer_order(desk, Find(asked, view_side=300))["painted"].partition(",")[2]
    assert (np.array(Image.open(io.BytesIO(base64.b64decode(shown))))[..., 1] == 255 * mask).all()
    wrong = api.post("/api/plan", json={"photos": [reviewed_photo | {"size": [width, height + 1]}]})
    assert wrong.status_code == 422 and f"expected the photo's {width} x {height + 1}" in wrong.json()["detail"]


def test_a_mask_is_filled_as_by_inpaint(api, reviewed, tmp_path):
    width, height = Image.open(reviewed / "a.png").size
    mask = np.zeros((height, width), bool)
    mask[2:8, 3:12] = True
    (tmp_path / "mask.png").write_bytes(encode_mask(mask))
    inpaint_photo(reviewed / "a.png", tmp_path / "mask.png", tmp_path / "filled.png")
    answer = post(api, "/api/remove", reviewed, headers=JSON, mask=("mask.png", encode_mask(mask))).json()
    assert base64.b64decode(answer["content"]) == (tmp_path / "filled.png").read_bytes()
    wrong = post(api, "/api/remove", reviewed, mask=("mask.png", encode_mask(mask[1:])))
    words = f"has {width} x {height - 1} pixels, expected those of a.png, {width} x {height}"
    assert wrong.status_code == 422 and words in wrong.json()["detail"]


def test_what_stays_legible_is_refused_but_for_json(api, reviewed):
    answer = post(api, "/api/remove", reviewed, [])
    assert answer.status_code == 422 and "still legible" in answer.json()["detail"]
    assert "still legible" in post(api, "/api/remove", reviewed, [], JSON).json()["error"]


def test_how_it_works_has_its_pictures(api, found, reviewed):
    (number,) = post(api, "/api/explain", reviewed, digits_of(found)).json()["numbers"]
    names = [panel["name"] for panel in number["panels"]]
    assert {"feature maps", "mean", "std", "key pixels", "mask", "fill", "result"} <= set(names)
    assert post(api, "/api/explain", reviewed, []).status_code == 422


@pytest.mark.parametrize(
    "boxes", ["no", "[[1, 2, 3]]", "[[5, 5, 5, 9]]", '[{"label": 1}]', "[[0, 0, 99999, 9e9]]", "7"]
)
def test_what_is_no_box_is_refused(api, boxes):
    answer = api.post("/api/remove", data={"name": "a.png", "boxes": boxes})
    assert answer.status_code == 422 and answer.json()["detail"].startswith("boxes")


def test_errors_are_problems_without_paths(api, reviewed):
    answers = [
        api.post("/api/find"),
        api.post("/api/find", data={"name": "../a.png"}),
        api.post("/api/find", data={"name": "broken.png"}),
        api.post("/api/find", files={"photo": ("../../etc/x.png", b"nothing")}),
        api.get("/api/no-such"),
        api.get("/static/../app.py"),
    ]
    for answer in answers:
        assert answer.status_code in (404, 422) and answer.headers["content-type"] == "application/problem+json"
        content = answer.json()
        assert content["status"] == answer.status_code and content["detail"]
        assert str(reviewed) not in answer.text and "Traceback" not in answer.text and "/etc" not in answer.text


def test_only_photos_below_the_folder_are_there(api, reviewed, tmp_path):
    listed = api.get("/api/photos").json()
    assert [photo["name"] for photo in listed["photos"]] == ["a.png", "broken.png", "plain.png", "street/b.jpg"]
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "out.png").symlink_to(reviewed / "a.png")
    with pytest.raises(InputError, match="only links"):
        create_app(folder=tmp_path / "linked")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:80"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_who_may_write(api, headers, status):
    assert api.post("/api/plan", json={"photos": []}, headers=headers).status_code == status


def test_every_answer_forbids_what_the_page_does_not_need(api):
    for path in ("/", "/static/app.js", "/api/health", "/no-such"):
        headers = api.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"


def test_a_missing_plan_is_told_of_before_anything_is_served(reviewed):
    with pytest.raises(InputError, match=r"no-such\.json: no such file"):
        create_app(job=JobConfig(plan="no-such.json"), folder=reviewed)


def test_a_missing_network_is_told_of_before_anything_is_served():
    with pytest.raises(InputError, match="no-such"):
        create_app(job=JobConfig(finder="no-such"))
