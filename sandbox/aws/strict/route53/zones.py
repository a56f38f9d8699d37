"""Hosted zones."""

from moto.route53.models import Route53Backend

from strict.route53 import names

_create_hosted_zone = Route53Backend.create_hosted_zone


def create_hosted_zone(self, name, *args, **options):
    """https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html: `Example.com` and `example.com.`
    are one name."""
    return _create_hosted_zone(self, names.stored(name), *args, **options)


def apply():
    Route53Backend.create_hosted_zone = create_hosted_zone
