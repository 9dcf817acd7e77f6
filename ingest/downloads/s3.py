"""Reading files of a public S3 bucket, or of a mirror of it, from any byte on."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from alignhouse.ingest.datasets.bmd.manifest import RemoteFile
from alignhouse.warehouse.errors import BadInput

BUCKET = "openneuro.org"
PREFIX = "ds005165/"
CHUNK = 256 * 1024  # bytes; small enough that a stop, or a broken connection, loses little

_REGION = "us-east-1"  # of the bucket; given so that nothing of AWS has to be configured
_ATTEMPTS = 5  # at a request, by botocore, with pauses that double
_CONNECT_TIMEOUT = 10  # seconds
_READ_TIMEOUT = 30  # seconds without a byte
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class Broken(Exception):
    """The server failed, or the connection did, in a way that may be over a moment later."""

    def __init__(self, cause: Exception, *, unreachable: bool = False) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.unreachable = unreachable


@dataclass(frozen=True)
class Answer:
    """The file's content from byte `start` on, which need not be the one asked for; read `chunks` to the end.

    Reading raises Broken where the connection fails.
    """

    start: int
    chunks: Generator[bytes, None, None]


class Source:
    """Files below a prefix of a bucket, read without signing in.

    Parameters
    ----------
    endpoint_url : of a mirror; None is Amazon's.
    connections : how many threads will read at a time.

    Raises BadInput where boto3 is not installed, or refuses the settings.
    """

    def __init__(self, bucket: str, prefix: str, endpoint_url: str | None, connections: int) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.name = endpoint_url or f"s3://{bucket}/{self._prefix}"
        self._client = _client(endpoint_url, connections)

    def get(self, file: RemoteFile, start: int) -> Answer:
        """The file's content, asking for it from byte `start` on.

        Raises Broken for what may be tried again; BadInput where the file is not there, is refused, or has
        another size than the manifest says.
        """
        from botocore.exceptions import ClientError

        wanted = {"Range": f"bytes={start}-"} if start else {}
        try:
            answer = _or_broken(
                lambda: self._client.get_object(Bucket=self._bucket, Key=self._prefix + file.path, **wanted)
            )
        except ClientError as error:
            raise self._refused(file, start, error) from error
        begins, size = _extent(answer)
        if size is not None and size != file.bytes:
            answer["Body"].close()
            raise _other_size(file, f"{size:,} bytes on the server")
        return Answer(begins, _chunks(answer["Body"]))

    def _refused(self, file: RemoteFile, start: int, error: Any) -> Exception:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        code = error.response["Error"].get("Code", status)
        if status >= 500 or status == 429:
            return Broken(error)
        if status == 416:
            return _other_size(file, f"no more than {start:,} bytes on the server")
        if status == 404:
            return BadInput(f"{file.path} is not at {self.name}", expected="the file", found=code)
        return BadInput(f"{file.path} is refused by {self.name}", expected="the file", found=code)


def _client(endpoint_url: str | None, connections: int) -> Any:
    try:
        import boto3
        from botocore import UNSIGNED
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ModuleNotFoundError as error:
        raise BadInput(
            f"fetching needs {error.name}, which is not installed", hint="pip install 'alignhouse[download]'"
        ) from error
    config = Config(
        signature_version=UNSIGNED,
        connect_timeout=_CONNECT_TIMEOUT,
        read_timeout=_READ_TIMEOUT,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        max_pool_connections=connections,
        # The bucket's name has a dot in it, which no certificate covers as part of a host's name.
        s3={"addressing_style": "path"},
        # The manifest's sha256 is the check; others do not fit the rest of a file.
        response_checksum_validation="when_required",
    )
    try:
        return boto3.session.Session().client(
            "s3", region_name=_REGION, endpoint_url=endpoint_url, config=config
        )
    except (BotoCoreError, ValueError) as error:
        raise BadInput("there is no way to the data set's server", found=error) from error


def _or_broken(read: Callable[[], Any]) -> Any:
    """What `read` gives; errors of the connection as Broken."""
    from botocore import exceptions as of_botocore
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    try:
        return read()
    except (
        of_botocore.EndpointConnectionError,
        of_botocore.ConnectTimeoutError,
        of_botocore.ProxyConnectionError,
        of_botocore.SSLError,
    ) as error:
        raise Broken(error, unreachable=True) from error
    except (
        of_botocore.HTTPClientError,
        of_botocore.ConnectionError,
        of_botocore.IncompleteReadError,
        ResponseParserError,  # something between here and the server answered in its place
        HTTPError,
        OSError,  # of the socket: nothing is written here
    ) as error:
        raise Broken(error) from error


def _chunks(body: Any) -> Generator[bytes, None, None]:
    try:
        while chunk := _or_broken(lambda: body.read(CHUNK)):
            yield chunk
    finally:
        body.close()


def _extent(answer: dict[str, Any]) -> tuple[int, int | None]:
    """The byte that an answer begins at, and the size of the whole file if the server says it."""
    if found := _RANGE.fullmatch(answer.get("ContentRange", "")):
        return int(found[1]), None if found[2] == "*" else int(found[2])
    return 0, answer.get("ContentLength")


def _other_size(file: RemoteFile, found: str) -> BadInput:
    return BadInput(
        f"size of {file.path}",
        expected=f"{file.bytes:,} bytes",
        found=found,
        hint="the server's version of the data set is not the manifest's",
    )
