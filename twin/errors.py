"""Every error a step or the gateway may raise on purpose; anything else is a defect.

TwinError                      exit 1   one line: the thing, what is wrong with it, what to do
├── SettingsError              exit 2   an unknown, missing or malformed setting
├── SourcesError               exit 2   sources.yaml: file, line, key
├── OutputError                exit 2   a field of a result that is to be written is not there, or its file cannot be
├── RefusedError               exit 3   a rule said no: circuit breaker, recall gate, wrong embedder
│   ├── MassDeletionError
│   ├── RecallError
│   ├── EmbedderMismatchError
│   ├── GateError              the gate refused a candidate
│   └── PromotionError         a release may not be promoted or rolled back
├── SourceError                one source cannot be listed or read
│   └── FetchError             one address cannot be fetched; `retryable`
│       ├── BlockedError       the address is private, or robots.txt says no
│       │   └── RobotsError    robots.txt says no
│       └── LimitError         too large, too slow, too many redirects, a decompression bomb
├── StoreError                 documents, traces or keys cannot be read or written
│   └── LeaseError             another process is syncing this source
├── IndexStoreError            the index cannot be read or written
├── ModelFileError             weights are missing or fail their digest
├── EmbeddingError             the embedder failed
├── DatasetError               a dataset cannot be made or read
├── TrainingError              an adapter cannot be trained, read or served
├── ReleaseError               a release, a report or its thresholds cannot be read or written
├── ArtifactError              an artifact cannot be read or written
│   └── DigestError            it is not what its digest says
├── ClusterError               Kubernetes cannot be asked, or says no
├── PlatformError              what a cluster is to follow cannot be read, or did not start
├── NotifyError                nobody could be told
└── AnswerError                an answer cannot be given; `status` and OpenAI's `code`
    ├── QuestionError          400: the question is at fault
    ├── GuardError             400: a guard refused the question
    ├── UnavailableError       503: something needed is missing or busy
    └── UpstreamError          502 / 504: the model server refused, hung, died or sent garbage
"""

from __future__ import annotations


class TwinError(Exception):
    """The root. `str(error)` is one line, safe to print: no credentials, no text of documents."""

    exit_status = 1


class SettingsError(TwinError):
    """A setting is unknown, missing or malformed."""

    exit_status = 2


class SourcesError(TwinError):
    """sources.yaml cannot be used; the message holds file, line and key."""

    exit_status = 2


class OutputError(TwinError):
    """What `--write` asks for is not in the result, or cannot be written."""

    exit_status = 2


class RefusedError(TwinError):
    """A rule said no. What the rule guards was left as it was."""

    exit_status = 3


class MassDeletionError(RefusedError):
    """A sync would remove more of a source than its breaker allows, or a build more of an index. Nothing was removed."""


class RecallError(RefusedError):
    """A new index finds its own documents too seldom to go live."""


class EmbedderMismatchError(RefusedError):
    """An index was made with another embedder than the one configured."""


class GateError(RefusedError):
    """The gate refused a candidate; the message holds the reasons."""


class PromotionError(RefusedError):
    """A release may not be promoted or rolled back as things are. The branch was left as it was."""


class SourceError(TwinError):
    """A source cannot be listed or read. What is stored of it stays."""


class FetchError(SourceError):
    """An address cannot be fetched."""

    def __init__(self, message: str, *, status: int = 0, retryable: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.retryable = retryable


class BlockedError(FetchError):
    """The address may not be asked: private network or robots.txt."""


class RobotsError(BlockedError):
    """robots.txt says no, for good: not that it could not be read."""


class LimitError(FetchError):
    """The reply exceeds a bound: size, time, redirects or decompressed size."""


class StoreError(TwinError):
    """Documents, traces or keys cannot be read or written."""


class LeaseError(StoreError):
    """Another process holds the source."""


class IndexStoreError(TwinError):
    """The index cannot be read or written."""


class ModelFileError(TwinError):
    """Model weights are missing or fail their digest."""


class EmbeddingError(TwinError):
    """The embedder failed."""


class DatasetError(TwinError):
    """A dataset cannot be made or read."""


class TrainingError(TwinError):
    """An adapter cannot be trained, read or served."""


class ReleaseError(TwinError):
    """A release, a report or its thresholds cannot be read or written."""


class ArtifactError(TwinError):
    """An artifact cannot be read or written."""


class DigestError(ArtifactError):
    """What was read is not what its digest says. It was not used."""


class ClusterError(TwinError):
    """Kubernetes cannot be asked, or refuses."""


class PlatformError(TwinError):
    """What a cluster is to follow cannot be read or priced, or did not start."""


class NotifyError(TwinError):
    """A message reached none, or not all, of those it was for."""


class AnswerError(TwinError):
    """An answer cannot be given. `status` is the HTTP status, `code` OpenAI's error code."""

    status = 500
    code = "internal_error"
    trace_id = ""  # of the answer that failed, set by the answerer

    def __init__(self, message: str, *, status: int = 0, code: str = "", param: str = "") -> None:
        super().__init__(message)
        self.status = status or type(self).status
        self.code = code or type(self).code
        self.param = param


class QuestionError(AnswerError):
    """The question is at fault: empty, too large, wrong types."""

    status = 400
    code = "invalid_request_error"


class GuardError(AnswerError):
    """A guard refused the question."""

    status = 400
    code = "content_filter"


class UnavailableError(AnswerError):
    """Something that is needed is missing or busy. `retry_after` is in seconds."""

    status = 503
    code = "unavailable"

    def __init__(self, message: str, *, status: int = 0, code: str = "", retry_after: int = 1) -> None:
        super().__init__(message, status=status, code=code)
        self.retry_after = retry_after


class UpstreamError(AnswerError):
    """The model server refused, hung, died or sent garbage. `retryable` only before the first byte.

    `retry_after` is in seconds, where the server asked for it.
    """

    status = 502
    code = "upstream_error"

    def __init__(self, message: str, *, status: int = 0, code: str = "", retryable: bool = False, retry_after: int = 0) -> None:
        super().__init__(message, status=status, code=code)
        self.retryable = retryable
        self.retry_after = retry_after
