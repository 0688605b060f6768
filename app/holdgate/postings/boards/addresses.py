"""From the address of a board or of one posting, as people copy it, to the board's public answer in JSON or XML.

Sources: https://developers.greenhouse.io/job-board.html, https://github.com/lever/postings-api,
https://developers.ashbyhq.com/docs/public-job-posting-api, https://developers.smartrecruiters.com/docs/posting-api,
https://workable.readme.io/reference, https://docs.recruitee.com/reference/offers,
https://developer.personio.de/docs/retrieving-open-job-positions.
"""

import re
from urllib.parse import urlsplit

_BOARDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), answer)
    for pattern, answer in (
        (
            r"(?:job-)?boards(\.eu)?\.greenhouse\.io/embed/job_app\?(?:.*&)?for=([\w-]+)&(?:.*&)?token=(\d+).*",
            r"https://boards-api\1.greenhouse.io/v1/boards/\2/jobs/\3?questions=true",
        ),
        (
            r"(?:job-)?boards(\.eu)?\.greenhouse\.io/([\w-]+)/jobs/(\d+).*",
            r"https://boards-api\1.greenhouse.io/v1/boards/\2/jobs/\3?questions=true",
        ),
        (
            r"(?:job-)?boards(\.eu)?\.greenhouse\.io/embed/job_board(?:/js)?\?(?:.*&)?for=([\w-]+).*",
            r"https://boards-api\1.greenhouse.io/v1/boards/\2/jobs?content=true",
        ),
        (
            r"(?:job-)?boards(\.eu)?\.greenhouse\.io/([\w-]+)/?(?:\?.*)?",
            r"https://boards-api\1.greenhouse.io/v1/boards/\2/jobs?content=true",
        ),
        (
            r"jobs(\.eu)?\.lever\.co/([\w.-]+)/([0-9a-f-]{36}).*",
            r"https://api\1.lever.co/v0/postings/\2/\3?mode=json",
        ),
        (r"jobs(\.eu)?\.lever\.co/([\w.-]+)/?(?:\?.*)?", r"https://api\1.lever.co/v0/postings/\2?mode=json"),
        (r"jobs\.ashbyhq\.com/([^/?]+)(?:[/?].*)?", r"https://api.ashbyhq.com/posting-api/job-board/\1"),
        (
            r"(?:jobs|careers)\.smartrecruiters\.com/([\w-]+)/(\d+).*",
            r"https://api.smartrecruiters.com/v1/companies/\1/postings/\2",
        ),
        (
            r"(?:jobs|careers)\.smartrecruiters\.com/([\w-]+)/?(?:\?.*)?",
            r"https://api.smartrecruiters.com/v1/companies/\1/postings?limit=100",
        ),
        (
            r"apply\.workable\.com/([\w-]+)(?:/.*|\?.*)?",
            r"https://apply.workable.com/api/v1/widget/accounts/\1?details=true",
        ),
        (r"([\w-]+)\.recruitee\.com(?:/.*)?", r"https://\1.recruitee.com/api/offers/"),
        (r"([\w-]+)\.jobs\.personio\.(de|com)(?:/.*)?", r"https://\1.jobs.personio.\2/xml"),
    )
)
_NOT_BOARDS = re.compile(r"(?:www|app|api|help|support|api-docs)\.recruitee\.com|apply\.workable\.com/(?:api|j)/")


def answer_of(url: str) -> str:
    """The address to fetch: of the board's public answer, or else `url` itself, whose page may carry JSON-LD.

    One posting's address leads to that posting where the board has an answer for it, else to its whole board.
    """
    parts = urlsplit(url)
    text = f"{(parts.hostname or '').removeprefix('www.')}{parts.path}{f'?{parts.query}' if parts.query else ''}"
    if _NOT_BOARDS.match(text):
        return url
    for pattern, answer in _BOARDS:
        if found := pattern.fullmatch(text):
            return found.expand(answer)
    return url
