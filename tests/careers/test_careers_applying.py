import hashlib
import io
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.careers.careers_site import APPLICATION, PDF, File, Site

_TXT = ("cv.txt", b"Ada Lovelace\nAnalyst", "text/plain")


def _archive(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "<xml/>")
    return buffer.getvalue()


def _open_document(kind: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}")
        archive.writestr("content.xml", "<xml/>")
    return buffer.getvalue()


def _wrong_fields(response: httpx.Response) -> list[str]:
    assert response.status_code == 422, response.text
    assert all(error["message"] for error in response.json()["errors"])
    return [error["field"] for error in response.json()["errors"]]


def test_an_application_is_recorded_and_answered_with_a_receipt(site: Site) -> None:
    response = site.apply("accepted", "key-accepted")

    assert response.status_code == 201
    assert "Idempotency-Replayed" not in response.headers
    receipt = response.json()
    assert receipt["job"] == "accepted"
    assert receipt["name"] == APPLICATION["name"]
    assert receipt["email"] == APPLICATION["email"]
    assert receipt["cover_letter_sha256"] == hashlib.sha256(APPLICATION["cover_letter"].encode()).hexdigest()
    age = datetime.now(UTC) - datetime.fromisoformat(receipt["received_at"])
    assert timedelta() <= age < timedelta(minutes=1)
    assert site.received("accepted") == [
        {
            **APPLICATION,
            "receipt": receipt["receipt"],
            "job": "accepted",
            "resume_name": "cv.pdf",
            "resume_size": len(PDF),
            "resume_sha256": hashlib.sha256(PDF).hexdigest(),
            "answers": {},
            "idempotency_key": "key-accepted",
            "received_at": receipt["received_at"],
            "count_of_posts": 1,
        }
    ]


def test_the_same_key_with_the_same_content_gets_the_same_receipt(site: Site) -> None:
    first = site.apply("replayed", "key-replayed")
    again = site.apply("replayed", "key-replayed")

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json()
    [recorded] = site.received("replayed")
    assert recorded["count_of_posts"] == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"cover_letter": "Something else"},
        {"phone": None},
        {"resume": _TXT},
        {"resume": ("other-name.pdf", PDF, "application/pdf")},
        {"answers[salary]": "a lot"},
    ],
    ids=str,
)
def test_the_same_key_with_other_content_is_refused(site: Site, changes: dict[str, Any]) -> None:
    key = f"key-conflict-{changes}"
    site.apply("conflict", key).raise_for_status()
    before = len(site.received("conflict"))

    assert _wrong_fields(site.apply("conflict", key, **changes)) == ["Idempotency-Key"]
    assert len(site.received("conflict")) == before
    assert site.received("conflict")[-1]["count_of_posts"] == 1


def test_the_same_key_for_another_job_is_refused(site: Site) -> None:
    site.apply("key-of-this-job", "key-two-jobs").raise_for_status()

    assert _wrong_fields(site.apply("key-of-that-job", "key-two-jobs")) == ["Idempotency-Key"]
    assert site.received("key-of-that-job") == []


def test_without_a_key_every_post_is_an_application(site: Site) -> None:
    receipts = {site.apply("keyless").json()["receipt"] for _ in range(2)}

    assert len(receipts) == len(site.received("keyless")) == 2


def test_a_refused_application_does_not_use_up_its_key(site: Site) -> None:
    assert _wrong_fields(site.apply("corrected", "key-corrected", email="nonsense")) == ["email"]
    assert site.apply("corrected", "key-corrected").status_code == 201


def test_a_key_may_have_200_characters_and_no_more(site: Site) -> None:
    assert site.apply("long-key", "k" * 200).status_code == 201
    assert _wrong_fields(site.apply("long-key", "k" * 201)) == ["Idempotency-Key"]


def test_every_missing_field_is_named(site: Site) -> None:
    nothing = dict.fromkeys(APPLICATION)
    response = site.apply("nothing-q", resume=None, **nothing)

    assert _wrong_fields(response) == ["name", "email", "cover_letter", "resume", "answers[work_permit]"]
    assert site.received("nothing-q") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "   "),
        ("name", "x" * 201),
        ("name", "Ada\nBcc: everybody@example.org"),
        ("email", "ada"),
        ("email", "ada@"),
        ("email", "ada lovelace@example.org"),
        ("email", "ada@example.org, bob@example.org"),
        ("email", "a" * 250 + "@example.org"),
        ("phone", "call me"),
        ("phone", "1" * 41),
        ("cover_letter", " \n "),
        ("cover_letter", "x" * 20_001),
        ("name", ["Ada", "Bob"]),
    ],
)
def test_a_wrong_field_is_named(site: Site, field: str, value: str) -> None:
    wrong: dict[str, Any] = {field: value}
    assert _wrong_fields(site.apply("wrong-field", **wrong)) == [field]


@pytest.mark.parametrize("name", ["José Ñandú", "李小龍", "می‌خواهم", "O'Brien-Łukasz, PhD"])
def test_names_of_all_peoples_are_taken(site: Site, name: str) -> None:
    assert site.apply("any-name", name=name).json()["name"] == name


