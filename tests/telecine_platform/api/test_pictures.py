"""A clip's first and last frame by request: what is taken, kept, and refused."""

from __future__ import annotations

import base64
import http.server
import io
import threading
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from PIL import Image, PngImagePlugin

from telecine_platform.api.pictures.decode import MAX_PICTURE_BYTES, png_from_picture
from telecine_platform.errors import InvalidRequest
from telecine_platform.records import JobState
from telecine_platform.storage.store import INPUTS
from tests.telecine_platform.api.house import House, open_house

_ARK = "/api/v3/contents/generations/tasks"


def _encoded(size_px: tuple[int, int] = (200, 100), kind: str = "PNG", **options: object) -> bytes:
    picture = Image.new("RGB", size_px, (200, 30, 30))
    picture.paste((30, 30, 200), (0, 0, size_px[0] // 4, size_px[1]))
    out = io.BytesIO()
    picture.save(out, format=kind, **options)
    return out.getvalue()


def _data_url(content: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _stored(house: House, video_id: str) -> Image.Image:
    spec = house.jobs.get(video_id, "default").spec
    assert spec.first_frame is not None
    return Image.open(io.BytesIO(b"".join(house.blobs.read(spec.first_frame))))


@pytest.fixture
def sdk(house: House) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{house.url}/v1", api_key="unused", max_retries=0)


def test_the_sdks_file_becomes_a_png_of_the_clips_size(house: House, sdk: openai.OpenAI) -> None:
    secret = PngImagePlugin.PngInfo()
    secret.add_text("Author", "Jane Doe")
    upload = ("jane-doe-passport.png", _encoded(pnginfo=secret), "image/png")

    video = sdk.videos.create(prompt="it moves", size="96x64", input_reference=upload)  # type: ignore[arg-type]

    picture = _stored(house, video.id)
    assert (picture.format, picture.size, picture.info) == ("PNG", (96, 64), {})
    spec = house.jobs.get(video.id, "default").spec
    assert spec.first_frame == f"inputs/{video.id}/first_frame.png"
    assert "jane" not in str(spec).lower()


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_data_url_in_json_is_taken(house: House, kind: str) -> None:
    url = _data_url(_encoded(kind=kind.upper()), kind)
    video_id = house.submit(input_reference={"image_url": url})
    assert _stored(house, video_id).size == (64, 64)


@pytest.fixture
def picture_server() -> Iterator[str]:
    """The URL of a server whose every path is a picture, but for /page and /gone."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404 if self.path == "/gone" else 200)
            kind = "text/html" if self.path == "/page" else "image/png"
            content = b"x" * (MAX_PICTURE_BYTES + 1) if self.path == "/huge" else _encoded()
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            try:
                self.wfile.write(content)
            except OSError:  # the fetcher has seen enough
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_url_is_fetched_as_far_as_the_operator_allows(
    tmp_path: Path, picture_server: str, caplog: pytest.LogCaptureFixture
) -> None:
    picture_server = picture_server.replace("127.0.0.1", "localhost")
    with open_house(tmp_path, fetch_allowed="localhost") as house:
        url = f"{picture_server}/a.png?secret=word"
        video_id = house.submit(input_reference={"image_url": url})
        assert _stored(house, video_id).size == (64, 64)
        form = {"prompt": "a", "input_reference[image_url]": url}
        assert house.client.post("/v1/videos", data=form).status_code == 200
        for path, code in (
            ("page", "url_refused"),
            ("gone", "url_failed"),
            ("huge", "url_refused"),
        ):
            reference = {"image_url": f"{picture_server}/{path}"}
            response = house.client.post(
                "/v1/videos", json={"prompt": "a", "input_reference": reference}
            )
            error = response.json()["error"]
            assert (response.status_code, error["code"]) == (400, code), path
            assert error["param"] == "input_reference"
    assert "secret" not in caplog.text


def test_a_url_to_this_network_is_refused(house: House, picture_server: str) -> None:
    reference = {"image_url": f"{picture_server}/a.png"}
    body = {"prompt": "a", "input_reference": reference}
    error = house.client.post("/v1/videos", json=body).json()["error"]
    assert (error["code"], error["param"]) == ("url_refused", "input_reference")


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ({"file_id": "file-1"}, "unsupported_parameter"),
        ({}, "unsupported_parameter"),
        ({"image_url": _data_url(b"GIF89a")}, "invalid_image"),
        ({"image_url": _data_url(_encoded()[:90])}, "invalid_image"),
        ({"image_url": "data:image/png;base64,???"}, "invalid_image"),
        ({"image_url": "data:text/html;base64,AAAA"}, "invalid_image"),
        ({"image_url": "file:///etc/passwd"}, "url_refused"),
        ({"picture": "x"}, "unknown_parameter"),
    ],
)
def test_what_is_no_picture_is_refused(house: House, reference: dict[str, str], code: str) -> None:
    response = house.client.post("/v1/videos", json={"prompt": "a", "input_reference": reference})
    assert response.status_code == 400
    assert response.json()["error"]["code"] == code
    assert house.blobs.keys(INPUTS) == []


def test_a_picture_with_too_many_pixels_is_not_decoded() -> None:
    out = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(out, format="PNG")
    with pytest.raises(InvalidRequest, match="9000x9000; at most") as caught:
        png_from_picture(out.getvalue(), (64, 64), "input_reference")
    assert caught.value.code == "image_too_large"


def test_a_picture_is_turned_upright_and_cut_not_stretched() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    content = _encoded((100, 200), kind="JPEG", exif=exif)
    picture = Image.open(io.BytesIO(png_from_picture(content, (64, 64), "x")))
    red, blue = picture.getpixel((32, 60)), picture.getpixel((32, 2))
    assert isinstance(red, tuple)
    assert isinstance(blue, tuple)
    assert red[0] > red[2]
    assert blue[2] > blue[0]


def test_the_same_create_again_is_the_same_job_and_keeps_one_picture(house: House) -> None:
    def create(content: bytes) -> str:
        response = house.client.post(
            "/v1/videos",
            json={"prompt": "a", "input_reference": {"image_url": _data_url(content)}},
            headers={"Idempotency-Key": "mine"},
        )
        return str(response.json().get("id", response.status_code))

    first = create(_encoded())

    assert create(_encoded()) == first
    assert create(_encoded((100, 200))) == "409"
    assert house.blobs.keys(INPUTS) == [f"inputs/{first}/first_frame.png"]


def test_a_remix_begins_with_the_same_picture_of_its_own(house: House) -> None:
    source = house.submit(input_reference={"image_url": _data_url(_encoded())})
    house.stages.work_off()

    response = house.client.post(f"/v1/videos/{source}/remix", json={"prompt": "in the rain"})
    remix = response.json()["id"]

    assert _stored(house, remix).tobytes() == _stored(house, source).tobytes()
    house.client.delete(f"/v1/videos/{source}")
    assert house.blobs.keys(INPUTS) == [f"inputs/{remix}/first_frame.png"]


def test_ark_content_gives_the_first_frame(house: House) -> None:
    picture = {"type": "image_url", "image_url": {"url": _data_url(_encoded())}}
    text = {"type": "text", "text": "it moves"}
    created = house.client.post(_ARK, json={"model": "embedded", "content": [text, picture]})
    assert created.status_code == 200, created.text
    assert _stored(house, created.json()["id"]).size == (64, 64)
    house.stages.work_off()
    assert house.jobs.get(created.json()["id"], "default").state is JobState.COMPLETED

    for roles, message in (
        (("first_frame", "last_frame"), "takes no last frame"),
        (("first_frame", "first_frame"), "role of its own"),
        (("reference_image",), "role of its own"),
    ):
        content = [text, *({**picture, "role": role} for role in roles)]
        error = house.client.post(_ARK, json={"model": "embedded", "content": content})
        assert (error.status_code, error.json()["error"]["param"]) == (400, "content")
        assert message in error.json()["error"]["message"]


def test_a_model_without_pictures_says_so(tmp_path: Path) -> None:
    with open_house(tmp_path, model="wan2.1-t2v-1.3b") as house:
        limits = house.client.get("/v1/models/wan2.1-t2v-1.3b").json()["limits"]
        assert (limits["first_frame"], limits["last_frame"]) == ("never", "never")
        files = {"prompt": (None, b"a"), "input_reference": ("a.png", _encoded())}
        error = house.client.post("/v1/videos", files=files).json()["error"]
        assert (error["code"], error["param"]) == ("unsupported_parameter", "input_reference")
        assert "from text only" in error["message"]
