"""SNS: what a subscriber gets, and how it is signed."""

import base64
import functools
from datetime import timedelta

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from moto.core.utils import iso_8601_datetime_with_milliseconds, utcnow
from moto.sns.models import Subscription
from moto.sqs.exceptions import QueueDoesNotExist

HASHES = {"1": hashes.SHA1, "2": hashes.SHA256}
CERTIFICATE = "SimpleNotificationService-6b7f2a3c9d1e4f5a8b0c7d6e5f4a3b2c.pem"

_publish = Subscription.publish


@functools.cache
def _identity():
    """One key and certificate for the life of the server: making a pair for each message takes longer than all else."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(utcnow() - timedelta(days=1))
        .not_valid_after(utcnow() + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return key, certificate.public_bytes(serialization.Encoding.PEM)


def certificate():
    return _identity()[1]


def get_post_data(self, message, message_id, subject, message_attributes=None):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html: the signature covers the subject
    too, and is version 1 (SHA1) unless the topic says 2 (moto leaves the subject out, and always says 2)."""
    version, region = str(getattr(self.topic, "signature_version", "1")), self.topic.sns_backend.region_name
    shown = {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": self.topic.arn,
        "Message": message,
        "Timestamp": iso_8601_datetime_with_milliseconds(),
        "SignatureVersion": version,
    }
    if subject:
        shown["Subject"] = subject
    signed = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    text = "".join(f"{name}\n{shown[name]}\n" for name in signed if name in shown)
    key, _ = _identity()
    signature = key.sign(text.encode(), padding.PKCS1v15(), HASHES[version]())
    host = f"https://sns.{region}.amazonaws.com"
    shown["Signature"] = base64.b64encode(signature).decode()
    shown["SigningCertURL"] = f"{host}/{CERTIFICATE}"
    shown["UnsubscribeURL"] = f"{host}/?Action=Unsubscribe&SubscriptionArn={self.arn}"
    if message_attributes:
        shown["MessageAttributes"] = message_attributes
    return shown


def publish(self, message, message_id, **fields):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html: an endpoint that is gone fails
    neither the publisher nor the other subscribers."""
    try:
        _publish(self, message, message_id, **fields)
    except (QueueDoesNotExist, requests.RequestException):
        pass


def apply():
    Subscription.get_post_data = get_post_data
    Subscription.publish = publish