@pytest.mark.parametrize(
    "data",
    [
        PDF,
        _archive("[Content_Types].xml", "word/document.xml"),
        _open_document("text"),
        "Lebenslauf für Änne\r\n".encode(),
        b"\xef\xbb\xbfwith a byte-order mark",
    ],
    ids=["pdf", "docx", "odt", "txt", "txt-bom"],
)
def test_a_resume_is_told_by_its_content(site: Site, data: bytes) -> None:
    resume: File = ("document.bin", data, "application/octet-stream")

    assert site.apply("any-resume", resume=resume).status_code == 201


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"MZ\x90\x00\x03",
        b"text with a \x00 in it",
        "Änne".encode("latin-1"),
        b"PK\x03\x04 but no archive",
        _archive("[Content_Types].xml", "xl/workbook.xml"),
        _open_document("spreadsheet"),
        _open_document("text-template"),
    ],
    ids=["empty", "png", "exe", "nul", "latin-1", "broken-zip", "xlsx", "ods", "ott"],
)
def test_a_file_that_is_no_resume_is_refused_whatever_it_calls_itself(site: Site, data: bytes) -> None:
    assert _wrong_fields(site.apply("no-resume", resume=("cv.pdf", data, "application/pdf"))) == ["resume"]


def test_a_resume_of_5_mb_is_taken_and_one_byte_more_is_not(site: Site) -> None:
    limit = PDF.ljust(5 * 1024 * 1024, b"\n")

    assert site.apply("large-resume", resume=("cv.pdf", limit, "application/pdf")).status_code == 201
    response = site.apply("large-resume", resume=("cv.pdf", limit + b"\n", "application/pdf"))
    assert _wrong_fields(response) == ["resume"]


def test_a_resume_sent_as_text_is_not_a_file(site: Site) -> None:
    fields = {**APPLICATION, "resume": "see my website"}
    response = site.client.post("/jobs/text-resume/apply", data=fields, files={"unused": (None, "")})

    assert _wrong_fields(response) == ["resume"]


def test_a_resume_is_listed_without_the_folders_of_its_owner(site: Site) -> None:
    site.apply("folders", resume=(r"C:\Users\ada\../cv.pdf", PDF, "application/pdf")).raise_for_status()

    assert site.received("folders")[0]["resume_name"] == "cv.pdf"


def test_a_body_over_8_mb_is_too_large(site: Site) -> None:
    response = site.apply("huge", resume=("cv.pdf", PDF.ljust(9 * 1024 * 1024), "application/pdf"))

    assert response.status_code == 413
    assert "8 MB" in response.json()["detail"]


def test_a_body_of_unknown_length_over_8_mb_is_too_large(site: Site) -> None:
    response = site.client.post(
        "/jobs/huge/apply",
        content=(bytes(1024 * 1024) for _ in range(12)),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )

    assert response.status_code == 413


def test_only_a_multipart_form_is_an_application(site: Site) -> None:
    assert site.client.post("/jobs/as-json/apply", json=APPLICATION).status_code == 415
    assert site.client.post("/jobs/as-text/apply", data=APPLICATION).status_code == 415


@pytest.mark.parametrize("charset", ["utf-7", "no-such-charset", "utf-8"])
def test_text_that_cannot_be_decoded_is_a_bad_request(site: Site, charset: str) -> None:
    part = f'Content-Disposition: form-data; name="name"\r\nContent-Type: text/plain; charset={charset}'
    response = site.client.post(
        "/jobs/mojibake/apply",
        content=b"--x\r\n%s\r\n\r\n%s\r\n--x--\r\n" % (part.encode(), b"+2AA-" if charset == "utf-7" else b"\xff"),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )

    assert response.status_code == 400


def test_a_broken_multipart_body_is_a_bad_request(site: Site) -> None:
    for content_type in ("multipart/form-data; boundary=x", "multipart/form-data"):
        headers = {"Content-Type": content_type}
        response = site.client.post("/jobs/broken/apply", content=b"nothing of the sort", headers=headers)
        assert response.status_code == 400


def test_questions_are_described_and_their_answers_required(site: Site) -> None:
    assert site.client.get("/jobs/analyst-q.json").json() == {
        "slug": "analyst-q",
        "title": "Analyst",
        "questions": [
            {
                "name": "work_permit",
                "label": "Are you allowed to work in the EU?",
                "required": True,
                "type": "select",
                "options": ["yes", "no"],
            },
            {
                "name": "salary",
                "label": "What salary do you have in mind?",
                "required": False,
                "type": "text",
                "options": [],
            },
        ],
    }
    permit = "answers[work_permit]"
    perhaps: dict[str, Any] = {permit: "perhaps"}
    yes: dict[str, Any] = {permit: "yes"}
    no: dict[str, Any] = {permit: "no", "answers[salary]": "60 k"}
    assert _wrong_fields(site.apply("analyst-q")) == [permit]
    assert _wrong_fields(site.apply("analyst-q", **perhaps)) == [permit]
    assert site.apply("analyst-q", **yes).status_code == 201
    assert site.apply("analyst-q", **no).status_code == 201
    assert [application["answers"] for application in site.received("analyst-q")] == [
        {"work_permit": "yes"},
        {"work_permit": "no", "salary": "60 k"},
    ]


def test_questions_can_be_switched_on_and_off_by_order(site: Site) -> None:
    site.order("asks-by-order", questions=True)
    site.order("silent-by-order-q", questions=False)

    assert _wrong_fields(site.apply("asks-by-order")) == ["answers[work_permit]"]
    assert site.apply("silent-by-order-q").status_code == 201
    assert site.client.get("/jobs/silent-by-order-q.json").json()["questions"] == []


@pytest.mark.parametrize("slug", ["UPPER", "under_score", "x" * 81, "two%20words", "caf%C3%A9"])
def test_a_malformed_slug_is_no_job(site: Site, slug: str) -> None:
    for path in (f"/jobs/{slug}", f"/jobs/{slug}.json", f"/jobs/{slug}/apply"):
        response = site.client.get(path)
        assert response.status_code == 404
        assert "no such job" in response.json()["detail"]
    assert site.apply(slug).status_code == 404
