"""Which operation a request is, for every wire protocol of AWS.

Names are `<signing name>.<Operation>`: `ec2.DescribeImages`, `s3.PutObject`, `route53.ChangeResourceRecordSets`.
"""

import functools
import gzip
import re
from urllib.parse import parse_qs, parse_qsl, urlsplit

# Where the name a request is signed with is not the one people (and botocore) use.
ALIASES = {"monitoring": "cloudwatch", "elasticloadbalancing": "elbv2", "email": "ses", "states": "stepfunctions"}
SCOPE = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
# rpc-v2-cbor puts both names into the path.
RPC = re.compile(r"/service/[^/]+/operation/([^/]+)$")


class Call:
    """One request, as the gate needs to know it."""

    def __init__(self, environ):
        self.environ = environ
        self.method = environ["REQUEST_METHOD"]
        self.body = _plain_body(environ)
        self.content_type = environ.get("CONTENT_TYPE", "")
        target = urlsplit(environ.get("RAW_URI") or environ["PATH_INFO"])
        self.path = target.path
        self.query = dict(parse_qsl(target.query, keep_blank_values=True))
        self.access_key, self.region, self.service = self._scope()
        self.name = self._name()
        self.operation = f"{self.service}.{self.name}"

    def _scope(self):
        signed = self.environ.get("HTTP_AUTHORIZATION", "")
        found = SCOPE.search(signed or f"Credential={self.query.get('X-Amz-Credential', '')}")
        if not found:
            # Unsigned calls: STS with a web identity by its body; the rest is taken for S3, as moto does.
            sts = b"Action=AssumeRoleWith" in self.body
            return "", "us-east-1", "sts" if sts else "s3"
        key, region, service = found.groups()
        return key, region, ALIASES.get(service, service)

    def _name(self):
        target = self.environ.get("HTTP_X_AMZ_TARGET")
        if target:
            return target.rpartition(".")[2]
        rpc = RPC.search(self.path)
        if rpc:
            return rpc.group(1)
        if self.content_type.startswith("application/x-www-form-urlencoded") or "Action" in self.query:
            return self.form().get("Action", "Unknown")
        if self.service == "s3":
            return s3_name(self.method, self.path, self.query, self.environ)
        return rest_name(self.service, self.method, self.path, self.query)

    def form(self):
        """The parameters of a query-protocol request."""
        fields = {key: values[0] for key, values in parse_qs(self.body.decode("utf-8", "replace"), True).items()}
        return {**self.query, **fields}


def _plain_body(environ):
    body = environ["strict.body"]
    if environ.get("HTTP_CONTENT_ENCODING") == "gzip":
        try:
            return gzip.decompress(body)
        except OSError:
            return body
    return body


S3_BUCKET_QUERIES = {
    "uploads": "ListMultipartUploads",
    "versions": "ListObjectVersions",
    "location": "GetBucketLocation",
    "delete": "DeleteObjects",
}


def s3_name(method, path, query, environ):
    """S3 names its operations by method, path and query; path-style addresses only."""
    bucket, _, key = path.lstrip("/").partition("/")
    if not bucket:
        return "ListBuckets"
    if key:
        return _s3_object(method, query, environ)
    for part, name in S3_BUCKET_QUERIES.items():
        if part in query:
            return name
    if method == "GET" and "list-type" in query:
        return "ListObjectsV2"
    sub = _s3_sub(query)
    if sub:
        return {"GET": "Get", "PUT": "Put", "DELETE": "Delete"}.get(method, method.title()) + "Bucket" + sub
    return {"GET": "ListObjects", "PUT": "CreateBucket", "HEAD": "HeadBucket", "DELETE": "DeleteBucket"}.get(
        method, "PostObject"
    )


def _s3_object(method, query, environ):
    if "uploads" in query:
        return "CreateMultipartUpload"
    if "uploadId" in query:
        return {
            "PUT": "UploadPart",
            "POST": "CompleteMultipartUpload",
            "DELETE": "AbortMultipartUpload",
        }.get(method, "ListParts")
    sub = _s3_sub(query)
    if sub:
        return {"GET": "Get", "PUT": "Put", "DELETE": "Delete"}.get(method, method.title()) + "Object" + sub
    if method == "PUT" and "HTTP_X_AMZ_COPY_SOURCE" in environ:
        return "CopyObject"
    return {"GET": "GetObject", "PUT": "PutObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}.get(
        method, "PostObject"
    )


def _s3_sub(query):
    """`?bucket-tagging`-like sub-resources are keys without a value."""
    for key, value in query.items():
        if value == "" and key not in ("prefix", "delimiter", "marker"):
            return "".join(word.title() for word in key.split("-"))
    return ""


def rest_name(service, method, path, query):
    for verb, pattern, constants, name in _routes(service):
        if verb == method and pattern.fullmatch(path) and constants.items() <= query.items():
            return name
    return f"{method.title()}Unknown"


@functools.cache
def _routes(service):
    """The REST operations of a service from botocore's model, the most specific first."""
    from moto.core.utils import get_service_model

    try:
        model = get_service_model(service)
    except Exception:
        return ()
    routes = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        uri, _, constants = http["requestUri"].partition("?")
        parts = re.split(r"(\{[^}]+\})", uri.rstrip("/"))
        pattern = "".join(_part(part) for part in parts) + "/?"
        fixed = dict(parse_qsl(constants, keep_blank_values=True))
        routes.append((http["method"], re.compile(pattern), fixed, name))
    return tuple(sorted(routes, key=lambda route: (-len(route[2]), -len(route[1].pattern))))


def _part(part):
    if not part.startswith("{"):
        return re.escape(part)
    return ".+" if part.endswith("+}") else "[^/]+"
