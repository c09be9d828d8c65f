"""The S3 form of the store: the only module that imports boto3, and where its errors become ours."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from archive.errors import ObjectConflictError, ObjectHiddenError, StoreUnavailableError
from archive.settings import Store
from archive.store import DIALECTS, StoreCapabilities, StoredObject

_PIECE = 1 << 20


class S3Store:
    """
    Objects in S3 buckets.

    Clients are made once and shared by threads; never share one across a fork. Every put carries its SHA-256; where
    the store does not check it, whoever proves the object reads it back.
    """

    def __init__(self, settings: Store, *, connections: int = 32) -> None:
        self.capabilities: StoreCapabilities = DIALECTS[settings.dialect]
        config = Config(
            signature_version="s3v4",
            max_pool_connections=connections,
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 2},  # the ledger retries, with the deadline in view
            s3={"addressing_style": "path" if settings.endpoint_url else "auto"},
            request_checksum_calculation="when_required",  # trailers break several stores over TLS; we send SHA-256
            response_checksum_validation="when_required",
        )
        session = boto3.Session(region_name=settings.region)
        verify = str(settings.ca_file) if settings.ca_file else None
        self._client = session.client("s3", endpoint_url=settings.endpoint_url or None, config=config, verify=verify)
        public = settings.public_endpoint_url or settings.endpoint_url
        self._public = session.client("s3", endpoint_url=public or None, config=config)

    def put(self, bucket: str, key: str, body: IO[bytes], *, size: int, sha256: str, content_type: str) -> str | None:
        condition: dict[str, Any] = {"IfNoneMatch": "*"}
        if not self.capabilities.conditional_put:
            # The best that such a store allows: look first. The claim's fence keeps two workers apart in general.
            if self.head(bucket, key) is not None:
                raise ObjectConflictError("object_exists")
            condition = {}
        with _translated():
            answer = self._client.put_object(
                Bucket=bucket,
                Key=key,
                Body=body,
                ContentLength=size,
                ContentType=content_type,
                ChecksumAlgorithm="SHA256",  # some stores verify only what is announced
                ChecksumSHA256=base64.b64encode(bytes.fromhex(sha256)).decode(),
                **condition,
            )
        return answer.get("VersionId")

    def head(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
        with _translated():
            try:
                answer = self._client.head_object(
                    Bucket=bucket, Key=key, ChecksumMode="ENABLED", **_version(version_id)
                )
            except ClientError as exc:
                if _status(exc) == 404:
                    return None
                if _status(exc) == 403:  # also what whoever may not list hears where nothing stands
                    raise ObjectHiddenError("store_403") from exc
                raise
        checksum = answer.get("ChecksumSHA256")
        whole = checksum if checksum and answer.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT" else None
        digest = base64.b64decode(whole).hex() if whole else None
        return StoredObject(bucket, key, answer.get("VersionId"), answer["ContentLength"], digest)

    def read(self, bucket: str, key: str, version_id: str | None = None) -> Iterator[bytes]:
        with _translated():
            body = self._client.get_object(Bucket=bucket, Key=key, **_version(version_id))["Body"]
            try:
                yield from body.iter_chunks(_PIECE)
            finally:
                body.close()

    def link(self, bucket: str, key: str, version_id: str | None, *, seconds: int, filename: str) -> str:
        parameters = {
            "Bucket": bucket,
            "Key": key,
            "ResponseContentDisposition": f'inline; filename="{filename}"',
            **_version(version_id),
        }
        with _translated():  # no request is made, but credentials may have to be fetched
            return str(self._public.generate_presigned_url("get_object", Params=parameters, ExpiresIn=seconds))

    def is_reachable(self, bucket: str) -> bool:
        """Whether the bucket answers; for readiness."""
        try:
            self._client.head_bucket(Bucket=bucket)
        except (BotoCoreError, ClientError):
            return False
        return True


def _version(version_id: str | None) -> dict[str, Any]:
    return {"VersionId": version_id} if version_id else {}


def _status(exc: ClientError) -> int:
    return int(exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


@contextmanager
def _translated() -> Iterator[None]:
    """The SDK's errors as ours. The reason is S3's own code, which holds neither key nor secret."""
    try:
        yield
    except ClientError as exc:
        code = str(exc.response.get("Error", {}).get("Code", ""))
        if _status(exc) == 412:
            raise ObjectConflictError("object_exists") from exc
        slug = "".join(f"_{c.lower()}" if c.isupper() else c for c in code if c.isascii() and c.isalnum()).lstrip("_")
        raise StoreUnavailableError(f"store_{slug or _status(exc)}"[:80]) from exc
    except (BotoCoreError, HTTPClientError) as exc:
        raise StoreUnavailableError("store_unreachable") from exc
