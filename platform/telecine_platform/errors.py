"""Everything that Telecine raises on purpose, in one tree.

TelecineError
├── InvalidRequest          the caller's fault: `param` names the field
│   ├── BodyTooLarge        the request body is over the limit
│   ├── ClipNotReady        content was asked of a job that has none (yet)
│   └── ClipWithdrawn       content was asked of a clip that was taken down
├── Unauthenticated         no API key, or an unknown one
├── Forbidden               a known key without the scope, or somebody else's entity
│   └── TenantHalted        the operator has stopped this tenant
├── Halted                  the operator has stopped this model or region
├── NotFound                no such job, model or blob for this tenant
├── SettingsError           a setting is unknown, missing or out of range
├── ModelError              a model folder is missing or does not fit its catalogue card
├── FetchRefused            a user's URL is not allowed, or sent what is not
├── FetchFailed       (r)   a user's URL did not answer as it should
├── MediaError              a clip file is damaged, or frames cannot be a clip
├── PlanError               a tensor does not divide over the ranks as asked
├── CollectiveError         ranks disagree, or a subgroup all-reduce gives a wrong sum
├── TooManyRequests         a quota is full, or the queue too long: `retry_after_s` says when
├── IdempotencyConflict     an Idempotency-Key that stands for another request
├── IllegalTransition       a state change that the table does not have
├── LeaseLost               another worker owns the job, or it was cancelled: write nothing
├── JobCancelled            the caller cancelled: every rank stopped at the same step boundary
├── JobTimeout              the job ran longer than `job_timeout_s`
├── SchemaMismatch          the database's tables are newer than this code
├── SignerUnavailable (r)   the keys that tokens are checked with cannot be read
├── CheckUnanswered   (r)   a safeguard could not look at the clip
├── OutOfMemory       (r)   a rank's GPU or host memory is too small for the job
├── StoreUnavailable  (r)   the database does not answer
├── StorageUnavailable (r)  the blob storage does not answer
├── ClusterUnavailable (r)  the Kubernetes API does not answer, or refuses us
├── BlobExists              a conditional create found the key taken
└── GangBroken        (r)   a rank died
    └── GangStalled   (r)   no rank died, but the step counter stands still

(r): retryable, the job goes back to its stage's queue (how often: `jobs/retry.py`). Each class has
a stable `code`.
Only `api/problems.py` knows which HTTP status belongs to which class.
"""

from __future__ import annotations


class TelecineError(Exception):
    """Base of the tree. The message says what failed, the values, and what to do."""

    code = "internal_error"
    retryable = False


class InvalidRequest(TelecineError):
    """The request cannot be served as it is; `param` is the field to change."""

    code = "invalid_request"

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        if code is not None:
            self.code = code


class BodyTooLarge(InvalidRequest):
    code = "body_too_large"


class ClipNotReady(InvalidRequest):
    code = "video_not_ready"


class ClipWithdrawn(InvalidRequest):
    code = "withdrawn"


class Unauthenticated(TelecineError):
    code = "invalid_api_key"


class Forbidden(TelecineError):
    code = "forbidden"


class TenantHalted(Forbidden):
    code = "halted"


class Halted(TelecineError):
    code = "halted"


class NotFound(TelecineError):
    code = "not_found"


class SettingsError(TelecineError):
    code = "settings_error"


class ModelError(TelecineError):
    code = "model_error"


class FetchRefused(TelecineError):
    code = "url_refused"


class FetchFailed(TelecineError):
    code = "url_failed"
    retryable = True


class MediaError(TelecineError):
    code = "media_error"


class PlanError(TelecineError):
    code = "plan_error"


class CollectiveError(TelecineError):
    code = "collective_error"


class TooManyRequests(TelecineError):
    """The tenant has to wait; another request can be taken in `retry_after_s`."""

    code = "too_many_requests"

    def __init__(self, message: str, *, code: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after_s = max(retry_after_s, 1.0)


class IdempotencyConflict(TelecineError):
    code = "idempotency_conflict"


class IllegalTransition(TelecineError):
    code = "illegal_transition"


class LeaseLost(TelecineError):
    code = "lease_lost"


class JobCancelled(TelecineError):
    code = "job_cancelled"


class JobTimeout(TelecineError):
    code = "job_timeout"


class SchemaMismatch(TelecineError):
    code = "schema_mismatch"


class SignerUnavailable(TelecineError):
    code = "signer_unavailable"
    retryable = True


class CheckUnanswered(TelecineError):
    code = "check_failed"
    retryable = True


class OutOfMemory(TelecineError):
    code = "out_of_memory"
    retryable = True


class StoreUnavailable(TelecineError):
    code = "store_unavailable"
    retryable = True


class StorageUnavailable(TelecineError):
    code = "storage_unavailable"
    retryable = True


class ClusterUnavailable(TelecineError):
    code = "cluster_unavailable"
    retryable = True


class BlobExists(TelecineError):
    code = "blob_exists"


class GangBroken(TelecineError):
    code = "gang_broken"
    retryable = True


class GangStalled(GangBroken):
    code = "gang_stalled"
